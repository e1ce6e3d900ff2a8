"""What a message costs at every tier, by lists for messages.

Nothing sends messages yet: this is the price that whatever sends them charges, and that a simulator shows.
"""

from __future__ import annotations

from dataclasses import dataclass

from carillon.logic.callflow.feed import Customer, Feed
from carillon.logic.callflow.notes import Note
from carillon.logic.callflow.pricing import tier_charge
from carillon.logic.callflow.terms import TrafficClass
from carillon.logic.callflow.values import TierCharge
from carillon.logic.rating import Charge, rate_call


@dataclass(frozen=True, slots=True)
class MessagePrice:
    """What one tier charges for a message, and by what."""

    charge: TierCharge
    price: Charge


def price_message(
    feed: Feed, customer: Customer, number: str, notes: list[Note], parts: int = 1
) -> tuple[MessagePrice, ...]:
    """What the customer and each partner above it pay for a message to E.164 `number` at the feed's moment.

    `parts`: how many messages it counts for; a long text has several. Prices have taxes, in the currency of each tier's
    account. Appends sentences to `notes` as for calls. Raises NotPriced (`no-price`, `no-exchange-rate`) when some tier
    has no list of messages with a price for the number, ValueError for less than one part.
    """
    if parts < 1:
        raise ValueError(f"A message has one part at least, not {parts}.")
    charges = [tier_charge(feed, tier, TrafficClass.MESSAGES, number, notes) for tier in customer.tiers]
    return tuple(MessagePrice(charge, _price(feed, charge, parts)) for charge in charges)


def _price(feed: Feed, charge: TierCharge, parts: int) -> Charge:
    if charge.rate is None or charge.tariff is None:
        raise ValueError("A charge by a list has a rate.")
    return rate_call(
        charge.rate,
        charge.tariff,
        parts * 1000,  # lists of messages count them where others count seconds
        at_ms=feed.at_ms,
        exchange_rate=charge.exchange_rate,
        taxes=charge.tier.taxes,
        account_currency=charge.tier.account_currency,
    )
