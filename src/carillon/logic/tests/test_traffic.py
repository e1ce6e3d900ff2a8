"""Sums of calls, and the steps of time they are shown in."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.logic.traffic import Money, Span, Step, Traffic, by_currency

LONDON, KOLKATA = ZoneInfo("Europe/London"), ZoneInfo("Asia/Kolkata")


def test_ratios_of_no_calls_are_not_known() -> None:
    nothing = Traffic()
    assert (nothing.asr_percent, nothing.acd_ms, nothing.pdd_ms) == (None, None, None)
    assert Money("EUR").margin_percent is None


def test_ratios_and_averages() -> None:
    traffic = Traffic(calls=3, answered=2, talked_ms=90_000, rung=3, ring_ms=4_500)
    assert (traffic.asr_percent, traffic.acd_ms, traffic.pdd_ms) == (66.7, 45_000, 1_500)
    assert traffic + Traffic(calls=1) == Traffic(4, 2, 90_000, 3, 4_500)


def test_money_is_added_by_currency() -> None:
    found = by_currency([Money("GBP", 10, 4), Money("EUR", 0, 0), Money("GBP", 5, 12), Money("DKK", 1)])
    assert found == (Money("DKK", 1), Money("GBP", 15, 16))
    assert (found[1].margin_micro, found[1].margin_percent) == (-1, -6.7)


@pytest.mark.parametrize(
    ("first", "last", "step", "count"),
    [
        (date(2026, 11, 26), date(2026, 11, 26), Step.HOUR, 24),
        (date(2026, 10, 25), date(2026, 10, 25), Step.HOUR, 25),  # the clocks go back
        (date(2026, 3, 29), date(2026, 3, 29), Step.HOUR, 23),
        (date(2026, 10, 20), date(2026, 10, 26), Step.DAY, 7),
        (date(2026, 1, 15), date(2026, 6, 2), Step.MONTH, 6),
    ],
)
def test_a_span_has_as_many_steps_as_it_needs(first: date, last: date, step: Step, count: int) -> None:
    span = Span(first, last, LONDON)
    assert (span.step, len(span.starts())) == (step, count)


def test_days_begin_at_local_midnight() -> None:
    span = Span(date(2026, 6, 1), date(2026, 6, 2), LONDON)
    assert (span.begin, span.end) == (datetime(2026, 5, 31, 23, tzinfo=UTC), datetime(2026, 6, 2, 23, tzinfo=UTC))
    assert (span.before.first, span.before.last) == (date(2026, 5, 30), date(2026, 5, 31))


@given(
    st.dates(date(2020, 1, 1), date(2029, 12, 31)),
    st.integers(0, 400),
    st.sampled_from(["UTC", "Asia/Kolkata", "Europe/London"]),
)
def test_steps_follow_each_other_without_a_gap(first: date, days: int, zone: str) -> None:
    span = Span(first, first + timedelta(days=days), ZoneInfo(zone))
    starts = span.starts()
    assert starts[0] == span.begin
    assert starts == sorted(set(starts))
    assert starts[-1] < span.end
    assert span.before.end == span.begin
    assert all(start.minute == 0 for start in starts)  # else hourly sums would not fit
