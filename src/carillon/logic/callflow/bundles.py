"""Bundles: which call time that a customer has bought pays for a call, and how much of it is used up.

The seconds of a call are paid by its allowances, one after the other, then by the price list from that second on
(decision 0019). How much there is of them is the database's to say; here is which ones, in which order, and the sums.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from carillon.logic.callflow.allowance import Allowance
from carillon.logic.callflow.feed import Customer, Feed
from carillon.logic.callflow.values import Chain, Decision, HoldRequest
from carillon.logic.copies import replace


@dataclass(frozen=True, slots=True)
class Bundled:
    """What bundles pay of a call: its first `seconds`, and the connection fee unless it `owes_fee`."""

    seconds: int = 0
    owes_fee: bool = True


NOTHING = Bundled()
Bundles = Sequence[tuple[int, int]]
"""What is set aside of allowances, in the order of use: (allowance id, seconds)."""


@dataclass(frozen=True, slots=True)
class Use:
    """What a call takes of one allowance: it talked for `seconds` by it and has used up `used_s`, whole intervals.

    Of a call's first one `covers_fee` says whether the connection fee is paid too.
    """

    allowance_id: int
    name: str
    seconds: int
    used_s: int
    covers_fee: bool


def allowances_for(feed: Feed, customer: Customer, user_id: int | None, number: str) -> tuple[Allowance, ...]:
    """The allowances that pay for a user's call to E.164 `number` now, in the order of use.

    Those of the group with the longest prefix of the number first, of these what ends first, then the user's own.
    """
    fitting = []
    for allowance in customer.allowances:
        is_live = allowance.starts_ms <= feed.at_ms < allowance.ends_ms and allowance.user_id in (None, user_id)
        precision = 0 if allowance.group_id is None else feed.group_match(allowance.group_id, number)
        if is_live and precision is not None:
            fitting.append(((-precision, allowance.ends_ms, allowance.user_id is None, allowance.id), allowance))
    return tuple(allowance for _, allowance in sorted(fitting))


def with_bundles(feed: Feed, chain: Chain, customer: Customer, user_id: int | None, number: str) -> Chain:
    """The chain with the allowances that pay for it: those of a call that costs its customer something."""
    if not customer.allowances or not chain.tiers or chain.tiers[0].rate is None:
        return chain
    return replace(chain, allowances=allowances_for(feed, customer, user_id, number))


def whole_intervals(allowance: Allowance, seconds: int) -> int:
    """The seconds that a call of `seconds` uses up of an allowance; 0 when it does not need it."""
    if seconds <= 0:
        return 0
    increment_s = max(allowance.increment_s, 1)
    return allowance.initial_s + max(-(-(seconds - allowance.initial_s) // increment_s), 0) * increment_s


def taken(hold: HoldRequest, micro: int, bundles: Bundles) -> HoldRequest:
    """The hold as the database has taken it: `micro` of money, and `bundles`."""
    seconds = seconds_in(bundles)
    if hold.bundle is None or not seconds:
        return replace(hold, bundle=None)
    more = hold.bundle if seconds >= hold.bundle.seconds else None
    return replace(hold, amount_micro=micro, funded_s=seconds, bundles=tuple(bundles), bundle=more)


def retaken(decision: Decision, held: Mapping[int, int], bundles: Mapping[int, Bundles]) -> Decision:
    """A kept decision with its holds as the database has them: micro-units and bundles by chain."""
    holds = tuple(taken(hold, held.get(hold.chain, 0), bundles.get(hold.chain, ())) for hold in decision.holds)
    return replace(decision, holds=holds)


def at_hand(chain: Chain, seconds_left: Mapping[int, int]) -> Bundles:
    """All that a call alone could have of the chain's bundles; `seconds_left` is what each has now, by its id."""
    found = ((allowance.id, seconds_left.get(allowance.id, 0)) for allowance in chain.allowances)
    return tuple((allowance_id, seconds) for allowance_id, seconds in found if seconds > 0)


def promised(hold: HoldRequest, chain: Chain, seconds_left: Mapping[int, int]) -> HoldRequest:
    """The hold as the database would take it now, when nobody else does."""
    ask = hold.bundle
    wanted = uses(chain, at_hand(chain, seconds_left), ask.seconds) if ask else ()
    if ask is None or not wanted:
        return taken(hold, hold.amount_micro, ())
    return taken(hold, ask.fee_micro, tuple((use.allowance_id, use.used_s) for use in wanted))


def seconds_in(bundles: Bundles) -> int:
    """Seconds of all of them."""
    return sum(seconds for _, seconds in bundles)


def bundled(chain: Chain, seconds: int) -> Bundled:
    """What is set aside for `seconds` of the chain's bundles: the fee too unless none of them may owe it."""
    owes_fee = not seconds or not all(allowance.covers_fee for allowance in chain.allowances)
    return Bundled(seconds, owes_fee)


def uses(chain: Chain, bundles: Bundles, talked_s: int) -> tuple[Use, ...]:
    """What a call that talked for `talked_s` takes of what was set aside, never more."""
    known = {allowance.id: allowance for allowance in chain.allowances}
    found, left_s = [], talked_s
    for allowance_id, held_s in bundles:
        seconds = min(left_s, held_s)
        if seconds > 0:
            allowance = known[allowance_id]
            used_s = min(whole_intervals(allowance, seconds), held_s)
            found.append(Use(allowance_id, allowance.name, seconds, used_s, allowance.covers_fee))
        left_s -= max(seconds, 0)
    return tuple(found)


def paid_by(used: Sequence[Use]) -> Bundled:
    """What those uses pay of the call; the first one says whether the fee is owed."""
    return Bundled(sum(use.seconds for use in used), not used[0].covers_fee) if used else NOTHING
