"""What leaves for spreadsheets, and what they may not run."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from carillon.panels.declaration import Column
from carillon.panels.export import FORMATS, neutral

COLUMNS = (
    Column("name", "Name"),
    Column("balance", "Balance", kind="money"),
    Column("rate", "Rate", kind="integer"),
    Column("at", "At", kind="datetime"),
    Column("day", "Day", kind="date"),
    Column("length", "Length", kind="duration"),
    Column("is_on", "On", kind="bool"),
    Column("number", "Number", kind="code"),
)


def row(name: str = "Acme", **values: Any) -> SimpleNamespace:
    rest: dict[str, Any] = {
        "balance": -1_234_500_000, "rate": -7, "at": datetime(2026, 7, 1, 12, 0, 5, tzinfo=UTC),
        "day": date(2026, 7, 1), "length": 5_430_000, "is_on": True, "number": "+442079460000", "currency": "GBP",
    }  # fmt: skip
    return SimpleNamespace(name=name, **{**rest, **values})


def sheet_of(*rows: Any) -> Any:
    return load_workbook(io.BytesIO(FORMATS["xlsx"].write("Rows: all", COLUMNS, rows)))["Rows all"]


@pytest.mark.parametrize(
    "text", ["=1+1", "=0", "@1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "+", "-x"]
)
def test_formula_is_neutralised(text: str) -> None:
    assert neutral(text) == "'" + text


@pytest.mark.parametrize("text", ["+442079460000", "-12.50", "Acme", "", "a=b", "12"])
def test_numbers_and_words_stay(text: str) -> None:
    assert neutral(text) == text


@given(st.text())
def test_no_text_leaves_as_a_formula(text: str) -> None:
    found = neutral(text)
    assert found[:1] not in ("=", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
    assert found[:1] not in ("+", "-") or found[1:].replace(".", "", 1).isdigit()


def test_sheet_counts_with_what_are_numbers_and_times() -> None:
    sheet = sheet_of(row())
    titles, values = sheet.iter_rows(values_only=True)
    assert titles == (*(column.title for column in COLUMNS), "Currency")
    assert values == (
        "Acme", -1234.5, -7, datetime(2026, 7, 1, 12, 0, 5), datetime(2026, 7, 1), timedelta(seconds=5430), True,
        "+442079460000", "GBP",
    )  # fmt: skip
    assert sheet["B2"].number_format == "#,##0.00####"
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == "A1:I2"


@pytest.mark.parametrize("text", ["=1+1", "=HYPERLINK(1)", "+1+1", "-2+3", "@SUM(A1)", "#N/A", "=", "\t=1", "＝1"])
def test_no_cell_of_a_sheet_is_a_formula(text: str) -> None:
    cell = sheet_of(row(text))["A2"]
    assert (cell.data_type, cell.value) == ("s", text)
    assert sheet_of(row())["A2"].quotePrefix is False


@given(st.text())
def test_every_text_fits_a_sheet_as_text(text: str) -> None:
    text = text.encode("utf-8", "ignore").decode()  # what PostgreSQL can hold
    assert sheet_of(row(text))["A2"].data_type in ("s", "n")  # n: an empty cell


def test_what_is_missing_is_an_empty_cell_and_the_next_row_starts_afresh() -> None:
    empty = row("", balance=None, at=None, length=None, number=None)
    sheet = sheet_of(row("=1"), empty, row("x"))
    assert [cell.value for cell in sheet[3]] == [None, None, -7, None, datetime(2026, 7, 1), None, True, None, "GBP"]
    assert (sheet["A4"].value, sheet["A4"].quotePrefix) == ("x", False)


def test_figures_longer_than_a_sheet_counts_stay_exact() -> None:
    assert sheet_of(row(rate=12345678901234567890))["C2"].value == "12345678901234567890"


def test_negative_amounts_stay_numbers_in_csv() -> None:
    text = FORMATS["csv"].write("Rows", COLUMNS[:3], [row("=1+1")]).decode("utf-8-sig")
    assert list(csv.reader(io.StringIO(text))) == [
        ["Name", "Balance", "Rate", "Currency"],
        ["'=1+1", "-1234.50", "-7", "GBP"],
    ]
