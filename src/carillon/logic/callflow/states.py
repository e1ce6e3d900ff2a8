"""The life of one call after its decision, as a pure step: control feeds events and carries out effects.

Time is in integer milliseconds of the Unix epoch and comes with each event. Between events control wakes the call with
`Tick` at `next_tick_ms(state)`.

| Phase   | Event          | When                            | To      | Effects                                       |
|---------|----------------|---------------------------------|---------|-----------------------------------------------|
| OFFERED | Applied        |                                 | RINGING |                                               |
| OFFERED | Tick           | 5 s without Applied             | OVER    | Release, RecordEvent failed 487               |
| OFFERED | Answered       | Applied was lost                | TALKING |                                               |
| RINGING | Progress       |                                 | RINGING |                                               |
| RINGING | Answered       |                                 | TALKING |                                               |
| RINGING | (`forward`)    | further targets, money held     | RINGING |                                               |
| RINGING | Tick           | ringing longer than `ring_ms`   | OVER    | Release, RecordEvent failed 408               |
| any     | Failed         | not answered                    | OVER    | Release                                       |
| any     | Ended          |                                 | OVER    | Release when never answered                   |
| TALKING | Tick           | a third of the chunk is left    | TALKING | Extend (once until there is an answer)        |
| TALKING | Extended       |                                 | TALKING | SetTimeout                                    |
| TALKING | ExtendRefused  | some more increments affordable | TALKING | Extend (the last grant)                       |
| TALKING | ExtendRefused  | nothing more affordable         | TALKING |                                               |
| TALKING | Tick           | funded seconds are over         | ENDING  | Terminate, RecordEvent cut, RecordEvent ended |
| TALKING | Tick           | maximum length reached          | ENDING  | Terminate, RecordEvent ended                  |
| RINGING | Hangup         |                                 | ENDING  | Terminate, Release, RecordEvent failed        |
| TALKING | Hangup         |                                 | ENDING  | Terminate, RecordEvent ended                  |
| TALKING | Vanished       |                                 | ENDING  | RecordEvent ended, Terminate                  |
| ENDING  | Tick           | 5 s without Ended or Failed     | OVER    |                                               |

Events that a phase does not name change nothing: they may come twice and out of order. Who ends a call records its
end, because the edge loses such ends; the first writer of `ended` wins. A call without a price needs no holds: only its
maximum length ends it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from carillon.logic.callflow.charging import clock_rate, funded_seconds, hold_micro
from carillon.logic.callflow.values import (
    Chain,
    Decision,
)
from carillon.logic.rating import billed_seconds

APPLY_MS = 5_000  # a hold is provisional until the edge reports `applied`
END_MS = 5_000  # how long the edge may take to report an end that we asked for
RING_MS = 300_000  # longer than all targets' timers together: then the edge has lost the call
LEAST_LEAD_MS = 2_000
LAST_PACKET, LAST_PROOF = "last-packet", "last-proof"  # what stands for an end that nobody saw


class Phase(StrEnum):
    """Where a live call stands."""

    OFFERED = "offered"
    RINGING = "ringing"
    TALKING = "talking"
    ENDING = "ending"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class LiveCall:
    """A call between its decision and its end.

    `chain` is the paying chain (None: nothing to pay); it pays when a target from `paid_from` on answers, not when an
    earlier one, whose call was being forwarded, was just a little faster. `funded_s` are the seconds of conversation
    that money is held for (None: no limit but `max_s`), `asked_s` those of an extension under way (0: none). After the
    last grant nothing more is asked for.
    """

    phase: Phase
    chain: Chain | None
    chunk_s: int
    max_s: int
    offered_ms: int
    funded_s: int | None
    held_micro: int
    ring_ms: int = RING_MS
    paid_from: int = 0
    asked_s: int = 0
    is_last_grant: bool = False
    answered_ms: int | None = None
    answered_target: int | None = None
    ending_ms: int | None = None


# ---------------------------------------------------------------- events


@dataclass(frozen=True, slots=True)
class Applied:
    """The edge has sent the INVITE on."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Progress:
    """A callee rings."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Answered:
    """200 OK; `target` is an index into the decision's targets."""

    at_ms: int
    target: int | None = None


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Extended:
    """The hold was raised to `total_micro`."""

    at_ms: int
    total_micro: int


@dataclass(frozen=True, slots=True)
class ExtendRefused:
    """The hold could not be raised; `bearable_micro` is the largest total that the account can bear."""

    at_ms: int
    bearable_micro: int


@dataclass(frozen=True, slots=True)
class Ended:
    """A BYE was seen, whoever sent it."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Failed:
    """No target answered, or the caller cancelled."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Hangup:
    """Someone with the right to do so hangs up, e.g. in the portal."""

    at_ms: int
    by: str = "operator"


@dataclass(frozen=True, slots=True)
class Vanished:
    """Nobody is there any more: `heard_ms` is the last packet that proves otherwise (None: not known).

    `by` names what noticed it: timeout (the edge's keep-alive), session-timer (RFC 4028) or media-timeout.
    """

    at_ms: int
    heard_ms: int | None = None
    by: str = "timeout"
    reason: str = "A phone has vanished"


Event = Applied | Progress | Answered | Tick | Extended | ExtendRefused | Ended | Failed | Hangup | Vanished


# ---------------------------------------------------------------- effects


@dataclass(frozen=True, slots=True)
class Extend:
    """Raise the hold: `callfeed.extend_hold`. `upper` are (account id, total of this call) of the tiers above."""

    total_micro: int
    funded_s: int
    until_ms: int
    upper: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class SetTimeout:
    """Set the dead-man's switch: the dialog ends by itself `seconds` from now."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Terminate:
    """End both legs; `reason` is money, timeout or who hung up."""

    reason: str


@dataclass(frozen=True, slots=True)
class Release:
    """Give the hold back: `callfeed.release_hold`. Does nothing when there is none."""


@dataclass(frozen=True, slots=True)
class RecordEvent:
    """Write a call event: `callfeed.record_event`."""

    kind: str
    at_ms: int
    detail: dict[str, object] = field(default_factory=dict)


Effect = Extend | SetTimeout | Terminate | Release | RecordEvent
Stepped = tuple[LiveCall, tuple[Effect, ...]]


# ---------------------------------------------------------------- beginning


def begin(decision: Decision, *, at_ms: int, chunk_s: int) -> LiveCall:
    """The state of a call whose hold was taken at `at_ms`; `chunk_s` is the length of each extension in seconds."""
    hold = decision.hold
    chain = decision.chains[hold.chain] if hold is not None else None
    is_timed = chain is not None and clock_rate(chain) is not None
    paid = (place for place, target in enumerate(decision.targets) if hold is None or target.chain >= hold.chain)
    return LiveCall(
        phase=Phase.OFFERED,
        chain=chain if is_timed else None,
        chunk_s=chunk_s,
        max_s=decision.max_s,
        offered_ms=at_ms,
        funded_s=hold.funded_s if hold is not None and is_timed else None,
        held_micro=hold.amount_micro if hold is not None else 0,
        paid_from=next(paid, 0),
        ring_ms=max(RING_MS, 1000 * sum(target.ring_timeout_s + 10 for target in decision.targets)),
    )


def forward(state: LiveCall, decision: Decision, *, at_ms: int) -> LiveCall:
    """The state of a ringing call that goes on to the further targets of `decision`, for whose chain money is held."""
    begun = begin(decision, at_ms=at_ms, chunk_s=state.chunk_s)
    return replace(begun, phase=state.phase, answered_ms=state.answered_ms, answered_target=state.answered_target)


def resume(decision: Decision, *, at_ms: int, chunk_s: int, answered_ms: int, held_micro: int) -> LiveCall:
    """The state of an answered call after control was restarted (`callfeed.open_calls`)."""
    state = replace(begin(decision, at_ms=at_ms, chunk_s=chunk_s), phase=Phase.TALKING, answered_ms=answered_ms)
    if state.chain is None:
        return state
    bought_s = funded_seconds(state.chain.tiers[0], held_micro)
    if bought_s < 0:  # the customer's own tier is free and only tiers above pay: go on and ask them soon
        bought_s = (at_ms - answered_ms) // 1000 + chunk_s
    return replace(state, funded_s=bought_s, held_micro=held_micro)


def dialog_timeout_s(decision: Decision) -> int:
    """The dialog's first timeout: what the hold has bought, else the maximum length."""
    return min(decision.hold.funded_s, decision.max_s) if decision.hold is not None else decision.max_s


def funded_until_ms(state: LiveCall) -> int | None:
    """When the money held will be used up; None while not answered or without a limit by money."""
    if state.answered_ms is None or state.funded_s is None:
        return None
    return state.answered_ms + 1000 * state.funded_s


def next_tick_ms(state: LiveCall) -> int | None:
    """The next moment at which `Tick` may change something; None when the call is over."""
    if state.phase is Phase.OFFERED:
        return state.offered_ms + APPLY_MS
    if state.phase is Phase.RINGING:
        return state.offered_ms + state.ring_ms
    if state.phase is Phase.ENDING:
        return (state.ending_ms or 0) + END_MS
    if state.phase is Phase.OVER or state.answered_ms is None:
        return None
    until_ms = funded_until_ms(state)
    limit_ms = state.answered_ms + 1000 * state.max_s
    if until_ms is None:
        return limit_ms
    return min(limit_ms, until_ms, _ask_at_ms(state, until_ms))


# ---------------------------------------------------------------- the step


def step(state: LiveCall, event: Event) -> Stepped:
    """The next state and what to do, in order. Pure; unexpected events change nothing."""
    if state.phase is Phase.OVER:
        return state, ()
    if isinstance(event, Ended | Failed):
        return _over(state, event)
    if isinstance(event, Hangup):
        return _hang_up(state, event)
    if isinstance(event, Vanished):
        return _vanish(state, event)
    if isinstance(event, Answered):
        return _answer(state, event)
    if isinstance(event, Extended | ExtendRefused):
        return _extension_answered(state, event)
    if isinstance(event, Tick):
        return _tick(state, event.at_ms)
    if isinstance(event, Applied) and state.phase is Phase.OFFERED:
        return replace(state, phase=Phase.RINGING), ()
    return state, ()


def _over(state: LiveCall, event: Ended | Failed) -> Stepped:
    if isinstance(event, Failed) and state.answered_ms is not None and state.phase is not Phase.ENDING:
        return state, ()  # a late failure of another branch
    effects = (Release(),) if state.answered_ms is None and state.phase is not Phase.ENDING else ()
    return replace(state, phase=Phase.OVER), effects


def _answer(state: LiveCall, event: Answered) -> Stepped:
    if state.phase not in (Phase.OFFERED, Phase.RINGING):
        return state, ()
    talking = replace(state, phase=Phase.TALKING, answered_ms=event.at_ms, answered_target=event.target)
    if event.target is not None and event.target < state.paid_from:
        return replace(talking, chain=None, funded_s=None), ()
    return talking, ()


def _hang_up(state: LiveCall, event: Hangup) -> Stepped:
    if state.phase is Phase.ENDING:
        return state, ()
    ending = replace(state, phase=Phase.ENDING, ending_ms=event.at_ms)
    if state.answered_ms is None:
        detail: dict[str, object] = {"sip_code": 487, "reason": "Hung up by the operator", "by": event.by}
        return ending, (Terminate(event.by), Release(), RecordEvent("failed", event.at_ms, detail))
    return ending, (Terminate(event.by), _ended(event.at_ms, event.by, "Hung up by the operator"))


def _vanish(state: LiveCall, event: Vanished) -> Stepped:
    """The end is written before it is made: it is earlier than the one that the edge is about to see."""
    if state.phase is not Phase.TALKING:
        return state, ()
    ending = replace(state, phase=Phase.ENDING, ending_ms=event.at_ms)
    ended = _ended(event.at_ms, event.by, event.reason)
    if event.heard_ms is not None:
        heard_ms = max(min(event.heard_ms, event.at_ms), state.answered_ms or 0)
        ended = RecordEvent("ended", heard_ms, {**ended.detail, "charged_to": LAST_PACKET})
    return ending, (ended, Terminate(event.by))


def _ended(at_ms: int, by: str, reason: str) -> RecordEvent:
    return RecordEvent("ended", at_ms, {"by": by, "sip_code": 200, "reason": reason})


def _tick(state: LiveCall, now_ms: int) -> Stepped:
    if state.phase is Phase.TALKING:
        return _tick_talking(state, now_ms)
    due_ms = next_tick_ms(state)
    if due_ms is None or now_ms < due_ms:
        return state, ()
    over = replace(state, phase=Phase.OVER)
    if state.phase is Phase.ENDING:
        return over, ()
    lost = (487, "Never put through") if state.phase is Phase.OFFERED else (408, "Rang too long")
    return over, (Release(), RecordEvent("failed", now_ms, {"sip_code": lost[0], "reason": lost[1], "by": "timeout"}))


def _tick_talking(state: LiveCall, now_ms: int) -> Stepped:
    answered_ms = state.answered_ms if state.answered_ms is not None else now_ms
    until_ms = funded_until_ms(state)
    ending = replace(state, phase=Phase.ENDING, ending_ms=now_ms)
    if now_ms >= answered_ms + 1000 * state.max_s:
        return ending, (Terminate("timeout"), _ended(now_ms, "timeout", "Maximum call length reached"))
    if until_ms is None:
        return state, ()
    if now_ms >= until_ms:
        cut = RecordEvent("cut", now_ms, {"funded_s": state.funded_s, "held_micro": state.held_micro})
        return ending, (Terminate("money"), cut, _ended(now_ms, "money", "Credit used up"))
    if now_ms >= _ask_at_ms(state, until_ms):
        return _ask(state, _wanted_s(state))
    return state, ()


# ---------------------------------------------------------------- extensions


def _ask_at_ms(state: LiveCall, until_ms: int) -> int:
    """When to ask for more: a third of a chunk before the money is used up, at least two seconds.

    The end of the funded time (nothing to ask) while an answer is awaited, after the last grant, and when the maximum
    length is paid for.
    """
    if state.asked_s or state.is_last_grant or (state.funded_s or 0) >= state.max_s:
        return until_ms
    return until_ms - max(state.chunk_s * 1000 // 3, LEAST_LEAD_MS)


def _wanted_s(state: LiveCall) -> int:
    """Funded seconds after one more chunk, in whole increments."""
    rate = clock_rate(state.chain) if state.chain is not None else None
    funded_s = state.funded_s or 0
    wanted_s = min(funded_s + max(state.chunk_s, 1), max(state.max_s, funded_s + 1))
    return billed_seconds(rate, wanted_s) if rate is not None else wanted_s


def _ask(state: LiveCall, seconds: int) -> Stepped:
    if state.chain is None or state.answered_ms is None:
        return state, ()
    totals = [(charge.tier.account_id, hold_micro(charge, seconds)) for charge in state.chain.tiers]
    until_ms = state.answered_ms + 1000 * seconds
    upper = tuple(total for total in totals[1:] if total[1])
    return replace(state, asked_s=seconds), (Extend(totals[0][1], seconds, until_ms, upper),)


def _extension_answered(state: LiveCall, event: Extended | ExtendRefused) -> Stepped:
    if state.phase is not Phase.TALKING or not state.asked_s:
        return state, ()
    if isinstance(event, ExtendRefused):
        return _last_grant(state, event)
    if state.chain is not None and event.total_micro < hold_micro(state.chain.tiers[0], state.asked_s):
        return state, ()  # the answer to an earlier question
    extended = replace(state, funded_s=state.asked_s, held_micro=event.total_micro, asked_s=0)
    until_ms = min(funded_until_ms(extended) or 0, (state.answered_ms or 0) + 1000 * state.max_s)
    return extended, (SetTimeout(max(-(-(until_ms - event.at_ms) // 1000), 1)),)


def _last_grant(state: LiveCall, event: ExtendRefused) -> Stepped:
    """Ask for the whole increments that the rest of the money buys, once; then let the funded time run out."""
    refused = replace(state, asked_s=0, is_last_grant=True)
    if state.chain is None or state.is_last_grant:
        return refused, ()
    affordable_s = funded_seconds(state.chain.tiers[0], event.bearable_micro)
    if affordable_s <= (state.funded_s or 0) or affordable_s >= state.asked_s:
        return refused, ()
    return _ask(refused, affordable_s)
