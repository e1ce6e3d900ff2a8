"""The edge's second question: a called user was busy, did not answer, had no phone or was redirected. What now?"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any
from uuid import UUID

from carillon.callpath.control.decider import ANSWER_S, NoAnswer, Settings, as_taken, decided, opening, shares_of
from carillon.callpath.control.evapi import Edge, EdgeGone
from carillon.callpath.control.feed import Knowledge
from carillon.callpath.control.live import Live, LiveCalls, now_ms
from carillon.callpath.control.store import UNAVAILABLE, CallStore, Taken, described
from carillon.callpath.control.windows import CreditWindows
from carillon.callpath.control.wire import failure_of, forward_message, no_forward_message
from carillon.logic.callflow import states
from carillon.logic.callflow.forwarding import Failure, forward_after, unpaid_note
from carillon.logic.callflow.notes import noted
from carillon.logic.callflow.values import Decision, HoldRequest

log = logging.getLogger(__name__)
Json = dict[str, Any]


class Forwarder:
    """Answers `forward` messages. A call whose forwarding can't be decided or paid ends as it would have without it."""

    def __init__(
        self,
        settings: Settings,
        knowledge: Knowledge,
        store: CallStore,
        windows: CreditWindows,
        live: LiveCalls,
        edge: Callable[[], Edge],
    ) -> None:
        self._settings, self._knowledge, self._store, self._windows = settings, knowledge, store, windows
        self._live, self._edge = live, edge

    def hear(self, question: Json) -> None:
        """A `forward` message of Kamailio."""
        self._live.background(self._answer(question))

    async def _answer(self, question: Json) -> None:
        message = no_forward_message(question)
        live = self._live.get(UUID(question["call"]))
        try:
            async with asyncio.timeout(ANSWER_S):
                if live is not None and await self._goes_on(live, failure_of(question)):
                    timeout_s = states.dialog_timeout_s(live.decision)
                    message = forward_message(
                        question, live.decision, timeout_s, self._settings.advertised, self._settings.decrypt
                    )
        except (NoAnswer, TimeoutError, *UNAVAILABLE) as error:
            log.error("Call %s is not forwarded: %s", question["call"], described(error))
        except Exception:
            log.exception("Call %s could not be forwarded", question["call"])
        try:
            self._edge().send(message)
        except EdgeGone as error:
            log.error("Call %s could not be forwarded: %s", question["call"], error)

    async def _goes_on(self, live: Live, failure: Failure) -> bool:
        """Whether there is somebody else to try: then the call has its further targets and their hold."""
        at_ms, chunk_s, decision = now_ms(), self._settings.chunk_s, live.decision
        longer = await decided(self._knowledge, at_ms, lambda feed: forward_after(feed, decision, failure, chunk_s))
        if longer is None:
            return False
        if self._live.get(live.call_id) is live:  # else it is over, and nobody would take it away again
            self._live.channels.send(live.call_id, longer, failure.target + 1)
        further = longer.holds[len(decision.holds) :]  # at most one: who forwards to the network is the last to forward
        hold = next(iter(further), None)
        result = await self._write(live, longer, at_ms, hold)
        if result.slug not in ("ok", "call-over"):
            longer = noted(decision, unpaid_note(longer, result.slug))
            await self._write(live, longer, at_ms, None)
        elif hold is not None and result.slug == "ok":
            longer = as_taken(longer, hold, result)
        live.decision = longer
        if result.slug != "ok" or len(longer.targets) == len(decision.targets):
            return False
        live.state = states.forward(live.state, longer, at_ms=at_ms)
        live.upper |= shares_of(further)
        return True

    async def _write(self, live: Live, decision: Decision, at_ms: int, hold: HoldRequest | None) -> Taken:
        """Its slug is "ok", what stands in the way, or "call-over"."""
        row = opening(self._settings.edge, live.call_id, at_ms, decision, hold)
        with self._windows.spend(row.upper) as spending:
            result = await self._store.forward(row, spending.credit)
            spending.is_refused = result.slug != "ok"
        return result
