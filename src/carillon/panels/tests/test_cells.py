"""What rows show."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from carillon.panels.cells import duration_text, money_text, rest_name, shown, value_of
from carillon.panels.declaration import Column


@pytest.mark.parametrize(
    ("micro", "text"),
    [
        (0, "0.00"),
        (1, "0.000001"),
        (12_500_000, "12.50"),
        (-1_234_567_800_000, "-1,234,567.80"),
        (10_005_000, "10.005"),
    ],
)
def test_money_shows_every_micro_unit(micro: int, text: str) -> None:
    assert money_text(micro) == text


@pytest.mark.parametrize(("milliseconds", "text"), [(0, "0:00"), (61_999, "1:01"), (3_600_000, "1:00:00")])
def test_duration_is_read_as_a_clock(milliseconds: int, text: str) -> None:
    assert duration_text(milliseconds) == text


def test_path_through_nothing_is_nothing() -> None:
    row = SimpleNamespace(user=None, name="x")
    assert value_of(row, "user.name") is None
    assert shown(row, Column("user", "User", value="user.name")) == ""
    assert value_of(row, lambda one: one.name * 2) == "xx"


def test_time_is_shown_in_the_active_zone() -> None:
    row = SimpleNamespace(at=datetime(2026, 7, 1, 12, 0, 5, tzinfo=UTC))
    assert shown(row, Column("at", "At", kind="datetime")) == "2026-07-01 12:00:05"


def test_units_are_in_rest_names() -> None:
    assert rest_name(Column("balance", "Balance", kind="money")) == "balance_micro"
    assert rest_name(Column("duration", "Duration", kind="duration")) == "duration_ms"
    assert rest_name(Column("name", "Name")) == "name"
