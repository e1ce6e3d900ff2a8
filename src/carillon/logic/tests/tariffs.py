"""Tariffs whose windows are any hours, days and zones, and calls near the moments at which clocks are set there."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import strategies as st

from carillon.logic.callflow.feed import Window
from carillon.logic.hours import WEEKDAYS, Hours
from carillon.logic.tests.charges import WINDOWS, exchange_rates, tariffs, taxes
from carillon.logic.tests.slowly import SlowCall

ZONES = ("UTC", "Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca")
DAYS = ("2026-10-25", "2026-10-24/2026-10-26", "10-25", "12-24/01-06", "03-08", "2026-04-05")
_NEAR = (
    *(datetime(2026, 3, 29, 1), datetime(2026, 10, 25, 1)),  # London
    *(datetime(2026, 3, 8, 7), datetime(2026, 11, 1, 6)),  # New York
    *(datetime(2026, 4, 4, 15), datetime(2026, 10, 3, 15, 30)),  # Lord Howe, by half an hour
    datetime(2026, 2, 15, 2),  # Casablanca, when Ramadan begins
    *(datetime(2026, 12, 31, 23, 55), datetime(2026, 6, 10, 21, 58)),
)

_clocks = st.integers(0, 95).map(lambda quarter: f"{quarter // 4:02}:{quarter % 4 * 15:02}")
_weekdays = st.lists(st.sampled_from(WEEKDAYS), max_size=6, unique=True).map(tuple)
_zones = st.sampled_from(ZONES)
_days = st.lists(st.sampled_from(DAYS), max_size=2, unique=True).map(tuple)
_windows = st.builds(
    Window,
    st.sampled_from([window.name for window in WINDOWS]),
    st.builds(Hours, _weekdays, _clocks, _clocks, _zones) | st.builds(Hours, _weekdays, timezone=_zones),
    month_days=st.sampled_from(((), (1, 4, 8, 25, 29))),
    dates=_days,
    except_dates=_days,
)
window_lists = st.lists(_windows, max_size=4, unique_by=lambda window: window.name).map(tuple)
any_tariffs = st.builds(lambda tariff, windows: replace(tariff, windows=windows), tariffs, window_lists)
near_moments = st.builds(
    lambda near_s, away_s, ms: (near_s + away_s) * 1000 + ms,
    st.sampled_from([int(moment.replace(tzinfo=UTC).timestamp()) for moment in _NEAR]),
    st.integers(-400, 400) | st.integers(-90_000, 90_000),
    st.integers(0, 999),
)
any_calls = st.builds(
    SlowCall,
    answered_ms=near_moments,
    duration_ms=st.integers(0, 600_000),
    skip_s=st.just(0) | st.integers(1, 300),
    owes_fee=st.booleans(),
    exchange_rate=exchange_rates,
    taxes=taxes,
)
