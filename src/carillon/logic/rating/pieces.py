"""A call cut into the pieces that are charged alike: the initial interval, then runs of increments.

Each increment costs what holds at its beginning; where a list says so (`Tariff.is_split`) the pieces are cut once more
so that each second costs what holds in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from carillon.logic.rating.lines import NEVER_S, Mark, Timeline


class Piece(NamedTuple):
    """`seconds` from second `from_s` of a call on, charged by one mark.

    `increments` is how often the increment is charged: 1 for the initial interval, 0 for a cut one.
    """

    from_s: int
    seconds: int
    mark: Mark
    increments: int

    @property
    def rate(self) -> int:
        """Hundred-millionths per unit."""
        return self.mark.rate


_made = tuple.__new__  # of a NamedTuple: a third of the time that its own constructor takes, and calls have many pieces


def pieces(timeline: Timeline, length_s: int, skip_s: int = 0) -> list[Piece]:
    """The pieces of a call of `length_s` started seconds, without its first `skip_s`, which something else has paid."""
    found: list[Piece] = []
    second, line = skip_s, timeline[0][1]
    if not skip_s and line.initial_s:
        found.append(_made(Piece, (0, line.initial_s, line.first, 1)))
        second = line.initial_s
    if len(timeline) == 1:
        _charge(found, line.marks, second, length_s)
        return found
    for until_s, marks in _stretches(timeline):
        second = _charge(found, marks, second, min(length_s, until_s))
    return found


def _charge(found: list[Piece], marks: Iterable[Mark], second: int, end_s: int) -> int:
    """Add the increments that begin from `second` on and before `end_s`; the second at which the last one ends."""
    for mark in marks:
        if second >= end_s:
            break
        if mark.until_s > second:
            until_s = mark.until_s if mark.until_s < end_s else end_s
            count = -((second - until_s) // mark.increment_s)
            seconds = count * mark.increment_s
            found.append(_made(Piece, (second, seconds, mark, count)))
            second += seconds
    return second


def _stretches(timeline: Timeline) -> list[tuple[int, tuple[Mark, ...]]]:
    """Until which second which marks hold."""
    ends_s = [from_s for from_s, _ in timeline[1:]]
    return [(until_s, line.marks) for until_s, (_, line) in zip((*ends_s, NEVER_S), timeline, strict=True)]


def split(timeline: Timeline, whole: Iterable[Piece]) -> list[Piece]:
    """The pieces cut so that each second is charged by what holds in it; `timeline` reaches to their end."""
    found: list[Piece] = []
    stretches = _stretches(timeline)
    for second, seconds, _, _ in whole:
        end_s = second + seconds
        for until_s, marks in stretches:
            second = _cut(found, marks, second, min(end_s, until_s))
    return found


def _cut(found: list[Piece], marks: Iterable[Mark], second: int, end_s: int) -> int:
    """Add the seconds from `second` to `end_s`."""
    for mark in marks:
        if second >= end_s:
            break
        if mark.until_s > second:
            until_s = min(mark.until_s, end_s)
            found.append(_made(Piece, (second, until_s - second, mark, 0)))
            second = until_s
    return second


def billed_end_s(found: Sequence[Piece], skip_s: int = 0) -> int:
    """The second at which the last charged piece ends."""
    return found[-1].from_s + found[-1].seconds if found else skip_s
