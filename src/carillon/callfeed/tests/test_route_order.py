"""Routes by quality, with shares and with hours."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.callfeed.tests.cast import LEVEL, NORTHWIND, World, device_call
from carillon.logic.callflow.decide import decide
from carillon.logic.callflow.feed import Condition, Route
from carillon.logic.callflow.notes import notes_for
from carillon.logic.callflow.values import Decision
from carillon.logic.hours import Hours
from carillon.logic.routeorder import LEAST_CALLS
from carillon.logic.traffic import Traffic

LONDON = "020 7946 0123"
TRAFFIC = st.builds(
    Traffic,
    calls=st.integers(0, 200),
    answered=st.just(0),
    talked_ms=st.integers(0, 10**7),
    rung=st.integers(0, 50),
    ring_ms=st.integers(0, 10**6),
).flatmap(lambda found: st.integers(0, found.calls).map(lambda answered: replace(found, answered=answered)))
CHEAPEST = [2, 1]  # of the two carriers of the cast


def decided(route: Route, call: str = "call-1", **recent: Traffic) -> Decision:
    conditions = {int(key.removeprefix("of_")): Condition(recent=found) for key, found in recent.items()}
    world = replace(World(), routes=(route,), conditions=conditions)
    return decide(world.feed(), replace(device_call(LONDON), sip_call_id=call))


def gateways(decision: Decision) -> list[int | None]:
    return [target.gateway_id for target in decision.targets]


BY_QUALITY = Route(1, LEVEL, "World", "", "quality", 10, (1, 2))


@pytest.mark.parametrize(
    ("of_1", "of_2", "wanted"),
    [
        (Traffic(100, 60, 10**6, 60, 60_000), Traffic(100, 40, 10**6, 40, 40_000), [1, 2]),  # more are answered
        (Traffic(100, 60, 10**6, 60, 60_000), Traffic(100, 61, 10**6, 60, 180_000), [1, 2]),  # alike: rings sooner
        (Traffic(100, 60, 10**7, 60, 60_000), Traffic(100, 61, 10**6, 60, 60_000), [1, 2]),  # alike: talked longer
        (Traffic(100, 60, 10**6, 60, 60_000), Traffic(100, 60, 10**6, 60, 60_000), CHEAPEST),
        (Traffic(LEAST_CALLS, 1), Traffic(LEAST_CALLS - 1, LEAST_CALLS - 1), [1, 2]),  # the other is not measured
        (Traffic(), Traffic(), CHEAPEST),
    ],
)
def test_the_best_carrier_of_the_last_hours_comes_first(of_1: Traffic, of_2: Traffic, wanted: list[int]) -> None:
    assert gateways(decided(BY_QUALITY, of_1=of_1, of_2=of_2)) == wanted


def test_quality_is_explained_to_the_routes_owner_alone() -> None:
    decision = decided(BY_QUALITY, of_1=Traffic(132, 80, 9_600_000, 100, 130_000), of_2=Traffic(3, 3))
    said = (
        "Carrier Carrier A: ASR 60.6 %, 1.3 s until it rings, 120.0 s a call, of 132 recent calls.",
        "Carrier Carrier B has 3 recent calls, fewer than 20: it comes after those that are measured.",
    )
    assert set(said) <= set(notes_for(decision, {LEVEL}))
    assert not set(said) & set(notes_for(decision, {NORTHWIND}))


@given(TRAFFIC, TRAFFIC)
def test_quality_leaves_nobody_out(of_1: Traffic, of_2: Traffic) -> None:
    found = gateways(decided(BY_QUALITY, of_1=of_1, of_2=of_2))
    assert sorted(found, key=str) == [1, 2]


SHARED = replace(BY_QUALITY, strategy="static", weights=(70, 30))


def test_carriers_get_their_share_and_the_same_call_always_the_same_one() -> None:
    first = Counter(gateways(decided(SHARED, f"call-{number}"))[0] for number in range(1000))
    assert 650 < first[1] < 750
    assert gateways(decided(SHARED, "call-7")) == gateways(decided(SHARED, "call-7"))
    begun = gateways(decided(SHARED))[0]
    name = {1: "Carrier A", 2: "Carrier B"}[begun or 0]
    said = f"Carriers share the calls: Carrier A 70 %, Carrier B 30 %. This one begins with {name}."
    assert said in notes_for(decided(SHARED), {LEVEL})


@given(st.text(max_size=20), st.tuples(st.integers(0, 9), st.integers(0, 9)))
def test_shares_leave_nobody_out_and_none_keeps_the_list(call: str, weights: tuple[int, int]) -> None:
    found = gateways(decided(replace(SHARED, weights=weights), call))
    assert sorted(found, key=str) == [1, 2]
    assert all(weights) or found == [1, 2]


def test_outside_of_its_hours_a_route_is_passed_over() -> None:
    """The feed's moment is the first millisecond of 1970, a Thursday."""
    open_, shut = Hours(("thu",), "00:00", "08:00"), Hours(("fri",), "00:00", "08:00")
    night = Route(1, LEVEL, "Night", "", "static", 10, (1,), hours=open_)
    always = Route(2, LEVEL, "Always", "", "static", 20, (2,))
    for hours, wanted in ((open_, [1, 2]), (shut, [2])):
        world = replace(World(), routes=(replace(night, hours=hours), always))
        decision = decide(world.feed(), device_call(LONDON))
        assert gateways(decision) == wanted
        said = "Route “Night” holds fri 00:00-08:00 UTC, not now: it is passed over."
        assert (said in notes_for(decision, {LEVEL})) is (hours is shut)
