"""A gateway with a limit of calls at once: the next one takes over, and it is used again when there is room."""

from __future__ import annotations

import asyncio
import signal

import pytest
from tests.support.gateways import changed, in_force, status_of
from tests.support.platform import Platform, eventually
from tests.support.telephony import live_at_carrier

from carillon.useragent import OutgoingCall, UserAgent

pytestmark = pytest.mark.engines

ANSWERED, BUSY = "01632960001", "01632960486"
A, B = "Demo carrier A", "Demo carrier B"


def targets(platform: Platform, sip_call_id: str) -> list[str]:
    """The carriers of a call's decision, in the order to try."""
    rows = platform.sql("select decision from calls_call where sip_call_id = %s", sip_call_id)
    return [target["carrier"]["gateway"] for (decision,) in rows for target in decision["targets"]]


async def answered(phone: UserAgent) -> OutgoingCall:
    call = await phone.call(ANSWERED)
    await call.answered()
    return call


async def is_used_again(platform: Platform, phone: UserAgent, wanted: list[str]) -> None:
    """Call until the decision has these carriers: that an earlier call is over is known a moment after its BYE."""
    deadline = asyncio.get_running_loop().time() + 60
    while True:
        call = await phone.call(BUSY)
        await eventually(lambda: call.is_over)  # noqa: B023 - awaited in this turn
        found = await eventually(lambda: targets(platform, call.call_id))  # noqa: B023
        if found == wanted:
            return
        assert asyncio.get_running_loop().time() < deadline, found


async def restart_killed(platform: Platform, call: OutgoingCall) -> None:
    """Control dies and comes back while the call lasts."""
    await eventually(lambda: "answered" in [kind for kind, _ in platform.events(call.call_id)])
    await asyncio.to_thread(platform.stop, "control", signal.SIGKILL)
    await asyncio.to_thread(platform.start, "control")
    await eventually(lambda: platform.status("/health")[1]["edge"])


@pytest.mark.parametrize("is_killed", [False, True], ids=["control_lives", "control_is_killed"])
async def test_a_full_gateway_is_passed_over_until_its_call_ends(platform: Platform, is_killed: bool) -> None:
    async with platform.phone("alice") as alice:
        with changed(platform, A, "max_channels", 1):
            await in_force(platform)
            first = await answered(alice)
            assert targets(platform, first.call_id) == [A, B]
            if is_killed:
                await restart_killed(platform, first)
            second = await answered(alice)
            assert targets(platform, second.call_id) == [B]
            assert live_at_carrier(platform, "b", second.call_id)
            await second.hang_up()
            await first.hang_up()
            await is_used_again(platform, alice, [A, B])
        await in_force(platform)


async def test_a_call_counts_at_the_gateway_that_answered(platform: Platform) -> None:
    async with platform.phone("alice") as alice:
        with changed(platform, A, "max_channels", 1), changed(platform, B, "max_channels", 1):
            await in_force(platform)
            platform.carrier("a", "/mode", {"mode": "failing"})
            try:
                first = await answered(alice)
                assert live_at_carrier(platform, "b", first.call_id)
                await is_used_again(platform, alice, [A])
            finally:
                platform.carrier("a", "/mode", {"mode": "normal"})
            await first.hang_up()
            await is_used_again(platform, alice, [A, B])
        await in_force(platform)


async def test_when_all_are_full_the_caller_is_refused_and_no_money_is_held(platform: Platform) -> None:
    async with platform.phone("alice") as alice:
        with changed(platform, A, "max_channels", 1), changed(platform, B, "max_channels", 1):
            await in_force(platform)
            held = [await answered(alice), await answered(alice)]
            assert await status_of(alice, BUSY) == 503
            refused = (
                "select h.state from calls_call c left join billing_hold h on h.call_id = c.id"
                " where c.decision->'refusal'->>'slug' = 'gateways-full' order by c.started_at desc limit 1"
            )
            assert await eventually(lambda: platform.sql(refused)) == [(None,)]
            for call in held:
                await call.hang_up()
            await is_used_again(platform, alice, [A, B])
        await in_force(platform)
