"""A call cut into the pieces that are charged alike: the initial interval, then runs of increments.

Each increment costs what holds at its beginning; where a list says so (`Tariff.is_split`) the pieces are cut once more
so that each second costs what holds in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from carillon.logic.rating.lines import Line, Timeline

_NEVER_S = 1 << 62


class Piece(NamedTuple):
    """`seconds` from second `from_s` of a call on, charged by one mark of one line.

    `increments` is how often the increment is charged: 1 for the initial interval, 0 for a cut one.
    """

    from_s: int
    seconds: int
    line: Line
    mark: int
    increments: int

    @property
    def rate(self) -> int:
        """Hundred-millionths per unit."""
        return self.line.marks[self.mark].rate


def pieces(timeline: Timeline, length_s: int, skip_s: int = 0) -> list[Piece]:
    """The pieces of a call of `length_s` started seconds, without its first `skip_s`, which something else has paid."""
    found: list[Piece] = []
    second, place, last = skip_s, 0, len(timeline) - 1
    line = timeline[0][1]
    if not skip_s and line.initial_s:
        found.append(Piece(0, line.initial_s, line, line.mark_at(0), 1))
        second = line.initial_s
    while second < length_s:
        while place < last and timeline[place + 1][0] <= second:
            place += 1
        line = timeline[place][1]
        mark = line.mark_at(second)
        until_s = min(length_s, _end(timeline, place, mark))
        increment_s = line.marks[mark].increment_s
        count = -(-(until_s - second) // increment_s)
        found.append(Piece(second, count * increment_s, line, mark, count))
        second += count * increment_s
    return found


def _end(timeline: Timeline, place: int, mark: int) -> int:
    """The second at which something else holds than this line and mark."""
    marks = timeline[place][1].marks
    end_s = marks[mark + 1].from_s if mark + 1 < len(marks) else _NEVER_S
    if place + 1 < len(timeline):
        return min(end_s, timeline[place + 1][0])
    return end_s


def split(timeline: Timeline, whole: Iterable[Piece]) -> Iterator[Piece]:
    """The pieces cut so that each second is charged by what holds in it; `timeline` reaches to their end."""
    for piece in whole:
        second, end_s = piece.from_s, piece.from_s + piece.seconds
        while second < end_s:
            place = _place(timeline, second)
            line = timeline[place][1]
            mark = line.mark_at(second)
            until_s = min(end_s, _end(timeline, place, mark))
            yield Piece(second, until_s - second, line, mark, 0)
            second = until_s


def _place(timeline: Timeline, second: int) -> int:
    place = len(timeline) - 1
    while timeline[place][0] > second:
        place -= 1
    return place


def billed_end_s(found: Sequence[Piece], skip_s: int = 0) -> int:
    """The second at which the last charged piece ends."""
    return found[-1].from_s + found[-1].seconds if found else skip_s
