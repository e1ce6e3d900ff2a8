"""Floods, scanners and guessing: who is banned, who is heard all the same, and how a ban ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from urllib.parse import quote

import pytest
from tests.support.platform import Platform, eventually
from tests.support.trunks import trunk
from tests.support.wire import Wire, failed, wire

from carillon.useragent import Account, UserAgent

pytestmark = pytest.mark.engines
ALICE = "alice@northwind.test"
SCANNER = "User-Agent: friendly-scanner"


@pytest.fixture
def calm(platform: Platform) -> Iterator[Platform]:
    """The platform without bans, before and after."""
    lift_all(platform)
    yield platform
    lift_all(platform)


def lift_all(platform: Platform) -> None:
    for source, account in platform.sql("select source, account from endpoints_ban where until > now()"):
        lift(platform, f"{source}/{account}" if account else source)
    platform.sql("delete from endpoints_ban returning 1")


def lift(platform: Platform, whom: str) -> None:
    assert platform.status(f"/bans/{quote(whom, safe='')}/lift", method="POST")[0] == 200


def banned(platform: Platform, source: str) -> list[tuple[str, str]]:
    """Accounts ("": the whole address) and reasons."""
    return [
        (account, reason)
        for account, reason in platform.sql(
            "select account, reason from endpoints_ban where source = %s and until > now() order by account", source
        )
    ]


async def is_heard(platform: Platform, raw: Wire) -> bool:
    """Whether somebody without an account gets an answer."""
    request = raw.request("OPTIONS", "sip:northwind.test").replace("sip:alice@", "sip:mallory@")
    try:
        return bool(await raw.ask(platform, request, timeout_s=0.5))
    except AssertionError:
        return False


async def heard_again(platform: Platform, raw: Wire) -> None:
    """Sooner or later: a flood that was just sent may keep the edge busy, or the kernel drop what comes after it."""
    async with asyncio.timeout(20):
        while not await is_heard(platform, raw):
            pass


async def guess(platform: Platform, source: str, account: str, times: int) -> list[int]:
    """Status codes of so many registrations with a wrong password, one after the other."""
    username, _, domain = account.partition("@")
    statuses = []
    for number in range(times):
        async with UserAgent(Account(username, domain, f"guess-{number}"), platform.proxy, host=source) as phone:
            statuses.append((await phone.register()).status)
    return statuses


@asynccontextmanager
async def registered(platform: Platform, username: str, source: str) -> AsyncIterator[UserAgent]:
    account = Account(username, "northwind.test", platform.password(username, "northwind.test"))
    async with UserAgent(account, platform.proxy, host=source) as phone:
        assert (await phone.register()).status == 200
        yield phone
        assert (await phone.register(0)).status == 200


async def test_a_scanner_is_banned_seen_and_lifted(calm: Platform) -> None:
    raw = await wire("127.0.0.71")
    await heard_again(calm, raw)
    raw.transport.sendto(raw.request("OPTIONS", "sip:100@127.0.0.1", SCANNER).encode(), calm.proxy)
    await eventually(lambda: banned(calm, "127.0.0.71") == [("", "scanner")], 10)
    assert not await is_heard(calm, raw)
    await eventually(lambda: calm.sql("select 1 from endpoints_ban where source = '127.0.0.71' and hits > 0"), 10)
    lift(calm, "127.0.0.71")
    await heard_again(calm, raw)


async def test_a_flood_bans_a_stranger(calm: Platform) -> None:
    raw = await wire("127.0.0.72")
    await provoke(calm, raw, "OPTIONS sip:northwind.test", 600, "127.0.0.72", "flood")
    assert not await is_heard(calm, raw)


async def test_who_asks_for_unknown_domains_is_a_scanner(calm: Platform) -> None:
    raw = await wire("127.0.0.73")
    await provoke(calm, raw, "REGISTER sip:203.0.113.1", 60, "127.0.0.73", "scanner")


async def provoke(platform: Platform, raw: Wire, line: str, times: int, source: str, reason: str) -> None:
    """Send a request so often, and again until `source` is banned: a busy machine's kernel does not deliver all."""
    wanted = [("", reason)]
    async with asyncio.timeout(60):
        while banned(platform, source) != wanted:
            for _ in range(times):
                raw.transport.sendto(raw.request(*line.split()).encode(), platform.proxy)
            with contextlib.suppress(AssertionError):
                await eventually(lambda: banned(platform, source) == wanted, 3)


async def test_guessing_bans_the_account_at_that_address_only(calm: Platform) -> None:
    """Bob guesses Alice's password in the office where she and Carla work: both go on, and nobody else is shut out."""
    office = "127.0.0.74"
    async with registered(calm, "alice", office) as alice, registered(calm, "carla", office) as carla:
        statuses = await guess(calm, office, ALICE, 25)
        assert set(statuses) == {403}
        await eventually(lambda: (ALICE, "guessing") in banned(calm, office), 10)
        assert (await alice.register()).status == 200
        assert (await carla.register()).status == 200
        assert (await failed(alice, "01632960486")).status == 486
    async with registered(calm, "alice", "127.0.0.75"):
        pass


async def test_guessing_many_accounts_bans_the_address_but_not_its_proven_accounts(calm: Platform) -> None:
    office = "127.0.0.76"
    async with registered(calm, "alice", office) as alice:
        await asyncio.gather(*(guess(calm, office, f"user{number}@northwind.test", 1) for number in range(55)))
        await eventually(lambda: ("", "guessing") in banned(calm, office), 10)
        assert not await is_heard(calm, await wire(office))
        assert (await alice.register()).status == 200
        assert (await failed(alice, "01632960486")).status == 486


async def test_what_anybody_can_forge_bans_no_address_with_a_proven_account(calm: Platform) -> None:
    office = "127.0.0.77"
    async with registered(calm, "alice", office):
        raw = await wire(office)
        for _ in range(600):
            raw.transport.sendto(raw.request("OPTIONS", "sip:x", SCANNER).encode(), calm.proxy)
        await heard_again(calm, raw)
    assert banned(calm, office) == []


async def test_a_gateway_is_never_banned(calm: Platform) -> None:
    """Somebody forges the carrier's address: its calls must still come in."""
    calm.running["carrier-a"].kill()
    calm.running["carrier-a"].wait()
    raw = await wire("127.0.0.1", calm.config.ports.carrier_a)
    for _ in range(600):
        raw.transport.sendto(raw.request("OPTIONS", "sip:x", SCANNER).encode(), calm.proxy)
    await heard_again(calm, raw)
    outward = raw.request("INVITE", "sip:0033199000001@127.0.0.1")
    assert " 404 " in await raw.ask(calm, outward), "who looks like a carrier reaches our own numbers and nobody else"
    raw.transport.close()
    await asyncio.to_thread(calm.heal)
    assert banned(calm, "127.0.0.1") == []


async def test_a_trunk_is_never_banned(calm: Platform) -> None:
    """Nor does a ban hold that its address had before: a telephone system is heard whatever comes from there."""
    office = "127.0.0.79"
    raw = await wire(office)
    raw.transport.sendto(raw.request("OPTIONS", "sip:x", SCANNER).encode(), calm.proxy)
    await eventually(lambda: banned(calm, office) == [("", "scanner")], 10)
    assert not await is_heard(calm, raw)
    async with (
        trunk(calm, "alice", sources=(office,)),
        UserAgent(Account("pbx", "northwind.test"), calm.proxy, host=office) as pbx,
    ):
        await heard_again(calm, raw)
        lift_all(calm)
        for _ in range(600):
            raw.transport.sendto(raw.request("OPTIONS", "sip:x", SCANNER).encode(), calm.proxy)
        await heard_again(calm, raw)
        assert (await failed(pbx, "01632960486")).status == 486
    assert await is_heard(calm, raw), "as the stranger that it is again"


async def test_a_ban_outlives_the_edge_and_ends_with_it_when_lifted(calm: Platform) -> None:
    raw = await wire("127.0.0.78")
    raw.transport.sendto(raw.request("OPTIONS", "sip:x", SCANNER).encode(), calm.proxy)
    await eventually(lambda: banned(calm, "127.0.0.78") == [("", "scanner")], 10)
    os.killpg(calm.running["kamailio"].pid, signal.SIGKILL)
    calm.running["kamailio"].wait()
    calm.heal()
    neighbour = await wire()
    await heard_again(calm, neighbour)
    await eventually(lambda: calm.status("/health")[1]["edge"], 20)
    await eventually(lambda: not asyncio.run(is_heard_from(calm, "127.0.0.78")), 10)
    lift(calm, "127.0.0.78")
    await heard_again(calm, raw)


async def is_heard_from(platform: Platform, source: str) -> bool:
    return await is_heard(platform, await wire(source))
