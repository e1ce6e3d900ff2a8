"""From Kamailio's question to an answer: decide, take the hold, say what to do."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from carillon.callpath.control.call_ids import new_call_id
from carillon.callpath.control.evapi import Edge, EdgeGone
from carillon.callpath.control.feed import Knowledge
from carillon.callpath.control.live import Live, LiveCalls, now_ms
from carillon.callpath.control.store import UNAVAILABLE, CallStore, Opening, described
from carillon.callpath.control.trace import Traces
from carillon.callpath.control.wire import decision_message, refusal_message, request_of
from carillon.logic.callflow import states
from carillon.logic.callflow.decide import decide
from carillon.logic.callflow.need import Missing
from carillon.logic.callflow.refusals import REFUSALS, refuse
from carillon.logic.callflow.values import CallRequest, Decision, Direction
from carillon.logic.documents import to_document

log = logging.getLogger(__name__)
Json = dict[str, Any]

MAX_DOCUMENTS = 40  # a decision needs about six; more means a loop
ANSWER_S = 1.3  # Kamailio waits 1.4 s


class NoAnswer(Exception):
    """No decision is possible now; the call gets 503."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the decider needs of the installation."""

    edge: str
    advertised: str
    chunk_s: int
    decrypt: Callable[[str], str]


class Decider:
    """Answers calls, each in a task of its own."""

    def __init__(
        self,
        settings: Settings,
        knowledge: Knowledge,
        store: CallStore,
        live: LiveCalls,
        traces: Traces,
        edge: Callable[[], Edge],
    ) -> None:
        self._settings, self._knowledge, self._store = settings, knowledge, store
        self._live, self._traces, self._edge = live, traces, edge

    def hear(self, question: Json) -> None:
        """A `call` message of Kamailio."""
        self._live.background(self._answer(question))

    async def _answer(self, question: Json) -> None:
        started_ms = now_ms()
        call_id = new_call_id(started_ms)
        try:
            request = request_of(question)
            async with asyncio.timeout(ANSWER_S):
                decision = await self.decide(request, started_ms)
        except (NoAnswer, TimeoutError, *UNAVAILABLE) as error:
            log.error("Call %s gets no decision: %s", question.get("sip_call_id"), described(error))
            self._send(refusal_message(question, REFUSALS["no-decision"]))
            return
        except (KeyError, TypeError) as error:
            log.error("Kamailio asked something that is not a call: %r (%s)", question, error)
            return
        except Exception:
            log.exception("Call %s could not be decided", question.get("sip_call_id"))
            self._send(refusal_message(question, REFUSALS["no-decision"]))
            return
        if decision.refusal is not None:
            await self._refuse(question, call_id, started_ms, decision)
            return
        await self._put_through(question, call_id, started_ms, decision)

    async def decide(self, request: CallRequest, at_ms: int) -> Decision:
        """The decision, loading what is missing on the way. Raises NoAnswer or one of UNAVAILABLE."""
        feed = self._knowledge.at(at_ms)
        if feed is None:
            raise NoAnswer("there are no reference data yet")
        for _ in range(MAX_DOCUMENTS):
            try:
                return decide(feed, request, chunk_s=self._settings.chunk_s)
            except Missing as missing:
                await self._knowledge.documents.load(missing.kind, missing.key)
        raise NoAnswer("it needs too many documents")

    async def _refuse(self, question: Json, call_id: UUID, started_ms: int, decision: Decision) -> None:
        refusal = decision.refusal or REFUSALS["no-decision"]
        self._send(refusal_message(question, refusal))
        try:
            await self._store.refuse(self._opening(call_id, started_ms, decision))
        except UNAVAILABLE as error:
            log.error("The refused call %s (%s) could not be written: %s", call_id, refusal.slug, described(error))
        else:
            self._traces.finish(call_id, decision.request.sip_call_id)

    async def _put_through(self, question: Json, call_id: UUID, started_ms: int, decision: Decision) -> None:
        opening = self._opening(call_id, started_ms, decision)
        try:
            result = await self._store.open(opening)
        except UNAVAILABLE as error:
            result = self._without_database(call_id, decision, error)
        if result != "ok":
            refused = refuse(decision, result if result in REFUSALS else "no-decision")
            self._send(refusal_message(question, refused.refusal or REFUSALS["no-decision"]))
            self._traces.finish(call_id, decision.request.sip_call_id)
            return
        live = Live(
            call_id,
            decision,
            states.begin(decision, at_ms=now_ms(), chunk_s=self._settings.chunk_s),
            from_tag=str(question.get("from_tag", "")),
            cseq=str(question.get("cseq", "")),
        )
        self._live.add(live)
        self._send(
            decision_message(
                question,
                str(call_id),
                decision,
                states.dialog_timeout_s(decision),
                self._settings.advertised,
                self._settings.decrypt,
            )
        )

    def _without_database(self, call_id: UUID, decision: Decision, error: Exception) -> str:
        """A hold that may or may not have been taken is given back; emergency calls go on without a row."""
        log.error("Call %s: PostgreSQL did not take it (%s).", call_id, described(error))
        if decision.direction is Direction.EMERGENCY:
            return "ok"
        self._live.background(self._give_back(call_id))
        return "no-decision"

    async def _give_back(self, call_id: UUID) -> None:
        detail = {"sip_code": 503, "reason": "Service unavailable", "by": "platform"}
        delay_s = 1.0
        while True:
            try:
                await self._store.release(call_id)
                await self._store.record(call_id, "failed", now_ms(), "control", detail)
            except UNAVAILABLE:
                await asyncio.sleep(delay_s)
                delay_s = min(delay_s * 2, 30)
            else:
                return

    def _opening(self, call_id: UUID, started_ms: int, decision: Decision) -> Opening:
        hold = decision.hold
        # What is stored is read by many: carriers' passwords, encrypted or not, do not belong there.
        stored = replace(decision, targets=tuple(replace(target, auth_password="") for target in decision.targets))
        return Opening(
            call_id=call_id,
            started_ms=started_ms,
            edge=self._settings.edge,
            decision=to_document(stored),
            hold_account=hold.account_id if hold else None,
            hold_micro=hold.amount_micro if hold else 0,
            funded_until_ms=started_ms + 1000 * hold.funded_s if hold else None,
            upper=hold.upper if hold else (),
        )

    def _send(self, message: Json) -> None:
        try:
            self._edge().send(message)
        except EdgeGone as error:
            log.error("An answer could not be given: %s", error)
