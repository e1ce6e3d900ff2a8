"""The life of one call after its decision, as a pure step: control feeds events and carries out effects.

Time is in integer milliseconds of the Unix epoch and comes with each event. Between events control wakes the call with
`Tick` at `next_tick_ms(state)`.

| Phase   | Event          | When                            | To      | Effects                                       |
|---------|----------------|---------------------------------|---------|-----------------------------------------------|
| OFFERED | Applied        |                                 | RINGING |                                               |
| OFFERED | Tick           | `apply_ms` without Applied      | OVER    | Release, RecordEvent failed 487               |
| OFFERED | Answered       | Applied was lost                | TALKING |                                               |
| RINGING | Progress       |                                 | RINGING |                                               |
| RINGING | Answered       |                                 | TALKING |                                               |
| RINGING | (`forward`)    | further targets, money held     | RINGING |                                               |
| RINGING | Tick           | ringing longer than `ring_ms`   | OVER    | Release, RecordEvent failed 408               |
| any     | Failed         | not answered                    | OVER    | Release                                       |
| any     | Ended          |                                 | OVER    | Release when never answered                   |
| TALKING | Tick           | a third of a chunk is left      | TALKING | Extend (once until there is an answer)        |
| TALKING | Extended       |                                 | TALKING | SetTimeout, Extend of the next clock when due |
| TALKING | ExtendRefused  | some more increments affordable | TALKING | Extend (the last grant)                       |
| TALKING | ExtendRefused  | nothing more affordable         | TALKING |                                               |
| TALKING | Tick           | 2 s are left of a last grant    | TALKING | Extend (a whole chunk once more)              |
| TALKING | Refilled       | money has come in               | TALKING | Extend, when due                              |
| TALKING | Tick           | funded seconds are over         | ENDING  | Terminate, RecordEvent cut, RecordEvent ended |
| TALKING | Tick           | maximum length reached          | ENDING  | Terminate, RecordEvent ended                  |
| RINGING | Hangup         |                                 | ENDING  | Terminate, Release, RecordEvent failed        |
| TALKING | Hangup         |                                 | ENDING  | Terminate, RecordEvent ended                  |
| TALKING | Vanished       |                                 | ENDING  | RecordEvent ended, Terminate                  |
| ENDING  | Tick           | 5 s without Ended or Failed     | OVER    |                                               |

Events that a phase does not name change nothing: they may come twice and out of order. Who ends a call records its
end, because the edge loses such ends; the first writer of `ended` wins. Each chain that pays by time has a clock of its
own (`clocks`) and the first one to run down ends the call. A call without a price needs no holds: only its maximum
length ends it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from carillon.logic.callflow.clocks import (
    Clock,
    ask_after_ms,
    clocks_of,
    granted,
    granted_bundle,
    is_done,
    last_seconds,
    longest_s,
    refilled,
    refused,
    resumed,
    running,
    totals,
    wanted_seconds,
)
from carillon.logic.callflow.signals import (
    Answered,
    Applied,
    Effect,
    Ended,
    Event,
    Extend,
    Extended,
    ExtendRefused,
    Failed,
    Hangup,
    RecordEvent,
    Refilled,
    Release,
    SetTimeout,
    Terminate,
    Tick,
    Vanished,
)
from carillon.logic.callflow.values import Decision
from carillon.logic.copies import replace

APPLY_MS = 5_000  # a hold is provisional until the edge reports `applied`; without one only the record waits for it
END_MS = 5_000  # how long the edge may take to report an end that we asked for
RING_MS = 300_000  # longer than all targets' timers together: then the edge has lost the call
NO_BUNDLES: Mapping[int, int] = MappingProxyType({})
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
    """A call between its decision and its end; `clocks` say how long its money lasts (none: only `max_s` limits it)."""

    phase: Phase
    chunk_s: int
    max_s: int
    offered_ms: int
    clocks: tuple[Clock, ...] = ()
    apply_ms: int = APPLY_MS
    ring_ms: int = RING_MS
    answered_ms: int | None = None
    answered_target: int | None = None
    ending_ms: int | None = None


Stepped = tuple[LiveCall, tuple[Effect, ...]]


# ---------------------------------------------------------------- beginning


def begin(decision: Decision, *, at_ms: int, chunk_s: int) -> LiveCall:
    """The state of a call whose holds were taken at `at_ms`; `chunk_s` is the length of each extension in seconds."""
    return LiveCall(
        phase=Phase.OFFERED,
        chunk_s=chunk_s,
        max_s=decision.max_s,
        offered_ms=at_ms,
        clocks=clocks_of(decision, at_ms),
        apply_ms=APPLY_MS if decision.holds else RING_MS,
        ring_ms=max(RING_MS, 1000 * sum(target.ring_timeout_s + 10 for target in decision.targets)),
    )


def forward(state: LiveCall, decision: Decision, *, at_ms: int) -> LiveCall:
    """The state of a ringing call that goes on to the further targets of `decision`, for whose chains money is held."""
    begun = begin(decision, at_ms=at_ms, chunk_s=state.chunk_s)
    return replace(begun, phase=state.phase, answered_ms=state.answered_ms, answered_target=state.answered_target)


def resume(
    decision: Decision,
    *,
    at_ms: int,
    chunk_s: int,
    answered_ms: int,
    held: Mapping[int, int],
    bundles: Mapping[int, int] = NO_BUNDLES,
    answered_target: int | None = None,
) -> LiveCall:
    """The state of an answered call after control was restarted.

    `held` are micro-units by chain, `bundles` seconds of bundles.
    """
    state = begin(decision, at_ms=at_ms, chunk_s=chunk_s)
    talked_s = (at_ms - answered_ms) // 1000
    clocks = running(state.clocks, answered_target, answered_ms)
    return replace(
        state,
        phase=Phase.TALKING,
        max_s=longest_s(clocks, state.max_s),
        answered_ms=answered_ms,
        answered_target=answered_target,
        clocks=tuple(
            resumed(clock, held.get(clock.place, 0), bundles.get(clock.place, 0), talked_s, chunk_s) for clock in clocks
        ),
    )


def dialog_timeout_s(decision: Decision) -> int:
    """The dialog's first timeout: what the holds have bought, else the maximum length."""
    return min([decision.max_s, *(hold.funded_s for hold in decision.holds)])


def funded_until_ms(state: LiveCall) -> int | None:
    """When the first chain's money will be used up; None while not answered or without a limit by money."""
    if state.answered_ms is None or not state.clocks:
        return None
    return state.answered_ms + 1000 * min(clock.funded_s for clock in state.clocks)


def held_micro(state: LiveCall) -> int:
    """Micro-units held for the chains that pay by time."""
    return sum(clock.held_micro for clock in state.clocks)


def next_tick_ms(state: LiveCall) -> int | None:
    """The next moment at which `Tick` may change something; None when the call is over."""
    if state.phase is Phase.OFFERED:
        return state.offered_ms + state.apply_ms
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
    if isinstance(event, Refilled):
        return _ask_first(replace(state, clocks=tuple(refilled(clock) for clock in state.clocks)), event.at_ms)
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
    clocks = running(state.clocks, event.target, event.at_ms)
    talking = replace(talking, clocks=clocks, max_s=longest_s(clocks, state.max_s))
    # a chain that does not pay after all must not end the call either
    is_other = len(clocks) != len(state.clocks) or talking.max_s != state.max_s
    return talking, (_dead_man(talking, event.at_ms),) if is_other else ()


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
        first = min(state.clocks, key=lambda clock: clock.funded_s)
        detail: dict[str, object] = {"chain": first.place, "funded_s": first.funded_s, "held_micro": first.held_micro}
        cut = RecordEvent("cut", now_ms, detail)
        return ending, (Terminate("money"), cut, _ended(now_ms, "money", "Credit used up"))
    if now_ms >= _ask_at_ms(state, until_ms):
        return _ask_first(state, now_ms)
    return state, ()


# ---------------------------------------------------------------- extensions, one at a time


def _ask_at_ms(state: LiveCall, until_ms: int) -> int:
    """When to ask for more: for the clock that comes first; `until_ms` (nothing to ask) while an answer is awaited."""
    if state.answered_ms is None or any(clock.asked_s for clock in state.clocks):
        return until_ms
    return state.answered_ms + min(ask_after_ms(clock, state.chunk_s, state.max_s) for clock in state.clocks)


def _ask_first(state: LiveCall, now_ms: int) -> Stepped:
    """Ask for the clock that comes first, if its time has come."""
    if state.phase is not Phase.TALKING or state.answered_ms is None or not state.clocks:
        return state, ()
    if any(clock.asked_s for clock in state.clocks):
        return state, ()
    first = min(state.clocks, key=lambda clock: ask_after_ms(clock, state.chunk_s, state.max_s))
    if is_done(first, state.max_s) or now_ms < state.answered_ms + ask_after_ms(first, state.chunk_s, state.max_s):
        return state, ()
    return _ask(state, refilled(first), wanted_seconds(first, state.chunk_s, state.max_s))


def _ask(state: LiveCall, clock: Clock, seconds: int) -> Stepped:
    """Ask for `seconds` of one chain; the call is funded until the first of all clocks has run down."""
    asking = _with(state, replace(clock, asked_s=seconds))
    first_s = min([seconds, *(other.funded_s for other in state.clocks if other.place != clock.place)])
    total_micro, upper = totals(clock, seconds)
    until_ms = (state.answered_ms or 0) + 1000 * first_s
    asked = clock.chain.allowances if clock.has_bundle else ()
    allowances = tuple((each.id, each.initial_s, each.increment_s) for each in asked)
    return asking, (Extend(total_micro, seconds, until_ms, upper, clock.place, allowances, clock.paid.seconds),)


def _with(state: LiveCall, changed: Clock) -> LiveCall:
    clocks = tuple(changed if clock.place == changed.place else clock for clock in state.clocks)
    return replace(state, clocks=clocks)


def _extension_answered(state: LiveCall, event: Extended | ExtendRefused) -> Stepped:
    asked = next((clock for clock in state.clocks if clock.place == event.chain and clock.asked_s), None)
    if state.phase is not Phase.TALKING or asked is None:
        return state, ()
    if isinstance(event, ExtendRefused):
        return _last_grant(state, asked, event)
    extended = granted(asked, event.total_micro) if event.bundle_s is None else granted_bundle(asked, event.bundle_s)
    if extended is None:
        return state, ()
    state = _with(state, extended)
    asking, effects = _ask_first(state, event.at_ms)
    return asking, (_dead_man(state, event.at_ms), *effects)


def _dead_man(state: LiveCall, now_ms: int) -> SetTimeout:
    limit_ms = (state.answered_ms or 0) + 1000 * state.max_s
    until_ms = min(funded_until_ms(state) or limit_ms, limit_ms)
    return SetTimeout(max(-(-(until_ms - now_ms) // 1000), 1))


def _last_grant(state: LiveCall, asked: Clock, event: ExtendRefused) -> Stepped:
    """Ask for the whole increments that the rest of the money buys; when there are none, leave it to the clocks."""
    short = refused(asked, event.at_ms - (state.answered_ms or 0))
    state = _with(state, short)
    affordable_s = last_seconds(asked, event.bearable_micro)
    return _ask(state, short, affordable_s) if affordable_s else _ask_first(state, event.at_ms)
