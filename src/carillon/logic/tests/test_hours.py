"""Hours of the week: over midnight, by the clock on the wall, and when clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.logic.hours import WEEKDAYS, Hours, is_within

LONDON = "Europe/London"
CLOCK = st.builds("{:02d}:{:02d}".format, st.integers(0, 23), st.integers(0, 59))
MINUTES = st.integers(0, 60 * 24 * 14)


def at(text: str, zone: str = LONDON) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


NIGHTS = Hours(("mon", "fri"), "18:00", "08:00", LONDON)


@pytest.mark.parametrize(
    ("moment", "is_in"),
    [
        ("2026-11-27T17:59", False),  # a Friday
        ("2026-11-27T18:00", True),
        ("2026-11-28T07:59", True),  # still Friday's night
        ("2026-11-28T08:00", False),
        ("2026-11-28T18:00", False),
        ("2026-11-24T07:00", True),  # Monday's night
        ("2026-11-23T07:00", False),  # Sunday's
    ],
)
def test_hours_over_midnight_belong_to_the_day_on_which_they_begin(moment: str, is_in: bool) -> None:
    assert is_within(NIGHTS, at(moment)) is is_in


def test_summer_time_moves_them_with_the_wall_clock() -> None:
    office = Hours((), "09:00", "17:00", LONDON)
    for day, utc_hour in (("2026-07-01", 8), ("2026-12-01", 9)):
        opens = round(datetime.fromisoformat(f"{day}T{utc_hour:02d}:00").replace(tzinfo=UTC).timestamp() * 1000)
        assert is_within(office, opens)
        assert not is_within(office, opens - 1)


@given(st.frozensets(st.sampled_from(WEEKDAYS)), CLOCK, CLOCK, MINUTES)
def test_what_a_week_of_days_covers_is_what_each_day_covers(
    days: frozenset[str], begins: str, ends: str, minutes: int
) -> None:
    moment = datetime(2026, 11, 2, tzinfo=UTC) + timedelta(minutes=minutes)
    at_ms = round(moment.timestamp() * 1000)
    chosen = days or frozenset(WEEKDAYS)
    covered = []
    for back in (0, 1):
        day = (moment - timedelta(days=back)).replace(hour=0, minute=0)
        first = day + timedelta(hours=int(begins[:2]), minutes=int(begins[3:]))
        last = day + timedelta(days=ends <= begins, hours=int(ends[:2]), minutes=int(ends[3:]))
        covered.append(WEEKDAYS[day.weekday()] in chosen and first <= moment < last)
    assert is_within(Hours(tuple(days), begins, ends), at_ms) is any(covered)
