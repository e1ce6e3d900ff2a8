from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.logic.callflow.explanation import price_part
from carillon.logic.callflow.feed import Rate, Step, Tariff, Tax, Unit, WindowPrice
from carillon.logic.callflow.need import Missing
from carillon.logic.ratetable import RateTable
from carillon.logic.rating import (
    PriceLists,
    Unread,
    Version,
    frozen,
    price_of,
    rate_call,
)
from carillon.logic.rating.words import bill_sentences
from carillon.logic.tests.charges import WINDOWS, exchange_rates, moments, rate, rates, tariff, tariffs, taxes


@pytest.mark.parametrize(
    ("duration_s", "initial_s", "increment_s", "billed_s"),
    [(0, 0, 1, 0), (0, 60, 1, 60), (1, 60, 60, 60), (60, 60, 60, 60), (61, 60, 60, 120), (31, 30, 6, 36), (5, 0, 6, 6)],
)
def test_initial_interval_then_every_started_increment(
    duration_s: int, initial_s: int, increment_s: int, billed_s: int
) -> None:
    charge = rate_call(rate("1", initial_s=initial_s, increment_s=increment_s), tariff(), 1000 * duration_s)
    assert charge.billed_s == billed_s


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
    told = price_part(charge.rate, charge.tariff, charge, charge.currency, charge.exchange_rate)
    assert list(bill_sentences(told)) == [
        "Connection fee 0 USD.",
        "1 s charged at 0.01 USD a minute (1/1).",
        "Exact price 0.000166666667 USD.",
        "Converted at 0.9.",
    ]


def test_the_list_says_to_how_many_decimals() -> None:
    assert rate_call(rate("0.0101", initial_s=60), tariff(decimals=2), 1).amount_micro == 10_000


def test_a_negative_duration_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot last -1 ms"):
        rate_call(rate("1"), tariff(), -1)


@given(rates, tariffs, exchange_rates, taxes, moments, st.integers(0, 10_000_000), st.integers(0, 1_000_000))
def test_price_never_falls_when_the_call_gets_longer(
    line: Rate,
    by: Tariff,
    exchange_rate: Decimal | None,
    with_taxes: tuple[Tax, ...],
    at_ms: int,
    duration_ms: int,
    longer_ms: int,
) -> None:
    shorter, longer = (
        rate_call(line, by, ms, at_ms=at_ms, exchange_rate=exchange_rate, taxes=with_taxes)
        for ms in (duration_ms, duration_ms + longer_ms)
    )
    assert shorter.amount_micro <= longer.amount_micro
    assert shorter.price.bound == "grace" or shorter.billed_s * 1000 >= duration_ms
    assert 0 <= shorter.tax_micro <= shorter.amount_micro


@given(rates, tariffs, moments, st.integers(1, 10_000), st.integers(1, 10_000))
def test_a_call_cut_at_the_end_of_an_increment_costs_the_sum_of_its_parts(
    line: Rate, by: Tariff, at_ms: int, first_s: int, more_s: int
) -> None:
    line, by = replace(line, minimum=Decimal(0), maximum=None), replace(by, is_fee_deductible=False)
    cut_s = price_of(line, by, first_s, at_ms=at_ms).billed_s
    first = price_of(line, by, cut_s, at_ms=at_ms)
    rest = price_of(line, by, cut_s + more_s, at_ms=at_ms, skip_s=cut_s, owes_fee=False)
    whole = price_of(line, by, cut_s + more_s, at_ms=at_ms)
    assert first.amount + rest.amount == whole.amount
    assert first.billed_s + rest.billed_s == whole.billed_s


# ---------------------------------------------------------------- steps, windows, least and most

_FIRSTS = {"June": 1780272000000, "December": 1796083200000}  # of 2026


def windowed(*prices: tuple[str, str], **rest: Any) -> Rate:
    """One euro a minute, and another price in each window named."""
    return replace(
        rate("1"), windows=tuple(WindowPrice(name, Decimal(0), Decimal(each), 1, 1) for name, each in prices), **rest
    )


def micro(line: Rate, seconds: int, at: str, **rules: Any) -> int:
    """What so many seconds cost when they begin at a moment (ISO 8601)."""
    at_ms = int(datetime.fromisoformat(at).timestamp() * 1000)
    return rate_call(line, replace(tariff(), windows=WINDOWS, **rules), 1000 * seconds, at_ms=at_ms).amount_micro


def test_a_step_charges_what_comes_after_it() -> None:
    """First minute whole at 1.20, then per second at 0.60, from the fifth minute in whole minutes at 0.30."""
    line = replace(rate("1.20", initial_s=60), steps=(Step(300, Decimal("0.30"), 60), Step(60, Decimal("0.60"), 1)))
    costs = [rate_call(line, tariff(), 1000 * s).amount_micro for s in (1, 60, 61, 300, 301, 361)]
    assert costs == [1_200_000, 1_200_000, 1_210_000, 3_600_000, 3_900_000, 4_200_000]


@pytest.mark.parametrize(
    ("at", "cents"),
    [
        ("2026-11-25T18:59:30+00:00", 75),  # a Wednesday: half a minute of day, half of evening at 0.50
        ("2026-11-26T06:59:30+00:00", 75),  # Wednesday's evening ends on Thursday at seven
        ("2026-11-27T23:59:30+00:00", 35),  # Friday's evening, then the weekend at 0.20
        ("2026-11-30T00:00:00+00:00", 100),  # Monday before seven is nobody's evening
        ("2026-12-24T04:59:30+00:00", 30),  # midnight in New York: evening, then Christmas at 0.10
        ("2026-12-26T12:00:00+00:00", 20),  # but not on this one: a Saturday
        ("2026-03-29T00:59:30+00:00", 20),  # London's clocks go from 01:00 to 02:00, on the weekend
        ("2026-10-25T00:29:30+00:00", 20),  # 01:29:30 in summer time, on the weekend
    ],
)
def test_a_call_is_split_where_windows_change(at: str, cents: int) -> None:
    line = windowed(("Christmas", "0.10"), ("weekend", "0.20"), ("evening", "0.50"))
    assert micro(line, 60, at) == 10_000 * cents


def test_an_hour_that_the_clocks_repeat_is_charged_twice_as_what_it_is() -> None:
    """The window 00:30-01:30 on 25 October in London: 00:30-01:30 summer time, and 01:00-01:30 once more."""
    line = windowed(("first hour", "0.10"))
    moments = ("4T23:29", "4T23:30", "5T00:29", "5T00:30", "5T00:59", "5T01:00", "5T01:29", "5T01:30")
    cents = [micro(line, 60, f"2026-10-2{moment}:00+00:00") // 10_000 for moment in moments]
    assert cents == [100, 10, 10, 100, 100, 10, 10, 100]


def test_a_window_that_the_clocks_skip_ends_when_they_are_put_forward() -> None:
    """The window 00:30-01:30 on 29 March in London ends at 01:00, when the clock shows 02:00."""
    line = windowed(("first hour", "0.10"))
    moments = ("00:29", "00:30", "00:59", "01:00")
    assert [micro(line, 60, f"2026-03-29T{at}:00+00:00") // 10_000 for at in moments] == [100, 10, 10, 100]


def test_an_increment_costs_what_holds_at_its_beginning_or_what_holds_in_each_second() -> None:
    line = replace(windowed(("evening", "0.50")), initial_s=60, increment_s=60)
    assert micro(line, 61, "2026-11-25T18:58:30+00:00") == 2_000_000
    assert micro(line, 61, "2026-11-25T18:58:30+00:00", is_split=True) == 1_750_000


def test_least_most_grace_and_a_deductible_fee() -> None:
    line = replace(rate("0.60", fee="0.05"), grace_s=3, minimum=Decimal("0.10"), maximum=Decimal("1"))
    assert [micro(line, s, "2026-11-25T12:00:00Z") for s in (0, 3, 4, 10, 120)] == [0, 0, 100_000, 150_000, 1_000_000]
    assert [micro(line, s, "2026-11-25T12:00:00Z", is_fee_deductible=True) for s in (4, 20)] == [100_000, 200_000]
    assert micro(rate("0.60", fee="0.05"), 1, "2026-11-25T12:00:00Z", is_fee_deductible=True) == 50_000


def test_other_units_taxes_and_rounding_of_increments() -> None:
    assert micro(rate("0.01"), 7, "2026-11-25T12:00:00Z", unit=Unit.SECOND) == 70_000
    assert micro(rate("3.6"), 7, "2026-11-25T12:00:00Z", unit=Unit.HOUR) == 7_000
    assert micro(rate("1"), 42, "2026-11-25T12:00:00Z", rounds_increments=True, decimals=4) == 701_400
    vat = (Tax("VAT", Decimal("20")),)
    on_top = rate_call(rate("1"), tariff(), 60_000, taxes=vat)
    within = rate_call(rate("1.20"), replace(tariff(), is_tax_inclusive=True), 60_000, taxes=vat)
    assert (on_top.amount_micro, on_top.tax_micro) == (within.amount_micro, within.tax_micro) == (1_200_000, 200_000)


@given(rates, tariffs, moments, st.integers(0, 10_000))
def test_what_a_call_keeps_of_its_list_charges_it_as_the_list_does(
    line: Rate, by: Tariff, at_ms: int, length_s: int
) -> None:
    kept = frozen(by, line, at_ms)
    assert price_of(line, kept, length_s, at_ms=at_ms)[:2] == price_of(line, by, length_s, at_ms=at_ms)[:2]
    assert {window.name for window in kept.windows} <= {price.window for price in line.windows}


def test_a_call_keeps_no_holidays_that_it_cannot_meet() -> None:
    line = windowed(("Christmas", "0.10"), ("weekend", "0.20"))
    kept = {month: frozen(replace(tariff(), windows=WINDOWS), line, at_ms) for month, at_ms in _FIRSTS.items()}
    assert {month: [window.name for window in each.windows] for month, each in kept.items()} == {
        "June": ["weekend"],
        "December": ["Christmas", "weekend"],
    }


def test_prices_by_time_need_the_moment() -> None:
    with pytest.raises(ValueError, match="the moment of the call is needed"):
        rate_call(windowed(("evening", "1")), replace(tariff(), windows=WINDOWS), 1)


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
