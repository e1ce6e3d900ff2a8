"""Dates and numbers as each person writes them."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from django.utils import timezone

from carillon.business.partners.choices import DateFormat, NumberFormat
from carillon.panels.cells import money_text
from carillon.panels.manner import (
    PLAIN,
    Manner,
    day_hint,
    day_text,
    manner,
    moment_text,
    read_day,
    read_number,
    speaking,
)

DAY = date(2026, 1, 31)


@pytest.mark.parametrize(
    ("dates", "shown", "hint"),
    [
        (DateFormat.ISO, "2026-01-31", "YYYY-MM-DD"),
        (DateFormat.DAY_FIRST, "31/01/2026", "DD/MM/YYYY"),
        (DateFormat.MONTH_FIRST, "01/31/2026", "MM/DD/YYYY"),
        (DateFormat.DOTTED, "31.01.2026", "DD.MM.YYYY"),
    ],
)
def test_days_are_read_back_as_they_are_shown(dates: str, shown: str, hint: str) -> None:
    with speaking(Manner(dates=dates)):
        assert (day_text(DAY), day_hint()) == (shown, hint)
        assert read_day(f"{shown} 08:30") == "2026-01-31 08:30"
        assert read_day("2026-01-31") == "2026-01-31"
        assert read_day("soon") == "soon"
    assert manner() == PLAIN


def test_moments_are_in_the_persons_time_zone() -> None:
    moment = datetime(2026, 1, 31, 23, 30, tzinfo=UTC)
    with speaking(Manner(dates=DateFormat.DAY_FIRST)), timezone.override("Europe/Madrid"):
        assert moment_text(moment) == "01/02/2026 00:30:00"
        assert moment_text(moment, "%H:%M") == "01/02/2026 00:30"


@pytest.mark.parametrize(
    ("numbers", "shown", "typed"),
    [
        (NumberFormat.POINT, "-1,234.50", {"1234.5": "1234.5", "1,234.50": "1,234.50"}),
        (
            NumberFormat.COMMA,
            "-1.234,50",
            {
                "1.234,50": "1234.50",
                "-12,5": "-12.5",
                "1.234": "1234",
                "0.0125": "0.0125",
                "12.5": "12.5",
                "x,y": "x,y",
            },
        ),
        (NumberFormat.SPACE, "-1\u00a0234,50", {"1 234,50": "1234.50", "1\u00a0234": "1234", "7,": "7."}),
    ],
)
def test_numbers_are_read_back_as_they_are_shown(numbers: str, shown: str, typed: dict[str, str]) -> None:
    with speaking(Manner(numbers=numbers)):
        assert money_text(-1_234_500_000) == shown
        assert {text: read_number(text) for text in typed} == typed
