"""Prices frozen at call start: the chains of a decision and the money to set aside for them."""

from __future__ import annotations

from decimal import Decimal

from carillon.logic.callflow.charging import clock_charge, hold_micro, whole_seconds
from carillon.logic.callflow.exchange import exchange_rate
from carillon.logic.callflow.feed import (
    Customer,
    Feed,
    Number,
    Rate,
    Tariff,
    Tier,
)
from carillon.logic.callflow.notes import Note
from carillon.logic.callflow.values import (
    AnswerTime,
    Chain,
    ChainKind,
    HoldRequest,
    TierCharge,
    not_answered_yet,
)
from carillon.logic.money import format_exact

NOWHERE = "0"  # no calling code begins with it: only the price of all numbers fits


class NotPriced(Exception):
    """A tier of the chain has no price for the number; `slug` names the refusal, the note says which list."""

    def __init__(self, slug: str, note: Note) -> None:
        super().__init__(note.text)
        self.slug = slug
        self.note = note


def free_chain(kind: ChainKind, customer: Customer, free_reason: str) -> Chain:
    """A chain that costs nobody anything: on-net, emergency, received and refused calls."""
    tiers = tuple(TierCharge(tier, None, None, None, free_reason) for tier in customer.tiers)
    return Chain(kind, customer.id, customer.partner_id, tiers)


def tiers_up_to(tiers: tuple[Tier, ...], owner_partner_id: int) -> tuple[Tier, ...]:
    """The sales from the customer up to the partner whose carrier is used: above it nobody sells this call."""
    for count, tier in enumerate(tiers, start=1):
        if tier.seller_partner_id == owner_partner_id:
            return tiers[:count]
    return tiers


def priced_chain(feed: Feed, customer: Customer, owner_partner_id: int, number: str, notes: list[Note]) -> Chain:
    """The originating chain of a call to E.164 `number` over a carrier of `owner_partner_id`.

    Appends a sentence per tier to `notes`, for whoever buys there and those above. Raises NotPriced (`no-price`,
    `no-exchange-rate`).
    """
    if not customer.tiers:
        raise NotPriced("no-price", Note(f"Nobody sells to {customer.name}: the customer has no tiers."))
    tiers = tiers_up_to(customer.tiers, owner_partner_id)
    charges = tuple(_tier_charge(feed, tier, tier.price_list_id, number, notes) for tier in tiers)
    return Chain(ChainKind.ORIGINATING, customer.id, customer.partner_id, charges)


def received_chain(
    feed: Feed, customer: Customer, number: Number, carrier_partner_id: int, caller: str, notes: list[Note]
) -> Chain:
    """The terminating chain of a call that a carrier of `carrier_partner_id` brings to a customer's number.

    Each tier pays by its list for received calls (of toll-free numbers: for those), by where E.164 `caller` calls from;
    who withholds it or shows something else has the price of all numbers. Free at tiers without such a list, and above
    the carrier's owner. Raises NotPriced.
    """
    sellers = len(tiers_up_to(customer.tiers, carrier_partner_id))
    charges = []
    for place, tier in enumerate(customer.tiers):
        list_id = tier.toll_free_list_id if number.is_toll_free else tier.received_list_id
        if list_id is None or place >= sellers:
            charges.append(TierCharge(tier, None, None, None, "received call"))
        else:
            charges.append(_tier_charge(feed, tier, list_id, caller if caller.startswith("+") else NOWHERE, notes))
    return Chain(ChainKind.TERMINATING, customer.id, customer.partner_id, tuple(charges))


def _tier_charge(feed: Feed, tier: Tier, list_id: int | None, number: str, notes: list[Note]) -> TierCharge:
    reader = tier.seller_partner_id if tier.buyer_partner_id is None else tier.buyer_partner_id
    tariff = feed.rates.tariff(list_id) if list_id is not None else None
    if list_id is None or tariff is None:
        raise NotPriced("no-price", Note(f"{tier.seller} has no price list in force for {tier.buyer}.", reader))
    rate = feed.rates.longest(list_id, number)
    if rate is None:
        what = "unknown callers" if number == NOWHERE else number
        text = f"Price list “{tariff.price_list}” of {tier.seller} has no price for {what}."
        raise NotPriced("no-price", Note(text, reader))
    conversion: Decimal | None = None
    if tariff.currency != tier.account_currency:
        conversion = exchange_rate(feed, tariff.currency, tier.account_currency)
        if conversion is None:
            text = (
                f"Price list “{tariff.price_list}” is in {tariff.currency}, the account of {tier.buyer} in "
                f"{tier.account_currency}, and there is no exchange rate."
            )
            raise NotPriced("no-exchange-rate", Note(text, reader))
    notes.append(Note(_price_note(tier, tariff, rate), reader))
    return TierCharge(tier, tariff, rate, conversion)


def _price_note(tier: Tier, tariff: Tariff, rate: Rate) -> str:
    return (
        f"{tier.seller} charges {tier.buyer} by “{tariff.price_list}” version {tariff.version}, {rate.name} "
        f"(+{rate.prefix}): {format_exact(rate.connection_fee)} + {format_exact(rate.per_minute)} {tariff.currency} "
        f"a minute ({rate.initial_s}/{rate.increment_s})."
    )


def first_funded_seconds(chain: Chain, chunk_s: int, max_s: int, answer: AnswerTime) -> int:
    """Seconds the first hold covers: the initial interval and one chunk, in whole increments of the clock's rate.

    `max_s` when no tier pays by time.
    """
    clock = clock_charge(chain)
    if clock is None or clock.rate is None:
        return max_s
    return whole_seconds(clock, clock.rate.initial_s + min(chunk_s, max_s), answer)


def holds_for(
    feed: Feed, customer: Customer, chain: Chain, chunk_s: int, max_s: int, *, place: int = 0
) -> tuple[HoldRequest, ...]:
    """Money for the first seconds of a chain: held on the customer's account, needed on those above. (): all free.

    `place` is the chain's index in the decision.
    """
    answer = not_answered_yet(feed.at_ms)
    funded_s = first_funded_seconds(chain, chunk_s, max_s, answer)
    needs = tuple((charge.tier.account_id, hold_micro(charge, funded_s, answer)) for charge in chain.tiers)
    if not any(amount for _, amount in needs):
        return ()
    upper = tuple(need for need in needs[1:] if need[1])
    return (HoldRequest(customer.account_id, needs[0][1], funded_s, upper, place),)
