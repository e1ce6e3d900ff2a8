"""Rows as files for spreadsheets, CSV and XLSX. Whatever a cell holds, no spreadsheet takes it for a formula.

A customer may call himself `=HYPERLINK(...)`: whoever opens the file runs it (OWASP, CSV Injection). In CSV such texts
get an apostrophe; in XLSX they are cells of the type text, so that the sheet shows them as they are.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from carillon.base.errors import InvalidInput
from carillon.panels.cells import MICRO, money_text, shown, value_of
from carillon.panels.declaration import Column, Panel
from carillon.panels.manner import has_comma

MOST_ROWS = 50_000
AT_ONCE = 2000  # rows from the database
RUNS = tuple("=+-@\t\r\n＝＋－＠")  # what spreadsheets take for the beginning of a formula
EXACT = 10**15  # a spreadsheet's numbers have 15 digits
PIXELS_PER_LETTER = 6
LEAST_WIDTH = 8
NUMBER_FORMATS = {
    "money": "#,##0.00####",
    "duration": "[h]:mm:ss",
    "datetime": "yyyy-mm-dd hh:mm:ss",
    "date": "yyyy-mm-dd",
}


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file. `write`: (title, columns, rows) -> its bytes."""

    name: str
    content_type: str
    write: Callable[[str, Sequence[Column], Iterable[Any]], bytes]


def export(panel: Panel, columns: Sequence[Column], rows: QuerySet[Any], order: str, name: str) -> HttpResponse:
    """Return a download of `rows`, the first 50,000 in `order`.

    CSV is written in the manner of the person at work, as their spreadsheet reads it and as they import it: programs,
    who have none, get ISO days and a decimal point. In XLSX a spreadsheet shows numbers and days as it likes.

    Args:
        name: of the format, "csv" or "xlsx".

    Raises:
        InvalidInput: there is no such format.

    Cost: one query; rows are read 2000 at a time, so that only the finished file is in memory (some MB).
    """
    if name not in FORMATS:
        raise InvalidInput(fields={"format": _("Choose csv or xlsx.")})
    content = FORMATS[name].write(str(panel.title), columns, rows_to_write(rows, order))
    answer = HttpResponse(content, content_type=FORMATS[name].content_type)
    file = f"{panel.slug}-{timezone.localdate().isoformat()}.{name}"
    answer["Content-Disposition"] = f'attachment; filename="{file}"'
    return answer


def rows_to_write(rows: QuerySet[Any], order: str) -> Iterator[Any]:
    """Return the rows that a file has: the first 50,000 in `order`, read 2000 at a time. One query."""
    mark = "-" if order.startswith("-") else ""
    return rows.order_by(order, f"{mark}pk")[:MOST_ROWS].iterator(chunk_size=AT_ONCE)


def _csv(_title: str, columns: Sequence[Column], rows: Iterable[Any]) -> bytes:
    text = io.StringIO()
    text.write("\ufeff")  # spreadsheets take UTF-8 for something else without this
    writer = csv.writer(text, delimiter=";" if has_comma() else ",")
    currencies = _currencies(columns)
    writer.writerow([neutral(title) for title in _titles(columns, currencies)])
    for row in rows:
        cells = [neutral(_plain(row, column)) for column in columns]
        writer.writerow(cells + [str(value_of(row, path) or "") for path in currencies])
    return text.getvalue().encode()


def _plain(row: Any, column: Column) -> str:
    if column.kind != "money":
        return shown(row, column)
    value = value_of(row, column.value or column.name)
    return "" if value is None else money_text(int(value), is_grouped=False)


def neutral(text: str) -> str:
    """Return `text` so that no spreadsheet runs it; numbers, also telephone numbers with a plus, stay as they are."""
    digits = text[1:].replace("," if "," in text else ".", "", 1)
    is_number = text[:1] in ("+", "-") and digits.isascii() and digits.isdigit()
    return "'" + text if text.startswith(RUNS) and not is_number else text


def _xlsx(title: str, columns: Sequence[Column], rows: Iterable[Any]) -> bytes:
    book = Workbook(write_only=True)
    sheet = book.create_sheet(_sheet_name(title))
    currencies = _currencies(columns)
    titles = _titles(columns, currencies)
    sheet.freeze_panes = "A2"
    for number, width in enumerate([column.width for column in columns] + [0] * len(currencies), start=1):
        letters = max(LEAST_WIDTH, width / PIXELS_PER_LETTER, len(titles[number - 1]) + 2)
        sheet.column_dimensions[get_column_letter(number)].width = letters
    head = [_text(WriteOnlyCell(sheet), one) for one in titles]
    for cell in head:
        cell.font = Font(bold=True)
    sheet.append(head)
    count = 1
    for line in _lines(sheet, columns, currencies, rows):
        sheet.append(line)
        count += 1
    sheet.auto_filter.ref = f"A1:{get_column_letter(len(titles))}{count}"
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _lines(
    sheet: Any, columns: Sequence[Column], currencies: Sequence[str], rows: Iterable[Any]
) -> Iterator[list[Any]]:
    """Each column has one cell, written and filled anew: a style is looked up once, not once a row."""
    cells = [WriteOnlyCell(sheet) for _column in columns]
    for cell, column in zip(cells, columns, strict=True):
        cell.number_format = NUMBER_FORMATS.get(column.kind, "General")
    letters = [WriteOnlyCell(sheet) for _path in currencies]
    for row in rows:
        line = [_filled(cell, _typed(row, column)) for cell, column in zip(cells, columns, strict=True)]
        yield line + [
            _text(cell, str(value_of(row, path) or "")) for cell, path in zip(letters, currencies, strict=True)
        ]


def _filled(cell: Any, value: Any) -> Any:
    if isinstance(value, str):
        value = ILLEGAL_CHARACTERS_RE.sub("", value)
        return _text(cell, value) if value else None
    if value is not None:
        cell.value = value
        return cell
    return None


def _text(cell: Any, text: str) -> Any:
    """A text whatever is in it; the type is said last because setting the value guesses it."""
    cell.value = text
    cell.data_type = "s"
    cell.quotePrefix = text.startswith(RUNS)  # or editing the cell would make a formula of it
    return cell


def _typed(row: Any, column: Column) -> Any:
    """The value as a spreadsheet counts with it; the rest as people read it."""
    value = value_of(row, column.value or column.name)
    if value is None or column.kind in ("choice", "status", "code", "list", "text"):
        return None if value is None else shown(row, column)
    if column.kind == "money":
        return Decimal(int(value)) / MICRO
    if column.kind == "duration":
        return timedelta(milliseconds=int(value))
    if isinstance(value, datetime):
        return timezone.localtime(value).replace(tzinfo=None)
    if isinstance(value, (int, Decimal)):
        return value if -EXACT < value < EXACT else str(value)
    return value if isinstance(value, date) else shown(row, column)


def _titles(columns: Sequence[Column], currencies: Sequence[str]) -> list[str]:
    return [str(column.title) for column in columns] + [_("Currency")] * len(currencies)


def _currencies(columns: Sequence[Column]) -> list[str]:
    """Paths of the currencies of the money columns, each once, unless a column shows it anyway."""
    seen = {column.value or column.name for column in columns}
    paths = dict.fromkeys(column.currency for column in columns if column.kind == "money")
    return [path for path in paths if path not in seen]


def _sheet_name(title: str) -> str:
    return "".join(letter for letter in title if letter not in r"[]:*?/\'")[:31] or "Rows"


FORMATS: Mapping[str, Format] = {
    one.name: one
    for one in (
        Format("csv", "text/csv; charset=utf-8", _csv),
        Format("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", _xlsx),
    )
}
