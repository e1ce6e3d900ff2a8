"""What the increments of many calls cost: all calls take their next run of equal increments at once.

A run is what a call buys at one level of one form: until the next step, the next stretch of the calendar or its end.
Most calls have one run; those with more go round again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from carillon.bulk.calendar import Stretches
from carillon.bulk.exact import Ints
from carillon.bulk.tables import Prices


@dataclass(slots=True)
class Walk:
    """Calls under way, in columns. `at_s`: how far each is paid; `cost`: for what, in parts.

    Where increments are split, one that is begun goes on until `due_s`.
    """

    price: Ints
    answered_ms: Ints
    seconds: Ints
    at_s: Ints
    cost: Ints
    due_s: Ints

    def rows(self, which: Ints) -> Walk:
        """Some of the calls."""
        columns = (self.price, self.answered_ms, self.seconds, self.at_s, self.cost, self.due_s)
        return Walk(*(column.take(which) for column in columns))

    def left(self) -> Ints:
        """Which calls are not at their end."""
        return np.flatnonzero(self.at_s < np.maximum(self.seconds, self.due_s))


def pay(walk: Walk, prices: Prices, times: Stretches, *, is_split: bool) -> None:
    """Go on until each call is paid to its end."""
    go_on = _split_run if is_split else _run
    go_on(walk, prices, times)
    rows = walk.left()
    under_way = walk.rows(rows)
    while len(rows):
        go_on(under_way, prices, times)
        walk.at_s[rows], walk.cost[rows] = under_way.at_s, under_way.cost
        left = under_way.left()
        rows, under_way = rows[left], under_way.rows(left)


def _here(walk: Walk, prices: Prices, times: Stretches) -> tuple[Ints, Ints]:
    """The level that holds where each call is, and the second from which something else may."""
    if len(times.begins) == 1:
        level = prices.levels.at(prices.forms[walk.price], walk.at_s)
        return level, prices.levels.until_s[level]
    stretch = times.at(walk.answered_ms + 1000 * walk.at_s)
    form = prices.forms[walk.price * prices.kinds + times.kinds[stretch]]
    level = prices.levels.at(form, walk.at_s)
    ends_s = -((walk.answered_ms - times.ends[stretch]) // 1000)
    return level, np.minimum(prices.levels.until_s[level], ends_s)


def _run(walk: Walk, prices: Prices, times: Stretches) -> None:
    """Whole increments, each at what holds at its beginning."""
    level, until_s = _here(walk, prices, times)
    increment_s = prices.levels.increment_s[level]
    count = np.maximum(-((walk.at_s - np.minimum(until_s, walk.seconds)) // increment_s), 0)
    walk.at_s += count * increment_s
    walk.cost += count * prices.levels.increment_cost[level]


def _split_run(walk: Walk, prices: Prices, times: Stretches) -> None:
    """Increments that end where they hold; else a part of the one that goes on beyond, at what holds in the part."""
    level, until_s = _here(walk, prices, times)
    increment_s = prices.levels.increment_s[level]
    is_begun = walk.due_s > walk.at_s
    wanted = -((walk.at_s - walk.seconds) // increment_s)
    count = np.where(is_begun, 0, np.maximum(np.minimum((until_s - walk.at_s) // increment_s, wanted), 0))
    goes_beyond = is_begun | ((count == 0) & (wanted > 0))
    due_s = np.where(is_begun, walk.due_s, walk.at_s + increment_s)
    paid_s = np.where(goes_beyond, np.minimum(due_s, until_s) - walk.at_s, count * increment_s)
    walk.cost += paid_s * prices.levels.per_second[level]
    walk.at_s += paid_s
    walk.due_s = np.where(goes_beyond, due_s, 0)
