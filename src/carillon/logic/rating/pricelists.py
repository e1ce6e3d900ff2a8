"""All price lists with their versions, over time: what is in force at a moment."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from carillon.logic.callflow.feed import Rate, Tariff
from carillon.logic.callflow.need import Missing
from carillon.logic.ratetable import RateTable


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
