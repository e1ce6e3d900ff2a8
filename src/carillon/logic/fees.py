"""What a subscription owes for a period, and what it gets back for days that it does not last.

Pure. A recurring fee is due from where it is paid until, to the end of its own interval: a yearly fee of a monthly plan
once a year, a fee that was added later from the next period on. One that is not prorated costs the whole for a part.

The taxes of a whole fee are rounded once, half up to a micro-unit; parts of it share amount and taxes alike, each so
that all parts together come to the whole. What comes back has the taxes that it was charged with.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from carillon.logic.callflow.feed import Tax
from carillon.logic.money import MICRO, round_ratio
from carillon.logic.proration import Days, period_of, share
from carillon.logic.rating import percent_of

MONTHS = {"month": 1, "year": 12}


PERCENT = 100


@dataclass(frozen=True, slots=True)
class Taxation:
    """The taxes on fees, each reckoned on the amount without taxes; with `is_inclusive` fees have them in them."""

    taxes: tuple[Tax, ...] = ()
    is_inclusive: bool = False

    def split(self, price_micro: int) -> tuple[int, int]:
        """Return what a fee of so many micro-units is without taxes, and the taxes, rounded half up."""
        numerator, denominator = percent_of(self.taxes).as_integer_ratio()
        whole = PERCENT * denominator + (numerator if self.is_inclusive else 0)
        tax_micro = round_ratio(price_micro * numerator, MICRO * whole)
        return price_micro - tax_micro if self.is_inclusive else price_micro, tax_micro


UNTAXED = Taxation()


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
    """What is charged, or with a negative amount given back: for the days `part` of the interval `whole`.

    `amount_micro` has the taxes in it, `tax_micro` of them.
    """

    fee: Fee
    quantity: int
    whole: Days
    part: Days
    amount_micro: int
    tax_micro: int = 0
    taxation: Taxation = UNTAXED

    @property
    def net_micro(self) -> int:
        """The amount without taxes."""
        return self.amount_micro - self.tax_micro


def lines_due(
    fees: Iterable[Fee],
    counts: Mapping[str, int],
    cycle: Cycle,
    since: date,
    *,
    paid_until: Mapping[int, date],
    is_first: bool,
    taxation: Taxation = UNTAXED,
) -> tuple[Line, ...]:
    """Return what is due for the period that `since` is in, from that day on.

    Args:
        counts: how many there are now of what `Fee.per` names; none of it, no line.
        paid_until: of recurring fees by id, the first day that was not charged before.
        is_first: nothing was charged yet, so that fees charged once are due too.
        taxation: the taxes that hold now.
    """
    found = []
    for fee in fees:
        quantity = counts.get(fee.per, 0)
        days = _days(fee, cycle, since, paid_until.get(fee.id), is_first) if quantity else None
        line = _line(fee, quantity, *days, taxation) if days else None
        if line is not None and line.amount_micro:
            found.append(line)
    return tuple(found)


def _days(fee: Fee, cycle: Cycle, since: date, paid_until: date | None, is_first: bool) -> tuple[Days, Days] | None:
    """The interval and the part of it that are due; None: nothing is."""
    if fee.interval == "once":
        whole = cycle.period(since)
        return (whole, whole) if is_first else None
    whole = cycle.period(since, MONTHS[fee.interval])
    part = Days(max(since, paid_until or since), whole.until)
    return (whole, part) if part.count > 0 else None


def _line(fee: Fee, quantity: int, whole: Days, part: Days, taxation: Taxation, sign: int = 1) -> Line:
    """What the days of `part` cost, or with -1 bring back."""
    net, tax = taxation.split(fee.amount_micro * quantity)
    if fee.is_prorated:
        net, tax = share(net, whole, part), share(tax, whole, part)
    return Line(fee, quantity, whole, part, sign * (net + tax), sign * tax, taxation)


def lines_back(charged: Iterable[Line], day: date) -> tuple[Line, ...]:
    """Return what was charged for `day` and the days after it, as negative lines; of prorated recurring fees only."""
    found = []
    for line in charged:
        part = Days(max(day, line.part.since), line.part.until)
        if not line.fee.is_prorated or line.fee.interval == "once" or part.count < 1 or line.amount_micro <= 0:
            continue
        found.append(_line(line.fee, line.quantity, line.whole, part, line.taxation, -1))
    return tuple(found)


def total(lines: Iterable[Line]) -> int:
    """Return what lines come to, with taxes, micro-units."""
    return sum(line.amount_micro for line in lines)


def tax_in(lines: Iterable[Line]) -> int:
    """Return the taxes of lines, micro-units."""
    return sum(line.tax_micro for line in lines)


def yearly_cost(fees: Iterable[Fee], counts: Mapping[str, int], taxation: Taxation = UNTAXED) -> int:
    """Return what recurring fees come to in a year with taxes, to tell the dearer of two plans; micro-units."""
    yearly = {"month": 12, "year": 1}
    prices = (fee.amount_micro * counts.get(fee.per, 0) * yearly.get(fee.interval, 0) for fee in fees)
    return sum(sum(taxation.split(price)) for price in prices)
