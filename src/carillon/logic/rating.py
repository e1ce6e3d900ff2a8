"""What a call costs by one price list: longest prefix, intervals, one rounding.

The exact price is `connection_fee + per_minute * billed_seconds / 60`; it is converted once, if the list and the
account have different currencies, and rounded once (`money.round_micro`), never per interval: rounding every
increment turns 0.7 into 0.7002.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from carillon.logic.callflow.feed import Rate, Tariff
from carillon.logic.money import EXACT, format_exact, round_micro

MAX_PREFIX = 17  # E.164 has at most 15 digits; two more for carriers' own codes
_LENGTH_BITS = 5
_SIXTY = Decimal(60)


# ---------------------------------------------------------------- the price of one call


@dataclass(frozen=True, slots=True)
class Charge:
    """What one call costs one account.

    `exact` is the price in the list's currency before conversion and rounding; `steps` are the sentences of the bill.
    """

    amount_micro: int
    currency: str
    billed_s: int
    exact: Decimal
    steps: tuple[str, ...]


def billed_seconds(rate: Rate, duration_s: int) -> int:
    """Seconds charged for a call of `duration_s`: the whole initial interval, then every started increment."""
    over = duration_s - rate.initial_s
    if over <= 0:
        return rate.initial_s
    increment = max(rate.increment_s, 1)
    return rate.initial_s + -(-over // increment) * increment


def price_sixtieths(rate: Rate, billed_s: int) -> Decimal:
    """Sixty times the exact price of `billed_s` charged seconds: exact, because nothing is divided yet."""
    return EXACT.fma(rate.per_minute, Decimal(billed_s), EXACT.multiply(rate.connection_fee, _SIXTY))


def rate_call(
    rate: Rate,
    tariff: Tariff,
    duration_ms: int,
    *,
    exchange_rate: Decimal | None = None,
    account_currency: str = "",
    account_decimals: int = 6,
) -> Charge:
    """The charge for an answered call of `duration_ms` milliseconds (started seconds count whole).

    `exchange_rate` is what one unit of the list's currency is worth in `account_currency` (None: same currency).
    Rounding is the tariff's mode at the tariff's decimals, or the account's when those are fewer. The price never
    falls when the duration grows. Raises ValueError for a negative duration.
    """
    if duration_ms < 0:
        raise ValueError(f"A call cannot last {duration_ms} ms.")
    billed_s = billed_seconds(rate, -(-duration_ms // 1000))
    sixtieths = price_sixtieths(rate, billed_s)
    exact = EXACT.divide(sixtieths, _SIXTY)
    converted = exact if exchange_rate is None else EXACT.divide(EXACT.multiply(sixtieths, exchange_rate), _SIXTY)
    amount = round_micro(converted, tariff.rounding, min(tariff.decimals, account_decimals))
    currency = tariff.currency if exchange_rate is None else account_currency or tariff.currency
    return Charge(amount, currency, billed_s, exact, _steps(rate, tariff, billed_s, exact, exchange_rate))


def _steps(rate: Rate, tariff: Tariff, billed_s: int, exact: Decimal, exchange_rate: Decimal | None) -> tuple[str, ...]:
    steps = (
        f"Connection fee {format_exact(rate.connection_fee)} {tariff.currency}.",
        f"{billed_s} s charged at {format_exact(rate.per_minute)} {tariff.currency} a minute"
        f" ({rate.initial_s}/{rate.increment_s}).",
        f"Exact price {format_exact(exact)} {tariff.currency}.",
    )
    return steps if exchange_rate is None else (*steps, f"Converted at {exchange_rate}.")


# ---------------------------------------------------------------- longest prefix


class RateTableError(ValueError):
    """A price list cannot be used; the message names the prefix."""

    slug = "bad-rate-table"


RateRow = tuple[str, str, Decimal, Decimal, int, int]
"""prefix, name, connection fee, rate per minute, initial seconds, increment seconds: the fields of Rate in order."""

_Price = tuple[Decimal, Decimal, int, int]


class RateTable:
    """The rates of one version of a price list: immutable, about 40 bytes a rate, one bisection per lookup.

    Each prefix is one range of numbers padded to 17 digits; nested ranges are flattened to disjoint ones when the
    table is built. Equal names are stored once, and so are equal prices (fee, rate, intervals).
    """

    __slots__ = ("_keys", "_lines", "_owners", "_parents", "_starts")

    def __init__(self, rows: Iterable[RateRow | Rate] = ()) -> None:
        """Build from rows in any order (fastest when sorted by prefix as text).

        Raises RateTableError for a prefix that is not 0 to 17 digits or occurs twice. One million rows take about
        3 seconds: build outside the event loop.
        """
        self._keys, self._lines = _collect(rows)
        self._starts, self._owners, self._parents = _flatten(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def longest(self, number: str) -> Rate | None:
        """The rate with the longest prefix of `number` (digits or E.164 with plus), or None. Never raises."""
        digits = number[1:] if number[:1] == "+" else number
        if not (digits.isascii() and digits.isdigit()):
            return None
        padded = int(digits[:MAX_PREFIX].ljust(MAX_PREFIX, "0"))
        place = bisect_right(self._starts, padded) - 1
        index = self._owners[place] if place >= 0 else -1
        while index >= 0:
            key = self._keys[index]
            length = key & 31
            if length <= len(digits):
                return self._rate(index, digits[:length])
            index = self._parents[index]
        return None

    def rates(self) -> Iterable[Rate]:
        """All rates, ordered by prefix as text."""
        for index, key in enumerate(self._keys):
            yield self._rate(index, _prefix(key))

    def _rate(self, index: int, prefix: str) -> Rate:
        lines = self._lines
        connection_fee, per_minute, initial_s, increment_s = lines.prices[lines.price_of[index]]
        return Rate(prefix, lines.names[lines.name_of[index]], connection_fee, per_minute, initial_s, increment_s)


@dataclass(frozen=True, slots=True)
class _Lines:
    """Name and price of each key, as indices into the distinct ones."""

    name_of: array[int]
    price_of: array[int]
    names: tuple[str, ...]
    prices: tuple[_Price, ...]


def _prefix(key: int) -> str:
    return f"{key >> _LENGTH_BITS:0{MAX_PREFIX}d}"[: key & 31]


def _key(prefix: str) -> int:
    """Padded prefix and its length in one integer: sorts as the prefixes do as text, parents before children."""
    length = len(prefix)
    if length > MAX_PREFIX or (prefix and not (prefix.isascii() and prefix.isdigit())):
        raise RateTableError(f"Prefix “{prefix[:40]}” is not 0 to {MAX_PREFIX} digits.")
    return int(prefix.ljust(MAX_PREFIX, "0")) << _LENGTH_BITS | length


def _collect(rows: Iterable[RateRow | Rate]) -> tuple[array[int], _Lines]:
    """The keys in order, with the lines they belong to."""
    keys, name_of, price_of = array("Q"), array("I"), array("I")
    names: dict[str, int] = {}
    prices: dict[_Price, int] = {}
    for row in rows:
        prefix, name, fee, per_minute, initial_s, increment_s = _fields(row) if isinstance(row, Rate) else row
        keys.append(_key(prefix))
        name_of.append(names.setdefault(name, len(names)))
        price_of.append(prices.setdefault((fee, per_minute, initial_s, increment_s), len(prices)))
    if any(later < earlier for earlier, later in pairwise(keys)):
        order = array("I", sorted(range(len(keys)), key=keys.__getitem__))
        keys = array("Q", (keys[i] for i in order))
        name_of, price_of = array("I", (name_of[i] for i in order)), array("I", (price_of[i] for i in order))
    for earlier, later in pairwise(keys):
        if earlier == later:
            raise RateTableError(f"Prefix “{_prefix(later)}” occurs twice.")
    return keys, _Lines(name_of, price_of, tuple(names), tuple(prices))


def _fields(rate: Rate) -> RateRow:
    return rate.prefix, rate.name, rate.connection_fee, rate.per_minute, rate.initial_s, rate.increment_s


def _flatten(keys: array[int]) -> tuple[array[int], array[int], array[int]]:
    """Starts of disjoint ranges, the key index owning each (-1: none), and each key's enclosing key (-1: none)."""
    starts, owners, parents = array("Q"), array("i"), array("i")
    open_ranges: list[tuple[int, int]] = []  # (end, key index), innermost last

    def begin(start: int, owner: int) -> None:
        if starts and starts[-1] == start:
            owners[-1] = owner
        else:
            starts.append(start)
            owners.append(owner)

    def close_until(start: int) -> None:
        while open_ranges and open_ranges[-1][0] <= start:
            end, _ = open_ranges.pop()
            begin(end, open_ranges[-1][1] if open_ranges else -1)

    for index, key in enumerate(keys):
        start = key >> _LENGTH_BITS
        close_until(start)
        parents.append(open_ranges[-1][1] if open_ranges else -1)
        begin(start, index)
        open_ranges.append((start + 10 ** (MAX_PREFIX - (key & 31)), index))
    close_until(10 ** (MAX_PREFIX + 1))
    return starts, owners, parents


# ---------------------------------------------------------------- all lists, over time


@dataclass(frozen=True, slots=True)
class Version:
    """One approved version of a price list: in force from `effective_ms` (Unix epoch, UTC) until the next one's."""

    effective_ms: int
    tariff: Tariff
    rates: RateTable


class PriceLists:
    """Every price list with its versions, past and future. Immutable; `at` gives what is in force at a moment."""

    __slots__ = ("_lists",)

    def __init__(self, versions: Iterable[Version] = ()) -> None:
        """`versions` in any order; of two that start in the same millisecond the higher version number wins."""
        lists: dict[int, list[Version]] = {}
        for version in sorted(versions, key=lambda item: (item.effective_ms, item.tariff.version)):
            lists.setdefault(version.tariff.price_list_id, []).append(version)
        self._lists: Mapping[int, tuple[tuple[int, ...], tuple[Version, ...]]] = {
            key: (tuple(item.effective_ms for item in items), tuple(items)) for key, items in lists.items()
        }

    def version_at(self, price_list_id: int, at_ms: int) -> Version | None:
        """The version in force at `at_ms`, or None before the first one or for an unknown list."""
        starts, versions = self._lists.get(price_list_id, ((), ()))
        place = bisect_right(starts, at_ms)
        return versions[place - 1] if place else None

    def at(self, at_ms: int) -> RatesAt:
        """The RateBook of that moment: a small view, made per call."""
        return RatesAt(self, at_ms)

    def rate_count(self) -> int:
        """Rates in all versions of all lists."""
        return sum(len(version.rates) for _, versions in self._lists.values() for version in versions)


@dataclass(frozen=True, slots=True)
class RatesAt:
    """The price lists in force at one moment: implements `values.RateBook`."""

    lists: PriceLists
    at_ms: int

    def tariff(self, price_list_id: int) -> Tariff | None:
        """The version in force, or None."""
        version = self.lists.version_at(price_list_id, self.at_ms)
        return version.tariff if version else None

    def longest(self, price_list_id: int, number: str) -> Rate | None:
        """The rate with the longest prefix of `number` in the version in force, or None."""
        version = self.lists.version_at(price_list_id, self.at_ms)
        return version.rates.longest(number) if version else None
