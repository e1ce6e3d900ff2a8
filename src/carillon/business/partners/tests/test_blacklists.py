"""Blacklists: what may be on one, whose it is, and how control hears of it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from tests.support.cast import Cast
from tests.support.market import decided, invite, make_market

from carillon.base.errors import InvalidInput, NotFound, NotPermitted
from carillon.base.models import AuditEntry
from carillon.base.tenancy import tenant
from carillon.business.partners.blacklists import (
    BlacklistData,
    block,
    blocked_visitor,
    unblock,
    update_blacklist_entry,
)
from carillon.business.partners.choices import BlacklistKind
from carillon.business.partners.models import BlacklistEntry
from carillon.business.partners.queries import blacklist_of

pytestmark = pytest.mark.django_db
CALLED, CALLING, NETWORK = BlacklistKind.CALLED, BlacklistKind.CALLING, BlacklistKind.NETWORK
MAIL = BlacklistKind.MAIL_DOMAIN


def entry(kind: BlacklistKind, value: str, **also: object) -> BlacklistData:
    return BlacklistData(kind=kind, value=value, reason="fraud", **also)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "given", "kept"),
    [
        (CALLED, "+44 90-1", "+44901"),
        (CALLING, "33199000123", "+33199000123"),
        (NETWORK, "203.0.113.9", "203.0.113.9"),
        (NETWORK, "203.0.113.9/32", "203.0.113.9"),
        (NETWORK, "203.0.113.9/24", "203.0.113.0/24"),
        (NETWORK, "2001:DB8::1/48", "2001:db8::/48"),
        (MAIL, " Someone@Mail.EXAMPLE. ", "mail.example"),
    ],
)
def test_a_value_is_kept_as_it_is_compared(cast: Cast, kind: BlacklistKind, given: str, kept: str) -> None:
    with tenant(cast.staff("paul")) as actor:
        assert block(actor, entry(kind, given)).value == kept


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *((CALLED, value) for value in ("", "0901", "premium")),
        *((CALLING, value) for value in ("+1234567890123456", "anonymous")),
        *((NETWORK, value) for value in ("example.com", "0.0.0.0/0", "10.0.0.0/7", "::/0")),
        *((MAIL, value) for value in ("", "%.example", "not a domain", "example")),
    ],
)
def test_what_is_no_number_or_network_is_refused(cast: Cast, kind: BlacklistKind, value: str) -> None:
    with tenant(cast.staff("paul")) as actor, pytest.raises(InvalidInput):
        block(actor, entry(kind, value))


def test_the_same_thing_is_blocked_once_and_never_in_the_past(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as actor:
        first = block(actor, entry(CALLED, "+4490"))
        with pytest.raises(InvalidInput):
            block(actor, entry(CALLED, "+44 90"))
        with pytest.raises(InvalidInput):
            block(actor, entry(CALLED, "+4491", expires_at=timezone.now() - timedelta(minutes=1)))
        later = timezone.now() + timedelta(days=1)
        assert update_blacklist_entry(actor, first, entry(CALLED, "+4490", expires_at=later)).expires_at == later
        with pytest.raises(InvalidInput):
            update_blacklist_entry(actor, first, entry(CALLED, "+4491"))


def test_a_partner_is_told_its_own_and_nobody_elses(cast: Cast) -> None:
    with tenant(cast.staff("olga")) as actor:
        block(actor, entry(CALLED, "+4490"))
        above = BlacklistEntry.objects.get()
    with tenant(cast.staff("paul")) as actor:
        assert not blacklist_of(actor)
        with pytest.raises(NotFound):
            unblock(actor, above)
        block(actor, entry(CALLED, "+4491", partner_id=cast.fjord.pk))
    with tenant(cast.staff("petra")) as actor:
        assert [one.value for one in blacklist_of(actor)] == ["+4491"]


def test_a_visitor_meets_what_the_seller_and_those_above_it_block(cast: Cast) -> None:
    with tenant(cast.staff("olga")) as actor:
        for kind, value in ((NETWORK, "203.0.113.0/24"), (MAIL, "throwaway.example"), (CALLED, "+4490")):
            block(actor, entry(kind, value))
        ended = block(actor, entry(MAIL, "ended.example", expires_at=timezone.now() + timedelta(hours=1)))
        BlacklistEntry.objects.filter(pk=ended.pk).update(expires_at=timezone.now() - timedelta(hours=1))
    with tenant(cast.staff("paul")) as actor:
        block(actor, entry(NETWORK, "203.0.113.7"))
        block(actor, entry(NETWORK, "2001:db8::/32"))
    northwind, stranger = cast.northwind.pk, cast.elsewhere.pk
    for partner_id, visitor, met in (
        (northwind, {"email": "x@THROWAWAY.example"}, "throwaway.example"),
        (stranger, {"email": "x@mail.throwaway.example"}, "throwaway.example"),
        (northwind, {"email": "x@nothrowaway.example"}, ""),
        (northwind, {"email": "x@ended.example"}, ""),
        (northwind, {"email": "no address at all", "address": "nor this"}, ""),
        (northwind, {"address": "203.0.113.7"}, "203.0.113.0/24"),
        (stranger, {"address": "203.0.113.7"}, "203.0.113.0/24"),
        (northwind, {"address": "2001:db8::9"}, "2001:db8::/32"),
        (stranger, {"address": "2001:db8::9"}, ""),
        (northwind, {"email": "x@fine.example", "address": "198.51.100.1"}, ""),
    ):
        found = blocked_visitor(partner_id, **visitor)
        assert (found.value if found else "") == met, visitor


def test_who_may_only_read_may_not_block(cast: Cast) -> None:
    with tenant(cast.staff("paul").limited_to(frozenset({"blacklists.view"}))) as actor, pytest.raises(NotPermitted):
        block(actor, entry(CALLED, "+4490"))


def test_entries_hold_down_the_tree_until_they_end_or_are_taken_away(cast: Cast) -> None:
    make_market(cast)
    call = invite("alice", "northwind.test", "+442071234567")

    def slug() -> str:
        refusal = decided(call).refusal
        return refusal.slug if refusal else ""

    assert slug() == ""
    with tenant(cast.staff("olga")) as actor:
        above = block(actor, entry(CALLED, "+44207", expires_at=timezone.now() + timedelta(hours=1)))
        assert slug() == "called-blacklisted"
        said = decided(call)
        assert "+442071234567 is on a blacklist: it may not be called." in said.notes
        assert [(note.partner_id, note.text.endswith("blocks +44207: fraud")) for note in said.private_notes[-1:]] == [
            (above.partner_id, True)
        ]
        BlacklistEntry.objects.filter(pk=above.pk).update(expires_at=timezone.now() - timedelta(hours=1))
        assert slug() == ""
        unblock(actor, above)
        assert AuditEntry.objects.filter(action="blacklistentry.unblock", object_name="+44207").exists()
    with tenant(cast.staff("petra")) as actor:  # below: nothing of Alice's partner's business
        block(actor, entry(CALLED, "+44"))
    assert slug() == ""
