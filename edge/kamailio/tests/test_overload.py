"""More calls than can be decided: those that are let in succeed, the rest is refused at once, emergency calls pass."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from tests.support.gateways import status_of
from tests.support.platform import Platform, eventually
from tests.support.telephony import codes_of
from tests.support.waiting import wait_until

from carillon.useragent import OutgoingCall, UserAgent
from carillon.useragent.call import State

pytestmark = pytest.mark.engines

ANSWERED, BUSY = "01632960001", "01632960486"
ROOM = 2
PATIENCE_S = 0.8  # control gives PostgreSQL one second for a hold


@contextmanager
def room_for_two(platform: Platform) -> Iterator[None]:
    """Control decides about two calls at once, no more."""

    def restart() -> None:
        platform.stop("control")
        platform.start("control")
        wait_until(platform.decides)

    platform.settings["CARILLON_MAX_DECISIONS"] = str(ROOM)
    try:
        restart()
        yield
    finally:
        del platform.settings["CARILLON_MAX_DECISIONS"]
        restart()


@contextmanager
def accounts_locked(platform: Platform) -> Iterator[None]:
    """No hold can be taken: decisions wait."""
    with psycopg.connect(platform.config.database("owner").url) as connection:
        connection.execute("select from billing_account for update")
        yield


async def refused(calls: list[OutgoingCall], count: int) -> list[OutgoingCall]:
    """The calls that were refused, once there are so many."""
    await eventually(lambda: sum(call.is_over for call in calls) >= count)
    return [call for call in calls if call.is_over]


async def offered_twice_too_many(platform: Platform, phone: UserAgent) -> list[OutgoingCall] | None:
    """Twice as many calls as there is room for, one more that hears it without a challenge, one to emergency services.

    Returns what was let in; None when the machine was so busy that nothing is proven.
    """
    with accounts_locked(platform):
        began = time.monotonic()
        calls = [await phone.call(ANSWERED) for _ in range(2 * ROOM)]
        shed = await refused(calls, ROOM)
        late = await phone.call(ANSWERED)
        await refused([late], 1)
        let_in = [call for call in calls if call not in shed]
        are_waiting = [call.state for call in let_in] == [State.CALLING] * ROOM
        emergency = await phone.call("999")
        held_s = time.monotonic() - began
    await emergency.answered()
    if held_s > PATIENCE_S or not are_waiting:
        for call in (*let_in, emergency):
            await eventually(lambda: call.state != State.CALLING)  # noqa: B023 - awaited in this turn
            await call.hang_up()
        return None
    for call in shed:
        codes, retry_after = codes_of(phone, call)
        assert (codes[-1], retry_after) == (503, "5")
    assert codes_of(phone, late) == ([503], "5")
    return [*let_in, emergency]


async def test_who_is_let_in_succeeds_the_rest_is_refused_at_once_and_emergency_calls_pass(platform: Platform) -> None:
    with room_for_two(platform):
        async with platform.phone("alice") as alice:
            assert await status_of(alice, BUSY) == 486  # all that the decision needs is in memory now
            deadline = time.monotonic() + 60
            while (let_in := await offered_twice_too_many(platform, alice)) is None:
                assert time.monotonic() < deadline
            for call in let_in:
                await call.answered()
            await asyncio.gather(*(call.hang_up() for call in let_in))
            assert await status_of(alice, BUSY) == 486
