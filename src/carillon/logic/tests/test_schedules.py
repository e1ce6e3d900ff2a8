"""When a scheduled report is due, by the clock of whoever wants it, and which days it is about."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.logic.schedules import Days, Every, Rhythm, days_before

LONDON, TOKYO = ZoneInfo("Europe/London"), ZoneInfo("Asia/Tokyo")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("rhythm", "after", "due"),
    [
        (Rhythm(Every.DAY, time(7), LONDON), "2026-11-26T06:59", "2026-11-26T07:00"),
        (Rhythm(Every.DAY, time(7), LONDON), "2026-11-26T07:00", "2026-11-27T07:00"),
        (Rhythm(Every.DAY, time(7), LONDON), "2026-07-01T08:00", "2026-07-02T06:00"),
        (Rhythm(Every.DAY, time(7), TOKYO), "2026-11-26T00:00", "2026-11-26T22:00"),
        (Rhythm(Every.DAY, time(1, 30), LONDON), "2026-03-28T12:00", "2026-03-29T01:30"),  # there is no 01:30 that day
        (Rhythm(Every.DAY, time(1, 30), LONDON), "2026-10-24T12:00", "2026-10-25T00:30"),  # there are two: the first
        (Rhythm(Every.DAY, time(1, 30), LONDON), "2026-10-25T00:30", "2026-10-26T01:30"),
        (Rhythm(Every.WEEK, time(8), LONDON, weekday=0), "2026-11-26T12:00", "2026-11-30T08:00"),
        (Rhythm(Every.MONTH, time(8), LONDON, month_day=1), "2026-11-26T12:00", "2026-12-01T08:00"),
        (Rhythm(Every.MONTH, time(8), LONDON, month_day=31), "2027-02-01T12:00", "2027-02-28T08:00"),
    ],
)
def test_it_is_due_by_the_clock_on_the_wall(rhythm: Rhythm, after: str, due: str) -> None:
    assert rhythm.next_due(utc(after)) == utc(due)


@given(
    st.sampled_from(Every),
    st.times(),
    st.integers(0, 6),
    st.integers(1, 31),
    st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)),
)
def test_the_next_moment_is_always_later_and_never_far(
    every: Every, at: time, weekday: int, month_day: int, after: datetime
) -> None:
    rhythm = Rhythm(every, at, LONDON, weekday, month_day)
    due = rhythm.next_due(after.replace(tzinfo=UTC))
    wait = due - after.replace(tzinfo=UTC)
    assert 0 < wait.total_seconds() <= {Every.DAY: 25, Every.WEEK: 7 * 24 + 1, Every.MONTH: 31 * 24 + 1}[every] * 3600
    assert rhythm.next_due(due) > due


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (Days.AS_SAID, None),
        (Days.DAY, (date(2026, 2, 28), date(2026, 2, 28))),
        (Days.WEEK, (date(2026, 2, 22), date(2026, 2, 28))),
        (Days.MONTH, (date(2026, 2, 1), date(2026, 2, 28))),
    ],
)
def test_the_days_before_the_first_of_march(days: Days, expected: object) -> None:
    assert days_before(days, date(2026, 3, 1)) == expected
