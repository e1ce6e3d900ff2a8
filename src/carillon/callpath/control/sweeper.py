"""Finds calls whose end was lost, on either side, and sets them right."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from typing import Any

from carillon.callpath.control.decider import Settings
from carillon.callpath.control.evapi import Edge, EdgeGone, EdgeRefused
from carillon.callpath.control.live import Live, LiveCalls, now_ms
from carillon.callpath.control.pulse import Pulse
from carillon.callpath.control.store import QUERY_S, UNAVAILABLE, CallStore, OpenCall, described
from carillon.logic.callflow import signals, states
from carillon.logic.callflow.bundles import retaken, seconds_in
from carillon.logic.callflow.values import Decision
from carillon.logic.documents import DocumentError, from_document

log = logging.getLogger(__name__)

SWEEP_S = 4.0
ORPHANS_S = 60.0  # the query reads every open call's decision
VERIFY_MS = 20_000  # each call is looked at this often
MAX_PER_SWEEP = 100
GRACE_MS = 8_000  # a call this young may still be on its way into or out of Kamailio
MISSES = 2
CONFIRMED = (3, 4)  # Kamailio's dialog states: answered, acknowledged
DELETED = 5
NOT_FOUND = 404


class Sweeper:
    """Compares three views of the calls of this edge: control's, Kamailio's dialogs and PostgreSQL's open calls."""

    def __init__(
        self, settings: Settings, store: CallStore, live: LiveCalls, pulse: Pulse, edge: Callable[[], Edge]
    ) -> None:
        self._edge_name, self._chunk_s = settings.edge, settings.chunk_s
        self._store, self._live, self._pulse, self._edge = store, live, pulse, edge
        self._orphans_at = 0.0
        self._back_at = math.inf  # a look of its own, whenever the next one is

    def look_soon(self) -> None:
        """There is a call in the air that we do not know."""
        self._orphans_at = min(self._orphans_at, time.monotonic())

    def edge_is_back(self) -> None:
        """Calls that were on their way when Kamailio died are known to nobody; soon they are old enough."""
        self._back_at = time.monotonic() + GRACE_MS / 1000

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            try:
                if self._edge().is_connected:
                    if self._is_time():
                        await self._adopt_orphans()
                        self._live.prune()
                        await self._end_strays()
                    await self._verify_dialogs()
            except (EdgeGone, *UNAVAILABLE) as error:
                self.look_soon()
                log.warning("The sweep is interrupted: %s", described(error))
            await asyncio.sleep(SWEEP_S)

    def _is_time(self) -> bool:
        """Whether PostgreSQL's open calls are to be looked at now; then the next time is set."""
        now = time.monotonic()
        if now < min(self._orphans_at, self._back_at):
            return False
        self._orphans_at = now + ORPHANS_S
        self._back_at = self._back_at if now < self._back_at else math.inf
        return True

    async def count_channels(self) -> None:
        """Let calls of a control before us count at their gateways; soon, whether PostgreSQL answers or not."""
        try:
            async with asyncio.timeout(QUERY_S):
                self._live.channels.inherit(await self._store.open_calls(self._edge_name))
        except UNAVAILABLE as error:
            log.warning("Open calls are not counted at gateways before the first sweep: %s", described(error))
        finally:
            self._live.channels.are_counted.set()

    # ------------------------------------------------------------ PostgreSQL's view

    async def _adopt_orphans(self) -> None:
        """Calls that PostgreSQL has open and we do not: of a control before us, of an answer that was lost, or over."""
        calls = await self._store.open_calls(self._edge_name)
        self._live.channels.inherit(calls)
        for call in calls:
            self._live.mend(call.call_id)
            is_young = now_ms() - call.started_ms < GRACE_MS and call.answered_ms is None
            if not self._live.knows(call.call_id) and not is_young:
                await self._adopt(call)

    async def _end_strays(self) -> None:
        """Calls that Kamailio carries and nobody pays or asks for: their end was written, or their row never was.

        What is only kept for its next start, having ended without its saying so, is forgotten.
        """
        for call_id, entry, number in await self._store.stray_dialogs():
            try:
                await self._edge().rpc("dlg.end_dlg", entry, number)
            except EdgeRefused as error:
                if error.code == NOT_FOUND:
                    await self._store.forget_dialog(call_id)
                else:
                    log.error("The stray call %s could not be ended: %s", call_id, error)
            else:
                log.warning("The call %s belonged to nobody any more; it is being ended.", call_id)

    async def _adopt(self, call: OpenCall) -> None:
        try:
            decision = retaken(from_document(Decision, call.decision), call.held, call.bundles)
        except DocumentError as error:
            log.error("Call %s can't be taken over, its decision does not fit: %s", call.call_id, error)
            return
        live = Live(
            call.call_id,
            decision,
            self._state(call, decision),
            upper={chain: dict(upper) for chain, upper in call.upper.items()},
        )
        dialog = await self._dialog(live)
        if dialog is None and call.answered_ms is None:
            live.state = states.step(live.state, signals.Applied(now_ms()))[0]
        if dialog is not None:
            live.dialog = (dialog["h_entry"], dialog["h_id"])
            live.from_tag = str(dialog.get("caller", {}).get("tag", ""))
            answered_ms = int(dialog.get("start_ts") or 0) * 1000
            if call.answered_ms is None and dialog["state"] in CONFIRMED and answered_ms:
                live.state = states.resume(
                    decision,
                    at_ms=call.started_ms,
                    chunk_s=self._chunk_s,
                    answered_ms=answered_ms,
                    answered_target=call.answered_target,
                    held=call.held,
                    bundles={chain: seconds_in(bundles) for chain, bundles in call.bundles.items()},
                )
        log.info("Call %s is taken over (%s).", call.call_id, live.state.phase)
        self._live.add(live)

    def _state(self, call: OpenCall, decision: Decision) -> states.LiveCall:
        if call.answered_ms is not None:
            return states.resume(
                decision,
                at_ms=call.started_ms,
                chunk_s=self._chunk_s,
                answered_ms=call.answered_ms,
                answered_target=call.answered_target,
                held=call.held,
                bundles={chain: seconds_in(bundles) for chain, bundles in call.bundles.items()},
            )
        begun = states.begin(decision, at_ms=call.started_ms, chunk_s=self._chunk_s)
        return states.step(begun, signals.Applied(call.started_ms))[0]

    # ------------------------------------------------------------ Kamailio's view

    async def _verify_dialogs(self) -> None:
        due = [live for live in self._live.all() if self._is_due(live)]
        for live in due[:MAX_PER_SWEEP]:
            await self._verify(live)

    def _is_due(self, live: Live) -> bool:
        """Suspicious calls every sweep, others every 20 s."""
        if live.state.phase not in (states.Phase.RINGING, states.Phase.TALKING):
            return False
        age_ms = now_ms() - max(live.verified_ms, live.state.offered_ms)
        is_suspicious = live.missed > 0 or self._pulse.is_weak(live)
        return is_suspicious or age_ms > VERIFY_MS or (live.verified_ms == 0 and age_ms > GRACE_MS)

    async def _verify(self, live: Live) -> None:
        dialog = await self._dialog(live)
        live.verified_ms = now_ms()
        if dialog is not None and dialog["state"] != DELETED:
            live.missed, live.alive_ms = 0, live.verified_ms
            live.dialog = (dialog["h_entry"], dialog["h_id"])
            if vanished := await self._pulse.look(live, dialog):
                log.info("Call %s is dead: %s.", live.call_id, vanished.reason)
                self._live.feed(live, vanished)
            return
        live.missed += 1
        if live.missed < MISSES:  # its end may be on the way to us
            live.ended_ms = _end_of(dialog) or live.ended_ms
            return
        await self._bury(live, _end_of(dialog) or live.ended_ms)

    async def _bury(self, live: Live, ended_ms: int | None) -> None:
        """Kamailio has no such call any more and nobody told us: write the end that was lost."""
        if self._live.get(live.call_id) is None or live.state.phase is states.Phase.OVER:
            return
        log.warning("Call %s has no dialog any more; its end is written by the sweeper.", live.call_id)
        at_ms, charged_to = (ended_ms, "") if ended_ms else _last_proof(live)
        if live.state.answered_ms is None:
            detail: dict[str, object] = {"sip_code": 487, "reason": "Lost by the edge", "by": "sweeper"}
            await self._live.record(live, signals.RecordEvent("failed", at_ms, detail))
            self._live.feed(live, signals.Failed(at_ms))
            return
        # the edge may have died with the answer still in its queue; an answer that is written stays as it is
        answer: dict[str, object] = {"target": live.state.answered_target}
        await self._live.record(live, signals.RecordEvent("answered", live.state.answered_ms, answer))
        detail = {"sip_code": 200, "reason": "End rebuilt", "by": "sweeper", "charged_to": charged_to}
        await self._live.record(live, signals.RecordEvent("ended", max(at_ms, live.state.answered_ms), detail))
        self._live.feed(live, signals.Ended(at_ms))

    async def _dialog(self, live: Live) -> dict[str, Any] | None:
        """Kamailio's dialog of a call, or None. Raises EdgeGone."""
        try:
            found = await self._edge().rpc("dlg.dlg_list", live.sip_call_id)
        except EdgeRefused as error:
            if error.code == NOT_FOUND:
                return None
            log.error("Kamailio can't say whether call %s is up: %s", live.call_id, error)
            raise EdgeGone(str(error)) from error
        dialogs = found if isinstance(found, list) else [found]
        return next((dialog for dialog in dialogs if dialog and "state" in dialog), None)


def _last_proof(live: Live) -> tuple[int, str]:
    """What stands for an end that nobody saw: the last packet, else the last look at the living dialog, else now."""
    limit_ms = states.funded_until_ms(live.state) or now_ms()
    if live.sound is not None and not live.sound.is_held:
        return min(live.sound.last_ms, limit_ms), states.LAST_PACKET
    return min(live.alive_ms or now_ms(), limit_ms), states.LAST_PROOF


def _end_of(dialog: dict[str, Any] | None) -> int | None:
    """When Kamailio saw the end, from a dialog it is about to forget; whole seconds."""
    if dialog is None or dialog.get("state") != DELETED:
        return None
    return int(dialog.get("end_ts") or 0) * 1000 or None
