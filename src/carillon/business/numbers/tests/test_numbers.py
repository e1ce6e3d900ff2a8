"""The number stock through its actions: in, to a sub-partner, to a customer, back; strangers see nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.cast import Cast

from carillon.base.errors import Conflict, InvalidInput, NotFound, NotPermitted
from carillon.base.models import AuditEntry
from carillon.base.tenancy import tenant
from carillon.business.numbers.actions import (
    NumberAllocation,
    NumberAssignment,
    NumberData,
    NumberRelease,
    NumberStateData,
    add_number,
    allocate_number,
    assign_number,
    make_default_caller_id,
    remove_number,
    set_number_state,
    unassign_number,
    update_number,
)
from carillon.business.numbers.choices import NumberKind, NumberState
from carillon.business.numbers.e164 import NotANumber, read_number
from carillon.business.numbers.errors import NumberInUse, NumberNotAvailable
from carillon.business.numbers.models import Number
from carillon.business.numbers.queries import numbers_of
from carillon.business.partners.queries import system_actor

LONDON, OTHER = "+442079460100", "+442079460101"


@pytest.mark.parametrize(
    ("text", "e164", "country", "kind"),
    [
        ("+44 20 7946 0100", LONDON, "GB", NumberKind.GEOGRAPHIC),
        ("+447400123456", "+447400123456", "GB", NumberKind.MOBILE),
        ("+448001111111", "+448001111111", "GB", NumberKind.TOLL_FREE),
        ("+1 (212) 555-0123", "+12125550123", "US", NumberKind.GEOGRAPHIC),
        ("+80012345678", "+80012345678", "ZZ", NumberKind.TOLL_FREE),
    ],
)
def test_number_is_read_with_country_and_kind(text: str, e164: str, country: str, kind: NumberKind) -> None:
    found = read_number(text)
    assert (found.e164, found.country, found.kind) == (e164, country, kind)


@pytest.mark.parametrize("text", ["", "02079460100", "+", "+999123456789", "+4420", "+44207946010012345", "+44abc"])
def test_what_is_no_number_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(NotANumber):
        read_number(text)


def test_number_goes_into_the_actors_own_stock(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        number = add_number(paul, NumberData(e164="+44 20 7946 0100", area="London"))
        assert (number.partner_id, number.e164, number.state) == (cast.northwind.pk, LONDON, "available")
        entry = AuditEntry.objects.visible_to(paul).get(object_type="numbers.number")
        assert (entry.action, (entry.after or {})["e164"]) == ("number.add", LONDON)


def test_number_is_in_stock_once_on_the_whole_platform(cast: Cast) -> None:
    with tenant(cast.staff("stranger")) as charlie:
        add_number(charlie, NumberData(e164=LONDON))
    with tenant(cast.staff("paul")) as paul:
        with pytest.raises(InvalidInput) as refused:
            add_number(paul, NumberData(e164=LONDON))
        assert "e164" in refused.value.fields
        assert not numbers_of(paul).exists()


def test_numbers_in_a_row_are_added_all_or_nothing(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        add_number(paul, NumberData(e164="+442079460105"))
        with pytest.raises(InvalidInput) as refused:
            add_number(paul, NumberData(e164=LONDON, count=10))
        assert refused.value.fields["e164"].startswith("+442079460105")
        for count in (0, 1001):
            with pytest.raises(InvalidInput) as refused:
                add_number(paul, NumberData(e164=LONDON, count=count))
            assert "count" in refused.value.fields
        assert add_number(paul, NumberData(e164=LONDON, count=5)).e164 == LONDON
        assert numbers_of(paul).count() == 6


def test_number_serves_a_customer_and_rings_its_user(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        number = add_number(paul, NumberData(e164=LONDON))
        assign_number(paul, number, NumberAssignment(cast.acme.pk, cast.bob.pk))
        number.refresh_from_db()
        assert (number.customer, number.user, number.state) == (cast.acme, cast.bob, NumberState.IN_SERVICE)
        assert list(numbers_of(paul).filter(customer=cast.acme)) == [number]
        assert not numbers_of(paul).filter(state=NumberState.AVAILABLE).exists()
        with pytest.raises(NumberInUse):
            remove_number(paul, number)
        with pytest.raises(NumberInUse):
            allocate_number(paul, number, NumberAllocation(cast.fjord.pk))
        with pytest.raises(NumberInUse):
            set_number_state(paul, number, NumberStateData(NumberState.AVAILABLE))


def test_number_of_a_customer_is_not_given_to_another(cast: Cast) -> None:
    with tenant(system_actor()) as system:
        number = add_number(system, NumberData(e164=LONDON, partner_id=cast.northwind.pk))
        assign_number(system, number, NumberAssignment(cast.acme.pk))
        with pytest.raises(NumberInUse):
            assign_number(system, number, NumberAssignment(cast.fjord_customer.pk))


def test_number_goes_to_customers_of_its_holder_only(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        number = add_number(paul, NumberData(e164=LONDON))
        with pytest.raises(InvalidInput) as refused:
            assign_number(paul, number, NumberAssignment(cast.fjord_customer.pk))
        assert "allocate" in refused.value.fields["customer_id"]
        with pytest.raises(InvalidInput) as refused:
            assign_number(paul, number, NumberAssignment(cast.acme.pk, cast.fjord_user.pk))
        assert "user_id" in refused.value.fields
        allocate_number(paul, number, NumberAllocation(cast.fjord.pk))
    with tenant(cast.staff("petra")) as petra:
        assign_number(petra, number, NumberAssignment(cast.fjord_customer.pk, cast.fjord_user.pk))


def test_released_number_rests_before_it_is_given_again(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        number = add_number(paul, NumberData(e164=LONDON))
        assign_number(paul, number, NumberAssignment(cast.acme.pk, is_default_caller_id=True))
        unassign_number(paul, number, NumberRelease())
        number.refresh_from_db()
        assert (number.customer_id, number.state, number.is_default_caller_id) == (None, "quarantine", False)
        with pytest.raises(Conflict):
            unassign_number(paul, number, NumberRelease())
        with pytest.raises(NumberNotAvailable):
            assign_number(paul, number, NumberAssignment(cast.acme.pk))
        set_number_state(paul, number, NumberStateData(NumberState.AVAILABLE))
        assign_number(paul, number, NumberAssignment(cast.acme.pk))


def test_one_default_caller_id_per_holder(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        first, second = (add_number(paul, NumberData(e164=e164)) for e164 in (LONDON, OTHER))
        with pytest.raises(Conflict):
            make_default_caller_id(paul, first)
        assign_number(paul, first, NumberAssignment(cast.acme.pk, is_default_caller_id=True))
        assign_number(paul, second, NumberAssignment(cast.acme.pk))
        make_default_caller_id(paul, second)
        defaults = Number.objects.filter(is_default_caller_id=True)
        assert list(defaults) == [second]


def test_details_change_and_states_are_checked(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        number = add_number(paul, NumberData(e164=LONDON))
        update_number(paul, number, NumberData(e164=LONDON, area="London", kind=NumberKind.NATIONAL))
        number.refresh_from_db()
        assert (number.area, number.kind) == ("London", "national")
        for state in ("in_service", "stolen"):
            with pytest.raises(InvalidInput):
                set_number_state(paul, number, NumberStateData(state))
        with pytest.raises(InvalidInput) as refused:
            update_number(paul, number, NumberData(e164=LONDON, kind="pigeon"))
        assert "kind" in refused.value.fields


def test_stranger_neither_sees_nor_changes(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        number = add_number(paul, NumberData(e164=LONDON))
    with tenant(cast.staff("stranger")) as charlie:
        assert not numbers_of(charlie).exists()
        for act in (
            lambda: assign_number(charlie, number, NumberAssignment(cast.charlie.pk)),
            lambda: allocate_number(charlie, number, NumberAllocation(cast.elsewhere.pk)),
            lambda: remove_number(charlie, number),
        ):
            with pytest.raises(NotFound):
                act()
        with pytest.raises(InvalidInput) as refused:
            add_number(charlie, NumberData(e164=OTHER, partner_id=cast.northwind.pk))
        assert "partner_id" in refused.value.fields


def test_foreign_customers_look_like_none(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        number = add_number(paul, NumberData(e164=LONDON))
        with pytest.raises(InvalidInput) as foreign:
            assign_number(paul, number, NumberAssignment(cast.charlie.pk))
        with pytest.raises(InvalidInput) as missing:
            assign_number(paul, number, NumberAssignment(10**9))
        wanted = f"There is no customer {cast.charlie.pk}."
        assert foreign.value.fields == {"customer_id": wanted}
        assert missing.value.fields == {"customer_id": "There is no customer 1000000000."}


def test_permission_is_needed(cast: Cast) -> None:
    reader = replace(cast.staff("paul"), permissions=frozenset({"numbers.view"}))
    with tenant(reader), pytest.raises(NotPermitted):
        add_number(reader, NumberData(e164=LONDON))
