"""A plan that is tried over the real engines: no more calls at a time, and none longer, than its trial allows."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.books import Books
from tests.support.flows import Changes
from tests.support.gateways import status_of
from tests.support.packages import trying
from tests.support.platform import Platform, eventually

pytestmark = pytest.mark.engines

ANSWERED, LONGEST_S = "01632960001", 5


def test_a_second_call_is_refused_and_the_first_one_ends_at_its_longest(platform: Platform, books: Books) -> None:
    books.arrange(Changes())
    with trying(books, trial_max_channels=1, trial_max_call_s=LONGEST_S):
        sip_call_id, lasted_s = asyncio.run(_talk(platform))
        books.settled(sip_call_id)
    assert LONGEST_S - 0.5 <= lasted_s <= LONGEST_S + 2.5
    assert [detail["by"] for kind, detail in platform.events(sip_call_id) if kind == "ended"] == ["timeout"]
    assert books.cdrs(sip_call_id)[0].micro == 10_000  # half a minute, the least
    assert books.faults() == []


async def _talk(platform: Platform) -> tuple[str, float]:
    """Alice talks until the platform ends it; meanwhile Bob hears that all lines are in use."""
    async with platform.phone("alice") as alice, platform.phone("bob") as bob:
        call = await alice.call(ANSWERED)
        await call.answered()
        assert await status_of(bob, ANSWERED) == 486
        await call.ended(60)
        await eventually(lambda: "ended" in [kind for kind, _ in platform.events(call.call_id)])
    return call.call_id, call.answered_s
