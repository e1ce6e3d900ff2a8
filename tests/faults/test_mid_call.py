"""Processes killed in mid-call: the audio goes on, and in the end everybody is charged exactly once."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from carillon.demo.carrier.exchange import TONES_HZ
from carillon.server import cluster as pg
from carillon.useragent import OutgoingCall
from tests.support.books import Books
from tests.support.flows import Changes, ExpectedCdr
from tests.support.platform import Platform, eventually
from tests.support.telephony import CALLER_HZ, PATIENCE_S, live_at_carrier
from tests.support.waiting import wait_until

pytestmark = pytest.mark.engines

NUMBER = "01632960001"
CDRS = [
    ExpectedCdr("originating", 0, "Northwind Telecom", "Acme Ltd", micro=10_000),
    ExpectedCdr("originating", 1, "Level Platform", "Northwind Telecom", micro=5_000),
    ExpectedCdr("originating", 2, "Level Platform", carrier="Demo carrier A", micro=2_000),
]
LEDGER = {
    "Acme Ltd": -10_000,
    "Northwind Telecom": -5_000,
    "revenue of Northwind Telecom": 10_000,
    "revenue of Level Platform": 5_000,
    "cost of Level Platform": -2_000,
    "payable of Level Platform": 2_000,
}
NOTHING_HEARD = {"packets_received": 0, "frequency_hz": 0.0}
Step = Callable[[], None]


@pytest.fixture(autouse=True)
def quiet_world(books: Books) -> Iterator[None]:
    """Each fault begins with the demo world as it is and leaves no work behind."""
    books.arrange(Changes())
    yield
    books.drained()


def test_control_killed_in_mid_call_costs_nobody_a_call_or_a_penny(platform: Platform, books: Books) -> None:
    since = books.last_entry()

    def kill() -> None:
        platform.stop("control", signal.SIGKILL)

    def revive() -> None:
        platform.start("control")
        wait_until(lambda: platform.status("/health")[1]["edge"] is True)

    call_id = asyncio.run(_call_through(platform, kill, revive, hangs_up_while_dead=False))
    _everybody_is_charged_once(books, call_id, since)
    _next_call_works(platform, books)


def test_call_that_ends_while_control_is_dead_is_charged_once(platform: Platform, books: Books) -> None:
    since = books.last_entry()
    call_id = asyncio.run(
        _call_through(
            platform,
            lambda: platform.stop("control", signal.SIGKILL),
            lambda: platform.start("control"),
            hangs_up_while_dead=True,
        )
    )
    _everybody_is_charged_once(books, call_id, since)


@pytest.mark.parametrize("hangs_up_while_dead", [False, True], ids=["ends_after", "ends_meanwhile"])
def test_postgresql_killed_in_mid_call_loses_neither_audio_nor_charge(
    platform: Platform, books: Books, hangs_up_while_dead: bool
) -> None:
    since = books.last_entry()

    def kill() -> None:
        platform.stop("postgresql", signal.SIGKILL)

    def revive() -> None:
        platform.running["postgresql"] = pg.start(platform.cluster)

    call_id = asyncio.run(_call_through(platform, kill, revive, hangs_up_while_dead=hangs_up_while_dead))
    _everybody_is_charged_once(books, call_id, since)
    ended = [detail["by"] for kind, detail in platform.events(call_id) if kind == "ended"]
    assert ended == ["caller"], "the edge must keep what happened until PostgreSQL is back"
    _next_call_works(platform, books)


# ---------------------------------------------------------------- steps


async def _call_through(platform: Platform, kill: Step, revive: Step, *, hangs_up_while_dead: bool) -> str:
    """A call over carrier A with a fault in its middle; its Call-ID."""
    async with platform.phone("alice", tone_hz=CALLER_HZ) as alice:
        call = await alice.call(NUMBER)
        await call.answered()
        await _both_hear(platform, call)
        await eventually(lambda: "answered" in [kind for kind, _ in platform.events(call.call_id)])
        await asyncio.to_thread(kill)
        try:
            await _both_hear(platform, call)
            if hangs_up_while_dead:
                await call.hang_up()
        finally:
            await asyncio.to_thread(revive)
        if not hangs_up_while_dead:
            await _both_hear(platform, call)
            await call.hang_up()
    return call.call_id


async def _both_hear(platform: Platform, call: OutgoingCall) -> None:
    """Both tones arrive now: fresh packets here, a growing count there."""

    def at_carrier() -> dict[str, Any]:
        return live_at_carrier(platform, "a", call.call_id) or {}

    before = (await eventually(at_carrier))["audio"]["packets_received"]
    await call.hears(TONES_HZ["a"], timeout=PATIENCE_S)

    def is_heard() -> bool:
        audio = at_carrier().get("audio", NOTHING_HEARD)
        return bool(audio["packets_received"] > before + 20 and abs(audio["frequency_hz"] - CALLER_HZ) <= 20)

    await eventually(is_heard)


def _everybody_is_charged_once(books: Books, call_id: str, since: int) -> None:
    books.settled(call_id)
    assert books.cdrs(call_id) == CDRS
    assert books.movements(since) == LEDGER
    assert books.faults() == []
    assert books.money("Acme Ltd").reserved == 0


def _next_call_works(platform: Platform, books: Books) -> None:
    """Within five seconds of the recovery a new call is put through."""

    async def call() -> str:
        async with platform.phone("alice", tone_hz=CALLER_HZ) as alice:
            made = await alice.call(NUMBER)
            await made.answered(5)
            await made.hang_up()
            return made.call_id

    books.settled(asyncio.run(call()))
    assert books.faults() == []
