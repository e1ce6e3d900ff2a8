"""From Kamailio's question to an answer: decide, take the hold, say what to do."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from carillon.callpath.control.admission import Admission
from carillon.callpath.control.call_ids import new_call_id
from carillon.callpath.control.evapi import Edge, EdgeGone
from carillon.callpath.control.feed import Knowledge
from carillon.callpath.control.live import Live, LiveCalls, now_ms
from carillon.callpath.control.pace import Pace, is_counted
from carillon.callpath.control.store import UNAVAILABLE, CallStore, Credit, Opening, Taken, described, insist
from carillon.callpath.control.trace import Traces
from carillon.callpath.control.windows import CreditWindows
from carillon.callpath.control.wire import decision_message, refusal_message, request_of
from carillon.logic.callflow import states
from carillon.logic.callflow.bundles import taken
from carillon.logic.callflow.decide import decide
from carillon.logic.callflow.feed import Feed
from carillon.logic.callflow.forwarding import refuse_unpaid
from carillon.logic.callflow.need import Missing
from carillon.logic.callflow.refusals import REFUSALS, refuse
from carillon.logic.callflow.values import (
    BundleAsk,
    CallRequest,
    Decision,
    Direction,
    HoldRequest,
)
from carillon.logic.copies import replace
from carillon.logic.documents import to_brief_document

log = logging.getLogger(__name__)
Json = dict[str, Any]
D = TypeVar("D")

MAX_DOCUMENTS = 40  # a decision needs about six, each forwarding four more; more means a loop
ANSWER_S = 1.3
EDGE_WAITS_MS = 1300  # it waits 1.4 s, but its timer has ticks and the answer takes a moment
EMERGENCY_WAITS_S = 0.3


class NoAnswer(Exception):
    """No decision is possible now; the call gets 503."""


class TooLate(Exception):
    """The edge no longer waits: it has refused the call, or put an emergency call through, and nothing may be held."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the decider needs of the installation."""

    edge: str
    advertised: str
    chunk_s: int
    decrypt: Callable[[str], str]
    most_decisions: int  # under way at once


async def decided(knowledge: Knowledge, at_ms: int, ask: Callable[[Feed], D]) -> D:
    """What `ask` says, with what it misses loaded on the way. Raises NoAnswer or one of UNAVAILABLE."""
    for _ in range(MAX_DOCUMENTS):
        feed = knowledge.at(at_ms)
        if feed is None:
            raise NoAnswer("there are no reference data yet")
        try:
            return ask(feed)
        except Missing as missing:
            await knowledge.load(missing.kind, missing.key)
    raise NoAnswer("it needs too many documents")


def waits_s(question: Json) -> float:
    """How long the edge still waits for the answer to a `call` message, in seconds; 0 when it has given up."""
    return max(int(question["at_ms"]) + EDGE_WAITS_MS - now_ms(), 0) / 1000


def without_passwords(decision: Decision) -> Decision:
    """The decision as it leaves control: what is stored or told is read by many, and carriers' passwords, encrypted or
    not, do not belong there.
    """
    return replace(decision, targets=tuple(replace(target, auth_password="") for target in decision.targets))


def _kept(decision: Decision) -> Json:
    """The decision as PostgreSQL keeps it, `without_passwords`: what is empty is left out."""
    document = to_brief_document(decision)
    for target in document.get("targets", ()):
        target.pop("auth_password", None)
    return document


def opening(edge: str, call_id: UUID, started_ms: int, decision: Decision, hold: HoldRequest | None = None) -> Opening:
    """The row of a call and one of its holds."""
    funded_s = min((each.funded_s for each in decision.holds), default=None)
    return Opening(
        call_id=call_id,
        started_ms=started_ms,
        edge=edge,
        decision=_kept(decision),
        hold_account=hold.account_id if hold else None,
        hold_micro=hold.amount_micro if hold else 0,
        funded_until_ms=None if funded_s is None else started_ms + 1000 * funded_s,
        upper=hold.upper if hold else (),
        chain_no=hold.chain if hold else 0,
        bundle=bundle_of(decision, hold) if hold and hold.bundle else None,
    )


def bundle_of(decision: Decision, hold: HoldRequest) -> Json:
    """What a hold asks of its chain's bundles, as `callfeed.hold_chain` takes it."""
    chain, ask = decision.chains[hold.chain], hold.bundle or BundleAsk(0)
    return {
        "allowances": [(each.id, each.initial_s, each.increment_s) for each in chain.allowances],
        "seconds": ask.seconds,
        "fee_micro": ask.fee_micro,
        "blocks": chain.blocks,
    }


def as_taken(decision: Decision, hold: HoldRequest, result: Taken) -> Decision:
    """The decision with one of its holds as it was taken."""
    if hold.bundle is None:
        return decision
    now = taken(hold, result.micro, result.bundles)
    return replace(decision, holds=tuple(now if each.chain == hold.chain else each for each in decision.holds))


def shares_of(holds: Iterable[HoldRequest]) -> dict[int, dict[int, int]]:
    """What the holds have of the credit windows: micro-units by chain and account."""
    return {hold.chain: dict(hold.upper) for hold in holds}


class Decider:
    """Answers calls, each in a task of its own."""

    def __init__(
        self,
        settings: Settings,
        knowledge: Knowledge,
        store: CallStore,
        windows: CreditWindows,
        live: LiveCalls,
        traces: Traces,
        edge: Callable[[], Edge],
    ) -> None:
        self._admission = Admission(settings.most_decisions, self._send)
        self._settings, self._knowledge, self._store, self._windows = settings, knowledge, store, windows
        self._live, self._traces, self._edge = live, traces, edge
        self._late: set[UUID] = set()  # being written down
        self._pace = Pace()

    def on_wait(self, tell: Callable[[], None]) -> None:
        """Have `tell` called when calls wait for each other."""
        self._admission.on_wait = tell

    def hear(self, question: Json) -> None:
        """A `call` message of Kamailio. Emergency calls that are refused here take the static route there."""
        if self._admission.lets_in(int(question["at_ms"])):
            self._live.background(self._answer(question))
        else:
            self._send(refusal_message(question, REFUSALS["no-decision"]))

    def hear_late(self, question: Json) -> None:
        """A `late` message: an emergency call that Kamailio put through without us."""
        call_id = UUID(question["call"])
        if call_id not in self._late:
            self._late.add(call_id)
            self._live.background(self._write_down(question, call_id))

    async def _write_down(self, question: Json, call_id: UUID) -> None:
        """The row that its events wait for; Kamailio repeats the message until it hears that it is there."""
        at_ms = int(question["at_ms"])
        try:
            decision = await self.decide(request_of(question), at_ms)
            decision = replace(decision, direction=Direction.EMERGENCY, refusal=None, holds=())
            await self._store.open(self._opening(call_id, at_ms, decision), Credit())
            await self._edge().ask({"op": "table", "name": "late", "items": [{"k": str(call_id), "v": ""}]})
        except (NoAnswer, EdgeGone, *UNAVAILABLE) as error:
            log.warning("Emergency call %s can't be written down now: %s", call_id, described(error))
        else:
            log.warning("Emergency call %s took the static route; it is written down now.", call_id)
        finally:
            self._late.discard(call_id)

    async def _answer(self, question: Json) -> None:
        started_ms = now_ms()
        call_id = new_call_id(started_ms)
        try:
            await self._answer_as(question, call_id, started_ms)
        finally:
            self._admission.done(int(question["at_ms"]))
            if self._live.get(call_id) is None:
                self._live.channels.leave(call_id)

    async def _answer_as(self, question: Json, call_id: UUID, started_ms: int) -> None:
        try:
            if not waits_s(question):
                raise TooLate
            decision = await self._decided(question, call_id, started_ms)
            if not waits_s(question):
                raise TooLate
        except TooLate:
            log.warning("Call %s comes too late: the edge has gone on without us.", question.get("sip_call_id"))
            return
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

    async def _decided(self, question: Json, call_id: UUID, started_ms: int) -> Decision:
        """The decision, counted at its gateway in the same turn of the loop: the next one knows of it."""
        request = request_of(question)
        async with asyncio.timeout(ANSWER_S):
            await self._live.channels.are_counted.wait()
            decision = await self.decide(request, started_ms)
            self._live.channels.send(call_id, decision)
            return await self._paced(decision, started_ms)

    async def decide(self, request: CallRequest, at_ms: int) -> Decision:
        """The decision, loading what is missing on the way. Raises NoAnswer or one of UNAVAILABLE."""
        chunk_s = self._settings.chunk_s
        return await decided(self._knowledge, at_ms, lambda feed: decide(feed, request, chunk_s=chunk_s))

    async def _paced(self, decision: Decision, at_ms: int) -> Decision:
        """The decision, refused when the customer's devices begin calls faster than they may."""
        customer_id = decision.customer_id
        if customer_id is None or not is_counted(decision):
            return decision
        customer = await decided(self._knowledge, at_ms, lambda feed: feed.customer(customer_id))
        return decision if customer is None else self._pace.checked(decision, customer)

    async def _refuse(self, question: Json, call_id: UUID, started_ms: int, decision: Decision) -> None:
        refusal = decision.refusal or REFUSALS["no-decision"]
        self._live.channels.leave(call_id)
        self._send(refusal_message(question, refusal))
        try:
            await self._store.refuse(self._opening(call_id, started_ms, decision))
        except UNAVAILABLE as error:
            log.error("The refused call %s (%s) could not be written: %s", call_id, refusal.slug, described(error))
        else:
            self._traces.finish(call_id, decision.request.sip_call_id)

    async def _put_through(self, question: Json, call_id: UUID, started_ms: int, decision: Decision) -> None:
        if decision.direction is Direction.EMERGENCY:
            await self._open_emergency(self._opening(call_id, started_ms, decision))
        else:
            decision = await self._open(call_id, started_ms, decision, waits_s(question))
        if decision.refusal is not None:
            self._send(refusal_message(question, decision.refusal))
            self._traces.finish(call_id, decision.request.sip_call_id)
            return
        live = Live(
            call_id,
            decision,
            states.begin(decision, at_ms=now_ms(), chunk_s=self._settings.chunk_s),
            upper=shares_of(decision.holds),
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

    async def _open(self, call_id: UUID, started_ms: int, decision: Decision, limit_s: float) -> Decision:
        """Row and holds, one after the other, within `limit_s`: the decision with them, refused when a chain can't pay.

        A hold that may or may not have been taken is given back.
        """
        first, *further = decision.holds or (None,)
        try:
            async with asyncio.timeout(limit_s):
                opened = await self._hold(self._store.open, call_id, started_ms, decision, first)
                for hold in further:
                    if opened.refusal is None:
                        opened = await self._hold(self._store.forward, call_id, started_ms, opened, hold)
                        if opened.refusal is not None:
                            self._live.background(self._undo(self._opening(call_id, started_ms, opened)))
        except UNAVAILABLE as error:
            log.error("Call %s: PostgreSQL did not take it (%s).", call_id, described(error))
            unopened = self._opening(call_id, started_ms, decision)
            self._live.background(insist(f"that call {call_id} is off", lambda: self._store.abandon(unopened)))
            return refuse(decision, "no-decision")
        return opened

    async def _hold(
        self,
        take: Callable[[Opening, Credit], Awaitable[Taken]],
        call_id: UUID,
        started_ms: int,
        decision: Decision,
        hold: HoldRequest | None,
    ) -> Decision:
        row = opening(self._settings.edge, call_id, started_ms, decision, hold)
        with self._windows.spend(row.upper) as spending:
            result = await take(row, spending.credit)
            slug, spending.is_refused = result.slug, result.slug != "ok"
        if slug == "ok":
            return decision if hold is None else as_taken(decision, hold, result)
        log.warning("Call %s of customer %s is refused: %s.", call_id, decision.customer_id, slug)
        return refuse_unpaid(decision, slug, hold) if slug in REFUSALS else refuse(decision, "no-decision")

    async def _undo(self, refused: Opening) -> None:
        """What the first chain had set aside goes back; if PostgreSQL is away, the sweep does it."""
        try:
            await self._live.release(refused.call_id)
            await self._store.refuse(refused)
        except UNAVAILABLE as error:
            log.error("The refused call %s could not be written: %s", refused.call_id, described(error))

    async def _open_emergency(self, opening: Opening) -> None:
        """Emergency calls wait a moment for their row, then go on; it is written when PostgreSQL is back."""
        is_open = asyncio.Event()
        self._live.background(self._insist_on(opening, is_open))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(is_open.wait(), EMERGENCY_WAITS_S)

    async def _insist_on(self, opening: Opening, is_open: asyncio.Event) -> None:
        await insist(f"the emergency call {opening.call_id}", lambda: self._store.open(opening, Credit()))
        is_open.set()

    def _opening(self, call_id: UUID, started_ms: int, decision: Decision) -> Opening:
        return opening(self._settings.edge, call_id, started_ms, decision)

    def _send(self, message: Json) -> None:
        try:
            self._edge().send(message)
        except EdgeGone as error:
            log.error("An answer could not be given: %s", error)
