from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.logic.money import (
    CURRENCIES,
    EXACT,
    AmountError,
    format_amount,
    format_exact,
    format_number,
    format_ratio,
    minor_units,
    parse_amount,
    round_ratio,
)


@pytest.mark.parametrize(
    ("amount", "mode", "decimals", "micro"),
    [
        ("0.7", "half_up", 6, 700_000),
        ("0.0000005", "half_up", 6, 1),
        ("0.0000005", "half_even", 6, 0),
        ("0.005", "half_even", 2, 0),
        ("0.015", "half_even", 2, 20_000),
        ("0.0101", "up", 2, 20_000),
        ("0.0199", "down", 2, 10_000),
        ("1.5", "half_up", 0, 2_000_000),
        ("-0.0101", "up", 2, -20_000),
        ("1.23456789", "half_up", 9, 1_234_568),
    ],
)
def test_amounts_round_once_by_mode_and_decimals(amount: str, mode: str, decimals: int, micro: int) -> None:
    assert round_ratio(*Decimal(amount).as_integer_ratio(), mode, decimals) == micro


@pytest.mark.parametrize(
    ("text", "micro"), [("12", 12_000_000), (" 12.5 ", 12_500_000), ("-0.000001", -1), ("+3.00", 3_000_000)]
)
def test_amounts_are_read_exactly(text: str, micro: int) -> None:
    assert parse_amount(text) == micro


@pytest.mark.parametrize(
    "text", ["", "1,5", "1.0000001", "1e3", "NaN", "Infinity", "١٢", "12 EUR", "1.", ".5", "9" * 20]
)
def test_what_is_no_amount_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(AmountError, match="is not an amount: write digits"):
        parse_amount(text)


@pytest.mark.parametrize(
    ("micro", "currency", "text"),
    [
        (12_500_000, "EUR", "12.50 EUR"),
        (12_300, "EUR", "0.0123 EUR"),
        (500_000_000, "JPY", "500 JPY"),
        (500_100_000, "JPY", "500.1 JPY"),
        (-3_000_000, "EUR", "-3.00 EUR"),
        (1_000_000, "KWD", "1.000 KWD"),
        (0, "EUR", "0.00 EUR"),
    ],
)
def test_amounts_are_shown_without_losing_anything(micro: int, currency: str, text: str) -> None:
    assert format_amount(micro, currency) == text


@given(st.integers(-(10**17), 10**17))
def test_an_amount_survives_being_shown_and_read(micro: int) -> None:
    assert parse_amount(format_number(micro)) == micro


def test_minor_units_follow_iso_4217() -> None:
    assert [minor_units(code) for code in ("EUR", "JPY", "KWD", "CLF")] == [2, 0, 3, 4]
    assert {"EUR", "USD", "GBP", "CHF", "SEK"} <= CURRENCIES
    assert all(len(code) == 3 for code in CURRENCIES)


def test_exact_prices_are_shown_short() -> None:
    assert format_exact(Decimal("0.100")) == "0.1"
    assert format_exact(Decimal(1) / Decimal(3)) == "0.333333333333"
    assert format_exact(Decimal("1E+2")) == "100"


@given(st.integers(0, 10**24), st.integers(1, 3600 * 10**8), st.integers(0, 12))
def test_a_ratio_is_written_as_the_decimal_it_is(numerator: int, denominator: int, shift: int) -> None:
    exact = EXACT.divide(Decimal(numerator), Decimal(denominator) * 10**shift)
    assert format_ratio(numerator, denominator, shift) == format_exact(exact)
