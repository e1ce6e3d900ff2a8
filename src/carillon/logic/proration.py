"""Periods of months that begin on a day of their own, and what a part of one costs.

Pure. Days are a customer's own, by its time zone; they are counted whole, the first included and the last not. A part
of a period costs what the days from the period's beginning to the part's end cost, less what those to the part's
beginning do, each rounded half up to a micro-unit: however a period is cut, its parts cost what the whole costs.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Days:
    """The days from `since` until the day before `until`."""

    since: date
    until: date

    @property
    def count(self) -> int:
        """How many they are; of days in the wrong order less than one."""
        return (self.until - self.since).days

    def within(self, other: Days) -> Days:
        """Return those that are among `other` too; without any, none at the nearer end."""
        since = min(max(self.since, other.since), other.until)
        return Days(since, max(min(self.until, other.until), since))


def local_day(at: datetime, timezone: str) -> date:
    """Return which day `at` (aware) is in a time zone (a name of the IANA database)."""
    return at.astimezone(ZoneInfo(timezone)).date()


def begins_at(day: date, timezone: str) -> datetime:
    """Return the first moment of a day in a time zone, UTC; where the clock skips midnight, the moment it goes on."""
    return datetime.combine(day, time.min, ZoneInfo(timezone)).astimezone(UTC)


def months_after(day: date, months: int, anchor_day: int) -> date:
    """Return the `anchor_day` of the month that comes `months` after that of `day`, or that month's last day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(anchor_day, calendar.monthrange(year, month + 1)[1]))


def anchored(day: date, anchor_day: int) -> date:
    """Return the last `anchor_day` (1 to 31) of a month that is not after `day`: when its month of service began."""
    this = months_after(day, 0, anchor_day)
    return this if this <= day else months_after(day, -1, anchor_day)


def period_of(day: date, anchor: date, anchor_day: int, months: int) -> Days:
    """Return the period of `months` that `day` is in; periods follow each other from `anchor` on, and before it."""
    passed = (day.year - anchor.year) * 12 + day.month - anchor.month
    if months_after(anchor, passed, anchor_day) > day:
        passed -= 1
    first = passed - passed % months
    return Days(months_after(anchor, first, anchor_day), months_after(anchor, first + months, anchor_day))


def share(amount: int, whole: Days, part: Days) -> int:
    """Return what the days of `part` that are in `whole` cost, when all of it costs `amount` (micro-units)."""
    found = part.within(whole)
    return _until(amount, whole, found.until) - _until(amount, whole, found.since)


def units(amount: int, whole: Days, part: Days) -> int:
    """Return how much of an included `amount` belongs to the days of `part`; what does not come out even is given."""
    return -(-amount * part.within(whole).count // whole.count)


def _until(amount: int, whole: Days, day: date) -> int:
    return (2 * amount * (day - whole.since).days + whole.count) // (2 * whole.count)
