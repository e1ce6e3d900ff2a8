"""Gateways that are away: tried last, never left out."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.callfeed.tests.cast import LEVEL, NORTHWIND, World, device_call
from carillon.logic.callflow.decide import decide
from carillon.logic.callflow.feed import Condition
from carillon.logic.callflow.notes import notes_for
from carillon.logic.callflow.values import Decision

LONDON = "020 7946 0123"
AWAY = Condition(away_since_ms=1_790_000_000_000)


def decided(away: frozenset[int], dialled: str = LONDON) -> Decision:
    world = replace(World().but("routes", 3, gateway_ids=(1, 2)), conditions=dict.fromkeys(away, AWAY))
    return decide(world.feed(), device_call(dialled))


def gateways(decision: Decision) -> list[int | None]:
    return [target.gateway_id for target in decision.targets]


@pytest.mark.parametrize("dialled", [LONDON, "999"])
def test_a_gateway_that_is_away_is_tried_last_and_its_owner_told_why(dialled: str) -> None:
    first, *others = gateways(decided(frozenset(), dialled))
    assert first is not None and others
    decision = decided(frozenset({first}), dialled)
    assert gateways(decision) == [*others, first]
    name = {1: "Carrier A", 2: "Carrier B"}[first]
    said = f"Gateway {name} is away since 2026-09-21 14:13:20 UTC: it is tried last."
    assert said in notes_for(decision, {LEVEL})
    assert said not in notes_for(decision, {NORTHWIND})


@given(st.frozensets(st.sampled_from([1, 2])), st.sampled_from([LONDON, "999"]))
def test_absence_changes_nothing_but_the_order(away: frozenset[int], dialled: str) -> None:
    usual, found = gateways(decided(frozenset(), dialled)), gateways(decided(away, dialled))
    assert tuple(found) in permutations(usual)
    assert found == sorted(usual, key=lambda gateway_id: gateway_id in away)
