"""How carriers' gateways are: asked by OPTIONS through the edge, whose address they know, and told by each call.

Kept in memory and decided by (`condition`); PostgreSQL keeps it for people and for a control after us. What is not
reported, because Kamailio or we died meanwhile, counts as nothing: only the edge's own word makes a silence.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from carillon.callpath.control.evapi import Edge, EdgeGone
from carillon.callpath.control.feed import Knowledge
from carillon.callpath.control.live import Live, now_ms
from carillon.callpath.control.store import UNAVAILABLE, CallStore, described, insist
from carillon.callpath.control.wire import gateway_uri, probe_message
from carillon.logic import health
from carillon.logic.callflow.feed import UNKNOWN_CONDITION, Condition, Gateway
from carillon.logic.copies import replace
from carillon.logic.health import UNHEARD, Health, Presence
from carillon.logic.traffic import NO_TRAFFIC, Traffic

log = logging.getLogger(__name__)
Json = dict[str, Any]

TICK_S = 1.0
AGAIN_S = 5.0  # after a silence, until it is known to be away
KEEP_S = 5.0
RECENT_MS = 4 * 3_600_000  # the calls that decisions look at


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of the gateway at one address; another address is another gateway."""

    uri: str
    health: Health
    recent: Traffic = NO_TRAFFIC


class Carriers:
    """Asks, listens, remembers. `on_turn` is called whenever a gateway goes away or comes back."""

    def __init__(
        self,
        store: CallStore,
        edge: Callable[[], Edge],
        knowledge: Knowledge,
        advertised: str,
        on_turn: Callable[[], None],
    ) -> None:
        self._store, self._edge, self._knowledge, self._on_turn = store, edge, knowledge, on_turn
        self._advertised = advertised
        self._known: dict[int, _Known] = {}
        self._due: dict[int, float] = {}  # when each is asked next, by the monotonic clock
        self._changed: set[int] = set()
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Ask and write down until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._ask())
            group.create_task(self._keep())

    def condition(self, gateway: Gateway) -> Condition:
        """What decisions may know; nobody is away of whom we do not ask."""
        known = self._known.get(gateway.id)
        if known is None:
            return UNKNOWN_CONDITION
        is_asked = gateway.is_probed and known.uri == gateway_uri(gateway)
        return Condition(known.health.away_since_ms if is_asked else None, known.recent)

    # ------------------------------------------------------------ by OPTIONS

    async def _ask(self) -> None:
        while True:
            with contextlib.suppress(EdgeGone):
                for gateway in self._knowledge.gateways:
                    self._ask_if_due(gateway, time.monotonic())
            await asyncio.sleep(TICK_S)

    def _ask_if_due(self, gateway: Gateway, now: float) -> None:
        self._of(gateway)
        if not (gateway.is_enabled and gateway.is_probed):
            self._due.pop(gateway.id, None)
        elif self._due.get(gateway.id, 0.0) <= now:
            self._edge().send(probe_message(gateway, self._advertised))
            self._due[gateway.id] = now + gateway.probe_interval_s

    def hear(self, message: Json) -> None:
        """A `probed` message of Kamailio: `code` 0 when there was no reply."""
        gateway = self._knowledge.gateway(int(message["gateway"]))
        if gateway is None:
            return
        code, found = int(message["code"]), self._of(gateway).health
        if code:
            self._learn(gateway, health.replied(found, now_ms(), code, int(message["ms"])))
            return
        self._learn(gateway, health.silent(found, now_ms(), int(message["ms"])))
        self._ask_soon(gateway, AGAIN_S)

    def _ask_soon(self, gateway: Gateway, after_s: float) -> None:
        if self._of(gateway).health.presence is not Presence.AWAY:
            self._due[gateway.id] = min(self._due.get(gateway.id, 0.0), time.monotonic() + after_s)

    # ------------------------------------------------------------ by calls

    def hear_call(self, live: Live, kind: str, at_ms: int, detail: Json) -> None:
        """An event of a call: what its gateway did with it."""
        gateway = self._gateway_of(live, detail.get("target"))
        if gateway is not None:
            self._hear_of(gateway, live, kind, at_ms, detail)
        if kind in ("applied", "attempt"):
            live.tried_ms = at_ms

    def _hear_of(self, gateway: Gateway, live: Live, kind: str, at_ms: int, detail: Json) -> None:
        found = self._of(gateway).health
        match kind:
            case "progress":
                rung = Traffic(rung=1, ring_ms=max(at_ms - live.tried_ms, 0)) if live.tried_ms else NO_TRAFFIC
                self._learn(gateway, health.add_traffic(health.call_replied(found, at_ms), at_ms, rung))
            case "answered":
                self._learn(gateway, health.add_traffic(health.call_replied(found, at_ms), at_ms, Traffic(1, 1)))
            case "attempt":
                self._learn(gateway, health.add_traffic(found, at_ms, Traffic(1)))
                self._hear_end(gateway, at_ms, int(detail["sip_code"]), is_replied=bool(detail.get("replied", 1)))

    def _hear_end(self, gateway: Gateway, at_ms: int, sip_code: int, *, is_replied: bool) -> None:
        found = self._of(gateway).health
        if is_replied:
            self._learn(gateway, health.call_replied(found, at_ms))
        elif sip_code == 408 and gateway.is_probed:  # else its caller did not wait for a reply
            self._learn(gateway, health.call_silent(found, at_ms))
            self._ask_soon(gateway, 0.0)

    def count_talk(self, live: Live) -> None:
        """A call is over: how long it was talked."""
        answered_ms = live.state.answered_ms
        gateway = self._gateway_of(live, live.state.answered_target)
        if answered_ms is not None and gateway is not None:
            talked = Traffic(talked_ms=max((live.ended_ms or now_ms()) - answered_ms, 0))
            self._learn(gateway, health.add_traffic(self._of(gateway).health, now_ms(), talked))

    def _gateway_of(self, live: Live, target: int | None) -> Gateway | None:
        targets = live.decision.targets
        if target is None or not 0 <= target < len(targets):
            return None
        gateway_id = targets[target].gateway_id
        return None if gateway_id is None else self._knowledge.gateway(gateway_id)

    # ------------------------------------------------------------ what is known

    def _of(self, gateway: Gateway) -> _Known:
        known = self._known.get(gateway.id)
        uri = gateway_uri(gateway)
        if known is None:
            known = _Known(uri, UNHEARD)
        elif known.uri != uri:
            known = replace(known, uri=uri, health=replace(UNHEARD, quarters=known.health.quarters))
            self._due.pop(gateway.id, None)
        self._known[gateway.id] = known
        return known

    def _learn(self, gateway: Gateway, found: Health) -> None:
        before = self._of(gateway)
        self._known[gateway.id] = replace(before, health=found)
        self._changed.add(gateway.id)
        if found.presence is before.health.presence:
            return
        level = logging.WARNING if found.presence is Presence.AWAY else logging.INFO
        log.log(level, "Gateway %s (%s) is %s.", gateway.name, gateway.host, found.presence)
        self._wake.set()
        self._on_turn()

    # ------------------------------------------------------------ in PostgreSQL

    async def _keep(self) -> None:
        await insist("the question how gateways were", self._restore)
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), KEEP_S)
            self._wake.clear()
            self._add_up()
            changed, self._changed = self._changed, set()
            try:
                if changed:
                    await self._store.keep_health([_document(key, self._known[key]) for key in changed])
            except UNAVAILABLE as error:
                self._changed |= changed
                log.warning("How gateways are can't be written now: %s", described(error))

    async def _restore(self) -> None:
        """Take up what a control before us knew, but for what we have learnt meanwhile."""
        for doc in await self._store.known_health():
            try:
                self._take_up(int(doc["gateway_id"]), _Known(doc["uri"], _health_of(doc)))
            except (KeyError, TypeError, ValueError) as error:
                log.error("How gateway %s was can't be read: %r", doc.get("gateway_id"), error)
        self._add_up()

    def _take_up(self, gateway_id: int, earlier: _Known) -> None:
        mine = self._known.get(gateway_id)
        if mine is None or mine.health is UNHEARD:
            self._known[gateway_id] = earlier
            return
        first_ms = mine.health.quarters[0].begin_ms if mine.health.quarters else now_ms()
        before = (one for one in earlier.health.quarters if one.begin_ms < first_ms)
        self._known[gateway_id] = replace(mine, health=replace(mine.health, quarters=(*before, *mine.health.quarters)))

    def _add_up(self) -> None:
        """The recent calls of each: often enough for routing, too dear for each event of a call."""
        begin_ms = now_ms() - RECENT_MS
        for key, known in self._known.items():
            self._known[key] = replace(known, recent=health.traffic_since(known.health.quarters, begin_ms))


_KEPT = ("since_ms", "silences", "replied_ms", "heard_ms", "sip_code", "round_trip_ms")


def _document(gateway_id: int, known: _Known) -> Json:
    kept = {name: getattr(known.health, name) for name in _KEPT}
    quarters = health.written(known.health.quarters)
    return {"gateway_id": gateway_id, "uri": known.uri, "presence": known.health.presence, "quarters": quarters, **kept}


def _health_of(doc: Json) -> Health:
    kept = {name: doc[name] for name in _KEPT}
    return Health(presence=Presence(doc["presence"]), quarters=health.read(doc["quarters"]), **kept)
