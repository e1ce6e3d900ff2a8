"""When something is due each day, week or month at a time of somebody's clock, and which days it is about.

Pure. Where the clock is put forward over the time, it is that much later on that day; where it is put back, the first
of the two moments counts, so that a period has one moment only.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo


class Every(StrEnum):
    """How often."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Days(StrEnum):
    """Which days before the one on which it happens; AS_SAID: none in particular."""

    AS_SAID = "as_said"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Every day, or on a `weekday` (0: Monday), or on a day of the month (those it has not: its last), at a time."""

    every: Every
    at: time
    zone: ZoneInfo
    weekday: int = 0
    month_day: int = 1

    def next_due(self, after: datetime) -> datetime:
        """Return the first moment after `after` (aware), UTC."""
        day = after.astimezone(self.zone).date()
        while True:
            due = datetime.combine(day, self.at, self.zone).astimezone(UTC)
            if self._is_day(day) and due > after:
                return due
            day += timedelta(days=1)

    def _is_day(self, day: date) -> bool:
        if self.every is Every.WEEK:
            return day.weekday() == self.weekday
        if self.every is Every.MONTH:
            return day.day == min(self.month_day, calendar.monthrange(day.year, day.month)[1])
        return True


def days_before(days: Days, today: date) -> tuple[date, date] | None:
    """Return the first and last of the days meant: the day before, the seven before, the month before; None: any."""
    if days is Days.AS_SAID:
        return None
    yesterday = today - timedelta(days=1)
    if days is Days.DAY:
        return yesterday, yesterday
    if days is Days.WEEK:
        return today - timedelta(days=7), yesterday
    last = today.replace(day=1) - timedelta(days=1)
    return last.replace(day=1), last
