"""At which gateway each call of this edge is, and how fast calls begin there: what its limits are held against.

A call counts at the target that is tried at this moment, from its decision until it is over. Counted in memory: after a
start the calls that PostgreSQL still has open are counted before the first decision. Emergency calls count, but pass.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from carillon.callpath.control.pace import Buckets
from carillon.callpath.control.store import OpenCall
from carillon.logic.callflow.feed import Fullness, Gateway
from carillon.logic.callflow.values import Decision


@dataclass(frozen=True, slots=True)
class _Way:
    """The gateways of a call's targets (None: phones), and the place of the one that is tried or has answered."""

    gateway_ids: tuple[int | None, ...]
    place: int

    @property
    def gateway_id(self) -> int | None:
        return self.gateway_ids[self.place] if self.place < len(self.gateway_ids) else None


class Channels:
    """Counts calls at gateways. `gateway` is the one in force of an id."""

    def __init__(self, gateway: Callable[[int], Gateway | None]) -> None:
        self._gateway = gateway
        self.are_counted = asyncio.Event()  # before it no call is decided
        self._ways: dict[UUID, _Way] = {}
        self._used: Counter[int] = Counter()
        self._begun = Buckets()
        self._inherited: set[UUID] | None = None  # calls of a control before us; None: not known yet

    def fullness(self, gateway: Gateway) -> Fullness | None:
        """Which limit of the gateway leaves no room for one more call; None when there is room."""
        if gateway.max_channels is not None and self._used[gateway.id] >= gateway.max_channels:
            return Fullness.CHANNELS
        per_s = gateway.calls_per_s
        if per_s is not None and not self._begun.has_room(gateway.id, per_s=per_s, burst=per_s):
            return Fullness.PACE
        return None

    def send(self, call_id: UUID, decision: Decision, place: int = 0) -> None:
        """The call goes to the decision's target at `place`; without one it is nowhere."""
        self._go(call_id, _Way(tuple(target.gateway_id for target in decision.targets), place))

    def hear(self, call_id: UUID, kind: str, detail: dict[str, Any]) -> None:
        """An event of Kamailio: the call has come to a target, goes on to the next one, or is over."""
        match kind:
            case "progress" | "answered":
                self._move(call_id, detail.get("target"))
            case "attempt" if _is_followed_by_another(int(detail["sip_code"])):
                self._move(call_id, int(detail["target"]) + 1)
            case "ended" | "failed":
                self.leave(call_id)

    def leave(self, call_id: UUID) -> None:
        """The call is over, or has never begun."""
        way = self._ways.pop(call_id, None)
        if way is not None and way.gateway_id is not None:
            self._used[way.gateway_id] -= 1

    def inherit(self, calls: Iterable[OpenCall]) -> None:
        """Count what PostgreSQL has open when we begin, and let go of what it has no more when it is asked again."""
        found = {call.call_id: call for call in calls}
        if self._inherited is None:
            self._inherited = found.keys() - self._ways.keys()
            for call_id in self._inherited:
                self._go(call_id, _way_of(found[call_id]), is_new=False)
        for call_id in self._inherited - found.keys():
            self.leave(call_id)
        self._inherited &= found.keys()

    def _move(self, call_id: UUID, place: int | None) -> None:
        """Events of several processes may overtake each other: a call never goes back."""
        way = self._ways.get(call_id)
        if way is not None and place is not None and place > way.place:
            self._go(call_id, _Way(way.gateway_ids, place))

    def _go(self, call_id: UUID, way: _Way, *, is_new: bool = True) -> None:
        self.leave(call_id)
        self._ways[call_id] = way
        if way.gateway_id is None:
            return
        self._used[way.gateway_id] += 1
        gateway = self._gateway(way.gateway_id)
        if is_new and gateway is not None and gateway.calls_per_s is not None:
            self._begun.take(gateway.id, per_s=gateway.calls_per_s, burst=gateway.calls_per_s)


def _is_followed_by_another(sip_code: int) -> bool:
    """Whether the edge tries the next target after this answer (edge/kamailio/attempt.cfg)."""
    return 500 <= sip_code < 600 or sip_code in (401, 407, 408)


def _way_of(call: OpenCall) -> _Way:
    """Which target is ringing is not written down: the first one stands for it until the next event."""
    targets: Collection[dict[str, Any]] = call.decision.get("targets") or ()
    return _Way(tuple(target.get("gateway_id") for target in targets), call.answered_target or 0)
