"""What a call costs: money to hold while it lasts, and the CDRs when it is over.

Holds are rounded up at the price list's decimals, so that a hold is never less than the price of the seconds it
bought, whatever the list's rounding. Unanswered calls have the same CDRs at no charge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from carillon.logic.callflow.bundles import NOTHING, Bundled, Bundles, Use, bundled, paid_by, seconds_in, uses
from carillon.logic.callflow.explanation import carrier_explanation, tier_explanation, with_margin
from carillon.logic.callflow.values import (
    AnswerTime,
    CallFacts,
    CarrierCharge,
    CdrDraft,
    Chain,
    Decision,
    Outcome,
    Target,
    TierCharge,
    answered_at,
)
from carillon.logic.rating import (
    Charge,
    converted_micro,
    longest,
    pays_by_time,
    percent_of,
    price_at_most,
    price_of,
    rate_call,
    reach_s,
)

UNLIMITED = -1
MOST_S = 60 * 86_400  # no call lasts longer

_BUSY = frozenset({486, 600})
_NO_ANSWER = frozenset({408, 480})
_UNALLOCATED = frozenset({404, 604})
_CANCELLED = 487


# ---------------------------------------------------------------- prices


def charge_of(charge: TierCharge, duration_ms: int, answered_ms: int | None, paid: Bundled = NOTHING) -> Charge | None:
    """What a call answered at `answered_ms` (Unix epoch) costs a tier besides what is `paid`; None when it is free."""
    if charge.rate is None or charge.tariff is None:
        return None
    tier = charge.tier
    return rate_call(
        charge.rate,
        charge.tariff,
        duration_ms,
        at_ms=answered_ms,
        skip_s=paid.seconds,
        owes_fee=paid.owes_fee,
        exchange_rate=charge.exchange_rate,
        taxes=tier.taxes,
        account_currency=tier.account_currency,
    )


def cost_of(carrier: CarrierCharge, duration_ms: int, answered_ms: int | None) -> Charge | None:
    """What a call costs the owner of a carrier's gateway, in the cost list's currency; None when that is not known."""
    if carrier.rate is None or carrier.tariff is None:
        return None
    return rate_call(carrier.rate, carrier.tariff, duration_ms, at_ms=answered_ms)


# ---------------------------------------------------------------- holds


def hold_micro(charge: TierCharge, seconds: int, answer: AnswerTime, paid: Bundled = NOTHING) -> int:
    """Micro-units of the tier's account that cover a call of `seconds` besides what is `paid`, rounded up.

    0 when the tier is free.
    """
    if charge.rate is None or charge.tariff is None:
        return 0
    price = price_at_most(
        charge.rate,
        charge.tariff,
        max(seconds, 0),
        answer.from_ms,
        answer.to_ms,
        skip_s=paid.seconds,
        owes_fee=paid.owes_fee,
    )
    return converted_micro(price, charge.tariff, charge.exchange_rate, percent_of(charge.tier.taxes), "up")


def funded_seconds(charge: TierCharge, amount_micro: int, answer: AnswerTime, paid: Bundled = NOTHING) -> int:
    """The longest call, in whole increments, that `amount_micro` covers besides what is `paid`.

    -1 (UNLIMITED) when the tier is free or no length costs more; 0 when not even the initial interval is covered.
    `hold_micro` of the result is never more than `amount_micro`.
    """
    seconds = longest(lambda seconds: hold_micro(charge, seconds, answer, paid) <= amount_micro, MOST_S)
    return UNLIMITED if seconds == MOST_S else max(seconds, 0)


def whole_seconds(charge: TierCharge, seconds: int, answer: AnswerTime, skip_s: int = 0) -> int:
    """`seconds` and what is left of the increment in which they end, by the tier's rate from second `skip_s` on.

    As it is while nobody knows which of several prices will hold.
    """
    if charge.rate is None or charge.tariff is None or (charge.rate.windows and answer.from_ms != answer.to_ms):
        return seconds
    return skip_s + price_of(charge.rate, charge.tariff, seconds, at_ms=answer.from_ms, skip_s=skip_s).billed_s


def clock_charge(chain: Chain) -> TierCharge | None:
    """The tier whose intervals time the call's holds: the lowest that pays by time; None when none does."""
    return next((charge for charge in chain.tiers if charge.rate is not None and pays_by_time(charge.rate)), None)


def longest_call_s(chain: Chain, answered_ms: int, most_s: int) -> int:
    """How long a call may last at most, where a tier's price list ends calls at a maximum charge."""
    reaches = (reach_s(c.rate, c.tariff, answered_ms, most_s) for c in chain.tiers if c.rate and c.tariff)
    return min(reaches, default=most_s)


# ---------------------------------------------------------------- the end


def outcome_of(decision: Decision, facts: CallFacts) -> Outcome:
    """How the call ended, from the decision and the last SIP code."""
    if facts.answered_ms is not None:
        return Outcome.ANSWERED
    if decision.refusal is not None:
        return Outcome.REFUSED
    if facts.sip_code in _BUSY:
        return Outcome.BUSY
    if facts.sip_code == _CANCELLED:
        return Outcome.NO_ANSWER if facts.ended_by == "timeout" else Outcome.CANCELLED
    if facts.sip_code in _NO_ANSWER:
        return Outcome.NO_ANSWER
    return Outcome.UNALLOCATED if facts.sip_code in _UNALLOCATED else Outcome.FAILED


def settle(decision: Decision, facts: CallFacts) -> tuple[CdrDraft, ...]:
    """The CDRs of a finished call: per chain one per tier, lowest first; then what carriers charge for it.

    Answered calls are priced by the rates frozen in the decision; nobody is charged beyond what the money in
    `facts.holds` and `facts.shares` bought, nor for a forwarding that was begun but not needed. All others cost
    nothing. Pure: the same arguments give the same drafts.
    """
    outcome = outcome_of(decision, facts)
    answered = answering_target(decision, facts)
    drafts: list[CdrDraft] = []
    for place in range(len(decision.chains)):
        is_used = answered is None or place <= answered.chain
        ended = outcome if is_used else Outcome.CANCELLED
        drafts += _chain_drafts(decision, place, facts, ended, _carriers(decision, place, answered))
    return tuple(drafts)


def _carriers(decision: Decision, place: int, answered: Target | None) -> list[CarrierCharge]:
    """Who charges for a chain of an answered call: the carrier that brought it, the carrier that took it on."""
    if answered is None:
        return []
    brought = decision.source_cost if place == 0 else None
    taken = answered.carrier if place == answered.chain else None
    return [carrier for carrier in (brought, taken) if carrier is not None]


def answering_target(decision: Decision, facts: CallFacts) -> Target | None:
    """The target that really answered: failover is billed on that one. None when nobody did."""
    if facts.answered_ms is None or not decision.targets:
        return None
    index = facts.answered_target if facts.answered_target is not None else len(facts.attempts)
    return decision.targets[min(max(index, 0), len(decision.targets) - 1)]


def duration_ms(facts: CallFacts) -> int:
    """Milliseconds of conversation; 0 for calls never answered."""
    return 0 if facts.answered_ms is None else max(facts.ended_ms - facts.answered_ms, 0)


def _chain_drafts(
    decision: Decision, place: int, facts: CallFacts, outcome: Outcome, carriers: Sequence[CarrierCharge]
) -> list[CdrDraft]:
    chain = decision.chains[place]
    billable_ms = _billable_ms(place, chain, facts)
    used = used_by(chain, _bundles(place, facts), billable_ms) if outcome is Outcome.ANSWERED else ()
    drafts: list[CdrDraft] = []
    for charge in chain.tiers:
        mine = used if charge.tier.position == 0 else ()
        paid = paid_by(mine)
        price = charge_of(charge, billable_ms, facts.answered_ms, paid) if outcome is Outcome.ANSWERED else None
        drafts.append(_tier_draft(decision, place, charge, price, facts, outcome, mine))
    for carrier in carriers:
        cost = cost_of(carrier, duration_ms(facts), facts.answered_ms) if outcome is Outcome.ANSWERED else None
        drafts.append(_carrier_draft(decision, place, carrier, cost, facts, outcome, tier=len(drafts)))
    return with_margin(drafts)


def used_by(chain: Chain, bundles: Bundles, talked_ms: int) -> tuple[Use, ...]:
    """What a conversation takes of `bundles`; one so short that it is free takes nothing."""
    talked_s, rate = -(-talked_ms // 1000), chain.tiers[0].rate if chain.tiers else None
    if rate is None or talked_s <= rate.grace_s:
        return ()
    return uses(chain, bundles, talked_s)


def _bundles(place: int, facts: CallFacts) -> Bundles:
    return tuple((allowance_id, seconds) for index, allowance_id, seconds in facts.bundles if index == place)


def _billable_ms(place: int, chain: Chain, facts: CallFacts) -> int:
    """The conversation, cut at the seconds that every tier's money bought: a late cut is the platform's loss."""
    duration, held_micro = duration_ms(facts), dict(facts.holds).get(place)
    if held_micro is None or not chain.tiers:
        return duration
    held = {account_id: micro for index, account_id, micro in facts.shares if index == place}
    held[chain.tiers[0].tier.account_id] = held_micro
    answer = answered_at(facts.answered_ms or facts.started_ms)
    paid = bundled(chain, seconds_in(_bundles(place, facts)))
    for charge in chain.tiers:
        own, micro = paid if charge.tier.position == 0 else NOTHING, held.get(charge.tier.account_id, 0)
        if hold_micro(charge, -(-duration // 1000), answer, own) > micro:
            funded_s = funded_seconds(charge, micro, answer, own)
            duration = min(duration, funded_s * 1000) if funded_s else duration
    return duration


def _tier_draft(
    decision: Decision,
    place: int,
    charge: TierCharge,
    price: Charge | None,
    facts: CallFacts,
    outcome: Outcome,
    used: Sequence[Use],
) -> CdrDraft:
    chain, tier = decision.chains[place], charge.tier
    explanation = tier_explanation(decision, chain, charge, price, facts, outcome)
    explanation["bundles"] = [asdict(use) for use in used]
    return CdrDraft(
        chain=chain.kind,
        tier=tier.position,
        seller_partner_id=tier.seller_partner_id,
        buyer_partner_id=tier.buyer_partner_id,
        customer_id=chain.customer_id if tier.position == 0 else None,
        account_id=tier.account_id,
        gateway_id=None,
        outcome=outcome,
        duration_ms=duration_ms(facts) if outcome is Outcome.ANSWERED else 0,
        billed_s=price.billed_s if price else 0,
        amount_micro=price.amount_micro if price else 0,
        currency=tier.account_currency,
        explanation=explanation,
        chain_no=place,
        user_id=chain.user_id,
        callee=chain.callee,
        bundles=tuple((use.allowance_id, use.used_s) for use in used),
    )


def _carrier_draft(
    decision: Decision,
    place: int,
    carrier: CarrierCharge,
    cost: Charge | None,
    facts: CallFacts,
    outcome: Outcome,
    *,
    tier: int,
) -> CdrDraft:
    chain = decision.chains[place]
    last_currency = chain.tiers[-1].tier.account_currency if chain.tiers else ""
    return CdrDraft(
        chain=chain.kind,
        tier=tier,
        seller_partner_id=carrier.owner_partner_id,
        buyer_partner_id=None,
        customer_id=None,
        account_id=None,
        gateway_id=carrier.gateway_id,
        outcome=outcome,
        duration_ms=duration_ms(facts) if outcome is Outcome.ANSWERED else 0,
        billed_s=cost.billed_s if cost else 0,
        amount_micro=cost.amount_micro if cost else 0,
        currency=carrier.tariff.currency if carrier.tariff else last_currency,
        explanation=carrier_explanation(decision, chain, carrier, cost, facts),
        chain_no=place,
        user_id=chain.user_id,
        callee=chain.callee,
    )
