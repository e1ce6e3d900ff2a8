"""Prices for tests: values and hypothesis strategies."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import strategies as st

from carillon.logic.callflow.feed import (
    Rate,
    Tariff,
    Tier,
)
from carillon.logic.callflow.values import TierCharge


def tier(position: int = 0, *, account_id: int = 1, currency: str = "EUR") -> Tier:
    """A sale of Northwind Telecom to Acme Ltd."""
    return Tier(position, 2, "Northwind Telecom", None, "Acme Ltd", account_id, currency, 10)


def tariff(*, currency: str = "EUR", decimals: int = 6, rounding: str = "half_up") -> Tariff:
    """Version 3 of a retail list."""
    return Tariff(10, "Retail", 30, 3, currency, decimals, rounding)


def rate(per_minute: str, *, fee: str = "0", initial_s: int = 1, increment_s: int = 1, prefix: str = "44") -> Rate:
    """A rate to the United Kingdom."""
    return Rate(prefix, "United Kingdom", Decimal(fee), Decimal(per_minute), initial_s, increment_s)


def amounts(most: int = 10_000_000) -> st.SearchStrategy[Decimal]:
    """Exact prices with up to six decimals."""
    return st.integers(0, most).map(lambda micro: Decimal(micro).scaleb(-6))


rates = st.builds(
    Rate,
    prefix=st.just("44"),
    name=st.just("United Kingdom"),
    connection_fee=amounts(),
    per_minute=amounts(),
    initial_s=st.integers(0, 120),
    increment_s=st.integers(1, 120),
)
tariffs = st.builds(
    tariff,
    currency=st.just("EUR"),
    decimals=st.integers(0, 6),
    rounding=st.sampled_from(["half_up", "half_even", "up", "down"]),
)
exchange_rates = st.none() | st.integers(1, 10**9).map(lambda number: Decimal(number).scaleb(-6))
tier_charges = st.builds(
    TierCharge, tier=st.just(tier()), tariff=tariffs, rate=rates, exchange_rate=exchange_rates, free_reason=st.just("")
)
