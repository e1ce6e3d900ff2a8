"""Millions of calls cost what they would cost one by one: to the micro-unit, whatever the tariff says."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.bulk.pricing import Version
from carillon.bulk.tables import Numbers
from carillon.bulk.tests.calls import Called, Lists, columns, paid_alone, paid_in_columns, table
from carillon.logic.callflow.feed import Rate, Step, Tariff, Unit, WindowPrice
from carillon.logic.tests.charges import WINDOWS, rates, tariffs
from carillon.logic.tests.slowly import SlowCall
from carillon.logic.tests.tariffs import any_calls, any_tariffs

numbers = st.text("0123", max_size=7) | st.sampled_from(["+4420", "44", "", "x", "4" * 19])
lines = st.builds(lambda rate, prefix: replace(rate, prefix=prefix), rates, st.text("0123", max_size=5))
price_lists = st.lists(st.tuples(any_tariffs, st.lists(lines, max_size=4).map(table)), min_size=1, max_size=3)


@given(st.data(), price_lists)
def test_in_columns_calls_cost_what_they_cost_one_by_one(data: st.DataObject, lists: Lists) -> None:
    called = st.tuples(any_calls, st.integers(0, len(lists) - 1), numbers)
    batch = data.draw(st.lists(called, min_size=1, max_size=12))
    assert paid_in_columns(lists, batch) == [paid_alone(lists, each) for each in batch]


HUGE = (
    Rate("1", "Dear", Decimal("123456.12345678"), Decimal("999999.99999999"), 60, 1),
    Rate("2", "Beyond", Decimal(10) ** 30, Decimal(10) ** 30, 60, 60, maximum=Decimal(10) ** 5),
    Rate("3", "Cheap", Decimal(0), Decimal("0.00000001"), 1, 1),
    Rate("4", "Slow", Decimal(0), Decimal("0.01"), 1, 2**33, (Step(999_999_999, Decimal("0.02"), 1),)),
)


@pytest.mark.parametrize("unit", [Unit.SECOND, Unit.HOUR])
@pytest.mark.parametrize("exchange_rate", [None, Decimal("0.00000001"), Decimal("1.234567890123456789"), Decimal(1)])
def test_what_does_not_fit_64_bits_is_priced_all_the_same(unit: Unit, exchange_rate: Decimal | None) -> None:
    """A call of 49 days at a million a second, an exchange rate with 18 decimals."""
    lists = [(Tariff(1, "Huge", 1, 1, "EUR", 0, "half_even", unit=unit), table(HUGE))]
    called: list[Called] = [
        (SlowCall(1_790_000_000_000, duration_ms, exchange_rate=exchange_rate), 0, rate.prefix + "55")
        for rate in HUGE
        for duration_ms in (0, 1, 3_600_000, 49 * 86_400_000)
    ]
    assert paid_in_columns(lists, called) == [paid_alone(lists, each) for each in called]


def test_what_no_ledger_can_hold_is_refused() -> None:
    lists = [(Tariff(1, "Huge", 1, 1, "EUR"), table([Rate("1", "Dear", Decimal(10) ** 13, Decimal(0), 1, 1)]))]
    with pytest.raises(ValueError, match="“Huge” version 1 charges 10000000000000000000 micro-units"):
        paid_in_columns(lists, [(SlowCall(0, 1_000), 0, "1")])


def test_months_of_windows_and_steps_in_one_call() -> None:
    """A call of 49 days over two changes of the clocks in London, by windows that change several times a day."""
    prices = tuple(
        WindowPrice(
            window.name, Decimal(1), Decimal(place + 1).scaleb(-2), 30, 7 + place, (Step(86_400, Decimal(2), 11),)
        )
        for place, window in enumerate(WINDOWS)
    )
    rate = Rate("44", "United Kingdom", Decimal(0), Decimal("0.1"), 60, 60, (Step(2_000_000, Decimal(3), 1),), prices)
    for is_split in (False, True):
        lists = [(Tariff(1, "Long", 1, 1, "EUR", windows=WINDOWS, is_split=is_split), table([rate]))]
        called: list[Called] = [(SlowCall(1_790_700_000_123 + 999 * n, 49 * 86_400_000 + n), 0, "44") for n in range(5)]
        assert paid_in_columns(lists, called) == [paid_alone(lists, each) for each in called]


@given(
    st.lists(st.text("0123456789", max_size=9), max_size=60), st.lists(st.text("0123456789", max_size=12), min_size=1)
)
def test_the_longest_prefix_is_found_in_small_and_in_large_tables(prefixes: list[str], called: list[str]) -> None:
    """Large tables are looked up by buckets: here any table is."""
    by_prefix = table([Rate(prefix, "", Decimal(0), Decimal(0), 1, 1) for prefix in prefixes])
    calls, _ = columns([(SlowCall(0, 0), 0, number) for number in called])
    for bucketed in (Numbers(by_prefix), Numbers(by_prefix, many=0)):
        found = bucketed.longest(calls.padded, calls.digits)
        rates_found = [by_prefix.rate_at(index) if index >= 0 else None for index in found.tolist()]
        assert rates_found == [by_prefix.longest(number) for number in called]


@given(tariffs)
def test_impossible_times_are_refused(tariff: Tariff) -> None:
    calls, terms = columns([(SlowCall(5_000, -1), 0, "44")])
    with pytest.raises(ValueError, match="cannot last -1 ms"):
        Version(tariff, table([]), terms, 0, 10_000).price(calls)
    calls, terms = columns([(SlowCall(5_000, 5_001), 0, "44")])
    with pytest.raises(ValueError, match="outside of"):
        Version(tariff, table([]), terms, 0, 10_000).price(calls)
