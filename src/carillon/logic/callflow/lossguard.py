"""The loss guard: no call is put through with which a seller of it would lose money by the prices frozen in its chain.

Each seller's income is compared with what it pays itself: to its supplier one tier up, or, who has the carrier, to each
carrier that would be tried, failover included. Compared are a typical minute and, where the seller pays by longer or
shorter first intervals, a call as long as that: it is charged whole, with the connection fee. Taxes that a list
includes are no income. A cost that is not known (no cost list, no price in it, no exchange rate) is no loss.

A seller may allow losses: at its price list's assignment to the buyer, who has carriers also at the route. Emergency
calls are free and pass. Calls that stay on the platform are guarded where both prices are: who has no list for them
gives them away on purpose, whatever it pays for them itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from carillon.logic.callflow.feed import Feed
from carillon.logic.callflow.notes import Note
from carillon.logic.callflow.values import CarrierCharge, Chain, ForeseenLoss, Target, TierCharge
from carillon.logic.copies import replace
from carillon.logic.money import format_exact
from carillon.logic.routeorder import TYPICAL_S, first_interval_s, typical_cost
from carillon.logic.routing import RouteChoice

REFUSED = "price-below-cost"
_HUNDRED = Decimal(100)


def without_loss(feed: Feed, choice: RouteChoice, chain: Chain, notes: list[Note]) -> RouteChoice:
    """The choice without targets with which somebody would lose money by the prices of `chain`; with all `losses`.

    Appends a sentence to `notes` for each loss, for the seller that would have it and those above. When nothing is left
    the refusal is `REFUSED`.
    """
    losses = resale_losses(feed, chain, notes)
    if not all(loss.is_allowed for loss in losses):
        return replace(choice, targets=(), refusal=REFUSED, losses=tuple(losses))
    sale = next((c for c in chain.tiers if choice.owner and c.tier.seller_partner_id == choice.owner.id), None)
    targets: list[Target] = []
    for target in choice.targets:
        loss = None
        if target.carrier is not None and sale is not None:
            is_allowed = sale.allows_loss or target.carrier.gateway_id in choice.lossy
            loss = _loss(feed, sale, target.carrier, is_allowed)
        if loss is None or loss.is_allowed:
            targets.append(target)
        if loss is not None and target.carrier is not None and sale is not None:
            losses.append(loss)
            notes.append(_carrier_note(loss, target.carrier, sale))
    refusal = "" if targets else REFUSED
    return replace(choice, targets=tuple(targets), refusal=refusal, losses=tuple(losses))


def resale_losses(feed: Feed, chain: Chain, notes: list[Note]) -> list[ForeseenLoss]:
    """What sellers would lose with what they pay one tier up; a call with one that is not allowed is `REFUSED`.

    Appends to `notes` as `without_loss` does.
    """
    losses = [loss for sale, bought in _resales(chain) if (loss := _loss(feed, sale, bought, sale.allows_loss))]
    notes += [_resale_note(chain, loss) for loss in losses]
    return losses


def _resales(chain: Chain) -> Iterator[tuple[TierCharge, TierCharge]]:
    """Each sale with the one by which its seller buys."""
    return zip(chain.tiers, chain.tiers[1:], strict=False)


def _loss(feed: Feed, sale: TierCharge, cost: TierCharge | CarrierCharge, is_allowed: bool) -> ForeseenLoss | None:
    """What the seller of `sale` would lose of a typical minute, else of the first interval that it pays itself."""
    if sale.tariff is None or cost.rate is None or cost.tariff is None:
        return None
    currency = sale.tariff.currency
    first_s = first_interval_s(feed, cost.rate, cost.tariff)
    for seconds in dict.fromkeys((TYPICAL_S, first_s)):
        paid, income = typical_cost(feed, cost, currency, seconds), typical_cost(feed, sale, currency, seconds)
        if paid is None or income is None:
            return None
        income = _without_tax(sale, income)
        if paid > income:
            gateway_id = cost.gateway_id if isinstance(cost, CarrierCharge) else None
            return ForeseenLoss(
                sale.tier.seller_partner_id, sale.tier.position, gateway_id, seconds, income, paid, currency, is_allowed
            )
    return None


def _without_tax(sale: TierCharge, income: Decimal) -> Decimal:
    if sale.tariff is None or not sale.tariff.is_tax_inclusive:
        return income
    taxed = 1 + sum(tax.percent for tax in sale.tier.taxes) / _HUNDRED
    return (income / taxed).quantize(Decimal("1e-9"))


# ---------------------------------------------------------------- what is told


def _resale_note(chain: Chain, loss: ForeseenLoss) -> Note:
    sale, bought = chain.tiers[loss.tier : loss.tier + 2]
    so = "the price list's assignment allows this loss" if loss.is_allowed else "the call is refused"
    text = f"{bought.tier.seller} charges {sale.tier.seller} {_compared(loss, sale)}: {so}."
    return Note(text, loss.partner_id)


def _carrier_note(loss: ForeseenLoss, carrier: CarrierCharge, sale: TierCharge) -> Note:
    allowed = "the price list's assignment" if sale.allows_loss else "the route"
    so = f"{allowed} allows this loss" if loss.is_allowed else "it is left out, for the route allows no loss"
    return Note(f"Carrier {carrier.gateway} costs {_compared(loss, sale)}: {so}.", carrier.owner_partner_id)


def _compared(loss: ForeseenLoss, sale: TierCharge) -> str:
    span = "a typical minute" if loss.seconds == TYPICAL_S else f"the first {loss.seconds} s"
    return (
        f"{format_exact(loss.cost)} {loss.currency} for {span} and {sale.tier.buyer} pays {format_exact(loss.income)}"
    )
