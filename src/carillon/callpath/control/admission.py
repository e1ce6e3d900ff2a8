"""More calls than can be decided: those let in are decided in time, the others are refused at once.

Without this each late decision costs as much as one in time and comes to nothing, and soon all are late.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from carillon.callpath.control.live import now_ms
from carillon.logic import overload

log = logging.getLogger(__name__)
Json = dict[str, Any]

HOPELESS_MS = 1000  # the edge waits 1.4 s: what comes so late could not be answered in time
NEARLY = 0.75  # of the limit: beyond it the edge refuses who has not been challenged yet; who has shall find room
AGAIN_MS = 1000  # the edge forgets after two seconds
OVER_MS = 2000  # so long without having been full: it is over
LOG_MS = 10_000
SLOW_MS = 300  # calls wait for each other, and what is in no hurry should leave them the machine
FEW = 4  # under way: one that is slow by itself says nothing


class Admission:
    """Counts decisions under way. `tell` says to the edge whether it should ask about new calls (`full` message).

    `on_wait` is called when one of several was slow.
    """

    def __init__(self, most: int, tell: Callable[[Json], None]) -> None:
        self._limit, self._tell = overload.first_limit(most), tell
        self.on_wait: Callable[[], None] = lambda: None
        self._under_way = self._refused = 0
        self._late_ms = 0  # when the last one came that was late already
        self._full_ms = self._told_ms = self._logged_ms = 0  # when we last were, when the edge was told, and the log

    def lets_in(self, asked_ms: int) -> bool:
        """Whether a call that the edge asked about at this moment (epoch ms) is decided; then `done` must follow."""
        at_ms = now_ms()
        if at_ms - self._full_ms > OVER_MS:
            self._limit = overload.first_limit(self._limit.most)
        is_late = at_ms - asked_ms >= HOPELESS_MS
        is_queue = is_late and at_ms - self._late_ms < AGAIN_MS
        self._late_ms = at_ms if is_late else 0
        is_in = self._under_way < int(self._limit.now) and not is_late
        if is_in:
            self._under_way += 1
        else:
            self._refuse(at_ms)
        # one late question may have waited for us to wake up; another one right behind it makes a queue
        if self._under_way > NEARLY * self._limit.now or is_queue:
            self._say_full(at_ms)
        return is_in

    def done(self, asked_ms: int) -> None:
        """The decision about a call that was let in is made, or can't be."""
        at_ms = now_ms()
        limit = overload.after(self._limit, asked_ms=asked_ms, done_ms=at_ms, under_way=self._under_way)
        if limit.now < self._limit.now:
            self._full_ms = at_ms
        if at_ms - asked_ms > SLOW_MS and self._under_way >= FEW:
            self.on_wait()
        self._limit = limit
        self._under_way -= 1
        if self._told_ms and self._under_way <= NEARLY * limit.now / 2:
            self._told_ms = 0
            self._tell({"op": "full", "is_full": 0})

    def _say_full(self, at_ms: int) -> None:
        self._full_ms = at_ms
        if at_ms - self._told_ms > AGAIN_MS:
            self._told_ms = at_ms
            self._tell({"op": "full", "is_full": 1})

    def _refuse(self, at_ms: int) -> None:
        self._refused += 1
        if at_ms - self._logged_ms > LOG_MS:
            log.warning("More calls than can be decided: %d refused, %d under way.", self._refused, self._under_way)
            self._logged_ms, self._refused = at_ms, 0
