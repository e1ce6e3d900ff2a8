"""Calls per second, of customers and of gateways, counted in memory: a restart forgets one burst at most."""

from __future__ import annotations

import time

from carillon.logic.callflow.feed import Customer
from carillon.logic.callflow.notes import Note, noted
from carillon.logic.callflow.refusals import refuse
from carillon.logic.callflow.values import Decision, Direction
from carillon.logic.pace import let_through

MOST = 10_000  # buckets before the full ones, which say nothing, are let go


def is_counted(decision: Decision) -> bool:
    """Whether a customer's device begins a call that goes on; emergency calls are never counted."""
    is_emergency = decision.direction is Direction.EMERGENCY
    return decision.endpoint_id is not None and decision.refusal is None and not is_emergency


class Buckets:
    """Who has begun how many calls a moment ago at this edge, by id."""

    def __init__(self) -> None:
        self._full_at_us: dict[int, int] = {}

    def has_room(self, who: int, *, per_s: int, burst: int) -> bool:
        """Whether one more call may begin now."""
        return self._after(who, _now_us(), per_s, burst) is not None

    def take(self, who: int, *, per_s: int, burst: int) -> bool:
        """Count a call that begins now; False when there is no room for it."""
        now_us = _now_us()
        after = self._after(who, now_us, per_s, burst)
        if after is None:
            return False
        if len(self._full_at_us) >= MOST:
            self._full_at_us = {other: full_at for other, full_at in self._full_at_us.items() if full_at > now_us}
        self._full_at_us[who] = after
        return True

    def _after(self, who: int, now_us: int, per_s: int, burst: int) -> int | None:
        return let_through(self._full_at_us.get(who, 0), now_us, per_s=per_s, burst=burst)


def _now_us() -> int:
    return time.monotonic_ns() // 1000


class Pace:
    """How fast the devices of each customer begin calls at this edge."""

    def __init__(self) -> None:
        self._buckets = Buckets()

    def checked(self, decision: Decision, customer: Customer) -> Decision:
        """The decision, refused with `too-many-calls` when its customer's devices begin calls faster than they may."""
        if not is_counted(decision) or self._admits(customer):
            return decision
        text = f"Devices of {customer.name} may begin calls at a rate of {customer.calls_per_s} a second."
        return refuse(noted(decision, Note(text, customer.partner_id)), "too-many-calls")

    def _admits(self, customer: Customer) -> bool:
        per_s = customer.calls_per_s
        return per_s is None or self._buckets.take(customer.id, per_s=per_s, burst=customer.call_burst or per_s)
