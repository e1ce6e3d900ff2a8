"""What one call costs by one rate of a price list: pieces, fee, least and most, one rounding.

The exact price is a fraction of whole numbers: hundred-millionths of the list's currency over the seconds of the list's
unit. It is converted, taxed and rounded once (`money.round_ratio`), never per increment: rounding every increment turns
0.7 into 0.7002. A list may ask for just that, to agree with other systems (`Tariff.rounds_increments`).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from carillon.logic.callflow.feed import Rate, Tariff, Tax
from carillon.logic.copies import replace
from carillon.logic.money import EXACT, MAX_DECIMALS, MICRO, format_ratio, round_micro, round_ratio
from carillon.logic.rating.lines import SCALE, SCALE_DECIMALS, Line, Lines, Rules, lines_of, rules_of, timeline
from carillon.logic.rating.pieces import Piece, billed_end_s, pieces, split

_NOTHING = Decimal(0)
_PARTS = 100 * SCALE  # of a tax in percent with eight decimals
_PER_MICRO = SCALE // MICRO
_made = tuple.__new__  # of a NamedTuple: a third of the time that its own constructor takes, and calls have one of each


class Price(NamedTuple):
    """The exact price before conversion and taxes: hundred-millionths of the list's currency, `amount` of `unit_s`."""

    amount: int
    unit_s: int
    pieces: Sequence[Piece]
    billed_s: int
    fee: int  # hundred-millionths
    bound: str = ""  # what the price is instead of the sum of its pieces: grace, fee, minimum or maximum

    @property
    def whole(self) -> int:
        """What `amount` is one unit of currency of."""
        return SCALE * self.unit_s


class Charge(NamedTuple):
    """What one call costs one account: `amount_micro` of `currency`, in which there is `tax_micro` of taxes.

    `price` is where it comes from, in the list's currency.
    """

    amount_micro: int
    currency: str
    price: Price
    rate: Rate
    tariff: Tariff
    exchange_rate: Decimal | None = None
    tax_micro: int = 0

    @property
    def billed_s(self) -> int:
        """Seconds charged."""
        return self.price.billed_s

    @property
    def exact(self) -> Decimal:
        """The price in the list's currency before conversion, taxes and rounding."""
        return EXACT.divide(Decimal(self.price.amount), Decimal(self.price.whole))

    @property
    def exact_text(self) -> str:
        """`exact` with at most twelve decimals."""
        return format_ratio(self.price.amount, self.price.unit_s, SCALE_DECIMALS)


# ---------------------------------------------------------------- the price


def rate_call(
    rate: Rate,
    tariff: Tariff,
    duration_ms: int,
    *,
    at_ms: int | None = None,
    skip_s: int = 0,
    owes_fee: bool = True,
    exchange_rate: Decimal | None = None,
    taxes: Iterable[Tax] = (),
    account_currency: str = "",
) -> Charge:
    """The charge for a call answered at `at_ms` (Unix epoch) that lasted `duration_ms` (started seconds count whole).

    Its first `skip_s` seconds were paid otherwise, so that no initial interval is due; `owes_fee` says whether the
    connection fee and the least charge are. `exchange_rate` is what one unit of the list's currency is worth in
    `account_currency` (None: same currency). Taxes are put on top unless the list's prices have them. The charge never
    falls when the duration grows. Raises ValueError for a negative duration, and without `at_ms` for a rate that has
    prices by time.
    """
    if duration_ms < 0:
        raise ValueError(f"A call cannot last {duration_ms} ms.")
    length_s = -(-duration_ms // 1000)
    if rate.grace_s and length_s <= rate.grace_s:
        price = Price(0, 1, (), 0, 0, "grace")
    else:
        price = _price(lines_of(rate), tariff, length_s, at_ms, skip_s, owes_fee)
    percent = percent_of(taxes) if taxes else _NOTHING
    amount = converted_micro(price, tariff, exchange_rate, percent, tariff.rounding)
    currency = tariff.currency if exchange_rate is None else account_currency or tariff.currency
    tax = tax_within(amount, percent) if taxes else 0
    return _made(Charge, (amount, currency, price, rate, tariff, exchange_rate, tax))


def price_of(
    rate: Rate, tariff: Tariff, length_s: int, *, at_ms: int | None = None, skip_s: int = 0, owes_fee: bool = True
) -> Price:
    """The exact price of `length_s` started seconds as in `rate_call`; a grace time does not count here."""
    return _price(lines_of(rate), tariff, length_s, at_ms, skip_s, owes_fee)


def _price(lines: Lines, tariff: Tariff, length_s: int, at_ms: int | None, skip_s: int, owes_fee: bool) -> Price:
    rules = rules_of(tariff)
    times = timeline(lines, tariff, at_ms, length_s)
    found = pieces(times, length_s, skip_s)
    end_s = found[-1][0] + found[-1][1] if found else skip_s
    if tariff.is_split:
        found = split(times if end_s <= length_s else timeline(lines, tariff, at_ms, end_s), found)
    amount, bound, unit_s = _summed(found, tariff, rules), "", rules.unit_s
    fee = times[0][1].fee if owes_fee else 0
    if fee:
        amount, bound = _with_fee(amount, fee, tariff, rules)
    if owes_fee and amount < lines.minimum * unit_s:
        amount, bound = lines.minimum * unit_s, "minimum"
    if lines.maximum is not None and amount > lines.maximum * unit_s:
        amount, bound = lines.maximum * unit_s, "maximum"
    return _made(Price, (amount, unit_s, found, end_s - skip_s, fee, bound))


def _summed(found: Iterable[Piece], tariff: Tariff, rules: Rules) -> int:
    total = 0
    if not rules.rounds_each:
        for _, seconds, mark, _ in found:
            total += mark.rate * seconds
        return total
    for _, seconds, mark, increments in found:
        each = mark.rate * seconds // increments
        total += increments * _rounded(each, tariff, rules.unit_s)
    return total


def _with_fee(amount: int, fee: int, tariff: Tariff, rules: Rules) -> tuple[int, str]:
    due = fee * rules.unit_s
    if rules.rounds_each:
        due = _rounded(due, tariff, rules.unit_s)
    if not tariff.is_fee_deductible:
        return amount + due, ""
    return (due, "fee") if due > amount else (amount, "")


def _rounded(amount: int, tariff: Tariff, unit_s: int) -> int:
    """An amount as it is after rounding, still in parts of the list's unit."""
    micro = round_ratio(amount, SCALE * unit_s, tariff.rounding, tariff.decimals)
    return micro * (SCALE // MICRO) * unit_s


def price_at_most(
    rate: Rate,
    tariff: Tariff,
    length_s: int,
    from_ms: int,
    to_ms: int,
    *,
    skip_s: int = 0,
    owes_fee: bool = True,
) -> Price:
    """What `price_of` gives at most when the call is answered between two moments (Unix epoch); it has no pieces.

    Exact unless prices change in that time; then as if each part of the price were the dearest that holds in it.
    """
    lines = lines_of(rate)
    if from_ms == to_ms or not lines.of_windows:
        return price_of(rate, tariff, length_s, at_ms=from_ms, skip_s=skip_s, owes_fee=owes_fee)
    slack_s = max(mark.increment_s for line in lines.all for mark in line.marks)
    within_s = (to_ms - from_ms) // 1000 + length_s + slack_s + 1
    holding = {line.window: line for _, line in timeline(lines, tariff, from_ms, within_s)}
    if len(holding) == 1:
        return price_of(rate, tariff, length_s, at_ms=from_ms, skip_s=skip_s, owes_fee=owes_fee)
    charged_s = length_s if length_s > skip_s else None
    return _dearest(lines, tariff, charged_s, tuple(holding.values()), owes_fee=owes_fee)


def _dearest(lines: Lines, tariff: Tariff, length_s: int | None, holding: Sequence[Line], *, owes_fee: bool) -> Price:
    """`length_s` None: nothing but the fee is due."""
    marks = [mark for line in holding for mark in line.marks]
    unit_s, fee = rules_of(tariff).unit_s, max(line.fee for line in holding) if owes_fee else 0
    longest_s = 0 if length_s is None else length_s - 1 + max(mark.increment_s for mark in marks)
    billed_s = 0 if length_s is None else max(max(line.initial_s for line in holding), longest_s)
    amount = max(mark.rate for mark in marks) * billed_s + fee * unit_s
    if rules_of(tariff).rounds_each:  # each increment may be rounded up by one step
        increments = billed_s // min(mark.increment_s for mark in marks) + 2
        amount += increments * (SCALE // 10 ** min(tariff.decimals, MAX_DECIMALS)) * unit_s
    amount = max(amount, lines.minimum * unit_s if owes_fee else 0)
    if lines.maximum is not None:
        amount = min(amount, lines.maximum * unit_s)
    return Price(amount, unit_s, (), billed_s, fee)


def pays_by_time(rate: Rate) -> bool:
    """Whether a longer call may cost more."""
    return any(mark.rate for line in lines_of(rate).all for mark in line.marks)


def reach_s(rate: Rate, tariff: Tariff, at_ms: int, most_s: int) -> int:
    """How long a call answered at `at_ms` may last where its list ends calls at the rate's maximum; `most_s` elsewhere.

    The longest for which the sum of the pieces is not above the maximum, the first interval at least.
    """
    if not tariff.ends_at_maximum or rate.maximum is None:
        return most_s
    endless, maximum = replace(rate, maximum=None), lines_of(rate).maximum or 0
    most = maximum * rules_of(tariff).unit_s
    fits = longest(lambda second: price_of(endless, tariff, second, at_ms=at_ms).amount <= most, most_s)
    return max(fits, billed_end_s(pieces(timeline(lines_of(rate), tariff, at_ms, 1), 1)))


def longest(fits: Callable[[int], bool], most: int) -> int:
    """The largest number up to `most` that fits, where all smaller ones fit too; -1 when not even 0 does."""
    high = 64
    while high < most and fits(high):  # calls are short: their end is near the beginning
        high *= 4
    return bisect_left(range(min(high, most) + 1), True, key=lambda number: not fits(number)) - 1


# ---------------------------------------------------------------- conversion, taxes, rounding


def converted_micro(price: Price, tariff: Tariff, exchange_rate: Decimal | None, percent: Decimal, mode: str) -> int:
    """Micro-units of the account: converted, `percent` of taxes put on unless the list has them, rounded once."""
    amount, parts = price.amount, price.unit_s * _PER_MICRO
    if exchange_rate is not None:
        numerator, denominator = exchange_rate.as_integer_ratio()
        amount, parts = amount * numerator, parts * denominator
    if percent and not tariff.is_tax_inclusive:
        amount, parts = amount * (_PARTS + _parts(percent)), parts * _PARTS
    return round_micro(amount, parts, mode, tariff.decimals)


def percent_of(taxes: Iterable[Tax]) -> Decimal:
    """The taxes together: each is reckoned on the price without taxes."""
    return sum((tax.percent for tax in taxes), _NOTHING) if taxes else _NOTHING


def tax_within(amount_micro: int, percent: Decimal) -> int:
    """The taxes in an amount that has them, in micro-units, rounded half up."""
    if not percent:
        return 0
    parts = _parts(percent)
    return round_ratio(amount_micro * parts, MICRO * (_PARTS + parts))


def _parts(percent: Decimal) -> int:
    return int(percent.scaleb(8, EXACT))
