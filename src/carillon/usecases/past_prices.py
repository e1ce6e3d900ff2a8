"""By which prices a run charges calls again: a version of the list that has charged them, or what their seller pays.

A call that was sold by the supplier's price with a mark-up has it again, with the rule that its CDR keeps, on what the
supplier charges by re-rating: from the tier with a list down, as when the call began.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from carillon.base.actor import Actor
from carillon.base.tenancy import tenant
from carillon.business.calls.models import Cdr
from carillon.business.partners.queries import system_actor
from carillon.business.pricing.books import PastBooks, PastExchange
from carillon.business.pricing.models import PriceListVersion
from carillon.logic.callflow.fallback import marked_up_rate, resold_rules
from carillon.logic.callflow.feed import Rate, Tariff
from carillon.logic.callflow.values import MadeFrom
from carillon.logic.rerating import MARKED_UP, Charged, NoExchangeRate, Price, kept_rule, price_again


@dataclass(frozen=True, slots=True)
class Sold:
    """The rate and the rules by which a call is charged; `made_from`: none of the seller's lists has the rate."""

    rate: Rate
    tariff: Tariff
    made_from: MadeFrom | None = None


class PastPrices:
    """The prices of a run: `version` for the charges that were chosen, for all others what held when they began."""

    def __init__(self, actor: Actor, version: PriceListVersion | None) -> None:
        self._version, self._exchange = version, PastExchange()
        self._books, self._suppliers = PastBooks(actor), PastBooks(system_actor())
        self._resold: Mapping[int, Sold | None] = {}

    def look_at(self, charges: Sequence[tuple[Cdr, bool]]) -> None:
        """Find the prices of those that were sold with a mark-up; the others of their calls that were chosen are here.

        Suppliers' rows and lists are read as the platform: of them the seller learns what it pays, as when calls begin.
        Cost: one query if there are any, and the lists of their suppliers.
        """
        chosen = {cdr.pk for cdr, is_chosen in charges if is_chosen and self._version}
        marked_up = [cdr for cdr, _is_chosen in charges if _is_marked_up(cdr) and cdr.pk not in chosen]
        self._resold = {}
        if marked_up:
            with tenant(system_actor()):
                tiers = _tiers_of(marked_up)
                self._resold = {cdr.pk: self._resale(cdr, tiers, chosen) for cdr in marked_up}

    def price(self, cdr: Cdr, charged: Charged, is_chosen: bool) -> Price | None:
        """Return what a charge that was looked at costs again; None: nothing has a price for it, or converts it."""
        if cdr.pk in self._resold:
            sold = self._resold[cdr.pk]
        else:
            sold = self._listed(self._books, cdr, charged.number, self._version if is_chosen else None)
        if sold is None:
            return None
        try:
            return price_again(charged, sold.rate, sold.tariff, self._exchange.at, sold.made_from)
        except NoExchangeRate:
            return None

    def _listed(self, books: PastBooks, cdr: Cdr, number: str, version: PriceListVersion | None) -> Sold | None:
        book = books.of(version) if version else books.at(cdr.explanation["list_id"], cdr.started_at)
        rate = book.rates.longest(number) if book else None
        return Sold(rate, book.tariff) if book and rate else None

    def _resale(self, cdr: Cdr, tiers: Mapping[tuple[object, int, int], Cdr], chosen: set[int]) -> Sold | None:
        """What the seller of `cdr` pays, and its mark-up on top."""
        rule, above = kept_rule(cdr.explanation), tiers.get((cdr.call_id, cdr.chain_no, cdr.tier + 1))
        if rule is None or above is None or above.explanation["list_id"] is None:
            return None
        if _is_marked_up(above) and above.pk not in chosen:
            bought = self._resale(above, tiers, chosen)
        else:
            bought = self._listed(self._suppliers, above, cdr.callee, self._version if above.pk in chosen else None)
        if bought is None:
            return None
        tariff = resold_rules(bought.tariff, str(cdr.explanation["seller"]))
        return Sold(marked_up_rate(bought.rate, rule), tariff, MadeFrom(bought.tariff, bought.rate, rule))


def _is_marked_up(cdr: Cdr) -> bool:
    return bool(cdr.explanation.get("list_id") == MARKED_UP)


def _tiers_of(cdrs: Sequence[Cdr]) -> dict[tuple[object, int, int], Cdr]:
    """The sales of the same calls by call, chain and tier; one query."""
    sales = Cdr.objects.filter(call_id__in={cdr.call_id for cdr in cdrs}, is_carrier_cost=False)
    return {(row.call_id, row.chain_no, row.tier): row for row in sales}
