"""Many calls at the same moment on one account: never more than the money is spent, to the micro-unit."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from carillon.demo.useragent import CallRefused, OutgoingCall, UserAgent
from tests.support.books import Books
from tests.support.flows import Changes
from tests.support.platform import Platform

pytestmark = pytest.mark.engines

CALLS, AFFORDABLE = 40, 5
HOLD_MICRO = 12_000  # 36 seconds to Britain: half a minute and one chunk
CHARGE_MICRO = 10_000  # half a minute, which is the least


def test_forty_calls_with_money_for_five(platform: Platform, books: Books) -> None:
    books.arrange(Changes(money={"Acme Ltd": "0.06"}))
    assert books.money("Acme Ltd").available == AFFORDABLE * HOLD_MICRO
    since = books.last_entry()
    call_ids, codes = asyncio.run(_storm(platform))
    assert codes == Counter({200: AFFORDABLE, 402: CALLS - AFFORDABLE})
    books.settled(*call_ids)
    assert books.money("Acme Ltd").available == AFFORDABLE * (HOLD_MICRO - CHARGE_MICRO)
    movements = books.movements(since)
    assert movements["Acme Ltd"] == -AFFORDABLE * CHARGE_MICRO
    assert movements["revenue of Northwind Telecom"] == AFFORDABLE * CHARGE_MICRO
    assert movements["Northwind Telecom"] == -movements["revenue of Level Platform"] == -AFFORDABLE * 5_000
    assert books.faults() == []


async def _storm(platform: Platform) -> tuple[list[str], Counter[int]]:
    """All calls together; those that are put through stay up until every one has its answer."""
    async with platform.phone("alice") as alice:
        calls = await asyncio.gather(*(alice.call(f"016329600{number:02d}") for number in range(10, 10 + CALLS)))
        codes = Counter(await asyncio.gather(*(_answer(call) for call in calls)))
        await asyncio.gather(*(call.hang_up() for call in calls))
        await _over(alice)
    return [call.call_id for call in calls], codes


async def _answer(call: OutgoingCall) -> int:
    try:
        await call.answered(20)
    except CallRefused as refused:
        return refused.status
    return call.status


async def _over(alice: UserAgent) -> None:
    await asyncio.gather(*(call.ended() for call in alice.calls))
