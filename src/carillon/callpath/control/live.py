"""Calls between decision and end: feeds `logic.callflow.states` with events and carries out its effects."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from carillon.callpath.control.channels import Channels
from carillon.callpath.control.evapi import Edge, EdgeGone, EdgeRefused
from carillon.callpath.control.store import UNAVAILABLE, CallStore, described, insist
from carillon.callpath.control.trace import Traces
from carillon.callpath.control.windows import CreditWindows
from carillon.callpath.control.wire import VANISHED_LIFETIME_S, lifetime_s
from carillon.logic.callflow import signals, states
from carillon.logic.callflow.sound import Sound
from carillon.logic.callflow.values import Decision

log = logging.getLogger(__name__)
Json = dict[str, Any]

RETRY_S = 0.5
OVER_MS = 2_000  # Kamailio tells PostgreSQL of an end within moments; what is open there for longer it has not told
NO_DIALOG = 404


def now_ms() -> int:
    """Milliseconds of the Unix epoch."""
    return time.time_ns() // 1_000_000


@dataclass(slots=True)
class Live:
    """A call in the air. `dialog` is Kamailio's (h_entry, h_id), known from its first event."""

    call_id: UUID
    decision: Decision
    state: states.LiveCall
    upper: dict[int, dict[int, int]] = field(default_factory=dict)  # each chain's shares of the credit windows
    from_tag: str = ""
    cseq: str = ""
    dialog: tuple[int, int] | None = None
    tried_ms: int = 0  # when its present target's turn began
    verified_ms: int = 0
    alive_ms: int = 0  # when its dialog was last seen up
    sound: Sound | None = None
    missed: int = 0
    ended_ms: int | None = None
    end: signals.RecordEvent | None = None  # as Kamailio told it
    timer: asyncio.TimerHandle | None = field(default=None, repr=False)
    wakes_ms: int = 0  # when the timer fires

    @property
    def sip_call_id(self) -> str:
        return self.decision.request.sip_call_id

    @property
    def heard_ms(self) -> int | None:
        """When both sides were heard last; None when that is not known or the call is held."""
        return self.sound.parted_ms if self.sound is not None and not self.sound.is_held else None


@dataclass(frozen=True, slots=True)
class Over:
    """What we heard of a call that is over, and when: Kamailio tells PostgreSQL the same, if it lives long enough."""

    at_ms: int
    events: tuple[signals.RecordEvent, ...]


class LiveCalls:
    """All calls of this edge. Events come from Kamailio, from timers and from the portal.

    `channels` counts them at gateways, from their decision.
    """

    def __init__(
        self, store: CallStore, windows: CreditWindows, edge: Callable[[], Edge], traces: Traces, channels: Channels
    ) -> None:
        self._store, self._windows, self._edge, self._traces = store, windows, edge, traces
        self.channels = channels
        self._calls: dict[UUID, Live] = {}
        self._over: dict[UUID, Over] = {}
        self.on_stranger: Callable[[], None] = lambda: None  # a call that another control decided goes on
        self.on_event: Callable[[Live, str, int, Json], None] = lambda live, kind, at_ms, detail: None
        self.on_over: Callable[[Live], None] = lambda live: None
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._calls)

    def all(self) -> list[Live]:
        """The calls, oldest first."""
        return list(self._calls.values())

    def get(self, call_id: UUID) -> Live | None:
        """The call, or None when it is over or unknown."""
        return self._calls.get(call_id)

    def add(self, live: Live) -> None:
        """Take charge of a call."""
        self._calls[live.call_id] = live
        self._wake_later(live)

    def feed(self, live: Live, event: signals.Event) -> None:
        """Let an event happen to a call: step, carry out the effects in the background, set the timer."""
        before = live.state.phase
        live.state, effects = states.step(live.state, event)
        if live.state.phase is not before:
            log.debug("%s: %s -> %s -> %s", live.call_id, before, type(event).__name__, live.state.phase)
        if effects:
            self.background(self._carry_out(live, effects))
        if live.state.phase is states.Phase.OVER:
            self._remove(live)
        else:
            self._wake_later(live)

    def _remove(self, live: Live) -> None:
        if live.timer:
            live.timer.cancel()
        if self._calls.pop(live.call_id, None):
            self._over[live.call_id] = Over(now_ms(), tuple(_heard(live)))
            self.channels.leave(live.call_id)
            self._traces.finish(live.call_id, live.sip_call_id)
            self.on_over(live)

    def _wake_later(self, live: Live) -> None:
        """Most events put the next tick off: the timer that runs is left alone and looks again when it fires."""
        due_ms = states.next_tick_ms(live.state)
        if live.timer is not None:
            if due_ms is not None and live.wakes_ms <= due_ms:
                return
            live.timer.cancel()
            live.timer = None
        if due_ms is not None:
            live.wakes_ms = due_ms
            delay_s = max(due_ms - now_ms(), 1) / 1000
            live.timer = asyncio.get_running_loop().call_later(delay_s, self._wake, live)

    def _wake(self, live: Live) -> None:
        live.timer = None
        if (due_ms := states.next_tick_ms(live.state)) is not None and due_ms > now_ms():
            self._wake_later(live)
        else:
            self.feed(live, signals.Tick(now_ms()))

    def knows(self, call_id: UUID) -> bool:
        """Whether we have the call, or had it until a moment before the last `prune`."""
        return call_id in self._calls or call_id in self._over

    def mend(self, call_id: UUID) -> None:
        """PostgreSQL believes the call to be up: if we know better, and long enough, it is told what we heard."""
        over = self._over.get(call_id)
        if over is not None and over.events and over.at_ms < now_ms() - OVER_MS:
            log.warning("Call %s is over, which the edge did not live to tell; it is written down now.", call_id)
            self.background(self._record_all(call_id, over.events))

    async def _record_all(self, call_id: UUID, events: Iterable[signals.RecordEvent]) -> None:
        for event in events:
            await self._record(call_id, event)

    def prune(self) -> None:
        """Let go of traces that no call will ask for, and of calls that have been over for long."""
        self._traces.prune({live.sip_call_id for live in self._calls.values()})
        oldest_ms = now_ms() - OVER_MS
        self._over = {call_id: over for call_id, over in self._over.items() if over.at_ms > oldest_ms}

    def background(self, work: Coroutine[Any, Any, None]) -> None:
        """Run to the end without anybody waiting; `drain` waits."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def drain(self) -> None:
        """Wait for what is being written; for the end of the process."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # ------------------------------------------------------------ messages of Kamailio

    def hear(self, message: Json) -> None:
        """An event of Kamailio about a call; of an unknown call it changes nothing."""
        call_id, detail = UUID(message["call"]), message.get("detail", {})
        self.channels.hear(call_id, message["op"], detail)
        live = self._calls.get(call_id)
        if live is None:
            if message["op"] in ("applied", "progress", "answered"):
                self.on_stranger()
            return
        if message.get("h_id"):
            live.dialog = (message["h_entry"], message["h_id"])
        at_ms = int(message["at_ms"])
        self.on_event(live, message["op"], at_ms, detail)
        if message["op"] in ("ended", "failed"):
            live.end = signals.RecordEvent(message["op"], at_ms, detail)
        match message["op"]:
            case "applied":
                self.feed(live, signals.Applied(at_ms))
            case "progress":
                self.feed(live, signals.Progress(at_ms))
            case "answered":
                self.feed(live, signals.Answered(at_ms, detail.get("target")))
            case "ended":
                self.feed(live, signals.Ended(at_ms))
            case "failed":
                self.feed(live, signals.Failed(at_ms))

    def money_came(self, account_id: int | None) -> None:
        """Money has come in on an account (None: perhaps on any): calls that it pays for may go on."""
        for live in self.all():
            tiers = (charge.tier for chain in live.decision.chains for charge in chain.tiers)
            if account_id is None or any(tier.account_id == account_id for tier in tiers):
                self.feed(live, signals.Refilled(now_ms()))

    # ------------------------------------------------------------ effects

    async def _carry_out(self, live: Live, effects: tuple[signals.Effect, ...]) -> None:
        for effect in effects:
            match effect:
                case signals.Extend():
                    await self._extend(live, effect)
                case signals.SetTimeout():
                    self._set_timeout(live, effect.seconds)
                case signals.Terminate():
                    self.background(self._terminate(live, effect.reason))
                case signals.Release():
                    await insist(f"the release of call {live.call_id}'s holds", lambda: self.release(live.call_id))
                case signals.RecordEvent():
                    await self.record(live, effect)

    async def release(self, call_id: UUID) -> None:
        """Give the holds of a call back that was never answered. Raises one of UNAVAILABLE."""
        with self._windows.releasing() as shares:
            shares += await self._store.release(call_id)

    async def record(self, live: Live, event: signals.RecordEvent) -> None:
        """Write an event of a call, however long PostgreSQL is away."""
        await self._record(live.call_id, event)

    async def _record(self, call_id: UUID, event: signals.RecordEvent) -> None:
        await insist(
            f"the event {event.kind} of call {call_id}",
            lambda: self._store.record(call_id, event.kind, event.at_ms, "control", event.detail),
        )

    async def _extend(self, live: Live, ask: signals.Extend) -> None:
        """Ask for more money until PostgreSQL answers; when it never does, the funded time runs out."""
        while live.state.phase is states.Phase.TALKING:
            if await self._has_vanished(live):  # more money would also give it more time
                log.info("Call %s: a phone has vanished.", live.call_id)
                self.feed(live, signals.Vanished(now_ms(), live.heard_ms))
                return
            try:
                event = await self._asked(live, ask)
            except UNAVAILABLE as error:
                log.error("Call %s: the hold could not be raised (%s); trying again.", live.call_id, described(error))
                await asyncio.sleep(RETRY_S)
                continue
            self.feed(live, event)
            return

    async def _asked(self, live: Live, ask: signals.Extend) -> signals.Event:
        """What PostgreSQL says to a question for more money, or for more of bundles. Raises one of UNAVAILABLE."""
        with self._windows.spend(ask.upper, live.upper.get(ask.chain)) as spending:
            event: signals.Event
            if ask.allowances:
                seconds = await self._store.extend_bundle(live.call_id, ask, spending.credit)
                spending.is_refused = seconds <= ask.bundle_s
                event = signals.Extended(now_ms(), ask.total_micro, ask.chain, seconds)
                event = signals.ExtendRefused(now_ms(), -1, ask.chain) if seconds < 0 else event
            else:
                credit, chain = spending.credit, ask.chain
                total = await self._store.extend(live.call_id, ask.total_micro, ask.until_ms, credit, chain)
                spending.is_refused = total < ask.total_micro
                is_refused = spending.is_refused
                event = (signals.ExtendRefused if is_refused else signals.Extended)(now_ms(), total, chain)
        if not spending.is_refused:
            live.upper[ask.chain] = live.upper.get(ask.chain, {}) | dict(ask.upper)
        return event

    async def _has_vanished(self, live: Live) -> bool:
        """Whether Kamailio is about to end the call because one of its phones is silent. No when it can't say."""
        try:
            found = await self._edge().rpc("dlg.dlg_list", live.sip_call_id)
        except (EdgeGone, EdgeRefused):
            return False
        dialogs = found if isinstance(found, list) else [found]
        return any(dialog and dialog.get("lifetime") == VANISHED_LIFETIME_S for dialog in dialogs)

    def _set_timeout(self, live: Live, seconds: int) -> None:
        if live.dialog is None:
            log.error("Call %s: its dialog is unknown, so its timeout can't be pushed on.", live.call_id)
            return
        try:
            entry, number = live.dialog
            self._edge().send({"op": "timeout", "s": lifetime_s(seconds), "he": entry, "hi": number})
        except EdgeGone as error:
            log.error("Call %s: its timeout was not pushed on: %s", live.call_id, error)

    async def _terminate(self, live: Live, reason: str) -> None:
        log.info("Call %s is being ended (%s).", live.call_id, reason)
        try:
            if live.state.answered_ms is None:
                await self._edge().rpc("tm.cancel", live.sip_call_id, live.cseq)
            elif live.dialog is not None:
                entry, number = live.dialog
                enders = [{"k": f"{entry}:{number}", "v": reason}]
                await self._edge().ask({"op": "table", "name": "enders", "items": enders})  # or the edge would guess
                await self._edge().rpc("dlg.end_dlg", *live.dialog)
        except EdgeRefused as error:
            if error.code != NO_DIALOG:
                log.error("Call %s could not be ended: %s", live.call_id, error)
        except EdgeGone as error:
            log.error("Call %s could not be ended now, its dialog timeout will: %s", live.call_id, error)


def _heard(live: Live) -> Iterator[signals.RecordEvent]:
    """What PostgreSQL must know of a call to charge it; nothing when Kamailio told us of no end: then we wrote one."""
    if live.end is not None:
        if live.state.answered_ms is not None:
            yield signals.RecordEvent("answered", live.state.answered_ms, {"target": live.state.answered_target})
        yield live.end
