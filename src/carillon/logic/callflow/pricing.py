"""Prices frozen at call start: the chains of a decision and the money to set aside for them."""

from __future__ import annotations

from decimal import Decimal

from carillon.logic.callflow.bundles import bundled
from carillon.logic.callflow.charging import clock_charge, hold_micro, whole_seconds
from carillon.logic.callflow.exchange import exchange_rate
from carillon.logic.callflow.fallback import marked_up_charge
from carillon.logic.callflow.feed import (
    Customer,
    Feed,
    Number,
    Rate,
    Tariff,
    Tier,
)
from carillon.logic.callflow.notes import Note
from carillon.logic.callflow.pricelists import NOWHERE, find_price, lists_for, reader_of
from carillon.logic.callflow.taxes import taxes_at
from carillon.logic.callflow.terms import TrafficClass
from carillon.logic.callflow.values import (
    AnswerTime,
    BundleAsk,
    Chain,
    ChainKind,
    HoldRequest,
    MadeFrom,
    TierCharge,
    not_answered_yet,
)
from carillon.logic.copies import replace
from carillon.logic.money import format_exact
from carillon.logic.rating import UNIT_SIGNS, frozen


class NotPriced(Exception):
    """A tier of the chain has no price for the number; `slug` names the refusal, the note says which list."""

    def __init__(self, slug: str, note: Note) -> None:
        super().__init__(note.text)
        self.slug = slug
        self.note = note


def free_chain(kind: ChainKind, customer: Customer, free_reason: str) -> Chain:
    """A chain that costs nobody anything: on-net, emergency, received and refused calls."""
    tiers = tuple(_free_charge(tier, free_reason) for tier in customer.tiers)
    return Chain(kind, customer.id, customer.partner_id, tiers)


def tiers_up_to(tiers: tuple[Tier, ...], owner_partner_id: int) -> tuple[Tier, ...]:
    """The sales from the customer up to the partner whose carrier is used: above it nobody sells this call."""
    for count, tier in enumerate(tiers, start=1):
        if tier.seller_partner_id == owner_partner_id:
            return tiers[:count]
    return tiers


def priced_chain(feed: Feed, customer: Customer, owner_partner_id: int, number: str, notes: list[Note]) -> Chain:
    """The originating chain of a call to E.164 `number` over a carrier of `owner_partner_id`.

    Appends sentences per tier to `notes`, for whoever buys there and those above. Raises NotPriced (`no-price`,
    `no-exchange-rate`).
    """
    if not customer.tiers:
        raise NotPriced("no-price", Note(f"Nobody sells to {customer.name}: the customer has no tiers."))
    tiers = tiers_up_to(customer.tiers, owner_partner_id)
    charges: list[TierCharge] = []  # the highest first: who has no price of its own sells what it buys
    told: list[list[Note]] = []
    try:
        for tier in reversed(tiers):
            told.append([])
            charges.append(_bought_charge(feed, tier, number, charges[-1] if charges else None, told[-1]))
    finally:
        notes += [note for said in reversed(told) for note in said]
    return Chain(ChainKind.ORIGINATING, customer.id, customer.partner_id, tuple(reversed(charges)))


def received_chain(
    feed: Feed, customer: Customer, number: Number, carrier_partner_id: int, caller: str, notes: list[Note]
) -> Chain:
    """The terminating chain of a call that a carrier of `carrier_partner_id` brings to a customer's number.

    Each tier pays by its lists for received calls (of toll-free numbers: for those), by where E.164 `caller` calls
    from; who withholds it or shows something else has the price of all numbers. Free at tiers without such a list, and
    above the carrier's owner. Raises NotPriced.
    """
    sellers = len(tiers_up_to(customer.tiers, carrier_partner_id))
    traffic = TrafficClass.TOLL_FREE if number.is_toll_free else TrafficClass.RECEIVED
    charges = []
    for place, tier in enumerate(customer.tiers):
        if place >= sellers or not lists_for(tier, traffic, feed.at_ms):
            charges.append(_free_charge(tier, "received call"))
        else:
            charges.append(tier_charge(feed, tier, traffic, caller if caller.startswith("+") else NOWHERE, notes))
    return Chain(ChainKind.TERMINATING, customer.id, customer.partner_id, tuple(charges))


def onnet_chain(feed: Feed, customer: Customer, number: str, free_reason: str, notes: list[Note]) -> Chain:
    """The originating chain of a call that stays on the platform, to E.164 `number` or, as NOWHERE, to an extension.

    Each tier pays by its lists for such calls; free at tiers that have none, or none with a price for the number: an
    extension has only the price of all numbers. Raises NotPriced (`no-exchange-rate`).
    """
    charges = []
    for tier in customer.tiers:
        uses = lists_for(tier, TrafficClass.ONNET, feed.at_ms)
        listed = find_price(feed, tier, TrafficClass.ONNET, number, []) if uses else None
        priced = None if listed is None else tier_charge(feed, tier, TrafficClass.ONNET, number, notes)
        charges.append(priced or _free_charge(tier, free_reason))
    return Chain(ChainKind.ORIGINATING, customer.id, customer.partner_id, tuple(charges))


def _free_charge(tier: Tier, free_reason: str) -> TierCharge:
    return TierCharge(_bare(tier), None, None, None, free_reason)


def _bare(tier: Tier) -> Tier:
    """A tier as charges keep it: without what there was to choose from."""
    return replace(tier, lists=(), tax_rules=()) if tier.lists or tier.tax_rules else tier


def _bought_charge(feed: Feed, tier: Tier, number: str, bought: TierCharge | None, notes: list[Note]) -> TierCharge:
    """What the tier's buyer pays for a call that its seller buys by `bought` (None: it has the carrier)."""
    try:
        return tier_charge(feed, tier, TrafficClass.CALLS, number, notes)
    except NotPriced as problem:
        made = marked_up_charge(feed, tier, bought, number) if bought is not None else None
        if made is None or made.made_from is None or problem.slug != "no-price":
            raise
        text = f"{tier.seller} has no price of its own for this number and sells it by what it pays itself, marked up"
        told = f"{text} by {_markup_text(made.made_from)}."
        notes += [problem.note, Note(told, tier.seller_partner_id)]
        return _frozen(feed, made, notes)


def tier_charge(feed: Feed, tier: Tier, traffic: TrafficClass, number: str, notes: list[Note]) -> TierCharge:
    """What the tier's buyer pays for a call or message to E.164 `number` by its lists for that class of traffic.

    Appends to `notes` as `priced_chain` does. Raises NotPriced (`no-price`, `no-exchange-rate`).
    """
    said: list[Note] = []
    listed = find_price(feed, tier, traffic, number, said)
    if listed is None:
        notes += said[:-1]
        raise NotPriced("no-price", said[-1])
    notes += said
    if tier.lists:
        tier = replace(tier, price_list_id=listed.use.price_list_id)
    return _frozen(feed, TierCharge(tier, listed.tariff, listed.rate, allows_loss=listed.use.allows_loss), notes)


def _frozen(feed: Feed, charge: TierCharge, notes: list[Note]) -> TierCharge:
    """The charge with exchange rate and taxes of the call's beginning, and without what there was to choose from."""
    tier, tariff, rate = charge.tier, charge.tariff, charge.rate
    if tariff is None or rate is None:
        return charge
    conversion = _conversion(feed, tier, tariff)
    notes.append(Note(_price_note(charge, tariff, rate), reader_of(tier)))
    if conversion is not None:
        text = f"One {tariff.currency} is {format_exact(conversion)} {tier.account_currency}."
        notes.append(Note(text, reader_of(tier)))
    if tier.tax_rules:
        tier = replace(tier, taxes=taxes_at(tier.tax_rules, feed.at_ms))
    kept = frozen(tariff, rate, feed.at_ms)
    return replace(charge, tier=_bare(tier), tariff=kept, exchange_rate=conversion)


def _markup_text(made: MadeFrom) -> str:
    """The parts of the rule that do something: 20 % + 0.01."""
    rule = made.rule
    parts = [f"{format_exact(rule.percent)} %"] if rule.percent else []
    parts += [format_exact(rule.fixed)] if rule.fixed else []
    return " + ".join(parts) or "nothing"


def _conversion(feed: Feed, tier: Tier, tariff: Tariff) -> Decimal | None:
    """What one unit of the list's currency is in the account's; None: they are the same. Raises NotPriced."""
    if tariff.currency == tier.account_currency:
        return None
    known = exchange_rate(feed, tier.seller_partner_id, tariff.currency, tier.account_currency)
    if known is None:
        text = (
            f"Price list “{tariff.price_list}” is in {tariff.currency}, the account of {tier.buyer} in "
            f"{tier.account_currency}, and there is no exchange rate."
        )
        raise NotPriced("no-exchange-rate", Note(text, reader_of(tier)))
    return known


def _price_note(charge: TierCharge, tariff: Tariff, rate: Rate) -> str:
    by = "without a list" if charge.made_from else f"by “{tariff.price_list}” version {tariff.version}"
    return (
        f"{charge.tier.seller} charges {charge.tier.buyer} {by}, {rate.name} "
        f"(+{rate.prefix}): {format_exact(rate.connection_fee)} + {format_exact(rate.per_minute)} "
        f"{tariff.currency}/{UNIT_SIGNS[tariff.unit]} ({rate.initial_s}/{rate.increment_s})."
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
    bundle = _bundle_ask(chain, funded_s, answer)
    return (HoldRequest(customer.account_id, needs[0][1], funded_s, upper, place, bundle),)


def _bundle_ask(chain: Chain, seconds: int, answer: AnswerTime) -> BundleAsk | None:
    """What is asked of the chain's bundles before money; None when it has none."""
    if not chain.allowances:
        return None
    return BundleAsk(seconds, hold_micro(chain.tiers[0], seconds, answer, bundled(chain, seconds)))
