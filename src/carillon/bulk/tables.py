"""One version of a price list in columns: its rates by ranges of numbers, its prices as whole numbers.

Prices count parts: 10^-8 of the currency, divided by the seconds of the list's unit. A rate per unit is then a whole
number of parts per second, and everything that a call costs is a whole number of parts.

A price has forms: its own and one for each window that it has a price for. A form has levels: what holds from its
beginning and what each step says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from carillon.bulk.exact import LIMIT, Ints, quotient
from carillon.logic.callflow.feed import Rate, Step, Tariff, WindowPrice
from carillon.logic.money import EXACT, MAX_DECIMALS
from carillon.logic.ratetable import MAX_PREFIX, RateTable
from carillon.logic.rating.lines import SCALE, UNIT_S

NEVER_S = 2**31  # no call is so long


@dataclass(frozen=True, slots=True)
class Levels:
    """What calls cost by form and step: a form's levels one after the other, each until the next step begins."""

    first: Ints  # by form
    until_s: Ints
    per_second: Ints  # parts
    increment_s: Ints
    increment_cost: Ints  # parts of a whole increment, rounded if the tariff does that

    def at(self, form: Ints, second: Ints) -> Ints:
        """The level of a form that holds at a second of the call."""
        level = self.first[form]
        beyond = np.flatnonzero(self.until_s[level] <= second)
        while len(beyond):
            level[beyond] += 1
            beyond = beyond[self.until_s[level[beyond]] <= second[beyond]]
        return level


@dataclass(frozen=True, slots=True)
class Prices:
    """The distinct prices of a version.

    `forms[price * kinds + kind]` is the form of a price in a kind of stretch of the calendar. `fee`, `initial_s` and
    `initial_cost` are by form, the others by price. `most_at_once` and `most_per_s` bound what a call can cost, in
    floats: a price that cannot be computed in columns has infinity there.
    """

    forms: Ints
    kinds: int
    fee: Ints
    initial_s: Ints
    initial_cost: Ints
    levels: Levels
    grace_s: Ints
    minimum: Ints
    maximum: Ints
    is_bounded: bool  # some price has a minimum or a maximum
    most_at_once: NDArray[np.float64]
    most_per_s: NDArray[np.float64]


class _Builder:
    """Collects forms and levels; parts that are no whole number or beyond LIMIT make the price odd."""

    def __init__(self, tariff: Tariff) -> None:
        self._tariff, self.unit_s = tariff, UNIT_S[tariff.unit]
        rounds = tariff.rounds_increments and not tariff.is_split  # else there are no increments to round
        decimals = max(min(tariff.decimals, MAX_DECIMALS), 0)
        self.round_to = self.unit_s * SCALE // 10**decimals if rounds else 1
        self.forms: list[tuple[int, int, int]] = []
        self.levels: list[tuple[int, int, int, int, int]] = []
        self.is_odd = False

    def parts(self, amount: Decimal, seconds: int = 1) -> int:
        """`amount` of currency in parts of so many seconds; 0, and the price odd, when that is no number of 62 bits."""
        if not amount:
            return 0
        exact = amount.scaleb(8, EXACT)
        whole = int(exact)
        parts = whole * seconds
        if whole != exact or not 0 <= parts < LIMIT:
            self.is_odd = True
            return 0
        return parts

    def rounded(self, parts: int) -> int:
        """Rounded to the tariff's decimals if it rounds each increment."""
        if parts >= LIMIT:
            self.is_odd = True
            return 0
        if self.round_to == 1:
            return parts
        return int(quotient(np.array([parts]), self.round_to, self._tariff.rounding)[0]) * self.round_to

    def form(self, price: Rate | WindowPrice) -> int:
        """Add a form with its levels; its number."""
        number, first = len(self.forms), len(self.levels)
        self._level(number, 0, price.per_minute, price.increment_s)
        for step in sorted(price.steps, key=_from_s) if price.steps else ():
            if step.from_s <= 0:  # in place of what was said before
                del self.levels[first:]
            self._level(number, step.from_s, step.per_minute, step.increment_s)
        initial_cost = self.rounded(self.levels[first][2] * price.initial_s)
        fee = self.rounded(self.parts(price.connection_fee, self.unit_s))
        self.forms.append((fee, price.initial_s, initial_cost))
        return number

    def _level(self, form: int, from_s: int, per_unit: Decimal, increment_s: int) -> None:
        per_second = self.parts(per_unit)
        if increment_s < 1:
            increment_s = 1
        if increment_s >= NEVER_S or from_s >= NEVER_S:
            self.is_odd = True
        self.levels.append((form, max(from_s, 0), per_second, increment_s, self.rounded(per_second * increment_s)))


def _from_s(step: Step) -> int:
    return step.from_s


def prices_of(rates: Iterable[Rate], tariff: Tariff, held: Sequence[int]) -> Prices:
    """The prices of `rates` in columns; `held`: which windows hold in each kind of stretch."""
    builder = _Builder(tariff)
    forms, rows, bounds = [], [], []
    holding = [[window.name for place, window in enumerate(tariff.windows) if state >> place & 1] for state in held]
    for rate in rates:
        builder.is_odd = False
        first = len(builder.levels)
        by_window = _forms(builder, rate)
        forms += [_form_in(by_window, names) for names in holding]
        maximum = LIMIT if rate.maximum is None else builder.parts(rate.maximum, builder.unit_s)
        rows.append((min(rate.grace_s, NEVER_S), builder.parts(rate.minimum, builder.unit_s), maximum))
        bounds.append(_bounds(builder, by_window.values(), first))
    fee, initial_s, initial_cost = _columns(builder.forms, 3)
    grace_s, minimum, maximum_column = _columns(rows, 3)
    most = np.array(bounds, np.float64).reshape(-1, 2)
    return Prices(
        forms=np.array(forms, np.int64),
        kinds=len(held),
        fee=fee,
        initial_s=initial_s,
        initial_cost=initial_cost,
        levels=_levels(builder),
        grace_s=grace_s,
        minimum=minimum,
        maximum=maximum_column,
        is_bounded=bool(minimum.any() or (maximum_column < LIMIT).any()),
        most_at_once=most[:, 0].copy(),
        most_per_s=most[:, 1].copy(),
    )


def _forms(builder: _Builder, rate: Rate) -> dict[str, int]:
    """By window the form of a rate, its own price under ""."""
    by_window = {"": builder.form(rate)}
    for price in rate.windows:
        by_window[price.window] = builder.form(price)
    return by_window


def _form_in(by_window: dict[str, int], holding: Sequence[str]) -> int:
    """Of the windows that hold, the first that has a price; else the rate's own."""
    return next((by_window[name] for name in holding if name in by_window), by_window[""])


def _bounds(builder: _Builder, forms: Iterable[int], first_level: int) -> tuple[float, float]:
    """What calls by a price cost at most at once, and per second on top, in parts."""
    if builder.is_odd:
        return float("inf"), 0.0
    once = max(sum(builder.forms[form][::2]) for form in forms)
    levels = builder.levels[first_level:]
    return float(once + max(level[4] for level in levels)), max(level[4] / level[3] for level in levels)


def _levels(builder: _Builder) -> Levels:
    form, from_s, per_second, increment_s, cost = _columns(builder.levels, 5)
    until_s = np.where(np.append(form[1:] == form[:-1], False), np.append(from_s[1:], 0), NEVER_S)
    first = np.searchsorted(form, np.arange(len(builder.forms)))
    return Levels(first, until_s, per_second, increment_s, cost)


def _columns(rows: Sequence[tuple[int, ...]], count: int) -> list[Ints]:
    return list(np.ascontiguousarray(np.array(rows, np.int64).reshape(-1, count).T))


# ---------------------------------------------------------------- numbers

_BUCKET = 10 ** (MAX_PREFIX - 6)  # numbers with the same six first digits
_MANY = 4096  # ranges; fewer are found as fast without buckets


class Numbers:
    """Which rate of a table has the longest prefix of a number: one bisection among the few ranges of its bucket."""

    def __init__(self, table: RateTable, many: int = _MANY) -> None:
        columns = table.columns()
        most = np.iinfo(np.int64).max
        # nobody's range before the first and after the last, and the length 0 of rate -1: whatever is found is there
        self._starts = np.concatenate(([-1], np.asarray(columns.starts).astype(np.int64), [most]))
        self._owners = np.concatenate(([-1], np.asarray(columns.owners).astype(np.int64), [-1]))
        self._lengths = np.append((np.asarray(columns.keys) & 31).astype(np.int64), 0)
        self._parents = np.asarray(columns.parents).astype(np.int64)
        self._edges = self._bucket_edges() if len(self._starts) > many else None

    def longest(self, padded: Ints, digits: Ints) -> Ints:
        """By number (its digits padded to 17 with zeros, and how many it has) the index of the rate; -1: none."""
        rate = np.where(digits > 0, self._owners.take(self._places(padded) - 1), -1)
        longer = np.flatnonzero(self._lengths.take(rate, mode="wrap") > digits)
        while len(longer):
            rate[longer] = self._parents[rate[longer]]
            longer = longer[self._lengths[rate[longer]] > digits[longer]]
        return rate

    def _bucket_edges(self) -> NDArray[np.int32]:
        """By bucket how many ranges begin before it or with it."""
        first_after = -(-self._starts[:-1] // _BUCKET)
        return np.cumsum(np.bincount(first_after, minlength=10**6 + 1), dtype=np.int32)

    def _places(self, padded: Ints) -> Ints:
        """How many ranges begin at each number or before it."""
        if self._edges is None:
            return np.asarray(np.searchsorted(self._starts, padded, "right"), np.int64)
        bucket = padded // _BUCKET
        place: Ints = self._edges[bucket].astype(np.int64)
        most = self._edges[bucket + 1]
        rows = np.flatnonzero(place < most)
        low, high, number = place[rows], most[rows].astype(np.int64), padded[rows]
        while (low < high).any():
            middle = (low + high) >> 1
            is_right = self._starts[middle] <= number
            low, high = np.where(is_right, middle + 1, low), np.where(is_right, high, middle)
        place[rows] = low
        return place
