"""What a subscription owes for a period, and what it gets back for days that it does not last.

Pure. A recurring fee is due from where it is paid until, to the end of its own interval: a yearly fee of a monthly plan
once a year, a fee that was added later from the next period on. One that is not prorated costs the whole for a part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from carillon.logic.proration import Days, period_of, share

MONTHS = {"month": 1, "year": 12}


@dataclass(frozen=True, slots=True)
class Fee:
    """An amount (micro-units) for each of what `per` names; `interval` is once, month or year."""

    id: int
    name: str
    per: str
    interval: str
    amount_micro: int
    is_prorated: bool = True


@dataclass(frozen=True, slots=True)
class Cycle:
    """When periods begin: from `anchor` on each `months`, on `anchor_day` where the month has it."""

    anchor: date
    anchor_day: int
    months: int

    def period(self, day: date, months: int = 0) -> Days:
        """Return the period that `day` is in, of `months` (0: its own)."""
        return period_of(day, self.anchor, self.anchor_day, months or self.months)


@dataclass(frozen=True, slots=True)
class Line:
    """What is charged, or with a negative amount given back: for the days `part` of the interval `whole`."""

    fee: Fee
    quantity: int
    whole: Days
    part: Days
    amount_micro: int


def lines_due(
    fees: Iterable[Fee],
    counts: Mapping[str, int],
    cycle: Cycle,
    since: date,
    *,
    paid_until: Mapping[int, date],
    is_first: bool,
) -> tuple[Line, ...]:
    """Return what is due for the period that `since` is in, from that day on.

    Args:
        counts: how many there are now of what `Fee.per` names; none of it, no line.
        paid_until: of recurring fees by id, the first day that was not charged before.
        is_first: nothing was charged yet, so that fees charged once are due too.
    """
    found = []
    for fee in fees:
        quantity = counts.get(fee.per, 0)
        line = _line(fee, quantity, cycle, since, paid_until.get(fee.id), is_first) if quantity else None
        if line is not None and line.amount_micro:
            found.append(line)
    return tuple(found)


def _line(fee: Fee, quantity: int, cycle: Cycle, since: date, paid_until: date | None, is_first: bool) -> Line | None:
    price = fee.amount_micro * quantity
    if fee.interval == "once":
        whole = cycle.period(since)
        return Line(fee, quantity, whole, whole, price) if is_first else None
    whole = cycle.period(since, MONTHS[fee.interval])
    part = Days(max(since, paid_until or since), whole.until)
    if part.count < 1:
        return None
    return Line(fee, quantity, whole, part, share(price, whole, part) if fee.is_prorated else price)


def lines_back(charged: Iterable[Line], day: date) -> tuple[Line, ...]:
    """Return what was charged for `day` and the days after it, as negative lines; of prorated recurring fees only."""
    found = []
    for line in charged:
        part = Days(max(day, line.part.since), line.part.until)
        if not line.fee.is_prorated or line.fee.interval == "once" or part.count < 1 or line.amount_micro <= 0:
            continue
        amount = share(line.fee.amount_micro * line.quantity, line.whole, part)
        found.append(Line(line.fee, line.quantity, line.whole, part, -amount))
    return tuple(found)


def total(lines: Iterable[Line]) -> int:
    """Return what lines come to, micro-units."""
    return sum(line.amount_micro for line in lines)


def yearly_cost(fees: Iterable[Fee], counts: Mapping[str, int]) -> int:
    """Return what recurring fees come to in a year, to tell the dearer of two plans; micro-units."""
    yearly = {"month": 12, "year": 1}
    return sum(fee.amount_micro * counts.get(fee.per, 0) * yearly.get(fee.interval, 0) for fee in fees)
