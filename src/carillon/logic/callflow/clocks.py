"""How long the money of a live call lasts: one clock for each chain that pays by time (decision 0014).

A chain's clock starts with the answer, runs by the chain's own rate and is wound up by extending the chain's own hold.
The call ends when the first clock has run down.
"""

from __future__ import annotations

from dataclasses import dataclass

from carillon.logic.callflow.bundles import NOTHING, Bundled, bundled, seconds_in
from carillon.logic.callflow.charging import clock_charge, funded_seconds, hold_micro, longest_call_s, whole_seconds
from carillon.logic.callflow.values import AnswerTime, Chain, Decision, answered_at, not_answered_yet
from carillon.logic.copies import replace

LEAST_LEAD_MS = 2_000


@dataclass(frozen=True, slots=True)
class Clock:
    """The money of one chain; `place` is the chain's index in the decision.

    The chain pays when a target from `paid_from` on answers, not when an earlier one, whose call was being forwarded,
    was just a little faster. `funded_s` are the seconds of conversation that money is held for, `asked_s` those of an
    extension under way (0: none). After its last grant a clock asks once more, just before it runs down, and is
    then spent: only money that comes in (`refilled`) makes it ask again. `answer` is when the call is or
    may be answered: prices may depend on it. `paid` is what bundles have set aside; while it `has_bundle` more is asked
    of them, afterwards of money, unless the chain's bundles say that there is none.
    """

    place: int
    chain: Chain
    funded_s: int
    held_micro: int
    answer: AnswerTime
    paid_from: int = 0
    asked_s: int = 0
    is_last_grant: bool = False
    is_spent: bool = False
    paid: Bundled = NOTHING
    has_bundle: bool = False

    @property
    def is_over(self) -> bool:
        """Whether nothing more may be asked for, whatever money there is."""
        return self.chain.blocks and not self.has_bundle


def clocks_of(decision: Decision, at_ms: int) -> tuple[Clock, ...]:
    """The clocks of a decision whose holds are taken at `at_ms`; chains that do not pay by time have none."""
    answer = not_answered_yet(at_ms)
    return tuple(
        Clock(
            place=hold.chain,
            chain=decision.chains[hold.chain],
            funded_s=hold.funded_s,
            held_micro=hold.amount_micro,
            answer=answer,
            paid_from=_paid_from(decision, hold.chain),
            paid=bundled(decision.chains[hold.chain], seconds_in(hold.bundles)),
            has_bundle=hold.bundle is not None and bool(hold.bundles),
        )
        for hold in decision.holds
        if clock_charge(decision.chains[hold.chain]) is not None
    )


def _paid_from(decision: Decision, place: int) -> int:
    return next((index for index, target in enumerate(decision.targets) if target.chain >= place), 0)


def running(clocks: tuple[Clock, ...], answered_target: int | None, answered_ms: int) -> tuple[Clock, ...]:
    """The clocks that run once a target (an index, None: not known) has answered."""
    answer = answered_at(answered_ms)
    runs = (clock for clock in clocks if answered_target is None or answered_target >= clock.paid_from)
    return tuple(replace(clock, answer=answer) for clock in runs)


def longest_s(clocks: tuple[Clock, ...], most_s: int) -> int:
    """How long an answered call may last at most: `most_s`, or less where a price list ends calls at a maximum."""
    return min([longest_call_s(clock.chain, clock.answer.from_ms, most_s) for clock in clocks], default=most_s)


def resumed(clock: Clock, held_micro: int, bundle_s: int, talked_s: int, chunk_s: int) -> Clock:
    """The running clock of a call that has talked for `talked_s`, when so much is held for its chain."""
    paid = bundled(clock.chain, bundle_s)
    bought_s = funded_seconds(clock.chain.tiers[0], held_micro, clock.answer, paid)
    if bought_s < 0:  # the customer's own tier is free and only tiers above pay: go on and ask them soon
        bought_s = talked_s + chunk_s
    return replace(clock, funded_s=bought_s, held_micro=held_micro, paid=paid, has_bundle=bundle_s > 0)


def ask_after_ms(clock: Clock, chunk_s: int, max_s: int) -> int:
    """When to ask for more: a third of a chunk before the money is used up, at least two seconds; from the answer.

    Two seconds after the last grant: money may have come back meanwhile. The end of the funded time (nothing to ask)
    when the clock is spent and when the maximum length is paid for.
    """
    until_ms = 1000 * clock.funded_s
    if is_done(clock, max_s):
        return until_ms
    return until_ms - (LEAST_LEAD_MS if clock.is_last_grant else max(chunk_s * 1000 // 3, LEAST_LEAD_MS))


def is_done(clock: Clock, max_s: int) -> bool:
    """Whether nothing more is to be asked for."""
    return clock.is_spent or clock.is_over or clock.funded_s >= max_s


def wanted_seconds(clock: Clock, chunk_s: int, max_s: int) -> int:
    """Funded seconds after one more chunk, in whole increments."""
    charge = clock_charge(clock.chain)
    wanted_s = min(clock.funded_s + max(chunk_s, 1), max(max_s, clock.funded_s + 1))
    skip_s = 0 if clock.has_bundle else clock.paid.seconds
    return whole_seconds(charge, wanted_s, clock.answer, skip_s) if charge is not None else wanted_s


def totals(clock: Clock, seconds: int) -> tuple[int, tuple[tuple[int, int], ...]]:
    """Micro-units of the customer for a call of `seconds`, and (account id, micro-units) of the tiers above.

    Of the customer what is held already while its bundles pay.
    """
    own, *above = clock.chain.tiers
    needs = [(charge.tier.account_id, hold_micro(charge, seconds, clock.answer)) for charge in above]
    micro = clock.held_micro if clock.has_bundle else hold_micro(own, seconds, clock.answer, clock.paid)
    return micro, tuple(need for need in needs if need[1])


def granted(clock: Clock, total_micro: int) -> Clock | None:
    """The clock with the extension it had asked for; None when the total answers an earlier question."""
    if total_micro < hold_micro(clock.chain.tiers[0], clock.asked_s, clock.answer, clock.paid):
        return None
    return replace(clock, funded_s=clock.asked_s, held_micro=total_micro, asked_s=0, is_spent=False)


def granted_bundle(clock: Clock, bundle_s: int) -> Clock:
    """The clock when its chain has `bundle_s` of bundles in all; fewer than it had asked for: there are no more."""
    paid, has_bundle = bundled(clock.chain, bundle_s), bundle_s >= clock.asked_s
    bought_s = funded_seconds(clock.chain.tiers[0], clock.held_micro, clock.answer, paid)
    if bought_s < 0:  # what follows costs the customer nothing: go on for the tiers above
        bought_s = clock.asked_s
    return replace(clock, funded_s=bought_s, paid=paid, has_bundle=has_bundle, asked_s=0, is_spent=False)


def last_seconds(clock: Clock, bearable_micro: int) -> int:
    """The seconds of the last grant after a refusal: whole increments that the rest of the money buys; 0 for none.

    Always fewer than were asked for, so that refusals in a row come to an end.
    """
    affordable_s = funded_seconds(clock.chain.tiers[0], bearable_micro, clock.answer, clock.paid)
    return affordable_s if clock.funded_s < affordable_s < clock.asked_s else 0


def refused(clock: Clock, talked_ms: int) -> Clock:
    """The clock after a refusal: once it has asked just before its end it is spent."""
    is_spent = talked_ms >= 1000 * clock.funded_s - LEAST_LEAD_MS
    return replace(clock, asked_s=0, is_last_grant=True, is_spent=is_spent)


def refilled(clock: Clock) -> Clock:
    """The clock once money has come in: it asks as if it had never been refused."""
    return replace(clock, is_last_grant=False, is_spent=False)
