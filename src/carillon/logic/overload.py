"""How many things may be under way at once when nobody knows what the machine carries: as many as are done in time.

Additive increase, multiplicative decrease, as TCP shares a line (RFC 5681, 3.1): waiting times say what is too much.
How far down is Little's law: what is under way is what is done in a second times the seconds it takes.
"""

from __future__ import annotations

from dataclasses import dataclass

from carillon.logic.copies import replace

LEAST = 4
LATE_MS = 700  # of the 1.4 s that an edge waits
BURST_MS = 2000
STEEPEST = 0.5


@dataclass(frozen=True, slots=True)
class Limit:
    """How many may be under way now, never more than `most` (at least 1).

    When it was last lowered, and since when all answers were late (0: the last one was in time): ms of the Unix epoch.
    """

    most: int
    now: float
    lowered_ms: int = 0
    late_since_ms: int = 0


def first_limit(most: int) -> Limit:
    """The limit before anything is known, and after a time in which there was room: a burst may come."""
    return Limit(most, most)


def after(limit: Limit, *, asked_ms: int, done_ms: int, under_way: int) -> Limit:
    """The limit after one that was asked for and done at these moments (epoch ms), of `under_way` at the time.

    What is late lowers it to as many as would have been in time, by half at most; the first time when nothing has been
    in time for longer than a burst takes, then each time, unless it was asked for before the limit was last lowered:
    that says nothing of the new one. What is in time raises it when it is in use: by one after as many as there may be.
    """
    took_ms = done_ms - asked_ms
    if took_ms <= LATE_MS:
        is_used = 2 * under_way > limit.now
        now = min(limit.most, limit.now + 1 / limit.now) if is_used else limit.now
        return replace(limit, now=now, late_since_ms=0)
    since_ms = limit.late_since_ms or done_ms
    may_be_a_burst = not limit.lowered_ms and done_ms - since_ms < BURST_MS
    if may_be_a_burst or asked_ms < limit.lowered_ms:
        return replace(limit, late_since_ms=since_ms)
    in_time = min(under_way, limit.now) * LATE_MS / took_ms
    now = max(min(LEAST, limit.most), limit.now * STEEPEST, in_time)
    return replace(limit, now=now, lowered_ms=done_ms, late_since_ms=since_ms)
