"""How long a call may last with the money there is: for announcements, the portal and the test call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from carillon.logic.callflow.charging import UNLIMITED, charge_of, funded_seconds, longest_call_s
from carillon.logic.callflow.forwarding import refuse_unpaid
from carillon.logic.callflow.values import Decision, Refusal, TierCharge, answered_at

MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Remaining:
    """What a call that was decided but not made would cost whoever dials, and for how long the money lasts.

    `minute_micro` is the price of a minute with fee and intervals, in `currency`; `per_minute` the list's own rate in
    `list_currency`. None: nothing is paid for it. `lasts_s` are the seconds that every tier can pay for, at most
    `longest_s`; 0 when the call is refused.
    """

    callee: str
    refusal: Refusal | None
    lasts_s: int
    longest_s: int
    minute_micro: int | None = None
    currency: str = ""
    per_minute: Decimal | None = None
    list_currency: str = ""


def remaining(decision: Decision, spendable: Mapping[int, int], at_ms: int) -> Remaining:
    """What comes of a decision, answered at `at_ms`, when its accounts have so much left: micro-units by account id.

    Accounts that are not named have enough.
    """
    decision = unpaid(decision, spendable)
    if decision.refusal is not None:
        return Remaining(decision.callee or decision.dialled, decision.refusal, 0, decision.max_s)
    charges = [charge for chain in decision.chains for charge in chain.tiers]
    longest_s = min([longest_call_s(chain, at_ms, decision.max_s) for chain in decision.chains], default=decision.max_s)
    known = [(charge, spendable[charge.tier.account_id]) for charge in charges if charge.tier.account_id in spendable]
    lasts_s = min([longest_s, *(lasting(charge, micro, longest_s, at_ms) for charge, micro in known)])
    found = Remaining(decision.callee, None, lasts_s, longest_s)
    return _priced(found, charges[0], at_ms) if charges else found


def _priced(found: Remaining, charge: TierCharge, at_ms: int) -> Remaining:
    """With the price of whoever dials."""
    minute = charge_of(charge, MINUTE_MS, at_ms)
    if minute is None:
        return found
    pieces = minute.price.pieces
    per_minute = Decimal(pieces[0].rate).scaleb(-8) if pieces else minute.rate.per_minute
    return replace(
        found,
        minute_micro=minute.amount_micro,
        currency=minute.currency,
        per_minute=per_minute,
        list_currency=minute.tariff.currency,
    )


def lasting(charge: TierCharge, spendable_micro: int, longest_s: int, at_ms: int) -> int:
    """The seconds that a tier can pay for when the call is answered at `at_ms`, at most `longest_s`."""
    seconds = funded_seconds(charge, max(spendable_micro, 0), answered_at(at_ms))
    return longest_s if seconds == UNLIMITED else min(seconds, longest_s)


def unpaid(decision: Decision, spendable: Mapping[int, int]) -> Decision:
    """The decision refused, as the database would, when a hold is more than an account has left."""
    for hold in () if decision.refusal else decision.holds:
        if spendable.get(hold.account_id, hold.amount_micro) < hold.amount_micro:
            return refuse_unpaid(decision, "credit-exhausted", hold)
        if any(spendable.get(account_id, amount) < amount for account_id, amount in hold.upper):
            return refuse_unpaid(decision, "partner-credit-exhausted", hold)
    return decision
