"""How much at once: late answers lower the limit once, answers in time raise it when it is used."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from carillon.logic.overload import BURST_MS, LATE_MS, LEAST, Limit, after, first_limit


def answered(limit: Limit, asked_ms: int, took_ms: int, under_way: int) -> Limit:
    return after(limit, asked_ms=asked_ms, done_ms=asked_ms + took_ms, under_way=under_way)


def test_a_burst_that_passes_lowers_nothing() -> None:
    limit = first_limit(100)
    for place in range(100):
        limit = answered(limit, 1000, LATE_MS + 8 * place, 100 - place)
    assert limit.now == 100


def test_when_all_are_late_for_long_the_limit_falls_once_to_what_would_be_in_time() -> None:
    limit = Limit(100, 60)
    for asked_ms in range(0, BURST_MS + 60, 10):
        limit = answered(limit, asked_ms, LATE_MS * 3 // 2, 60)
    assert limit.now == 40
    assert answered(limit, limit.lowered_ms, 10 * LATE_MS, 40).now == 20


def test_answers_in_time_raise_a_limit_in_use_by_one_a_round() -> None:
    limit = Limit(100, 20)
    for _ in range(21):
        limit = answered(limit, 0, 20, 20)
    assert 21 <= limit.now < 22
    assert answered(limit, 0, 20, 1) == limit  # nobody knows whether more would be carried


@given(st.integers(1, 50), st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 2_000), st.integers(1, 60))))
def test_it_stays_between_its_least_and_its_most(most: int, answers: list[tuple[int, int, int]]) -> None:
    limit = first_limit(most)
    for asked_ms, took_ms, under_way in answers:
        limit = answered(limit, asked_ms, took_ms, under_way)
        assert min(LEAST, most) <= limit.now <= most
