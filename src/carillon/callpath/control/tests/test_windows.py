"""Control's side of credit windows: what is spent, refilled, given back, and what a lost answer costs."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest

from carillon.callpath.control.store import CreditStore
from carillon.callpath.control.windows import NEAR_LIMIT_S, RENEW_S, CreditWindows
from carillon.logic.credit import LEAST_SLICE, SLICE_S

ACCOUNT, OTHER = 7, 8


@dataclass
class Bank(CreditStore):
    """callfeed's functions for one edge in memory: what happens when, not whether it is exact."""

    available: int = 100 * LEAST_SLICE
    free: dict[int, int] = field(default_factory=dict)
    lease: UUID | None = None
    is_away: bool = False
    asked: list[str] = field(default_factory=list)

    def _ask(self, what: str, lease: UUID) -> bool:
        self.asked.append(what)
        if self.is_away:
            raise OSError("no answer")
        return lease == self.lease

    async def take_lease(self, edge: str, lease: UUID) -> list[tuple[int, int]]:
        self._ask("take", lease)
        self.lease = lease
        return list(self.free.items())

    async def renew_lease(self, edge: str, lease: UUID) -> bool:
        return self._ask("renew", lease)

    async def grant_credit(self, edge: str, lease: UUID, account_id: int, micro: int, least_left: int) -> int:
        if not self._ask("grant", lease):
            return -1
        if self.available < micro + least_left:
            return 0
        self.available -= micro
        self.free[account_id] = self.free.get(account_id, 0) + micro
        return micro

    async def return_credit(self, edge: str, lease: UUID, account_id: int, micro: int) -> bool:
        if not self._ask("return", lease):
            return False
        self.available += micro
        self.free[account_id] -= micro
        return True


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def running(bank: Bank, clock: Clock) -> Any:
    """Windows with their background work, and a way to let one round of it pass."""
    windows = CreditWindows("edge-1", bank, clock)
    task = asyncio.create_task(windows.run())

    async def settled() -> None:
        before = len(bank.asked)
        for _ in range(20):
            await asyncio.sleep(0)
        while len(bank.asked) != before:
            before = len(bank.asked)
            await asyncio.sleep(0)

    await settled()
    try:
        yield windows, settled
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def spent(windows: CreditWindows, total: int, *, had: int = 0, is_refused: bool = False) -> int:
    """A call takes up to `total`: how much of it came from the window."""
    with windows.spend([(ACCOUNT, total)], {ACCOUNT: had}) as spending:
        spending.is_refused = is_refused
    return spending.credit.needed[0][2]


async def test_the_first_call_asks_and_the_next_finds_a_window() -> None:
    async with running(Bank(), Clock()) as (windows, settled):
        assert spent(windows, 6_000) == 0
        await settled()
        assert spent(windows, 6_000) == 6_000


async def test_a_busy_account_has_a_minute_of_its_burn() -> None:
    bank = Bank(available=1000 * LEAST_SLICE)
    async with running(bank, Clock()) as (windows, settled):
        spent(windows, LEAST_SLICE)
        await settled()
        assert bank.free[ACCOUNT] == LEAST_SLICE * SLICE_S


async def test_near_the_limit_calls_are_granted_one_by_one() -> None:
    bank, clock = Bank(available=LEAST_SLICE), Clock()
    async with running(bank, clock) as (windows, settled):
        for _ in range(3):
            assert spent(windows, 6_000) == 0
            await settled()
        assert bank.asked.count("grant") == 1
        bank.available, clock.now = 100 * LEAST_SLICE, clock.now + NEAR_LIMIT_S
        spent(windows, 6_000)
        await settled()
        assert spent(windows, 6_000) == 6_000


async def test_the_rest_of_a_window_is_spent_before_anything_is_asked_for() -> None:
    bank = Bank(free={ACCOUNT: 4_000})
    async with running(bank, Clock()) as (windows, _):
        assert bank.free[ACCOUNT] == 0  # nobody needed it, so it went back
        bank.free[ACCOUNT] = 0
        windows._windows[ACCOUNT].free = 4_000
        assert spent(windows, 6_000) == 4_000


async def test_extensions_take_only_what_is_new() -> None:
    async with running(Bank(), Clock()) as (windows, settled):
        spent(windows, 6_000)
        await settled()
        assert spent(windows, 10_000, had=6_000) == 4_000
        assert spent(windows, 10_000, had=12_000) == 0


async def test_a_refused_call_leaves_its_amount_in_the_window() -> None:
    async with running(Bank(), Clock()) as (windows, settled):
        spent(windows, 1_000)
        await settled()
        before = windows._windows[ACCOUNT].free
        assert spent(windows, 6_000, is_refused=True) == 6_000
        assert windows._windows[ACCOUNT].free == before


async def test_a_released_call_frees_its_share() -> None:
    async with running(Bank(), Clock()) as (windows, settled):
        spent(windows, 1_000)
        await settled()
        before = windows._windows[ACCOUNT].free
        with windows.releasing() as shares:
            shares += [(ACCOUNT, 1_000)]
        assert windows._windows[ACCOUNT].free == before + 1_000


async def test_after_a_lost_answer_everything_is_counted_again() -> None:
    bank = Bank()
    async with running(bank, Clock()) as (windows, settled):
        spent(windows, 6_000)
        await settled()
        granted = windows._windows[ACCOUNT].free
        with pytest.raises(TimeoutError), windows.spend([(ACCOUNT, 6_000)]):
            raise TimeoutError
        assert windows._windows[ACCOUNT].free == granted - 6_000  # until the count: it may be a call's
        windows._short.set()
        await settled()
        assert bank.asked.count("take") == 2
        assert windows._windows[ACCOUNT].free == granted


async def test_an_answer_from_before_a_count_changes_nothing() -> None:
    bank = Bank()
    async with running(bank, Clock()) as (windows, settled):
        spent(windows, 6_000)
        await settled()
        with windows.releasing() as shares:
            windows._is_doubtful = True
            windows._short.set()
            await settled()
            shares += [(ACCOUNT, 1_000)]
        assert windows._windows[ACCOUNT].free == bank.free[ACCOUNT]
        assert windows._is_doubtful


async def test_another_control_with_our_name_makes_us_count() -> None:
    bank, clock = Bank(), Clock()
    async with running(bank, clock) as (windows, settled):
        spent(windows, 6_000)
        await settled()
        bank.lease = UUID(int=1)
        clock.now += RENEW_S
        windows._short.set()
        await settled()
        windows._short.set()
        await settled()
        assert bank.asked.count("take") == 2


async def test_idle_windows_go_back() -> None:
    bank, clock = Bank(), Clock()
    async with running(bank, clock) as (windows, settled):
        spent(windows, 6_000)
        await settled()
        for _ in range(120):
            clock.now += 1
            windows._short.set()
            await settled()
        assert bank.free[ACCOUNT] == 0
        assert not windows._windows


async def test_at_the_end_everything_goes_back() -> None:
    bank = Bank()
    async with running(bank, Clock()) as (windows, settled):
        spent(windows, 6_000)
        await settled()
        assert bank.free[ACCOUNT] > 0
    assert bank.free[ACCOUNT] == 0


async def test_without_postgresql_calls_still_ask_with_what_is_left() -> None:
    bank = Bank()
    async with running(bank, Clock()) as (windows, settled):
        spent(windows, 6_000)
        await settled()
        bank.is_away = True
        assert spent(windows, 6_000) == 6_000
