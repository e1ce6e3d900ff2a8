from __future__ import annotations

import asyncio
from collections.abc import Sequence

import asyncpg
import pytest

from carillon.callpath.control.together import MOST, Together


class Doubling:
    """Doubles numbers, one turn at a time when told so; refuses `bad` ones."""

    def __init__(self, bad: int = -1, error: type[Exception] = asyncpg.DataError) -> None:
        self.turns: list[list[int]] = []
        self.may_go = asyncio.Event()
        self.may_go.set()
        self._bad, self._error = bad, error

    async def __call__(self, numbers: Sequence[int]) -> list[int]:
        self.turns.append(list(numbers))
        await self.may_go.wait()
        if self._bad in numbers:
            raise self._error("bad")
        return [2 * number for number in numbers]


async def test_who_comes_while_others_are_served_is_served_with_the_next() -> None:
    doubling = Doubling()
    doubling.may_go.clear()
    together = Together(doubling)
    asked = [asyncio.create_task(together(number)) for number in range(5)]
    while not doubling.turns:
        await asyncio.sleep(0)
    asked += [asyncio.create_task(together(number)) for number in range(5, 8)]
    await asyncio.sleep(0)
    doubling.may_go.set()
    assert await asyncio.gather(*asked) == [0, 2, 4, 6, 8, 10, 12, 14]
    assert [number for turn in doubling.turns for number in turn] == list(range(8))
    assert len(doubling.turns) <= 3


async def test_the_first_may_wait_for_others() -> None:
    doubling = Doubling()
    together = Together(doubling, pause_s=0.02)
    first = asyncio.create_task(together(1))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert list(await asyncio.gather(first, together(2))) == [2, 4]
    assert doubling.turns == [[1, 2]]


async def test_a_turn_is_never_longer_than_most() -> None:
    doubling = Doubling()
    together = Together(doubling)
    await asyncio.gather(*(together(number) for number in range(3 * MOST)))
    assert max(len(turn) for turn in doubling.turns) <= MOST


async def test_one_bad_item_hurts_nobody_else() -> None:
    doubling = Doubling(bad=2)
    together = Together(doubling)
    results = await asyncio.gather(*(together(number) for number in range(4)), return_exceptions=True)
    assert [result for result in results if isinstance(result, int)] == [0, 2, 6]
    assert isinstance(results[2], asyncpg.DataError)


async def test_what_may_have_been_done_is_not_done_again() -> None:
    doubling = Doubling(bad=2, error=TimeoutError)
    together = Together(doubling)
    results = await asyncio.gather(*(together(number) for number in range(4)), return_exceptions=True)
    assert all(isinstance(result, TimeoutError) for result in results)
    assert sum(len(turn) for turn in doubling.turns) == 4


async def test_who_gives_up_leaves_the_others_their_results() -> None:
    doubling = Doubling()
    doubling.may_go.clear()
    together = Together(doubling)
    asked = [asyncio.create_task(together(number)) for number in range(3)]
    while not doubling.turns:
        await asyncio.sleep(0)
    asked[1].cancel()
    doubling.may_go.set()
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert (results[0], results[2]) == (0, 4)
    assert isinstance(results[1], asyncio.CancelledError)
    with pytest.raises(asyncio.CancelledError):
        asked[1].result()


async def test_who_gives_up_before_its_turn_is_not_served() -> None:
    doubling = Doubling()
    doubling.may_go.clear()
    together = Together(doubling)
    asked = [asyncio.create_task(together(0))]
    while not doubling.turns:
        await asyncio.sleep(0)
    asked += [asyncio.create_task(together(number)) for number in (1, 2)]
    await asyncio.sleep(0)
    asked[1].cancel()
    doubling.may_go.set()
    await asyncio.gather(*asked, return_exceptions=True)
    assert doubling.turns == [[0], [2]]
