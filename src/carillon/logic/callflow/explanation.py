"""Why this price: what each CDR keeps, so that a charge can be explained years after its price list is gone.

Keys are always the same and in the same order; values are JSON-able; decimals are strings. Each tier's CDR is told
what its seller may know and no more: its own business and that of the sellers below it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Final

from carillon.logic.callflow.callerid import ANONYMOUS
from carillon.logic.callflow.feed import Rate, Tariff, Tax
from carillon.logic.callflow.notes import attempt_label, final_reason, notes_for, readers_at
from carillon.logic.callflow.phrases import BECAUSE, phrase
from carillon.logic.callflow.values import (
    Attempt,
    CallFacts,
    CarrierCharge,
    CdrDraft,
    Chain,
    ChainKind,
    Decision,
    MadeFrom,
    Outcome,
    TierCharge,
)
from carillon.logic.copies import replace
from carillon.logic.money import format_amount, format_exact
from carillon.logic.rating import Charge, Price, format_scaled
from carillon.logic.rating.lines import EXPLAINED, PRICE_KEYS, Mark, lines_of, rules_of

Explanation = dict[str, object]


def tier_explanation(
    decision: Decision, chain: Chain, charge: TierCharge, price: Charge | None, facts: CallFacts, outcome: Outcome
) -> Explanation:
    """The explanation of one tier's CDR, as the tier's seller may read it."""
    tier = charge.tier
    free_reason = "" if price else charge.free_reason or _not_charged(decision, outcome)
    return {
        "kind": "sale",
        "seller": tier.seller,
        "buyer": tier.buyer,
        **price_part(charge.rate, charge.tariff, price, tier.account_currency, charge.exchange_rate, tier.taxes),
        "free_reason": free_reason,
        "made_from": made_from_part(charge.made_from),
        **_call_part(decision, chain, facts, readers_at(chain, tier.position)),
        "caller": shown_caller(decision, chain.kind),
    }


def made_from_part(made: MadeFrom | None) -> Explanation | None:
    """Return what the seller pays and its mark-up, for the seller alone; None for a price of one of its lists."""
    if made is None:
        return None
    rule = made.rule
    return {
        **rate_part(made.rate, made.tariff),
        "percent": format_exact(rule.percent),
        "fixed": format_exact(rule.fixed),
        "minimum_margin": format_exact(rule.minimum_margin),
        "floor": format_exact(rule.floor),
        "cap": None if rule.cap is None else format_exact(rule.cap),
        "step": format_exact(rule.step),
        "rule_initial_s": rule.initial_s,
        "rule_increment_s": rule.increment_s,
    }


def shown_caller(decision: Decision, kind: ChainKind) -> str:
    """The caller as the side that a chain belongs to may know it."""
    return ANONYMOUS if decision.is_withheld and kind is not ChainKind.ORIGINATING else decision.caller


def carrier_explanation(
    decision: Decision, chain: Chain, carrier: CarrierCharge, cost: Charge | None, facts: CallFacts
) -> Explanation:
    """The explanation of the carrier's cost row, as the gateway's owner may read it."""
    currency = carrier.tariff.currency if carrier.tariff else ""
    free_reason = "" if cost else "The carrier's cost list has no price for this number: the cost is not known."
    return {
        "kind": "cost",
        "seller": carrier.gateway,
        "buyer": "",
        **price_part(carrier.rate, carrier.tariff, cost, currency, None),
        "free_reason": free_reason,
        "made_from": None,
        **_call_part(decision, chain, facts, _owners_readers(chain, carrier.owner_partner_id)),
    }


def _owners_readers(chain: Chain, owner_partner_id: int) -> Collection[int]:
    places = [c.tier.position for c in chain.tiers if c.tier.seller_partner_id == owner_partner_id]
    return {owner_partner_id, *(readers_at(chain, places[0]) if places else ())}


def with_margin(drafts: list[CdrDraft]) -> list[CdrDraft]:
    """The drafts of one chain, lowest tier first, each sale told what the seller itself pays for the call."""
    return [
        replace(draft, explanation={**draft.explanation, "margin": _margin(draft, _paid_by_seller(draft, drafts))})
        for draft in drafts
    ]


def _paid_by_seller(sale: CdrDraft, drafts: list[CdrDraft]) -> CdrDraft | None:
    """What the seller of `sale` itself pays: its own carrier, else the sale to it one tier up."""
    own = (d for d in drafts if d.account_id is None and d.seller_partner_id == sale.seller_partner_id)
    bought = (d for d in drafts if d.tier == sale.tier + 1 and d.buyer_partner_id == sale.seller_partner_id)
    return next(own, None) or next(bought, None)


def _margin(sale: CdrDraft, cost: CdrDraft | None) -> Explanation | None:
    """Income and cost of the seller; no difference when they are in different currencies. None on a cost row."""
    if sale.account_id is None:
        return None
    cost_micro = cost.amount_micro if cost else 0
    currency = cost.currency if cost else sale.currency
    return {
        "income_micro": sale.amount_micro,
        "income_currency": sale.currency,
        "cost_micro": cost_micro,
        "cost_currency": currency,
        "margin_micro": sale.amount_micro - cost_micro if currency == sale.currency else None,
    }


_NO_LIST: Final[Explanation] = dict.fromkeys(EXPLAINED)
_NO_PRICE: Final = Price(0, 1, (), 0, 0)


def rate_part(rate: Rate | None, tariff: Tariff | None) -> Explanation:
    """Return the price list and the rate that are used, as explanations name them; None throughout without them."""
    told = _explained(rate, tariff)
    for key in PRICE_KEYS:
        del told[key]
    return told


def _explained(rate: Rate | None, tariff: Tariff | None) -> Explanation:
    """The explanation of a price with all its keys, those of the price itself still empty."""
    told = (rules_of(tariff).told if tariff else _NO_LIST).copy()
    if rate:
        connection_fee, per_minute, initial_s, increment_s, grace_s = lines_of(rate).told
        told["connection_fee"], told["per_minute"] = connection_fee, per_minute
        told["initial_s"], told["increment_s"], told["grace_s"] = initial_s, increment_s, grace_s
        told["prefix"], told["rate_name"] = rate.prefix, rate.name
    return told


def price_part(
    rate: Rate | None,
    tariff: Tariff | None,
    price: Charge | None,
    currency: str,
    exchange_rate: Decimal | None,
    taxes: Sequence[Tax] = (),
) -> Explanation:
    """Return what an explanation says of one price: the same keys whatever it is, nothing else depends on the price.

    How it comes about in words is made of this when it is told (`logic.rating.words`).
    """
    exact = price.price if price else _NO_PRICE
    part = _explained(rate, tariff)
    part["billed_s"] = exact.billed_s
    part["exact"] = price.exact_text if price else "0"
    part["exchange_rate"] = format_exact(exchange_rate) if exchange_rate is not None else None
    part["amount"] = format_amount(price.amount_micro, currency) if price else _nothing(currency)
    part["pieces"] = [_piece(*piece) for piece in exact.pieces]
    part["fee"] = format_scaled(exact.fee) if exact.fee else "0"
    part["bound"] = exact.bound
    part["taxes"] = [{"name": tax.name, "percent": format_exact(tax.percent)} for tax in taxes] if taxes else []
    part["tax"] = format_amount(price.tax_micro, currency) if price and price.tax_micro else _nothing(currency)
    return part


@lru_cache(256)
def _nothing(currency: str) -> str:
    return format_amount(0, currency)


def _piece(from_s: int, seconds: int, mark: Mark, increments: int) -> Explanation:
    """One piece of a call: seconds charged alike. `per_minute` is per unit of the list, as in the rate."""
    return {
        "window": mark.window,
        "step_s": mark.from_s,
        "per_minute": mark.told,
        "initial_s": mark.initial_s,
        "increment_s": mark.increment_s,
        "from_s": from_s,
        "seconds": seconds,
        "increments": increments,
    }


def _call_part(decision: Decision, chain: Chain, facts: CallFacts, readers: Collection[int]) -> Explanation:
    refusal = decision.refusal
    reason = refusal.reason if refusal else final_reason(decision, facts.sip_code, facts.reason, readers)
    return {
        "dialled": decision.dialled,
        "callee": chain.callee or decision.callee,
        "caller": decision.caller,
        "forwarded": _forwarded(decision, chain),
        "duration_ms": max(facts.ended_ms - facts.answered_ms, 0) if facts.answered_ms is not None else 0,
        "sip_code": refusal.sip_code if refusal else facts.sip_code,
        "reason": reason,
        "refusal": refusal.slug if refusal else None,
        "ended_by": facts.ended_by,
        "charged_to": facts.charged_to,
        "attempts": [_attempt(decision, attempt, readers) for attempt in facts.attempts],
        "notes": notes_for(decision, readers),
        "bundles": [],
        "margin": None,
    }


def _forwarded(decision: Decision, chain: Chain) -> str:
    """Who forwarded the call and why, on the chain that pays for it; "" on all others."""
    if chain.kind is not ChainKind.FORWARDING:
        return ""
    by = (forward for forward in decision.forwards if forward.user_id == chain.user_id)
    return next((f"by {forward.name}: {BECAUSE[forward.cause]}" for forward in by), "")


def _attempt(decision: Decision, attempt: Attempt, readers: Collection[int]) -> Explanation:
    label = attempt_label(decision, attempt.target, attempt.label, readers)
    return {
        "target": attempt.target,
        "label": label,
        "sip_code": attempt.sip_code,
        "reason": attempt.reason if label == attempt.label else phrase(attempt.sip_code),
        "elapsed_ms": attempt.elapsed_ms,
    }


def _not_charged(decision: Decision, outcome: Outcome) -> str:
    if decision.refusal is not None:
        return f"refused: {decision.refusal.reason}"
    return f"not answered ({outcome.value.replace('_', ' ')})" if outcome is not Outcome.ANSWERED else "no price"
