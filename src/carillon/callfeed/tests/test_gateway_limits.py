"""Full gateways: passed over while others have room, refused when none has; emergency calls pass."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.callfeed.tests.cast import LEVEL, NORTHWIND, World, device_call
from carillon.logic.callflow.decide import decide
from carillon.logic.callflow.feed import Fullness, Route
from carillon.logic.callflow.forwarding import Failure, forward_after
from carillon.logic.callflow.notes import notes_for
from carillon.logic.callflow.values import Cause, Decision

LIMITED = World().but("gateways", 1, max_channels=30).but("gateways", 2, calls_per_s=10)
LONDON = "020 7946 0123"


def decided(world: World, dialled: str = LONDON) -> Decision:
    return decide(world.feed(), device_call(dialled))


def gateways(decision: Decision) -> list[int | None]:
    return [target.gateway_id for target in decision.targets]


@pytest.mark.parametrize(
    ("gateway_id", "full", "left", "said"),
    [
        (1, Fullness.CHANNELS, [2], "Gateway Carrier A carries 30 calls, as many as it may: it is skipped."),
        (2, Fullness.PACE, [1], "Gateway Carrier B gets 10 new calls a second, as many as it may: it is skipped."),
    ],
)
def test_a_full_gateway_is_skipped_and_its_owner_told_why(
    gateway_id: int, full: Fullness, left: list[int], said: str
) -> None:
    decision = decided(replace(LIMITED, full={gateway_id: full}))
    assert gateways(decision) == left
    assert said in notes_for(decision, {LEVEL})
    assert said not in notes_for(decision, {NORTHWIND})


def test_when_all_are_full_the_call_is_refused_without_a_hold() -> None:
    decision = decided(replace(LIMITED, full={1: Fullness.CHANNELS, 2: Fullness.PACE}))
    assert decision.refusal is not None
    assert (decision.refusal.slug, decision.refusal.sip_code) == ("gateways-full", 503)
    assert (decision.targets, decision.holds) == ((), ())
    disabled = LIMITED.but("gateways", 2, is_enabled=False)
    refusal = decided(replace(disabled, full={1: Fullness.CHANNELS})).refusal
    assert refusal is not None and refusal.slug == "gateways-full"


def test_a_block_after_full_gateways_still_is_the_end_of_the_list() -> None:
    block = Route(9, LEVEL, "No more", "", "block", 20, ())
    world = replace(LIMITED, routes=(LIMITED.routes[0], block), full={1: Fullness.CHANNELS, 2: Fullness.PACE})
    refusal = decided(world).refusal
    assert refusal is not None and refusal.slug == "gateways-full"


def test_emergency_calls_pass_all_limits() -> None:
    assert gateways(decided(replace(LIMITED, full={1: Fullness.CHANNELS}), "999")) == [1]


def test_forwarded_calls_skip_full_gateways_too() -> None:
    world = LIMITED.but("users", 22, forward_busy="+442079460123")
    decision = decided(world, "102")
    for full, left in (({2: Fullness.PACE}, [None, 1]), ({1: Fullness.CHANNELS, 2: Fullness.PACE}, [None])):
        longer = forward_after(replace(world, full=full).feed(), decision, Failure(Cause.BUSY, 0), 60)
        assert longer is not None and gateways(longer) == left


@given(st.dictionaries(st.sampled_from([1, 2]), st.sampled_from(Fullness)), st.sampled_from([LONDON, "0033123456789"]))
def test_no_call_is_offered_to_a_full_gateway(full: dict[int, Fullness], dialled: str) -> None:
    decision = decided(replace(LIMITED, full=full), dialled)
    assert set(gateways(decision)) == {1, 2} - full.keys()
    assert (decision.refusal is None) == bool(decision.holds) == (len(full) < 2)
