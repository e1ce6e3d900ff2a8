"""Calls wait for their decisions: the worker is told to leave them the machine, and rates what has ended later.

A call keeps its hold until it is rated. What it needs no longer is its channel, so while the worker rests control gives
the channels of ended calls back.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from uuid import UUID

import asyncpg

from carillon.callpath.control.store import SLOW_QUERY_S, UNAVAILABLE, described

log = logging.getLogger(__name__)

KEPT_S = 15.0  # after the last call that waited: what has gathered meanwhile would make others wait
ROUND_S = 0.25
RETRY_S = 1.0
MOST_OVER = 2000  # calls that are over and perhaps not rated


class Pressure:
    """Keeps a connection for as long as calls wait: what it says there ends with it, however that is."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], now_s: Callable[[], float] = time.monotonic) -> None:
        self._pool, self._now_s = pool, now_s
        self._until = 0.0
        self._waits = asyncio.Event()
        self._over: deque[UUID] = deque(maxlen=MOST_OVER)

    def calls_wait(self) -> None:
        """A call has waited for others."""
        self._until = self._now_s() + KEPT_S
        self._waits.set()

    def over(self, call_id: UUID) -> None:
        """An answered call is over; remembered, for the worker may have to rest before it has seen it."""
        self._over.append(call_id)

    async def run(self) -> None:
        """Tell PostgreSQL until cancelled."""
        while True:
            await self._waits.wait()
            try:
                await self._tell()
            except UNAVAILABLE as error:
                log.warning("The worker can't be told that calls wait: %s", described(error))
                await asyncio.sleep(RETRY_S)
                self._look()

    def _look(self) -> None:
        if self._now_s() > self._until:
            self._waits.clear()

    async def _tell(self) -> None:
        async with self._pool.acquire(timeout=SLOW_QUERY_S) as connection:
            try:
                await connection.execute("select callfeed.calls_wait()")
                log.info("Calls wait: what has ended is rated later.")
                while self._waits.is_set():
                    await self._round(connection)
                await connection.execute("select callfeed.calls_flow()")
            except BaseException:
                connection.terminate()
                raise

    async def _round(self, connection: asyncpg.pool.PoolConnectionProxy[asyncpg.Record]) -> None:
        await asyncio.sleep(ROUND_S)
        self._look()
        over = list(self._over)
        self._over.clear()
        if over:
            await connection.execute("select callfeed.free_channels($1)", over)
