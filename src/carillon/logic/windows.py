"""When the windows of a price list hold: by the wall clock of their time zone, daylight saving time included. Pure.

A calendar works out a day of UTC at a time and remembers it: the moments at which something changes, and which windows
hold from then on. Calls look those up.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from carillon.logic.callflow.feed import Window
from carillon.logic.copies import replace
from carillon.logic.hours import is_on

DAY_S = 86_400
_DAYS_KEPT = 4_000
_REACH_DAYS = 63  # no call lasts longer
_ONE_DAY = timedelta(days=1)
_Span = tuple[int, int]  # second of the Unix epoch, and the windows that hold from it on, one bit each
_Day = tuple[tuple[int, ...], tuple[_Span, ...]]  # when its spans begin and the day ends, and the spans


@lru_cache(256)
def calendar_of(windows: tuple[Window, ...]) -> Calendar:
    """The calendar of these windows; always the same one, so that its days are worked out once."""
    return Calendar(windows)


class Calendar:
    """Which windows of a list hold at a moment: a number whose bit `n` stands for the list's window `n`."""

    __slots__ = ("_days", "_names", "_windows")

    def __init__(self, windows: tuple[Window, ...]) -> None:
        self._windows = windows
        self._names: dict[int, tuple[str, ...]] = {}
        self._days: dict[int, _Day] = {}

    def spans(self, at_ms: int, length_s: int) -> list[tuple[int, int]]:
        """From which whole second after `at_ms` (Unix epoch) on which windows hold, for `length_s` seconds.

        The first one is second 0. A window that begins within a second holds from the next whole one on.
        """
        at_s = at_ms // 1000
        day, end_s = at_s // DAY_S, at_s + length_s
        begins, spans = self._days.get(day) or self._day(day)
        place = bisect_right(begins, at_s)
        found = [(0, spans[place - 1][1])]
        if end_s < begins[place]:  # most calls: nothing changes while they last
            return found
        while True:
            for span_s, holding in spans[place:]:
                if span_s > end_s:
                    return found
                found.append((span_s - at_s, holding))
            day, place = day + 1, 0
            if day * DAY_S > end_s:
                return found
            _, spans = self._days.get(day) or self._day(day)

    def names(self, holding: int) -> tuple[str, ...]:
        """The names of windows that hold, in the list's order."""
        found = self._names.get(holding)
        if found is None:
            held = (window.name for place, window in enumerate(self._windows) if holding >> place & 1)
            found = self._names[holding] = tuple(held)
        return found

    def _day(self, day: int) -> _Day:
        if len(self._days) >= _DAYS_KEPT:
            self._days.clear()
        spans = tuple(self._spans_of(day * DAY_S))
        begins = (*(begin_s for begin_s, _ in spans), (day + 1) * DAY_S)
        found = self._days[day] = begins, spans
        return found

    def _spans_of(self, begin_s: int) -> Iterator[_Span]:
        last = -1
        for moment_s in sorted({begin_s, *self._moments(begin_s)}):
            holding = sum(holds(window, moment_s) << place for place, window in enumerate(self._windows))
            if holding != last:
                yield moment_s, holding
            last = holding

    def _moments(self, begin_s: int) -> Iterator[int]:
        """Where something may change within the day that begins at `begin_s`."""
        for zone_name in {window.hours.timezone for window in self._windows}:
            zone = ZoneInfo(zone_name)
            clocks = {"00:00"}
            for window in self._windows:
                if window.hours.timezone == zone_name and window.hours.begins:
                    clocks |= {window.hours.begins, window.hours.ends}
            moments = {*_clock_moments(zone, begin_s, clocks), *_change_of_clocks(zone, begin_s)}
            yield from (moment_s for moment_s in moments if begin_s <= moment_s < begin_s + DAY_S)


def _clock_moments(zone: ZoneInfo, begin_s: int, clocks: set[str]) -> Iterator[int]:
    """When a clock on the wall shows one of the times, twice in the hour that is repeated in autumn."""
    first = datetime.fromtimestamp(begin_s, zone).date() - _ONE_DAY
    for days in range(4):
        for clock in clocks:
            hour, minute = clock.split(":")
            local = datetime.combine(first + days * _ONE_DAY, datetime.min.time()) + timedelta(
                hours=int(hour), minutes=int(minute)
            )
            for fold in (0, 1):
                yield int(local.replace(tzinfo=zone, fold=fold).timestamp())


def _change_of_clocks(zone: ZoneInfo, begin_s: int) -> Iterator[int]:
    """The second at which the zone's clocks are put forward or back within the day, if they are."""
    low, high = begin_s - 1, begin_s + DAY_S
    before = _offset(zone, low)
    if before == _offset(zone, high):
        return
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(zone, middle) == before else (low, middle)
    yield high


def _offset(zone: ZoneInfo, moment_s: int) -> timedelta | None:
    return datetime.fromtimestamp(moment_s, zone).utcoffset()


@lru_cache(4096)
def within_reach(windows: tuple[Window, ...], names: frozenset[str], day: int) -> tuple[Window, ...]:
    """Those of `names`, with the dates that a call may meet which begins on that day of UTC (days of the Unix epoch).

    What a call keeps of its list: holidays of years would be most of it.
    """
    begun = datetime.fromtimestamp(day * DAY_S, UTC).date()
    days = [begun + number * _ONE_DAY for number in range(-2, _REACH_DAYS)]
    near = (_with_dates_of(window, days) for window in windows if window.name in names)
    return tuple(window for window in near if window is not None)


def _with_dates_of(window: Window, days: list[date]) -> Window | None:
    """The window without dates that none of the days is on; None when it has dates and holds on none of them."""
    dates = tuple(text for text in window.dates if any(_is_among((text,), day) for day in days))
    if window.dates and not dates:
        return None
    without = tuple(text for text in window.except_dates if any(_is_among((text,), day) for day in days))
    return replace(window, dates=dates, except_dates=without)


# ---------------------------------------------------------------- one window at one moment


def holds(window: Window, moment_s: int) -> bool:
    """Whether the window holds at a second of the Unix epoch: its beginning does, its end does not."""
    hours = window.hours
    local = datetime.fromtimestamp(moment_s, UTC).astimezone(ZoneInfo(hours.timezone))
    clock, today = f"{local:%H:%M}", local.date()
    if not hours.begins or hours.begins < hours.ends:
        return _fits(window, today) and (not hours.begins or hours.begins <= clock < hours.ends)
    return (clock >= hours.begins and _fits(window, today)) or (clock < hours.ends and _fits(window, today - _ONE_DAY))


def _fits(window: Window, day: date) -> bool:
    return (
        is_on(window.hours, day)
        and (not window.month_days or day.day in window.month_days)
        and (not window.dates or _is_among(window.dates, day))
        and not _is_among(window.except_dates, day)
    )


def _is_among(dates: tuple[str, ...], day: date) -> bool:
    full, yearly = f"{day:%Y-%m-%d}", f"{day:%m-%d}"
    return any(_covers(text, full if len(text.partition("/")[0]) > len(yearly) else yearly) for text in dates)


def _covers(text: str, day: str) -> bool:
    first, _, last = text.partition("/")
    last = last or first
    return first <= day <= last if first <= last else day >= first or day <= last
