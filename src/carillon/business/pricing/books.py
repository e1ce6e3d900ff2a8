"""Price lists as the rating reads them: a version's rules and all its rates in memory, and which version held when."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from carillon.base.actor import Actor
from carillon.base.tenancy import tenant
from carillon.business.partners.models import Partner
from carillon.business.partners.queries import system_actor
from carillon.business.pricing.choices import VersionState
from carillon.business.pricing.models import ExchangeRate, PriceListVersion
from carillon.business.pricing.queries import milliseconds
from carillon.business.pricing.terms import rate_rows, tariff_of
from carillon.logic.callflow import terms
from carillon.logic.callflow.exchange import ExchangeRates
from carillon.logic.callflow.feed import Tariff
from carillon.logic.ratetable import RateTable


@dataclass(frozen=True, slots=True)
class Book:
    """One version of a list: its rules and rates."""

    tariff: Tariff
    rates: RateTable


def book_of(version: PriceListVersion) -> Book:
    """Return a version's rules and rates, drafts too. Cost: 50 MB of memory for a million rates."""
    return Book(tariff_of(version), RateTable(rate_rows(version)))


class PastExchange:
    """What has converted prices at any moment, of all sellers; read at once, as the platform."""

    def __init__(self) -> None:
        """Cost: two queries."""
        with tenant(system_actor()):
            self._paths: dict[int, list[int]] = dict(Partner.objects.values_list("pk", "path"))
            names = ("pk", "partner_id", "source", "target", "rate", "effective_from", "loss_percent")
            self._rates = ExchangeRates(
                terms.ExchangeRate(rate_id, seller, one, other, worth, milliseconds(since), loss)
                for rate_id, seller, one, other, worth, since, loss in ExchangeRate.objects.values_list(*names)
            )

    def at(self, partner_id: int, source: str, target: str, at_ms: int) -> Decimal | None:
        """Return what one unit of `source` was worth in `target` for a seller at a moment of the Unix epoch.

        By its own rates, else by those of its sellers above; None: by none. No query.
        """
        return self._rates.by_first(reversed(self._paths.get(partner_id, ())), source, target, at_ms)


class PastBooks:
    """What the lists that an actor sees have said at any moment; a version's rates are read when it is first asked."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor
        self._versions: dict[int, tuple[list[datetime], list[PriceListVersion]]] = {}
        self._books: dict[int, Book] = {}

    def at(self, price_list_id: int, moment: datetime) -> Book | None:
        """Return the version of the list that was in force, of those that are approved now; None before the first.

        Cost: one query for each list, and the rates of each version.
        """
        starts, versions = self._history(price_list_id)
        place = bisect_right(starts, moment)
        return self.of(versions[place - 1]) if place else None

    def of(self, version: PriceListVersion) -> Book:
        """Return a version's book."""
        if version.pk not in self._books:
            self._books[version.pk] = book_of(version)
        return self._books[version.pk]

    def _history(self, price_list_id: int) -> tuple[list[datetime], list[PriceListVersion]]:
        if price_list_id not in self._versions:
            approved = PriceListVersion.objects.visible_to(self._actor).filter(
                price_list_id=price_list_id, state=VersionState.APPROVED
            )
            found = list(approved.select_related("price_list").order_by("effective_from", "number"))
            self._versions[price_list_id] = [version.effective_from for version in found], found
        return self._versions[price_list_id]
