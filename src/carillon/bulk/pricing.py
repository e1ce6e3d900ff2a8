"""The columnar counterpart of `carillon.logic.rating`: the same prices, millions of calls at a time.

Nothing is decided here that is not decided there: calls whose prices don't fit 64 bits are asked of `rate_call`, one
by one, and tests hold the two against each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from carillon.bulk.calendar import stretches
from carillon.bulk.columns import Calls, Charges, Terms
from carillon.bulk.exact import LIMIT, Flags, Ints, is_small, quotient, scaled
from carillon.bulk.tables import Numbers, prices_of
from carillon.bulk.walk import Walk, pay
from carillon.logic.callflow.feed import Tariff
from carillon.logic.money import MAX_DECIMALS, MICRO
from carillon.logic.ratetable import RateTable
from carillon.logic.rating import percent_of, rate_call
from carillon.logic.rating.lines import SCALE, UNIT_S

ROWS_AT_ONCE = 65_536  # their columns stay in the processor's cache


@dataclass(frozen=True, slots=True)
class _Ratios:
    """By terms, a number to multiply by: `times / by`; `are_small`: where that can be done in columns."""

    times: Ints
    by: Ints
    are_small: Flags

    def of(self, amounts: Ints, terms: Ints, mode: str) -> tuple[Ints, Flags]:
        """The amounts multiplied and rounded, and where that is right."""
        if len(self.times) == 1 and self.times[0] <= 1 and self.are_small[0]:
            return quotient(amounts * self.times[0], int(self.by[0]), mode), np.ones(len(amounts), np.bool_)
        found, fits = scaled(amounts, self.times[terms], self.by[terms], mode)
        return found, fits & self.are_small[terms]


def _ratios(fractions: Iterable[Fraction]) -> _Ratios:
    listed = list(fractions)
    are_small = [is_small(fraction) for fraction in listed]
    used = [fraction if fits else Fraction(0) for fraction, fits in zip(listed, are_small, strict=True)]
    times, by = ([getattr(each, part) for each in used] for part in ("numerator", "denominator"))
    return _Ratios(np.array(times, np.int64), np.array(by, np.int64), np.array(are_small, np.bool_))


class Version:
    """A version of a price list with what it takes to price calls that are between two moments.

    Building costs about what reading the table does: each distinct price is looked at once.
    """

    def __init__(self, tariff: Tariff, table: RateTable, terms: Sequence[Terms], first_ms: int, last_ms: int) -> None:
        columns = table.columns()
        self._tariff, self._table, self._terms = tariff, table, terms
        self._span = (first_ms, last_ms)
        self._times = stretches(tariff.windows, first_ms, last_ms)
        self._numbers = Numbers(table)
        self._price_of = np.asarray(columns.price_of).astype(np.int64)
        first = np.zeros(self._price_of.max(initial=-1) + 1, np.int64)
        first[self._price_of] = np.arange(len(self._price_of))  # any rate that has the price
        self._prices = prices_of((table.rate_at(int(index)) for index in first), tariff, self._times.held)
        self._step = 10 ** (MAX_DECIMALS - max(min(tariff.decimals, MAX_DECIMALS), 0))
        self._to_steps = _ratios(_to_steps(tariff, each, self._step) for each in terms)
        self._to_taxes = _ratios(_tax_part(each) for each in terms)

    def price(self, calls: Calls) -> Charges:
        """What the calls cost; their column `version` is not looked at. Raises ValueError for impossible times."""
        self._refuse_impossible(calls)
        rate = self._numbers.longest(calls.padded, calls.digits)
        if not len(self._price_of):
            return Charges(rate * 0, rate * 0, rate * 0, rate)
        price = self._price_of[rate]
        parts, billed_s, fits = self._parts(calls, price)
        amount, converted = self._amounts(parts, calls.terms)
        tax, taxed = self._to_taxes.of(amount, calls.terms, "half_up")
        has_rate = rate >= 0
        charges = Charges(amount * has_rate, tax * has_rate, billed_s * has_rate, rate)
        for row in np.flatnonzero(has_rate & ~(fits & converted & taxed)):
            self._price_alone(calls, charges, int(row))
        return charges

    def _refuse_impossible(self, calls: Calls) -> None:
        if not len(calls):
            return
        if calls.duration_ms.min() < 0:
            raise ValueError(f"A call cannot last {calls.duration_ms.min()} ms.")
        first_ms, last_ms = calls.answered_ms.min(), (calls.answered_ms + calls.duration_ms).max()
        if first_ms < self._span[0] or last_ms > self._span[1]:
            raise ValueError(f"There are calls from {first_ms} to {last_ms} ms, outside of {self._span}.")

    def _parts(self, calls: Calls, price: Ints) -> tuple[Ints, Ints, Flags]:
        """By call what it costs before conversion, the seconds charged, and whether all of it fits."""
        prices, seconds = self._prices, -(-calls.duration_ms // 1000)
        fits = self._fits(price, seconds)
        kind = self._times.kinds[self._times.at(calls.answered_ms)]
        form = prices.forms[price * prices.kinds + kind]
        walk = self._begun(calls, price, form, np.where(fits, seconds, 0))
        pay(walk, prices, self._times, is_split=self._tariff.is_split)
        fee = prices.fee[form] * calls.owes_fee
        total = np.maximum(walk.cost, fee) if self._tariff.is_fee_deductible else walk.cost + fee
        if prices.is_bounded:
            total = np.maximum(total, prices.minimum[price] * calls.owes_fee)
            total = np.minimum(total, prices.maximum[price])
        is_charged = (seconds > prices.grace_s[price]) | (prices.grace_s[price] == 0)
        return total * is_charged, (walk.at_s - calls.skip_s) * is_charged, fits

    def _fits(self, price: Ints, seconds: Ints) -> Flags:
        prices = self._prices
        if prices.most_at_once.max() + prices.most_per_s.max() * seconds.max(initial=0) < LIMIT:
            return np.ones(len(seconds), np.bool_)
        return prices.most_at_once[price] + prices.most_per_s[price] * seconds < LIMIT

    def _begun(self, calls: Calls, price: Ints, form: Ints, seconds: Ints) -> Walk:
        """The calls at their beginning: the initial interval is paid, or is the first of those that are split."""
        is_whole, zero = calls.skip_s == 0, np.zeros(len(calls), np.int64)
        initial_s = self._prices.initial_s[form] * is_whole
        if self._tariff.is_split:
            return Walk(price, calls.answered_ms, seconds, calls.skip_s + zero, zero, initial_s)
        cost = self._prices.initial_cost[form] * is_whole
        return Walk(price, calls.answered_ms, seconds, calls.skip_s + initial_s, cost, zero)

    def _amounts(self, parts: Ints, terms: Ints) -> tuple[Ints, Flags]:
        """Micro-units, rounded once, and where they are right."""
        steps, fits = self._to_steps.of(parts, terms, self._tariff.rounding)
        return steps * self._step, fits & (steps < LIMIT // self._step)

    def _price_alone(self, calls: Calls, charges: Charges, row: int) -> None:
        terms = self._terms[int(calls.terms[row])]
        charge = rate_call(
            self._table.rate_at(int(charges.rate[row])),
            self._tariff,
            int(calls.duration_ms[row]),
            at_ms=int(calls.answered_ms[row]),
            skip_s=int(calls.skip_s[row]),
            owes_fee=bool(calls.owes_fee[row]),
            exchange_rate=terms.exchange_rate,
            taxes=terms.taxes,
            account_currency=terms.account_currency,
        )
        if charge.amount_micro >= 2**63:
            at = f"“{self._tariff.price_list}” version {self._tariff.version}"
            raise ValueError(f"{at} charges {charge.amount_micro} micro-units for one call: no account can have that.")
        charges.amount_micro[row], charges.tax_micro[row] = charge.amount_micro, charge.tax_micro
        charges.billed_s[row] = charge.billed_s


def _to_steps(tariff: Tariff, terms: Terms, step: int) -> Fraction:
    """From parts in the list's currency to steps of so many micro-units, taxes put on unless the list has them."""
    factor = Fraction(MICRO, step * SCALE * UNIT_S[tariff.unit])
    if terms.exchange_rate is not None:
        factor *= Fraction(terms.exchange_rate)
    if tariff.is_tax_inclusive:
        return factor
    return factor * (1 + Fraction(percent_of(terms.taxes)) / 100)


def _tax_part(terms: Terms) -> Fraction:
    """The taxes' part of an amount that has them."""
    percent = Fraction(percent_of(terms.taxes))
    return percent / (100 + percent)


# ---------------------------------------------------------------- calls of many lists


class Book:
    """The versions and terms by which calls are priced: those that their columns `version` and `terms` name."""

    def __init__(
        self, versions: Sequence[tuple[Tariff, RateTable]], terms: Sequence[Terms], first_ms: int, last_ms: int
    ) -> None:
        """`first_ms` and `last_ms`: when the first call begins at the earliest, and the last one ends."""
        self._versions = [Version(tariff, table, terms, first_ms, last_ms) for tariff, table in versions]

    def price(self, calls: Calls) -> Charges:
        """What each call costs, in the order of the calls. Raises ValueError for impossible times."""
        charges = Charges(*(np.zeros(len(calls), np.int64) for _ in range(4)))
        order = np.argsort(calls.version.astype(np.int16), kind="stable")
        ends = np.cumsum(np.bincount(calls.version, minlength=len(self._versions)))
        for version, of_version in zip(self._versions, np.split(order, ends[:-1]), strict=True):
            for rows in _portions(of_version):
                priced = version.price(calls.rows(rows))
                charges.amount_micro[rows], charges.tax_micro[rows] = priced.amount_micro, priced.tax_micro
                charges.billed_s[rows], charges.rate[rows] = priced.billed_s, priced.rate
        return charges


def _portions(rows: Ints) -> Iterator[Ints]:
    for first in range(0, len(rows), ROWS_AT_ONCE):
        yield rows[first : first + ROWS_AT_ONCE]
