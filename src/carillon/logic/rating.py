"""What a call costs by one price list: its rate in force, intervals, one rounding.

The exact price is `connection_fee + per_minute * billed_seconds / 60`; it is converted once, if the list and the
account have different currencies, and rounded once (`money.round_micro`), never per interval: rounding every
increment turns 0.7 into 0.7002.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from carillon.logic.callflow.feed import Rate, Tariff
from carillon.logic.callflow.need import Missing
from carillon.logic.money import EXACT, format_exact, round_micro
from carillon.logic.ratetable import RateTable

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


# ---------------------------------------------------------------- all lists, over time


@dataclass(frozen=True, slots=True)
class Version:
    """One approved version of a price list: in force from `effective_ms` (Unix epoch, UTC) until the next one's."""

    effective_ms: int
    tariff: Tariff
    rates: RateTable


@dataclass(frozen=True, slots=True)
class Unread:
    """An approved version whose `rate_count` rates are still being read."""

    effective_ms: int
    price_list_id: int
    rate_count: int


class PriceLists:
    """Every price list with its versions, past and future. Immutable; `at` gives what is in force at a moment."""

    __slots__ = ("_lists", "_unread", "_unread_count")

    def __init__(self, versions: Iterable[Version] = (), unread: Iterable[Unread] = ()) -> None:
        """`versions` in any order; of two that start in the same millisecond the higher version number wins.

        Until an `unread` version is read, the one before it stays in force.
        """
        lists: dict[int, list[Version]] = {}
        for version in sorted(versions, key=lambda item: (item.effective_ms, item.tariff.version)):
            lists.setdefault(version.tariff.price_list_id, []).append(version)
        self._lists: Mapping[int, tuple[tuple[int, ...], tuple[Version, ...]]] = {
            key: (tuple(item.effective_ms for item in items), tuple(items)) for key, items in lists.items()
        }
        awaited = tuple(unread)
        self._unread = {item.price_list_id: item.effective_ms for item in sorted(awaited, key=_latest_first)}
        self._unread_count = sum(item.rate_count for item in awaited)

    def version_at(self, price_list_id: int, at_ms: int) -> Version | None:
        """The version in force at `at_ms`, or None before the first one or for an unknown list.

        Raises Missing (kind `rates`) when there should be one and its rates are not read yet.
        """
        starts, versions = self._lists.get(price_list_id, ((), ()))
        place = bisect_right(starts, at_ms)
        if place:
            return versions[place - 1]
        if price_list_id in self._unread and self._unread[price_list_id] <= at_ms:
            raise Missing("rates", str(price_list_id))
        return None

    def at(self, at_ms: int) -> RatesAt:
        """The RateBook of that moment: a small view, made per call."""
        return RatesAt(self, at_ms)

    def rate_count(self) -> int:
        """Rates in all versions of all lists, those still to be read included."""
        read = sum(len(version.rates) for _, versions in self._lists.values() for version in versions)
        return read + self._unread_count


def _latest_first(version: Unread) -> int:
    return -version.effective_ms


@dataclass(frozen=True, slots=True)
class RatesAt:
    """The price lists in force at one moment: implements `feed.RateBook`. Raises Missing like `version_at`."""

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
