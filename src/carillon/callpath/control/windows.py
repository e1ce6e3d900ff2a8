"""Credit windows: what this control may promise of the accounts above its calls' customers (decision 0012).

Money free in memory is never more than what PostgreSQL has granted and no call has: every mistake to come (an answer
that is lost, a control that was declared dead) leaves memory with less, and a new lease counts again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from carillon.callpath.control.store import UNAVAILABLE, Credit, CreditStore, described
from carillon.logic.credit import burn, change_micro, least_left_micro, spend

log = logging.getLogger(__name__)

TICK_S = 1.0
RENEW_S = 15.0  # a lease lasts a minute
NEAR_LIMIT_S = 5.0  # how long an account that could not grant a slice is not asked again
LAST_WORDS_S = 1.0


@dataclass(slots=True)
class _Window:
    """What is free of an account, how fast calls take it, and what they took since the last look."""

    free: int = 0
    burn: int = 0
    taken: int = 0
    asked_again_at: float = 0.0


@dataclass(slots=True)
class Spending:
    """What a call is about to take; `is_refused` is set when PostgreSQL said that it took nothing."""

    credit: Credit
    is_refused: bool = False


@dataclass(slots=True)
class CreditWindows:
    """All windows of this edge. Calls spend in memory; `run` refills, gives back and keeps the lease."""

    edge: str
    store: CreditStore
    now_s: Callable[[], float] = time.monotonic
    _lease: UUID | None = None
    _windows: dict[int, _Window] = field(default_factory=lambda: defaultdict(_Window))
    _is_doubtful: bool = False
    _renewed_at: float = 0.0
    _measured_at: float = 0.0
    _short: asyncio.Event = field(default_factory=asyncio.Event)

    @contextlib.contextmanager
    def spend(self, needs: Iterable[tuple[int, int]], had: dict[int, int] | None = None) -> Iterator[Spending]:
        """What a call asks PostgreSQL with: `needs` are totals by account, `had` what it has already.

        When the block raises nobody knows what happened: the amounts stay spent until the next count.
        """
        spending = Spending(Credit(self._lease, tuple(self._take(needs, had or {}))))
        try:
            yield spending
        except BaseException:
            self._is_doubtful = True
            raise
        if spending.is_refused:
            self._put_back(spending.credit.lease, ((account, new) for account, _, new in spending.credit.needed))

    def _take(self, needs: Iterable[tuple[int, int]], had: dict[int, int]) -> Iterator[tuple[int, int, int]]:
        for account_id, total in needs:
            window, new = self._windows[account_id], max(total - had.get(account_id, 0), 0)
            spent = spend(window.free, new)
            window.free -= spent
            window.taken += new
            if spent < new:
                self._short.set()
            yield account_id, total, spent

    @contextlib.contextmanager
    def releasing(self) -> Iterator[list[tuple[int, int]]]:
        """Put the shares that a call leaves behind into the list; they are free again."""
        lease, shares = self._lease, list[tuple[int, int]]()
        try:
            yield shares
        except BaseException:
            self._is_doubtful = True
            raise
        self._put_back(lease, shares)

    def _put_back(self, lease: UUID | None, shares: Iterable[tuple[int, int]]) -> None:
        if lease != self._lease:
            self._is_doubtful = True  # counted already, or not: only the next count knows
            return
        for account_id, micro in shares:
            self._windows[account_id].free += micro

    # ------------------------------------------------------------ in the background

    async def run(self) -> None:
        """Keep the lease and the windows until cancelled; then give back what is free."""
        try:
            while True:
                try:
                    await self._keep()
                except UNAVAILABLE as error:
                    self._is_doubtful = True
                    log.warning("Credit windows wait for PostgreSQL: %s", described(error))
                    await asyncio.sleep(TICK_S)
                await self._until_needed()
        finally:
            await self._give_everything_back()

    async def _keep(self) -> None:
        if self._lease is None or self._is_doubtful:
            await self._count()
        elif self.now_s() - self._renewed_at >= RENEW_S:
            await self._renew()
        elapsed_s = self.now_s() - self._measured_at
        if elapsed_s >= TICK_S:
            self._measured_at = self.now_s()
            for window in self._windows.values():
                window.burn, window.taken = burn(window.burn, window.taken, int(elapsed_s * 1000)), 0
        for account_id, window in list(self._windows.items()):
            await self._adjust(account_id, window)

    async def _until_needed(self) -> None:
        """A second, or less when a window is short."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TICK_S):
                await self._short.wait()
        self._short.clear()

    async def _count(self) -> None:
        """Take a new lease: what is free is what PostgreSQL says."""
        self._is_doubtful = False
        lease = uuid4()
        free = await self.store.take_lease(self.edge, lease)
        self._renewed_at = self.now_s()
        for window in self._windows.values():
            window.free = 0
        for account_id, micro in free:
            self._windows[account_id].free = micro
        self._lease = lease
        log.info("Credit windows are counted: %d of %s", len(free), self.edge)

    async def _renew(self) -> None:
        if self._lease is None:
            return
        self._is_doubtful = not await self.store.renew_lease(self.edge, self._lease)
        self._renewed_at = self.now_s()
        if self._is_doubtful:
            log.warning("Credit windows were taken back: PostgreSQL did not hear from us in time.")

    async def _adjust(self, account_id: int, window: _Window) -> None:
        change = change_micro(window.free, max(window.burn, window.taken))
        if change < 0:
            await self._give_back(account_id, -change)
        elif change > 0 and self.now_s() >= window.asked_again_at:
            await self._refill(account_id, window, change)
        if not (window.free or window.burn or window.taken):
            self._windows.pop(account_id, None)

    async def _refill(self, account_id: int, window: _Window, micro: int) -> None:
        lease = self._lease
        if lease is None:
            return
        granted = await self.store.grant_credit(self.edge, lease, account_id, micro, least_left_micro(micro))
        if granted < 0:
            self._is_doubtful = True
        elif granted == 0:  # near its limit: call by call until there is more
            window.asked_again_at = self.now_s() + NEAR_LIMIT_S
        else:
            window.free += granted

    async def _give_back(self, account_id: int, micro: int) -> None:
        if self._lease is None:
            return
        self._windows[account_id].free -= micro  # first: a lost answer must not leave it here
        if not await self.store.return_credit(self.edge, self._lease, account_id, micro):
            self._is_doubtful = True

    async def _give_everything_back(self) -> None:
        """At the end of the process; what does not work out is swept when the lease is over."""
        with contextlib.suppress(TimeoutError, *UNAVAILABLE):
            async with asyncio.timeout(LAST_WORDS_S):
                for account_id, window in list(self._windows.items()):
                    if window.free:
                        await self._give_back(account_id, window.free)
