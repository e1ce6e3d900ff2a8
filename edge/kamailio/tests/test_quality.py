"""How calls sounded, as the phones on both legs report by RTCP and rtpengine counts."""

from __future__ import annotations

from decimal import Decimal

import pytest
from tests.support.platform import Platform, eventually
from tests.support.telephony import pick_up

from carillon.logic.callflow.quality import CALLEE, CALLER, CallQuality, Grade, LegQuality
from carillon.useragent import OutgoingCall, UserAgent

pytestmark = pytest.mark.engines
ENOUGH_REPORTS = 5  # the first ones can't be answered yet


async def sounded(platform: Platform, call: OutgoingCall) -> CallQuality:
    """How the call sounded; it is ended first."""
    await call.hang_up()
    quality: CallQuality = await eventually(lambda: platform.media(call.call_id))
    return quality


def sides(quality: CallQuality) -> tuple[LegQuality, LegQuality]:
    caller, callee = quality.leg(CALLER), quality.leg(CALLEE)
    assert caller is not None
    assert callee is not None
    return caller, callee


async def talking(alice: UserAgent, bob: UserAgent) -> OutgoingCall:
    """A call in which both hear each other."""
    await alice.register()
    await bob.register()
    call = await alice.call("102")
    await call.answered()
    await call.hears(600)
    return call


async def test_a_clean_line_is_good_on_both_legs(platform: Platform) -> None:
    async with platform.phone("alice") as alice, platform.phone("bob", on_call=pick_up, tone_hz=600) as bob:
        call = await talking(alice, bob)
        await call.until(lambda: call.stream.reports_received >= ENOUGH_REPORTS, 30)
        quality = await sounded(platform, call)
        await bob.register(0)
    for leg in quality.legs:
        assert leg.grade is Grade.GOOD
        assert leg.packets > 100
        assert leg.codec == "PCMA"
        assert leg.round_trip_ms is not None
    assert [leg.side for leg in quality.legs] == [CALLER, CALLEE]


async def test_a_line_that_loses_packets_is_poor_for_who_listens(platform: Platform) -> None:
    async with platform.phone("alice") as alice, platform.phone("bob", on_call=pick_up, tone_hz=600) as bob:
        call = await talking(alice, bob)
        call.stream.loses_every = 3
        before = call.stream.reports_received
        await call.until(lambda: call.stream.reports_received >= before + 2 * ENOUGH_REPORTS, 30)
        caller, callee = sides(await sounded(platform, call))
        await bob.register(0)
    assert callee.mos is not None
    assert callee.mos < Decimal("3.1")
    assert (callee.loss_percent or 0) >= 15
    assert (callee.packets_lost or 0) >= 50
    assert caller.grade is Grade.GOOD  # what bob sent arrived whole


async def test_a_phone_without_rtcp_leaves_its_leg_unknown(platform: Platform) -> None:
    async with platform.phone("alice") as alice, platform.phone("bob", on_call=pick_up, tone_hz=600) as bob:
        bob.reports_every_s = 0
        call = await talking(alice, bob)
        caller, callee = sides(await sounded(platform, call))
        await bob.register(0)
    assert callee.packets > 0
    assert (callee.mos, callee.jitter_ms, callee.loss_percent, callee.grade) == (None, None, None, Grade.UNKNOWN)
    assert caller.packets > 0


async def test_a_side_that_sends_nothing_is_seen(platform: Platform) -> None:
    async with platform.phone("alice") as alice, platform.phone("bob", on_call=pick_up, tone_hz=600) as bob:
        await alice.register()
        await bob.register()
        call = await alice.call("102")
        call.stream.is_mute = True
        await call.answered()
        await call.hears(600)
        caller, callee = sides(await sounded(platform, call))
        await bob.register(0)
    assert caller.packets == 0
    assert callee.packets > 0


async def test_a_call_that_control_takes_over_is_measured_too(platform: Platform) -> None:
    async with platform.phone("alice") as alice, platform.phone("bob", on_call=pick_up, tone_hz=600) as bob:
        call = await talking(alice, bob)
        platform.stop("control")
        platform.start("control")
        await eventually(lambda: (platform.status("/calls")[1] or {}).get("calls"))
        quality = await sounded(platform, call)
        await bob.register(0)
    assert [leg.packets > 0 for leg in quality.legs] == [True, True]


async def test_calls_that_nobody_answers_are_not_measured(platform: Platform) -> None:
    async with platform.phone("alice") as alice:
        await alice.register()
        call = await alice.call("102")
        await call.ended()
        await eventually(lambda: any(kind == "failed" for kind, _ in platform.events(call.call_id)))
        other = await alice.call("0033199000001")
        await other.answered()
        assert await sounded(platform, other)
    assert platform.media(call.call_id) is None
