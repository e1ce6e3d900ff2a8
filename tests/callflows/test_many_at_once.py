"""Many calls at the same moment on one account: never more than the money is spent, to the micro-unit, on any tier."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass

import pytest

from carillon.demo.world import micro
from carillon.useragent import CallRefused, OutgoingCall, UserAgent
from tests.support.books import Books
from tests.support.flows import Changes
from tests.support.packages import included
from tests.support.platform import Platform
from tests.support.telephony import domain_of

pytestmark = pytest.mark.engines

CALLS, AFFORDABLE = 100, 10
ANSWER_S = 60.0


@dataclass(frozen=True)
class Storm:
    """Who calls, who has money for ten calls only, and what a call holds and costs per buyer: micro-units.

    36 seconds to Britain are held, half a minute and one chunk; half a minute is the least that is charged.
    """

    phone: str
    short: str
    money: str
    code: int
    held: int
    charged: dict[str, int]


ACME = {"Acme Ltd": 10_000, "Northwind Telecom": 5_000}
NORDLYS = {"Nordlys AS": 12_000, "Fjord Voice": 7_000, "Northwind Telecom": 5_000}
STORMS = {
    "customer": Storm("alice", "Acme Ltd", "0.12", 402, 12_000, ACME),
    "partner": Storm("alice", "Northwind Telecom", "0.06", 503, 6_000, ACME),
    "sub_partner": Storm("reception", "Fjord Voice", "0.084", 503, 8_400, NORDLYS),
    "partner_of_sub_partner": Storm("reception", "Northwind Telecom", "0.06", 503, 6_000, NORDLYS),
}


@pytest.mark.parametrize("storm", STORMS.values(), ids=STORMS.keys())
def test_a_hundred_calls_with_money_for_ten(platform: Platform, books: Books, storm: Storm) -> None:
    books.arrange(Changes(money={storm.short: storm.money}))
    assert books.money(storm.short).available == micro(storm.money) == AFFORDABLE * storm.held
    since = books.last_entry()
    call_ids, codes = asyncio.run(_storm(platform, storm.phone))
    assert codes == Counter({200: AFFORDABLE, storm.code: CALLS - AFFORDABLE})
    books.settled(*call_ids)
    books.drained()  # what is left in a window goes back
    assert books.money(storm.short).available == AFFORDABLE * (storm.held - storm.charged[storm.short])
    movements = books.movements(since)
    assert {name: -movements[name] for name in storm.charged} == {
        name: AFFORDABLE * charge for name, charge in storm.charged.items()
    }
    assert books.faults() == []


def test_a_hundred_calls_with_minutes_for_ten_and_no_money(platform: Platform, books: Books) -> None:
    """36 seconds are set aside for each, half a minute and one chunk; what no call has talked goes back."""
    books.arrange(Changes(money={"Acme Ltd": "0"}))
    since = books.last_entry()
    with included(books, AFFORDABLE * 36, blocks=True) as allowance_id:
        call_ids, codes = asyncio.run(_storm(platform, "alice"))
        assert codes == Counter({200: AFFORDABLE, 402: CALLS - AFFORDABLE})
        books.settled(*call_ids)
        books.drained()
    ((granted, used, reserved),) = platform.sql(
        "select granted, used, reserved from catalogue_allowance where id = %s", allowance_id
    )
    assert (reserved, 0 < used <= granted) == (0, True)
    assert books.movements(since).get("Acme Ltd", 0) == 0
    assert books.faults() == []


async def _storm(platform: Platform, phone: str) -> tuple[list[str], Counter[int]]:
    """All calls together; those that are put through stay up until every one has its answer."""
    async with platform.phone(phone, domain_of(phone)) as agent:
        calls = await asyncio.gather(*(agent.call(f"0163296{number:04d}") for number in range(1001, 1001 + CALLS)))
        codes = Counter(await asyncio.gather(*(_answer(call) for call in calls)))
        await asyncio.gather(*(call.hang_up() for call in calls))
        await _over(agent)
    return [call.call_id for call in calls], codes


async def _answer(call: OutgoingCall) -> int:
    try:
        await call.answered(ANSWER_S)
    except CallRefused as refused:
        return refused.status
    except TimeoutError:
        return 0
    return call.status


async def _over(agent: UserAgent) -> None:
    """Until all are over; what was held bought some of them 36 seconds."""
    await asyncio.gather(*(call.ended(60) for call in agent.calls))
