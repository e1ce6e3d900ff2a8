"""Windows of price lists on the week's clock: what can never hold, and the picture of a week.

A week has 10,080 minutes from Monday 00:00; a set of them is an integer with a bit for each. Clock changes are left
out: they move an hour of two Sundays a year, and the rating knows them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final

from carillon.logic.callflow.feed import Window
from carillon.logic.hours import WEEKDAYS, Hours

DAY: Final = 24 * 60
WEEK: Final = 7 * DAY
_ALL_WEEK: Final = (1 << WEEK) - 1
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)
_DAY = re.compile(r"(\d{4}-)?\d{2}-\d{2}", re.ASCII)
_LEAP = 2024  # a year that has every day


def is_clock(text: str) -> bool:
    """Whether a text is a time of day, "18:00"."""
    return bool(_CLOCK.fullmatch(text))


def is_day(text: str) -> bool:
    """Whether a text is a day "2026-12-24", a span "2026-12-24/2026-12-26" in order, or either of every year.

    A yearly span may go over the new year: "12-24/01-06".
    """
    first, slash, last = text.partition("/")
    begins, ends = _date(first), _date(last) if slash else None
    if begins is None or (slash and (ends is None or len(first) != len(last))):
        return False
    return ends is None or len(first) == 5 or begins <= ends


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text if len(text) == 10 else f"{_LEAP}-{text}") if _DAY.fullmatch(text) else None
    except ValueError:
        return None


def is_dated(window: Window) -> bool:
    """Whether the window holds on some days only, beside days of the week."""
    return bool(window.month_days or window.dates or window.except_dates)


def never_held(windows: Sequence[Window]) -> list[tuple[str, str]]:
    """The windows that others before them cover wholly, each with the names of those.

    Sound, not complete: what is told never holds; of windows with dates only those are told that one other covers.
    """
    found = []
    for place, window in enumerate(windows):
        before = windows[:place]
        general = [one for one in before if not is_dated(one)]
        if not _minutes(window.hours) & ~_union(general):
            found.append((window.name, ", ".join(one.name for one in general)))
            continue
        around = next((one for one in before if _is_around(one, window)), None)
        if around is not None:
            found.append((window.name, around.name))
    return found


def week_of(windows: Sequence[Window]) -> list[list[str]]:
    """For each day of the week its 24 hours: the name of the window that holds for most of the hour, "" for none.

    Windows with dates or days of the month are left out: they are no matter of the week.
    """
    sets = [(window.name, _minutes(window.hours)) for window in windows if not is_dated(window)]
    return [[_longest(sets, day * DAY + hour * 60) for hour in range(24)] for day in range(7)]


def _longest(sets: Iterable[tuple[str, int]], start: int) -> str:
    left = ((1 << 60) - 1) << start
    lengths = {"": 60}
    for name, minutes in sets:
        lengths[name] = (minutes & left).bit_count()
        lengths[""] -= lengths[name]
        left &= ~minutes
    return max(lengths, key=lambda name: lengths[name])


def _union(windows: Iterable[Window]) -> int:
    found = 0
    for window in windows:
        found |= _minutes(window.hours)
    return found


def _is_around(one: Window, other: Window) -> bool:
    """Whether `one` holds on every day on which `other` does, for as long from each of them on."""
    is_month = not one.month_days or (other.month_days and set(other.month_days) <= set(one.month_days))
    is_on = not one.dates or (other.dates and set(other.dates) <= set(one.dates))
    is_off = set(one.except_dates) <= set(other.except_dates)
    return bool(is_month and is_on and is_off and not _by_day(other.hours) & ~_by_day(one.hours))


def _minutes(hours: Hours) -> int:
    """The minutes of the week in which hours hold."""
    found = 0
    for day in _days(hours):
        begin, length = _span(hours)
        found |= ((1 << length) - 1) << (day * DAY + begin)
    return (found | found >> WEEK) & _ALL_WEEK


def _by_day(hours: Hours) -> int:
    """Minutes from the beginning of each weekday on, two days for each: hours over midnight are their first day's."""
    begin, length = _span(hours)
    found = 0
    for day in _days(hours):
        found |= ((1 << length) - 1) << (2 * day * DAY + begin)
    return found


def _days(hours: Hours) -> list[int]:
    return [WEEKDAYS.index(day) for day in hours.weekdays] or list(range(7))


def _span(hours: Hours) -> tuple[int, int]:
    """From which minute of the day, and how many."""
    if not hours.begins:
        return 0, DAY
    begin, end = (int(text[:2]) * 60 + int(text[3:]) for text in (hours.begins, hours.ends))
    return begin, (end - begin) % DAY or DAY
