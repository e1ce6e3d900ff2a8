"""What sums of calls tell: seizure ratio, average durations, margins, and the steps of time that a chart shows them in.

Pure. A call is counted as the CDR panel shows it: one per call and charged party.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Final, Self
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Traffic:
    """Sums of calls; `ring_ms` is what it took until a phone rang, at the `rung` calls for which that is known."""

    calls: int = 0
    answered: int = 0
    talked_ms: int = 0
    rung: int = 0
    ring_ms: int = 0

    def __add__(self, other: Self) -> Self:
        return type(self)(
            self.calls + other.calls,
            self.answered + other.answered,
            self.talked_ms + other.talked_ms,
            self.rung + other.rung,
            self.ring_ms + other.ring_ms,
        )

    @property
    def asr_percent(self) -> float | None:
        """Answer-seizure ratio (ITU-T E.411): how many of the calls were answered; None: there were none."""
        return round(100 * self.answered / self.calls, 1) if self.calls else None

    @property
    def acd_ms(self) -> int | None:
        """Average duration of answered calls; None: no calls."""
        return round(self.talked_ms / self.answered) if self.answered else None

    @property
    def pdd_ms(self) -> int | None:
        """Average post-dial delay (ITU-T E.721): from the call's arrival until a phone rang; None: not known."""
        return round(self.ring_ms / self.rung) if self.rung else None


NO_TRAFFIC: Final = Traffic()


@dataclass(frozen=True, slots=True)
class Money:
    """What calls brought and cost in one currency, micro-units."""

    currency: str
    revenue_micro: int = 0
    cost_micro: int = 0

    def __add__(self, other: Self) -> Self:
        revenue, cost = self.revenue_micro + other.revenue_micro, self.cost_micro + other.cost_micro
        return type(self)(self.currency, revenue, cost)

    @property
    def margin_micro(self) -> int:
        """What is left."""
        return self.revenue_micro - self.cost_micro

    @property
    def margin_percent(self) -> float | None:
        """Margin in percent of what calls brought; None when they brought nothing."""
        return round(100 * self.margin_micro / self.revenue_micro, 1) if self.revenue_micro else None


def by_currency(amounts: Iterable[Money]) -> tuple[Money, ...]:
    """The amounts added up per currency, in order of the currencies' names, without those that are nothing."""
    found: dict[str, Money] = {}
    for amount in amounts:
        known = found.get(amount.currency)
        found[amount.currency] = amount if known is None else known + amount
    return tuple(found[name] for name in sorted(found) if found[name].revenue_micro or found[name].cost_micro)


# ---------------------------------------------------------------- time


class Step(StrEnum):
    """How long a bar of a chart is."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Span:
    """Whole days in a time zone: `first` and `last` belong to it.

    Sums are kept by the hour in UTC, so where midnight is at half past an hour, days begin that half hour earlier.
    """

    first: date
    last: date
    zone: ZoneInfo

    @property
    def begin(self) -> datetime:
        """The first moment of it, UTC."""
        return _midnight(self.first, self.zone)

    @property
    def end(self) -> datetime:
        """The first moment after it, UTC."""
        return _midnight(self.last + timedelta(days=1), self.zone)

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.last - self.first).days + 1

    @property
    def before(self) -> Span:
        """As many days that end where this begins."""
        return Span(self.first - timedelta(days=self.days), self.first - timedelta(days=1), self.zone)

    @property
    def step(self) -> Step:
        """Bars that are few enough to see and many enough to tell something."""
        return Step.HOUR if self.days <= 2 else Step.DAY if self.days <= 92 else Step.MONTH

    def starts(self) -> list[datetime]:
        """When each step begins, UTC, in order. Days of 23 and 25 hours have as many steps."""
        if self.step is Step.HOUR:
            hours = (self.end - self.begin) // timedelta(hours=1)
            return [self.begin + timedelta(hours=place) for place in range(hours)]
        days = (self.first + timedelta(days=place) for place in range(self.days))
        return [_midnight(day, self.zone) for day in days if self.step is Step.DAY or day.day == 1 or day == self.first]


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC).replace(minute=0)
