"""Credit windows: large enough not to ask all the time, small enough not to keep money from others."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from carillon.logic.credit import (
    LEAST_SLICE,
    MOST_SLICE,
    SLICE_S,
    burn,
    change_micro,
    least_left_micro,
    slice_micro,
    spend,
)

BURNS = st.integers(0, 10**12)
AMOUNTS = st.integers(0, 10**13)


@given(BURNS)
def test_a_slice_is_a_minute_of_burn_within_reason(rate: int) -> None:
    wanted = slice_micro(rate)
    assert wanted == 0 if rate == 0 else LEAST_SLICE <= wanted <= MOST_SLICE
    if LEAST_SLICE <= rate * SLICE_S <= MOST_SLICE:
        assert wanted == rate * SLICE_S


@given(AMOUNTS, BURNS)
def test_after_a_change_nothing_more_is_to_do(free: int, rate: int) -> None:
    change = change_micro(free, rate)
    assert free + change >= 0
    assert change_micro(free + change, rate) == 0
    if change:
        assert free + change == slice_micro(rate)


@given(AMOUNTS, BURNS)
def test_a_window_is_refilled_before_it_is_empty(free: int, rate: int) -> None:
    if free * 2 < slice_micro(rate):
        assert change_micro(free, rate) > 0


@given(AMOUNTS)
def test_an_idle_window_is_given_back_whole(free: int) -> None:
    assert change_micro(free, 0) == -free


@given(BURNS, st.integers(1, 100_000))
def test_burn_fades_to_nothing_and_rises_at_once(before: int, elapsed_ms: int) -> None:
    rate = before
    for _ in range(400):
        faded = burn(rate, 0, elapsed_ms)
        assert faded < rate or rate == faded == 0
        rate = faded
    assert rate == 0
    assert burn(before, (before + 1) * 100, 1000) == (before + 1) * 100


@given(BURNS, AMOUNTS, st.integers(0, 10_000))
def test_burn_stays_between_what_was_and_what_is(before: int, taken: int, elapsed_ms: int) -> None:
    now = taken * 1000 // max(elapsed_ms, 1000)
    assert min(before, now) <= burn(before, taken, elapsed_ms) <= max(before, now)


@given(AMOUNTS, st.integers(-10, 10**13))
def test_never_more_is_spent_than_is_free_or_needed(free: int, new: int) -> None:
    assert 0 <= spend(free, new) <= min(free, max(new, 0))


@given(st.integers(1, 10**13))
def test_no_slice_takes_more_than_half_of_what_an_account_has(asked: int) -> None:
    assert least_left_micro(asked) >= asked
