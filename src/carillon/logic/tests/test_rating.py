from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.logic.callflow.feed import Rate, Tariff
from carillon.logic.rating import (
    PriceLists,
    RateTable,
    RateTableError,
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


# ---------------------------------------------------------------- longest prefix


def table(*prefixes: str) -> RateTable:
    return RateTable(rate("1", prefix=prefix) for prefix in prefixes)


def found(rates_of: RateTable, number: str) -> str | None:
    line = rates_of.longest(number)
    return line.prefix if line else None


def test_longest_prefix_wins_with_or_without_plus() -> None:
    by_prefix = table("44", "4420", "442071", "1", "49")
    assert found(by_prefix, "+442071234567") == "442071"
    assert found(by_prefix, "442081234567") == "4420"
    assert found(by_prefix, "447700900123") == "44"
    assert found(by_prefix, "33123456789") is None


def test_empty_prefix_matches_everything() -> None:
    assert found(table("", "44"), "+33123456789") == ""


def test_a_number_shorter_than_a_prefix_does_not_match_it() -> None:
    by_prefix = table("4", "44", "4400")
    assert [found(by_prefix, number) for number in ("4", "44", "440", "4400", "")] == ["4", "44", "44", "4400", None]


@pytest.mark.parametrize("number", ["", "+", "abc", "+44x", "١٢٣", "-1"])
def test_what_is_no_number_has_no_rate(number: str) -> None:
    assert table("1", "44").longest(number) is None


@pytest.mark.parametrize("prefix", ["+44", "44x", "٤٤", "1" * 18])
def test_a_bad_prefix_is_refused_by_name(prefix: str) -> None:
    with pytest.raises(RateTableError, match="is not 0 to 17 digits"):
        table(prefix)


def test_a_prefix_that_occurs_twice_is_refused() -> None:
    with pytest.raises(RateTableError, match="“44” occurs twice"):
        table("44", "1", "44")


digits = st.text("0123", max_size=6)


@given(st.sets(digits, max_size=40), st.lists(digits, max_size=20))
def test_lookup_agrees_with_trying_every_length(prefixes: set[str], numbers: list[str]) -> None:
    by_prefix = table(*prefixes)
    for number in (text for text in numbers if text):
        lengths = range(len(number), -1, -1)
        expected = next((number[:size] for size in lengths if number[:size] in prefixes), None)
        assert found(by_prefix, number) == expected


@given(st.lists(rates, max_size=10))
def test_a_table_gives_back_every_rate(lines: list[Rate]) -> None:
    rows = [Rate(f"44{n}", *_rest(line)) for n, line in enumerate(lines)]
    assert sorted(RateTable(rows).rates(), key=lambda line: line.prefix) == sorted(rows, key=lambda line: line.prefix)


def _rest(line: Rate) -> tuple[str, Decimal, Decimal, int, int]:
    return line.name, line.connection_fee, line.per_minute, line.initial_s, line.increment_s


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
