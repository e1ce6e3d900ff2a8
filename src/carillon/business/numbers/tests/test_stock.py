"""Many numbers at once, porting, quarantine that ends, costs and fees, and who had which number."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from tests.support.cast import Cast

from carillon.base.errors import InvalidInput
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
    remove_number,
    restock_numbers,
    set_number_state,
    unassign_number,
    update_number,
)
from carillon.business.numbers.e164 import NotANumber, read_numbers
from carillon.business.numbers.errors import NumberInUse, OnlyChecked
from carillon.business.numbers.models import Number
from carillon.business.numbers.queries import numbers_of, tenures_of
from carillon.business.partners.queries import system_actor

LONDON = "+442079460100"


@pytest.mark.parametrize(
    ("text", "count", "last"),
    [
        (LONDON, 1, LONDON),
        ("+44 20 7946 0100, +34 910 000 001", 2, "+34910000001"),
        ("+442079460100\n+442079460101\r\n\n+442079460100", 2, "+442079460101"),
        ("+44 20 7946 0100 - 0199", 100, "+442079460199"),
        ("+442079460100-+442079460109; +442079460200..05", 16, "+442079460205"),
        ("+442079460100 – +442079460103", 4, "+442079460103"),
    ],
)
def test_lists_and_ranges_are_read(text: str, count: int, last: str) -> None:
    found = read_numbers(text)
    assert (len(found), found[-1].e164) == (count, last)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " , ",
        "02079460100",
        "+442079460100 - 0099",
        "+442079460100 - +4420794601",
        "+442079460000 - 9999",
        "+44 - x",
    ],
)
def test_what_is_no_list_of_numbers_is_refused(text: str) -> None:
    with pytest.raises(NotANumber):
        read_numbers(text)


def test_a_list_goes_into_stock_whole_or_not_at_all(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        add_number(paul, NumberData(e164="+442079460105"))
        with pytest.raises(InvalidInput, match="442079460105"):
            add_number(paul, NumberData(numbers="+442079460100 - 0109"))
        assert numbers_of(paul).count() == 1
        add_number(paul, NumberData(numbers="+442079460110 - 0119", supplier="BT", monthly_fee_micro=2_000_000))
        stock = numbers_of(paul).filter(supplier="BT", monthly_fee_micro=2_000_000)
        assert stock.count() == 10 and {number.currency for number in stock} == {cast.northwind.currency}


def test_a_dry_run_says_what_would_be_added_and_adds_nothing(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        with pytest.raises(OnlyChecked, match="10 numbers could be added"):
            add_number(paul, NumberData(numbers="+442079460110 - 0119", is_dry_run=True))
        assert not numbers_of(paul).exists()
        add_number(paul, NumberData(e164="+442079460110"))
        with pytest.raises(InvalidInput):
            add_number(paul, NumberData(numbers="+442079460110 - 0119", is_dry_run=True))


def test_quarantine_ends_by_itself(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        number = add_number(paul, NumberData(e164=LONDON))
        assign_number(paul, number, NumberAssignment(cast.acme.pk))
        unassign_number(paul, number, NumberRelease(days=30))
        number.refresh_from_db()
        assert number.quarantine_until is not None
        assert timedelta(days=29) < number.quarantine_until - timezone.now() <= timedelta(days=30)
    with tenant(system_actor()) as system:
        assert restock_numbers(system) == 0
        Number.objects.filter(pk=number.pk).update(quarantine_until=timezone.now())
        assert restock_numbers(system) == 1 and restock_numbers(system) == 0
        held = Number.objects.get(pk=number.pk)
        assert (held.state, held.quarantine_until) == ("available", None)


def test_the_end_of_a_quarantine_is_checked(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        number = add_number(paul, NumberData(e164=LONDON))
        until = timezone.now() + timedelta(days=10)
        assert set_number_state(paul, number, NumberStateData("quarantine", until)).quarantine_until == until
        for wrong in (timezone.now(), timezone.now() + timedelta(days=800)):
            with pytest.raises(InvalidInput):
                set_number_state(paul, number, NumberStateData("quarantine", wrong))
        assert set_number_state(paul, number, NumberStateData("porting_in")).quarantine_until is None
        assign_number(paul, number, NumberAssignment(cast.acme.pk))
        with pytest.raises(InvalidInput):
            unassign_number(paul, number, NumberRelease(days=0))


def test_a_number_in_service_may_be_ported_out_and_rings_until_then(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        number = add_number(paul, NumberData(e164=LONDON))
        assign_number(paul, number, NumberAssignment(cast.acme.pk))
        ported = set_number_state(paul, number, NumberStateData("porting_out"))
        assert (ported.state, ported.customer_id) == ("porting_out", cast.acme.pk)
        for state in ("available", "reserved", "quarantine", "porting_in"):
            with pytest.raises(NumberInUse):
                set_number_state(paul, number, NumberStateData(state))
        assert set_number_state(paul, number, NumberStateData("in_service")).state == "in_service"


def test_what_a_number_costs_its_seller_is_not_told_to_the_next_holder(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        number = add_number(paul, NumberData(e164=LONDON, supplier="BT", monthly_cost_micro=500_000))
        allocate_number(paul, number, NumberAllocation(cast.fjord.pk))
    with tenant(cast.staff("petra")) as petra:
        held = numbers_of(petra).get(pk=number.pk)
        assert (held.supplier, held.monthly_cost_micro, held.currency) == ("", 0, cast.fjord.currency)
        update_number(petra, held, NumberData(e164=LONDON, setup_fee_micro=1_000_000))
        with pytest.raises(InvalidInput):
            update_number(petra, held, NumberData(e164=LONDON, setup_fee_micro=-1))


def test_it_is_known_who_had_a_number(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        number = add_number(paul, NumberData(e164=LONDON))
        assign_number(paul, number, NumberAssignment(cast.acme.pk))
        assign_number(paul, number, NumberAssignment(cast.acme.pk, is_default_caller_id=True))
        assign_number(paul, number, NumberAssignment(cast.acme.pk, cast.bob.pk))
        unassign_number(paul, number, NumberRelease(to_quarantine=False))
        assign_number(paul, number, NumberAssignment(cast.dan.pk))
        unassign_number(paul, number, NumberRelease())
        remove_number(paul, number)
        kept = tenures_of(paul).filter(e164=LONDON).order_by("pk")
        assert [(one.customer, one.user) for one in kept] == [
            (cast.acme, None), (cast.acme, cast.bob), (cast.dan, None),
        ]  # fmt: skip
        assert all(one.until is not None for one in kept)
    with tenant(cast.staff("stranger")) as stranger:
        assert not tenures_of(stranger).exists()
