"""Prices for tests: values and hypothesis strategies."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from hypothesis import strategies as st

from carillon.logic.callflow.feed import (
    Rate,
    Step,
    Tariff,
    Tax,
    Tier,
    Unit,
    Window,
    WindowPrice,
)
from carillon.logic.callflow.values import TierCharge
from carillon.logic.hours import Hours


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


LONDON = "Europe/London"
EVENING = Window("evening", Hours(("mon", "tue", "wed", "thu", "fri"), "19:00", "07:00", LONDON))
WEEKEND = Window("weekend", Hours(("sat", "sun"), timezone=LONDON))
NEW_YORK = Hours(timezone="America/New_York")
CHRISTMAS = Window("Christmas", NEW_YORK, dates=("12-24/12-26",), except_dates=("2026-12-26",))
FIRST = Window("first hour", Hours((), "00:30", "01:30", LONDON), month_days=(1, 25, 29, 31))
WINDOWS = (CHRISTMAS, FIRST, WEEKEND, EVENING)

# moments at which something happens: around clock changes in London (2026-03-29 and 2026-10-25, 01:00 UTC), Christmas,
# an evening and a weekend's beginning
_INTERESTING = (1774746000, 1792890000, 1798066800, 1798171200, 1792177200, 1791586800)
moments = st.builds(
    lambda around_s, by_ms: 1000 * around_s + by_ms, st.sampled_from(_INTERESTING), st.integers(-90_000_000, 90_000_000)
)


def steps() -> st.SearchStrategy[tuple[Step, ...]]:
    """Up to three steps, at different seconds."""
    one = st.builds(Step, from_s=st.integers(1, 4_000), per_minute=amounts(), increment_s=st.integers(1, 120))
    return st.lists(one, max_size=3, unique_by=lambda step: step.from_s).map(tuple)


def _window_prices() -> st.SearchStrategy[tuple[WindowPrice, ...]]:
    one = st.builds(
        WindowPrice,
        window=st.sampled_from([window.name for window in WINDOWS]),
        connection_fee=amounts(),
        per_minute=amounts(),
        initial_s=st.integers(0, 120),
        increment_s=st.integers(1, 120),
        steps=steps(),
    )
    return st.lists(one, max_size=3, unique_by=lambda price: price.window).map(tuple)


rates = st.builds(
    Rate,
    prefix=st.just("44"),
    name=st.just("United Kingdom"),
    connection_fee=amounts(),
    per_minute=amounts(),
    initial_s=st.integers(0, 120),
    increment_s=st.integers(1, 120),
    steps=steps(),
    windows=_window_prices(),
    grace_s=st.integers(0, 10),
    minimum=st.just(Decimal(0)) | amounts(),
    maximum=st.none() | amounts(100_000_000),
)
tariffs = st.builds(
    Tariff,
    price_list_id=st.just(10),
    price_list=st.just("Retail"),
    version_id=st.just(30),
    version=st.just(3),
    currency=st.just("EUR"),
    decimals=st.integers(0, 6),
    rounding=st.sampled_from(["half_up", "half_even", "up", "down"]),
    is_tax_inclusive=st.booleans(),
    windows=st.just(WINDOWS),
    unit=st.sampled_from([Unit.MINUTE, Unit.SECOND, Unit.HOUR]),
    is_split=st.booleans(),
    is_fee_deductible=st.booleans(),
    ends_at_maximum=st.booleans(),
    rounds_increments=st.booleans(),
)
taxes = st.lists(
    st.builds(Tax, name=st.just("VAT"), percent=st.integers(0, 40_000).map(lambda n: Decimal(n).scaleb(-3))), max_size=2
).map(tuple)
exchange_rates = st.none() | st.integers(1, 10**9).map(lambda number: Decimal(number).scaleb(-6))
tier_charges = st.builds(
    lambda tariff, rate, exchange_rate, taxes: TierCharge(replace(tier(), taxes=taxes), tariff, rate, exchange_rate),
    tariffs,
    rates,
    exchange_rates,
    taxes,
)
