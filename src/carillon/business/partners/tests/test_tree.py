from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.cast import Cast

from carillon.base.errors import Conflict, InvalidInput, NotFound, NotPermitted
from carillon.base.models import AuditEntry
from carillon.base.tenancy import tenant
from carillon.business.partners.actions import (
    PartnerData,
    create_operator,
    create_partner,
    set_partner_status,
    update_partner,
)
from carillon.business.partners.choices import Status
from carillon.business.partners.errors import StatusNotPossible
from carillon.business.partners.models import Partner
from carillon.business.partners.queries import is_hostname_taken, partners_of, subtree, system_actor
from carillon.business.partners.statuses import StatusData

DATA = PartnerData(name="Harbour Voice", country="GB", currency="EUR")


def test_new_partner_is_visible_at_once_and_to_everybody_above(cast: Cast) -> None:
    paul = cast.staff("paul")
    with tenant(paul):
        harbour = create_partner(paul, DATA)
    assert harbour.path == [cast.operator.pk, cast.northwind.pk, harbour.pk]
    assert subtree(cast.operator.pk) >= {harbour.pk}
    assert harbour in partners_of(cast.staff("paul"))
    assert harbour not in partners_of(cast.staff("petra"))


def test_there_is_one_operator(cast: Cast) -> None:
    with tenant(system_actor()) as system, pytest.raises(Conflict):
        create_operator(system, DATA)


def test_staff_cannot_create_an_operator(cast: Cast) -> None:
    with pytest.raises(NotPermitted):
        create_operator(cast.staff("olga"), DATA)


def test_foreign_parent_looks_like_none(cast: Cast) -> None:
    paul = cast.staff("paul")
    with tenant(paul), pytest.raises(InvalidInput) as refusal:
        create_partner(paul, replace(DATA, parent_id=cast.elsewhere.pk))
    assert set(refusal.value.fields) == {"parent_id"}


def test_every_wrong_value_is_named(cast: Cast) -> None:
    paul = cast.staff("paul")
    wrong = replace(DATA, country="XX", currency="EURO", timezone="Mars", culture="??", portal_hostname="http://x/")
    with tenant(paul), pytest.raises(InvalidInput) as refusal:
        create_partner(paul, wrong)
    assert set(refusal.value.fields) == {"country", "currency", "timezone", "culture", "portal_hostname"}


def test_name_is_unique_among_siblings(cast: Cast) -> None:
    paul = cast.staff("paul")
    with tenant(paul), pytest.raises(InvalidInput) as refusal:
        create_partner(paul, replace(DATA, name="Fjord Voice"))
    assert "name" in refusal.value.fields
    assert Partner.objects.filter(name="Fjord Voice").count() == 1


def test_nobody_but_the_operator_takes_the_portals_own_hostname(cast: Cast) -> None:
    """Whoever had it could keep everybody else out."""
    with tenant(cast.staff("olga")) as olga:
        plain = replace(DATA, name="Level Platform", currency="EUR")
        update_partner(olga, cast.operator, plain)  # gives it up
        with pytest.raises(InvalidInput) as refusal:
            create_partner(olga, replace(DATA, name="Other", portal_hostname="Portal.localhost"))
        assert set(refusal.value.fields) == {"portal_hostname"}
        assert update_partner(olga, cast.operator, replace(plain, portal_hostname="portal.localhost")).portal_hostname
    assert is_hostname_taken("portal.localhost")


def test_hostname_of_a_strangers_web_product_is_taken(cast: Cast) -> None:
    paul = cast.staff("paul")
    with tenant(paul), pytest.raises(InvalidInput) as refusal:
        create_partner(paul, replace(DATA, portal_hostname="elsewhere.localhost"))
    assert refusal.value.fields == {"portal_hostname": "This hostname is in use already."}


def test_update_keeps_parent_and_currency(cast: Cast) -> None:
    paul = cast.staff("paul")
    with tenant(paul), pytest.raises(InvalidInput) as refusal:
        update_partner(paul, cast.fjord, replace(DATA, parent_id=cast.fjord.pk, currency="GBP"))
    assert set(refusal.value.fields) == {"parent_id", "currency"}


def test_update_is_in_history_with_before_and_after(cast: Cast) -> None:
    paul = replace(cast.staff("paul"), impersonators=("olga@level.test",), request_id="r1")
    with tenant(paul):
        update_partner(paul, cast.fjord, replace(DATA, name="Fjord Telecom"))
    entry = AuditEntry.objects.get(action="partner.update")
    assert (entry.before["name"], entry.after["name"]) == ("Fjord Voice", "Fjord Telecom")  # type: ignore[index]
    assert (entry.partner_id, entry.actor_name) == (cast.fjord.pk, "paul@northwind.test")
    assert (entry.impersonators, entry.request_id) == (["olga@level.test"], "r1")


def test_suspending_needs_a_reason_and_shows_it(cast: Cast) -> None:
    paul = cast.staff("paul")
    with tenant(paul):
        with pytest.raises(InvalidInput):
            set_partner_status(paul, cast.fjord, StatusData(status=Status.SUSPENDED))
        fjord = set_partner_status(paul, cast.fjord, StatusData(status=Status.SUSPENDED, reason="unpaid"))
        assert (fjord.status, fjord.status_reason) == ("suspended", "unpaid")
        fjord = set_partner_status(paul, fjord, StatusData(status=Status.ACTIVE))
        assert (fjord.status, fjord.status_reason) == ("active", "")
    assert AuditEntry.objects.get(action="partner.suspended").reason == "unpaid"


def test_terminated_is_for_good(cast: Cast) -> None:
    paul = cast.staff("paul")
    with tenant(paul):
        fjord = set_partner_status(paul, cast.fjord, StatusData(status=Status.TERMINATED, reason="left"))
        with pytest.raises(StatusNotPossible):
            set_partner_status(paul, fjord, StatusData(status=Status.ACTIVE))


def test_nobody_changes_their_own_partners_status(cast: Cast) -> None:
    paul = cast.staff("paul")
    with tenant(paul), pytest.raises(Conflict):
        set_partner_status(paul, cast.northwind, StatusData(status=Status.SUSPENDED, reason="x"))


def test_sub_partner_and_stranger_cannot_reach_a_partner(cast: Cast) -> None:
    for name in ("petra", "stranger"):
        actor = cast.staff(name)
        with tenant(actor), pytest.raises(NotFound):
            update_partner(actor, cast.northwind, DATA)
