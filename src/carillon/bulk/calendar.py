"""When which windows of a tariff hold, as stretches of time in columns; `carillon.logic.windows` says when."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from carillon.bulk.exact import Ints
from carillon.logic.callflow.feed import Window
from carillon.logic.windows import calendar_of

_EVER_MS = 2**62
_MOST_FIELDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Grid:
    """The short way to a moment's stretch: `stretches` of every `step_ms` from `first_ms` on."""

    first_ms: int
    step_ms: int
    stretches: Ints

    def at(self, at_ms: Ints) -> Ints:
        """The stretch of each moment; those outside of the grid belong to its first or last field."""
        return self.stretches.take((at_ms - self.first_ms) // self.step_ms, mode="clip")


@dataclass(frozen=True, slots=True)
class Stretches:
    """Stretch `n` begins at `begins[n]` (ms) and goes on to `ends[n]`; before the first and after the last is nothing.

    `kinds[n]` is an index into `held`: which windows of the tariff hold, a bit for each.
    """

    begins: Ints
    ends: Ints
    kinds: Ints
    held: tuple[int, ...]
    grid: Grid | None

    def at(self, at_ms: Ints) -> Ints:
        """The stretch of each moment."""
        return self.grid.at(at_ms) if self.grid else np.searchsorted(self.begins, at_ms, "right") - 1


def stretches(windows: tuple[Window, ...], first_ms: int, last_ms: int) -> Stretches:
    """The stretches between two moments. A tariff without windows has one."""
    first_s = first_ms // 1000
    spans = [(0, 0)]
    if windows:
        spans = list(calendar_of(windows).spans(1000 * first_s, last_ms // 1000 - first_s + 1))
    changes = [span for span, before in zip(spans, [(-1, -1), *spans], strict=False) if span[1] != before[1]]
    begins = np.array([-_EVER_MS, *(1000 * (first_s + from_s) for from_s, _ in changes[1:])])
    kinds = {holding: kind for kind, holding in enumerate(dict.fromkeys(holding for _, holding in changes))}
    return Stretches(
        begins,
        np.append(begins[1:], _EVER_MS),
        np.array([kinds[holding] for _, holding in changes]),
        tuple(kinds),
        _grid(begins),
    )


def _grid(begins: Ints) -> Grid | None:
    """Stretches mostly begin at full hours; None when a grid would be too fine to be short."""
    if len(begins) == 1:
        return Grid(0, 1, np.zeros(1, np.int64))
    first_ms, step_ms = int(begins[1]), int(np.gcd.reduce(np.diff(begins[1:]))) or 1
    count = (int(begins[-1]) - first_ms) // step_ms + 2
    if count > _MOST_FIELDS:
        return None
    fields = first_ms + step_ms * np.arange(-1, count)
    return Grid(first_ms - step_ms, step_ms, np.searchsorted(begins, fields, "right") - 1)
