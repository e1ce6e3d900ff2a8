"""The loss guard: no call is offered to a carrier that costs its owner more than the owner is paid for it.

Compared is a typical minute, as for the cheapest carrier first: what the carrier charges against what the buyer at the
top tier pays, who buys from the carrier's owner. A cost that is not known (no cost list, no price in it, no exchange
rate) is no loss. A route may allow losses; emergency calls are free and pass.
"""

from __future__ import annotations

from dataclasses import replace

from carillon.logic.callflow.feed import Feed
from carillon.logic.callflow.notes import Note
from carillon.logic.callflow.values import Chain, Target, TierCharge
from carillon.logic.routeorder import typical_cost
from carillon.logic.routing import RouteChoice


def without_loss(feed: Feed, choice: RouteChoice, chain: Chain, notes: list[Note]) -> RouteChoice:
    """The choice without targets with which its owner would lose money by the prices of `chain`.

    Appends a sentence to `notes` for each target that would lose, for the carrier's owner and those above. When nothing
    is left the refusal is `price-below-cost`.
    """
    sale = next((c for c in chain.tiers if choice.owner and c.tier.seller_partner_id == choice.owner.id), None)
    targets = (
        choice.targets if sale is None else tuple(t for t in choice.targets if _pays(feed, choice, t, sale, notes))
    )
    return replace(choice, targets=targets, refusal="" if targets else "price-below-cost")


def _pays(feed: Feed, choice: RouteChoice, target: Target, sale: TierCharge, notes: list[Note]) -> bool:
    """Whether the target is kept."""
    carrier = target.carrier
    if carrier is None or sale.tariff is None:
        return True
    currency = sale.tariff.currency
    cost, paid = typical_cost(feed, carrier, currency), typical_cost(feed, sale, currency)
    if cost is None or paid is None or cost <= paid:
        return True
    is_allowed = carrier.gateway_id in choice.lossy
    so = "the route allows this loss" if is_allowed else "it is left out, for the route allows no loss"
    costs = f"costs {cost.normalize():f} {currency} for a typical minute"
    text = f"Carrier {carrier.gateway} {costs} and {sale.tier.buyer} pays {paid.normalize():f}: {so}."
    notes.append(Note(text, carrier.owner_partner_id))
    return is_allowed
