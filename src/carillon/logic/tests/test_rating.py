from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.logic.callflow.feed import Rate, Tariff
from carillon.logic.callflow.need import Missing
from carillon.logic.ratetable import RateTable
from carillon.logic.rating import (
    PriceLists,
    Unread,
    Version,
    billed_seconds,
    rate_call,
)
from carillon.logic.tests.charges import exchange_rates, rate, rates, tariff, tariffs


@pytest.mark.parametrize(
    ("duration_s", "initial_s", "increment_s", "billed_s"),
    [(0, 0, 1, 0), (0, 60, 1, 60), (1, 60, 60, 60), (60, 60, 60, 60), (61, 60, 60, 120), (31, 30, 6, 36), (5, 0, 6, 6)],
)
def test_initial_interval_then_every_started_increment(
    duration_s: int, initial_s: int, increment_s: int, billed_s: int
) -> None:
    assert billed_seconds(rate("1", initial_s=initial_s, increment_s=increment_s), duration_s) == billed_s


def test_price_is_rounded_once_and_not_per_increment() -> None:
    """Rounding each of 42 seconds at 1.00 a minute to four decimals would give 0.7014."""
    charge = rate_call(rate("1"), tariff(decimals=4), 42_000)
    assert (charge.amount_micro, charge.exact, charge.billed_s) == (700_000, Decimal("0.7"), 42)


def test_connection_fee_is_charged_once() -> None:
    charge = rate_call(rate("0.60", fee="0.05", initial_s=60, increment_s=60), tariff(), 61_000)
    assert charge.amount_micro == 1_250_000


def test_a_started_second_counts_whole() -> None:
    assert rate_call(rate("0.06"), tariff(), 1).amount_micro == 1_000
    assert rate_call(rate("0.06"), tariff(), 1_001).amount_micro == 2_000


def test_price_is_converted_before_the_one_rounding() -> None:
    charge = rate_call(
        rate("0.01"), tariff(currency="USD"), 1_000, exchange_rate=Decimal("0.9"), account_currency="EUR"
    )
    assert (charge.amount_micro, charge.currency) == (150, "EUR")
    assert charge.steps[-1] == "Converted at 0.9."


def test_fewer_decimals_of_list_or_account_win() -> None:
    assert rate_call(rate("0.0101", initial_s=60), tariff(decimals=2), 1).amount_micro == 10_000
    assert rate_call(rate("0.0101", initial_s=60), tariff(), 1, account_decimals=3).amount_micro == 10_000


def test_a_negative_duration_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot last -1 ms"):
        rate_call(rate("1"), tariff(), -1)


@given(rates, tariffs, exchange_rates, st.integers(0, 10_000_000), st.integers(0, 1_000_000))
def test_price_never_falls_when_the_call_gets_longer(
    line: Rate, by: Tariff, exchange_rate: Decimal | None, duration_ms: int, longer_ms: int
) -> None:
    shorter = rate_call(line, by, duration_ms, exchange_rate=exchange_rate)
    longer = rate_call(line, by, duration_ms + longer_ms, exchange_rate=exchange_rate)
    assert shorter.amount_micro <= longer.amount_micro
    assert shorter.billed_s * 1000 >= duration_ms


# ---------------------------------------------------------------- versions


def test_the_version_in_force_prices_the_call() -> None:
    old = Version(1_000, Tariff(10, "Retail", 30, 1, "EUR"), RateTable([rate("1")]))
    new = Version(2_000, Tariff(10, "Retail", 31, 2, "EUR"), RateTable([rate("2")]))
    lists = PriceLists([new, old])
    in_force = {at_ms: lists.at(at_ms).tariff(10) for at_ms in (999, 1_000, 1_999, 2_000)}
    assert [item.version if item else None for item in in_force.values()] == [None, 1, 1, 2]
    line = lists.at(2_500).longest(10, "+442071234567")
    assert line is not None
    assert line.per_minute == 2
    assert lists.at(999).longest(10, "+442071234567") is None
    assert lists.at(2_500).tariff(11) is None
    assert lists.rate_count() == 2


def test_until_a_version_is_read_the_one_before_it_prices_the_call() -> None:
    old = Version(1_000, Tariff(10, "Retail", 30, 1, "EUR"), RateTable([rate("1")]))
    lists = PriceLists([old], [Unread(2_000, 10, 7)])
    in_force = lists.at(3_000).tariff(10)
    assert in_force is not None
    assert in_force.version == 1
    assert lists.rate_count() == 8


def test_a_list_of_which_nothing_is_read_yet_is_missing_and_not_without_a_price() -> None:
    lists = PriceLists([], [Unread(5_000, 10, 7), Unread(2_000, 10, 7)])
    assert lists.at(1_999).tariff(10) is None
    for ask in (lists.at(2_000).tariff, lambda list_id: lists.at(2_000).longest(list_id, "+442071234567")):
        with pytest.raises(Missing) as missing:
            ask(10)
        assert (missing.value.kind, missing.value.key) == ("rates", "10")
    assert lists.at(2_000).tariff(11) is None
