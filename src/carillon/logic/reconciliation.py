"""A carrier's calls against ours: which of theirs is which of ours, and whether both say the same.

By SIP Call-ID where the carrier tells it; else by the number called, the start within a tolerance, and of several the
one nearest in time, then in duration. Each call is matched once.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What comparing one call came to."""

    MATCHED = "matched"
    DURATION = "duration"
    PRICE = "price"
    THEIRS = "theirs"
    OURS = "ours"


@dataclass(frozen=True, slots=True)
class Record:
    """A call as one side has it. `price_micro` in the provider's currency, None: this side tells no price.

    `key` is whatever the caller of `compared` finds the call again by.
    """

    key: str
    started_ms: int
    caller: str
    callee: str
    duration_ms: int
    price_micro: int | None = None
    sip_call_id: str = ""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What still counts as the same: start and duration in milliseconds, price in micro-units."""

    start_ms: int = 60_000
    duration_ms: int = 1_000
    price_micro: int = 100


@dataclass(frozen=True, slots=True)
class Compared:
    """A call of theirs, of ours, or of both, and what comparing says."""

    verdict: Verdict
    theirs: Record | None
    ours: Record | None

    @property
    def overcharged_micro(self) -> int:
        """What they charge more than we expect; negative when they charge less."""
        theirs = (self.theirs.price_micro or 0) if self.theirs else 0
        ours = (self.ours.price_micro or 0) if self.ours else 0
        is_untold = self.theirs is not None and self.theirs.price_micro is None
        return 0 if is_untold else theirs - ours


def compared(theirs: Sequence[Record], ours: Sequence[Record], tolerance: Tolerance) -> Iterator[Compared]:
    """Each call of both sides once: theirs in their order, then those that only we have.

    Time is about linear in the number of calls as long as few calls go to one number at the same time.
    """
    of_theirs = _by_call_id(theirs, ours)
    taken = set(of_theirs.values())
    of_theirs |= _by_number(theirs, ours, tolerance, set(of_theirs), taken)
    for place, record in enumerate(theirs):
        mine = ours[of_theirs[place]] if place in of_theirs else None
        yield Compared(_verdict(record, mine, tolerance), record, mine)
    used = set(of_theirs.values())
    yield from (Compared(Verdict.OURS, None, one) for place, one in enumerate(ours) if place not in used)


def _verdict(theirs: Record, ours: Record | None, tolerance: Tolerance) -> Verdict:
    if ours is None:
        return Verdict.THEIRS
    if abs(theirs.duration_ms - ours.duration_ms) > tolerance.duration_ms:
        return Verdict.DURATION
    if theirs.price_micro is not None and abs(theirs.price_micro - (ours.price_micro or 0)) > tolerance.price_micro:
        return Verdict.PRICE
    return Verdict.MATCHED


def _by_call_id(theirs: Sequence[Record], ours: Sequence[Record]) -> dict[int, int]:
    """Places of ours by places of theirs. A Call-ID that a side has twice (forks, legs) proves nothing."""
    mine = _once(ours)
    return {place: mine[call_id] for call_id, place in _once(theirs).items() if call_id in mine}


def _once(records: Iterable[Record]) -> dict[str, int]:
    places: dict[str, list[int]] = defaultdict(list)
    for place, record in enumerate(records):
        if record.sip_call_id:
            places[record.sip_call_id].append(place)
    return {call_id: found[0] for call_id, found in places.items() if len(found) == 1}


def _by_number(
    theirs: Sequence[Record], ours: Sequence[Record], tolerance: Tolerance, done: set[int], taken: set[int]
) -> dict[int, int]:
    """The nearest pairs first, so that one call an hour late takes no other call's partner away."""
    by_callee: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for place, record in enumerate(ours):
        if place not in taken:
            by_callee[record.callee].append((record.started_ms, place))
    for starts in by_callee.values():
        starts.sort()
    pairs = []
    for place, record in enumerate(theirs):
        if place not in done:
            for other in _near(by_callee.get(record.callee, []), record.started_ms, tolerance.start_ms):
                if _same_caller(record, ours[other]):
                    pairs.append((*_distance(record, ours[other]), place, other))
    found: dict[int, int] = {}
    used = set(taken)
    for _gap, _longer, place, other in sorted(pairs):
        if place not in found and other not in used:
            found[place] = other
            used.add(other)
    return found


def _near(starts: list[tuple[int, int]], at_ms: int, within_ms: int) -> Iterator[int]:
    first = bisect_left(starts, (at_ms - within_ms, -1))
    last = bisect_right(starts, (at_ms + within_ms, len(starts) + 1_000_000_000))
    return (place for _, place in starts[first:last])


def _same_caller(theirs: Record, ours: Record) -> bool:
    """A carrier may write callers its own way or not at all: the last seven digits must agree when both have them."""
    one, other = (("".join(filter(str.isdigit, record.caller)))[-7:] for record in (theirs, ours))
    return len(one) < 7 or len(other) < 7 or one == other


def _distance(theirs: Record, ours: Record) -> tuple[int, int]:
    return abs(theirs.started_ms - ours.started_ms), abs(theirs.duration_ms - ours.duration_ms)
