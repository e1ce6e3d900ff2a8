"""XLSX files that are made to burst what reads them: refused with a sentence, by the time they would cost anything."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping

import pytest
from openpyxl import Workbook

from carillon.base.errors import InvalidInput
from carillon.base.workbooks import open_workbook, rows_of

SHEET = "xl/worksheets/sheet1.xml"
MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
LAUGH = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
LAUGHS = f'<!DOCTYPE x [<!ENTITY l0 "ha">{LAUGH}]>'


def book(changed: Mapping[str, bytes | str] = {}, extra: int = 0) -> bytes:
    """A workbook with a heading and a line, some of its parts replaced; `extra` empty parts."""
    made, plain, found = Workbook(), io.BytesIO(), io.BytesIO()
    assert made.active is not None
    for line in (("Name", "Ext."), ("Erin", 201)):
        made.active.append(line)
    made.save(plain)
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(found, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(name, changed.get(name, source.read(name)))
        for number in range(extra):
            target.writestr(f"x{number}", b"")
    return found.getvalue()


def sheet(inside: str, before: str = "") -> dict[str, bytes | str]:
    return {SHEET: f"{before}<worksheet {MAIN}><sheetData>{inside}</sheetData></worksheet>"}


def styles(count: int) -> str:
    return f"<styleSheet {MAIN}>{'<xf/>' * count}</styleSheet>"


def read(content: bytes) -> list[tuple[object, ...]]:
    with open_workbook(io.BytesIO(content)) as opened:
        return list(rows_of(opened.worksheets[0], most_columns=3))


def cell(value: str) -> str:
    return f'<row r="1"><c r="A1" t="inlineStr"><is><t>{value}</t></is></c></row>'


def test_rows_are_read_as_they_are() -> None:
    assert read(book()) == [("Name", "Ext.", None), ("Erin", 201, None)]
    many = "".join(f'<row r="{number}"><c r="A{number}"><v>{number}</v></c></row>' for number in range(1, 2001))
    assert read(book(sheet(many)))[-1] == (2000, None, None)


BOMBS: Mapping[str, tuple[Callable[[], bytes], str]] = {
    "entities that multiply": (lambda: book(sheet(cell("&l9;"), LAUGHS)), "entities"),
    "a file of ours as an entity": (
        lambda: book(sheet(cell("&x;"), '<!DOCTYPE x [<!ENTITY x SYSTEM "file:///etc/passwd">]>')), "entities",
    ),
    "entities in another encoding": (
        lambda: book({SHEET: '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE x []><x/>'.encode("utf-16")}),
        "entities",
    ),
    "entities in the list of sheets": (lambda: book({"xl/workbook.xml": "<!DOCTYPE x []><workbook/>"}), "entities"),
    "a row far away": (lambda: book(sheet('<row r="1000000000000000000"><c><v>1</v></c></row>')), "more rows"),
    "a row far away, written otherwise": (lambda: book(sheet('<row r="1e18"><c><v>1</v></c></row>')), "more rows"),
    "a row beyond numbers": (lambda: book(sheet('<row r="inf"/>')), "more rows"),
    "endless rows": (lambda: book(sheet("<row/>" * 1_250_000)), "more than can"),
    "things that nobody forgets": (lambda: book(sheet(f"<x>{'<x/>' * 1_250_000}</x><row/>")), "more than can"),
    "an endless text": (lambda: book(sheet(cell("x" * 3_000_000))), "more than can"),
    "an endless attribute": (lambda: book(sheet(f'<row a="{"x" * 3_000_000}"/>')), "more than can"),
    "endless styles": (lambda: book({"xl/styles.xml": styles(900_000)}), "more than can"),
    "many styles": (lambda: book({"xl/styles.xml": styles(200_000)}), "more than can"),
    "a long list of parts": (lambda: book(extra=6000), "more than can"),
    "many parts": (lambda: book(extra=600), "more than can"),
    "two hundred megabytes": (lambda: book({SHEET: bytes(201 * 2**20)}), "200 MB"),
    "no archive": (lambda: b"PK\x03\x04 x", "broken ZIP"),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_in_words(name: str) -> None:
    make, said = BOMBS[name]
    with pytest.raises(InvalidInput, match=said) as refused:
        read(make())
    assert set(refused.value.fields) == {"file"}
