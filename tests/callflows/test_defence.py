"""What staff block and lift in the portal, at the edge itself: networks on blacklists, and bans."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.utils import timezone

from carillon.base.errors import Conflict
from carillon.base.models import AuditEntry
from carillon.base.tenancy import tenant
from carillon.business.endpoints.models import Ban
from carillon.business.partners.blacklists import BlacklistData, block, unblock
from carillon.business.partners.choices import BlacklistKind
from carillon.demo.cast.load import actor_of
from carillon.demo.world import NORTHWIND, OPERATOR
from carillon.usecases.lift_ban import lift_ban
from tests.support.books import Books
from tests.support.flows import FOLDER, load
from tests.support.platform import Platform
from tests.support.telephony import run_calls
from tests.support.waiting import wait_until
from tests.support.wire import wire

pytestmark = pytest.mark.engines
STRANGER = "127.0.0.66"


@contextmanager
def blocked(books: Books, seller: str, network: str, *, seconds: float | None = None) -> Iterator[None]:
    """`seller` blocks a network meanwhile."""
    expires_at = None if seconds is None else timezone.now() + timedelta(seconds=seconds)
    with books.open(), tenant(actor_of(seller)) as actor:
        data = BlacklistData(kind=BlacklistKind.NETWORK, value=network, reason="a test", expires_at=expires_at)
        entry = block(actor, data)
    try:
        yield
    finally:
        with books.open(), tenant(actor_of(seller)) as actor:
            unblock(actor, entry)


def answers(
    platform: Platform, domain: str, wanted: str, *, source: str = STRANGER, who: str = "alice", within_s: float = 3.0
) -> None:
    """A stranger asks until the first line of the answer holds `wanted` ("": until no answer comes)."""
    asyncio.run(_answers(platform, f"{who}@{domain}", wanted, source, within_s))


async def _answers(platform: Platform, account: str, wanted: str, source: str, within_s: float) -> None:
    raw = await wire(source)
    async with asyncio.timeout(within_s):
        line = "not asked yet"
        while (wanted not in line) if wanted else line:
            request = raw.request("REGISTER", f"sip:{account}").replace("alice@northwind.test", account)
            try:
                line = await raw.ask(platform, request, timeout_s=0.3)
            except AssertionError:
                line = ""


def test_a_network_the_operator_blocks_hears_nothing_until_it_is_unblocked(platform: Platform, books: Books) -> None:
    answers(platform, "northwind.test", " 401 ")
    with blocked(books, OPERATOR, STRANGER):
        answers(platform, "northwind.test", "")
        answers(platform, "northwind.test", " 401 ", source="127.0.0.1")
    answers(platform, "northwind.test", " 401 ")


def test_a_block_ends_by_itself(platform: Platform, books: Books) -> None:
    with blocked(books, OPERATOR, "127.0.0.64/30", seconds=2):
        answers(platform, "northwind.test", "")
        answers(platform, "northwind.test", " 401 ", within_s=5)


def test_a_partner_blocks_for_its_own_domains_and_those_below(platform: Platform, books: Books) -> None:
    with blocked(books, NORTHWIND, "127.0.0.64/26"):
        answers(platform, "northwind.test", " 403 ")
        answers(platform, "fjord.test", " 403 ")
        answers(platform, "harbour.test", " 401 ")
    answers(platform, "northwind.test", " 401 ")


def test_a_gateway_inside_a_blocked_network_is_spared(platform: Platform, books: Books) -> None:
    """The carrier's address is in the block: its calls come in, though no phone there is heard."""
    with blocked(books, OPERATOR, "127.0.0.0/8"):
        answers(platform, "northwind.test", "", source="127.0.0.1")
        (heard,) = asyncio.run(run_calls(platform, load(FOLDER / "inbound_to_unassigned.yaml")))
    assert heard.codes == [404]
    answers(platform, "northwind.test", " 401 ", source="127.0.0.1")


def test_staff_lift_a_ban_and_history_tells_who(platform: Platform, books: Books) -> None:
    asyncio.run(_scan(platform, STRANGER))

    def found() -> list[tuple[int]]:
        return platform.sql("select id from endpoints_ban where source = %s and until > now()", STRANGER)

    wait_until(lambda: bool(found()))
    answers(platform, "northwind.test", "", who="mallory")
    with books.open(), tenant(actor_of(OPERATOR)) as actor:
        ban = lift_ban(actor, Ban.objects.get(pk=found()[0][0]))
        entry = AuditEntry.objects.get(object_type="endpoints.ban", object_id=str(ban.pk))
        assert (entry.action, entry.actor_name) == ("ban.lift", actor.name)
        with pytest.raises(Conflict):
            lift_ban(actor, ban)
    answers(platform, "northwind.test", " 401 ", who="mallory")


async def _scan(platform: Platform, source: str) -> None:
    raw = await wire(source)
    raw.transport.sendto(raw.request("OPTIONS", "sip:x", "User-Agent: friendly-scanner").encode(), platform.proxy)
