"""Calls per second: one burst, then the rate, never more."""

from __future__ import annotations

from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from carillon.logic.pace import SECOND_US, let_through

RATES = st.integers(1, 1000)
BURSTS = st.integers(1, 50)


def passed(arrivals_us: list[int], per_s: int, burst: int) -> list[int]:
    """The moments of the calls that are let through."""
    full_at_us, moments = 0, []
    for at_us in arrivals_us:
        after = let_through(full_at_us, at_us, per_s=per_s, burst=burst)
        if after is not None:
            full_at_us = after
            moments.append(at_us)
    return moments


@given(RATES, BURSTS)
def test_one_burst_passes_at_once(per_s: int, burst: int) -> None:
    assert len(passed([5] * (burst * 3), per_s, burst)) == burst


@given(RATES, BURSTS, st.lists(st.integers(0, 200_000), max_size=100))
def test_never_more_than_the_rate_and_one_burst(per_s: int, burst: int, pauses: list[int]) -> None:
    moments = passed(list(accumulate(pauses)), per_s, burst)
    interval_us = SECOND_US // per_s
    for first in range(len(moments)):
        for last in range(first, len(moments)):
            assert last - first + 1 <= burst + (moments[last] - moments[first]) // interval_us


@given(RATES, BURSTS)
def test_calls_at_the_rate_always_pass(per_s: int, burst: int) -> None:
    arrivals = [number * SECOND_US // per_s for number in range(200)]
    assert passed(arrivals, per_s, burst) == arrivals


def test_a_refused_call_costs_no_room() -> None:
    arrivals = [0, *range(0, SECOND_US, 10_000), SECOND_US]
    assert passed(arrivals, 1, 1) == [0, SECOND_US]
