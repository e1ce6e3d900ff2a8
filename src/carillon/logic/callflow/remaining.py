"""How long a call may last with the money there is: for announcements, the portal and the test call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

from carillon.logic.callflow.bundles import NOTHING, Bundled, at_hand, bundled, seconds_in
from carillon.logic.callflow.charging import UNLIMITED, charge_of, funded_seconds, longest_call_s
from carillon.logic.callflow.forwarding import refuse_unpaid
from carillon.logic.callflow.values import Chain, Decision, Refusal, TierCharge, answered_at
from carillon.logic.copies import replace

MINUTE_MS = 60_000
NO_SECONDS: Mapping[int, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Remaining:
    """What a call that was decided but not made would cost whoever dials, and for how long the money lasts.

    `minute_micro` is the price of a minute with fee and intervals, in `currency`; `per_minute` the list's own rate in
    `list_currency`. None: nothing is paid for it. `lasts_s` are the seconds that every tier can pay for, at most
    `longest_s`; 0 when the call is refused. `bundle_s` of them are included in what the customer has bought.
    """

    callee: str
    refusal: Refusal | None
    lasts_s: int
    longest_s: int
    minute_micro: int | None = None
    currency: str = ""
    per_minute: Decimal | None = None
    list_currency: str = ""
    bundle_s: int = 0


def remaining(
    decision: Decision, spendable: Mapping[int, int], at_ms: int, seconds_left: Mapping[int, int] = NO_SECONDS
) -> Remaining:
    """What comes of a decision, answered at `at_ms`, when its accounts have so much left: micro-units by account id.

    Accounts that are not named have enough. `seconds_left` is what allowances have, by their id.
    """
    decision = unpaid(decision, spendable, seconds_left)
    if decision.refusal is not None:
        return Remaining(decision.callee or decision.dialled, decision.refusal, 0, decision.max_s)
    charges = [
        (charge, paid_at_most(chain, charge, seconds_left)) for chain in decision.chains for charge in chain.tiers
    ]
    longest_s = min([longest_call_s(chain, at_ms, decision.max_s) for chain in decision.chains], default=decision.max_s)
    lasts = [
        lasting(charge, spendable[charge.tier.account_id], longest_s, at_ms, paid)
        for charge, paid in charges
        if charge.tier.account_id in spendable
    ]
    bundle_s = sum(paid.seconds for _, paid in charges)
    end_s = bundles_end_s(decision, seconds_left)
    lasts_s = min([longest_s if end_s is None else min(longest_s, end_s), *lasts])
    found = Remaining(decision.callee, None, lasts_s, longest_s, bundle_s=bundle_s)
    return _priced(found, charges[0][0], at_ms) if charges else found


def paid_at_most(chain: Chain, charge: TierCharge, seconds_left: Mapping[int, int]) -> Bundled:
    """What bundles can pay of a tier's part of a call, however long it lasts: of the customer's part only."""
    return NOTHING if charge.tier.position else bundled(chain, seconds_in(at_hand(chain, seconds_left)))


def bundles_end_s(decision: Decision, seconds_left: Mapping[int, int]) -> int | None:
    """When the call ends because only bundles may pay for it, in seconds; None: money may."""
    only = [seconds_in(at_hand(chain, seconds_left)) for chain in decision.chains if chain.blocks]
    return min(only, default=None)


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


def lasting(charge: TierCharge, spendable_micro: int, longest_s: int, at_ms: int, paid: Bundled = NOTHING) -> int:
    """The seconds that a tier can pay for besides what is `paid`, answered at `at_ms`; at most `longest_s`."""
    seconds = funded_seconds(charge, max(spendable_micro, 0), answered_at(at_ms), paid)
    return longest_s if seconds == UNLIMITED else min(seconds, longest_s)


def unpaid(decision: Decision, spendable: Mapping[int, int], seconds_left: Mapping[int, int] = NO_SECONDS) -> Decision:
    """The decision refused, as the database would, when a hold is more than an account has left."""
    for hold in () if decision.refusal else decision.holds:
        chain = decision.chains[hold.chain]
        has_bundle = any(seconds_left.get(allowance.id) for allowance in chain.allowances)
        if chain.blocks and not has_bundle:
            return refuse_unpaid(decision, "bundle-used-up", hold)
        micro = hold.bundle.fee_micro if has_bundle and hold.bundle else hold.amount_micro
        if spendable.get(hold.account_id, micro) < micro:
            return refuse_unpaid(decision, "credit-exhausted", hold)
        if any(spendable.get(account_id, amount) < amount for account_id, amount in hold.upper):
            return refuse_unpaid(decision, "partner-credit-exhausted", hold)
    return decision
