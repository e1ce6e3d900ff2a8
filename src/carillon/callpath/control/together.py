"""Do for many callers at once what each would do alone."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Generic, TypeVar

import asyncpg

I = TypeVar("I")  # noqa: E741 - an item
R = TypeVar("R")

MOST = 32  # items at once: who comes later waits for the next turn

# The server has done nothing of it, and one item may be why: tried again one by one, the others succeed.
ONE_OF_THEM = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, asyncpg.LockNotAvailableError)


class Together(Generic[I, R]):
    """A query for one item that serves all who wait: whoever comes while it is on its way is served by the next one.

    So nobody waits when there is little to do, and the more there is the less each costs; where nobody is in a hurry
    the first one waits `pause_s` for others. `serve` gets the items and returns a result for each; `lanes` of it run at
    once. When it raises one of ONE_OF_THEM each item is served alone; what else it raises is raised for all.
    """

    def __init__(
        self, serve: Callable[[Sequence[I]], Awaitable[Sequence[R]]], *, lanes: int = 1, pause_s: float = 0
    ) -> None:
        self._serve, self._free, self._pause_s = serve, lanes, pause_s
        self._waiting: deque[tuple[I, asyncio.Future[R]]] = deque()
        self._turns: set[asyncio.Task[None]] = set()

    async def __call__(self, item: I) -> R:
        """The item's own result."""
        mine: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, mine))
        if self._free:
            self._free -= 1
            turn = asyncio.create_task(self._run())
            self._turns.add(turn)
            turn.add_done_callback(self._turns.discard)
        return await mine

    async def _run(self) -> None:
        try:
            if self._pause_s:
                await asyncio.sleep(self._pause_s)
            while asked := list(itertools.islice(self._those_who_wait(), MOST)):
                await self._turn(asked)
        finally:
            self._free += 1

    def _those_who_wait(self) -> Iterator[tuple[I, asyncio.Future[R]]]:
        """Taken from the queue, without those who gave up: what they wanted must not be done after all."""
        while self._waiting:
            item, future = self._waiting.popleft()
            if not future.done():
                yield item, future

    async def _turn(self, asked: Sequence[tuple[I, asyncio.Future[R]]]) -> None:
        try:
            results = await self._serve([item for item, _ in asked])
        except ONE_OF_THEM as error:
            if len(asked) == 1:
                _tell(asked, error)
            else:
                await asyncio.gather(*(self._turn([each]) for each in asked))
        except Exception as error:
            _tell(asked, error)
        else:
            for (_, future), result in zip(asked, results, strict=True):
                if not future.done():
                    future.set_result(result)


def _tell(asked: Sequence[tuple[I, asyncio.Future[R]]], error: Exception) -> None:
    for _, future in asked:
        if not future.done():  # who asked may have given up
            future.set_exception(error)
