"""Reading a file of rates: bytes in, rates or line-by-line errors out. No database, no clock; never held as a whole.

A file is CSV or XLSX with a header line. Separator, encoding and column names differ from carrier to carrier; what can
be told for certain is understood, what cannot is refused with a sentence that says what to do. Nothing is guessed about
money.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from typing import BinaryIO

from django.utils.translation import gettext as _

from carillon.base.workbooks import bad_file, open_workbook, rows_of
from carillon.business.pricing.ratelines import Layout, LineError, LineReader, Terms
from carillon.business.pricing.ratevalues import RateValues
from carillon.logic.callflow.feed import Unit

MAX_BYTES = 200 * 1024 * 1024
MAX_LINES = 2_000_000
MAX_ERRORS = 200
MAX_COLUMNS = 200
XLSX = "xlsx"
Records = Iterator["tuple[int, list[str]] | LineError"]

COLUMNS = {
    "prefix": "prefix code dialcode dialcodes diallingcode areacode destinationcode digits breakout prefijo vorwahl",
    "name": "name destination destinationname description country zone route destino ziel",
    "connection_fee": "connectionfee connectfee setupfee setup connectioncharge setupcharge percall connectcost fee"
    " cargo cargoporconexion",
    "per_minute": "rate price cost charge sellrate buyrate precio preis tarif tarifa",
    "initial_s": "initial initials initialinterval firstinterval initialincrement minimumduration minduration"
    " interval1",
    "increment_s": "increment increments interval intervals intervaln subsequentinterval nextinterval"
    " billingincrement billinginterval billing step interval2 intervalos",
    "currency": "currency curr ccy moneda",
    "grace_s": "grace graces graceperiod gracetime freeseconds nochargetime gracia",
    "minimum": "minimum minimumcharge mincharge minimumprice least minimo",
    "maximum": "maximum maximumcharge maxcharge maximumprice maxcost most maximo",
    "window": "window timewindow period timeperiod timeband ventana franja zeitfenster",
    "from_s": "froms fromsecond fromseconds stepfrom desdeelsegundo",
    "steps": "steps escalones",
    "windows": "windows windowprices ventanas franjas",
    "group": "group destinationgroup grupo",
}
UNITS = {
    Unit.SECOND: "second sec",
    Unit.MINUTE: "minute min minuto",
    Unit.HOUR: "hour hr hora",
    Unit.MESSAGE: "message sms mensaje",
}
_PRICES = ("per", "rateper", "priceper", "costper", "rate", "price", "cost", "por", "preciopor")
_UNIT_OF = {f"{price}{word}": unit for unit, words in UNITS.items() for word in words.split() for price in _PRICES}
_UNIT_OF |= {
    f"{word}{price}": unit for unit, words in UNITS.items() for word in words.split() for price in _PRICES[4:7]
}
_FIELD_OF = {synonym: field for field, synonyms in COLUMNS.items() for synonym in (field, *synonyms.split())}
_FIELD_OF |= {"initials": "initial_s", "increments": "increment_s"}  # initial_s, increment_s without the underscore
_FIELD_OF |= dict.fromkeys(_UNIT_OF, "per_minute")
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_SIGNATURES = (
    (b"\x1f\x8b", "a GZIP file"),
    (b"%PDF", "a PDF file"),
    (b"\xd0\xcf\x11\xe0", "an old Excel (XLS) file"),
)


@dataclass(frozen=True, slots=True)
class RateFile:
    """A file read: its rates when there are no errors. `errors` holds the first 200 of `error_count`."""

    rates: tuple[RateValues, ...]
    errors: tuple[LineError, ...]
    error_count: int
    encoding: str
    separator: str
    ignored_columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RateLines:
    """A file opened. `lines` gives in order what each says: a rate, or what is wrong with it."""

    lines: Iterator[RateValues | LineError]
    encoding: str
    separator: str
    ignored_columns: tuple[str, ...]


class Findings:
    """Errors in order, counted beyond the number that anybody would read."""

    def __init__(self) -> None:
        self.kept: list[LineError] = []
        self.count = 0
        self.taken = 0  # lines without errors

    def add(self, error: LineError) -> None:
        """Keep one more error."""
        self.count += 1
        if self.count <= MAX_ERRORS:
            self.kept.append(error)


def read_rates(content: bytes, terms: Terms, *, encoding: str = "") -> RateFile:
    """Read a file of rates that fits into memory; see `open_rates`.

    Returns: all rates, or none and the errors.
    """
    file, findings, rates = open_rates(io.BytesIO(content), terms, encoding=encoding), Findings(), []
    for one in file.lines:
        if isinstance(one, LineError):
            findings.add(one)
        else:
            rates.append(one)
    kept = () if findings.count else tuple(rates)
    return RateFile(kept, tuple(findings.kept), findings.count, file.encoding, file.separator, file.ignored_columns)


def open_rates(file: BinaryIO, terms: Terms, *, encoding: str = "") -> RateLines:
    """Open a CSV or XLSX file of rates, whatever its size.

    Args:
        file: can be sought; at most 200 MB and 2,000,000 lines.
        terms: what the lines are held against; a currency column must agree.
        encoding: "" detects UTF-8 and marked UTF-16; others must be named, such as "windows-1252".

    Raises:
        InvalidInput: on field "file", when the file as a whole cannot be read; while its lines are read too.

    Memory: about 100 bytes a line, to know each prefix again.
    """
    codec = _encoding(file, encoding)
    header_line, separator, records = _sheet(file) if codec == XLSX else _csv(file, codec)
    header = next(records, None)
    line, cells = header if isinstance(header, tuple) else (header_line, [])
    places, unit, ignored = _header(cells, line)
    layout = Layout(places, separator, len(cells), unit)
    return RateLines(LineReader(layout, terms).rates(records), codec, separator, ignored)


# ---------------------------------------------------------------- the file as a whole


def _encoding(file: BinaryIO, encoding: str) -> str:
    """The file's encoding; the file stands behind its mark then."""
    size = file.seek(0, io.SEEK_END)
    if size > MAX_BYTES:
        raise bad_file(
            _("The file has %(size)s MB; at most %(most)s are read.")
            % {"size": size // 1024 // 1024, "most": MAX_BYTES // 1024 // 1024}
        )
    file.seek(0)
    start = file.read(2000)
    file.seek(0)
    if start.startswith(b"PK\x03\x04"):
        return XLSX
    for signature, kind in _SIGNATURES:
        if start.startswith(signature):
            raise bad_file(
                _("This is %(kind)s, neither CSV nor XLSX: save it as CSV (UTF-8) and try again.") % {"kind": kind}
            )
    if not start.strip() and size <= len(start):
        raise bad_file(_("The file is empty."))
    for mark, name in _BOMS:
        if start.startswith(mark):
            file.seek(len(mark))
            return name
    if encoding:
        return _known(encoding)
    if b"\x00" in start:
        raise bad_file(_("The file looks like UTF-16 without its mark: save it as CSV (UTF-8) and try again."))
    _check_utf8(file)
    return "utf-8"


def _csv(file: BinaryIO, codec: str) -> tuple[int, str, Records]:
    text = io.TextIOWrapper(file, encoding=codec, newline="")
    header_line, separator, lines = _begin(_checked(text, codec))
    return header_line, separator, _records(csv.reader(lines, delimiter=separator, strict=True), header_line)


def _sheet(file: BinaryIO) -> tuple[int, str, Records]:
    return 1, "", _rows(file)


def _rows(file: BinaryIO) -> Records:
    """The rows of an XLSX file's first sheet, those with nothing in them left out."""
    with open_workbook(file) as book:
        for line, row in enumerate(rows_of(book.worksheets[0], most_columns=MAX_COLUMNS) if book.worksheets else (), 1):
            cells = [_cell(value) for value in row]
            if any(cells):
                yield line, cells


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{Decimal(repr(value)).normalize():f}"
    return "" if value is None else str(value).strip()


def _known(encoding: str) -> str:
    try:
        is_text = codecs.lookup(encoding)._is_text_encoding  # as open() itself asks
    except (LookupError, ValueError):
        is_text = False
    if not is_text:
        raise bad_file(
            _("“%(encoding)s” is not an encoding; use utf-8, utf-16 or windows-1252.") % {"encoding": encoding[:30]}
        )
    return encoding


def _check_utf8(file: BinaryIO) -> None:
    for line, content in enumerate(file, 1):
        _refuse_line(line)
        try:
            content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise bad_file(
                _(
                    "Line %(line)s has a byte (0x%(content)s) that is not UTF-8. The file looks like Windows-1252"
                    " (Latin-1): save it as CSV (UTF-8), or choose that encoding."
                )
                % {"line": line, "content": f"{content[error.start]:02X}"}
            ) from None
    file.seek(0)


def _refuse_line(number: int) -> None:
    if number > MAX_LINES:
        raise bad_file(_("The file has more than %(most)s lines: import it in parts.") % {"most": f"{MAX_LINES:,}"})


def _checked(text: io.TextIOWrapper, codec: str) -> Iterator[str]:
    """The lines of the file, as long as they are text."""
    try:
        for number, line in enumerate(text, 1):
            if "\x00" in line:
                raise bad_file(_("Line %(number)s has a NUL character: is this CSV?") % {"number": number})
            _refuse_line(number)
            yield line
    except UnicodeError:
        raise bad_file(
            _("The file is not %(codec)s: save it as CSV (UTF-8) and try again.") % {"codec": codec.upper()}
        ) from None


def _begin(lines: Iterator[str]) -> tuple[int, str, Iterator[str]]:
    """The header's line, the separator, and the lines from there; spreadsheets may say it in a first line "sep=;"."""
    for number, line in enumerate(lines, 1):
        first = line.lstrip(" \ufeff")
        if told := re.fullmatch(r"sep=([;,\t])\s*", first, re.IGNORECASE):
            return number + 1, told[1], lines
        if first.strip("\r\n"):
            outside_quotes = re.sub(r'"[^"]*"', "", first)
            return number, max(",;\t", key=outside_quotes.count), chain([first], lines)
    raise bad_file(_("The file is empty."))


def _records(reader: Iterator[list[str]], first_line: int) -> Records:
    """Records with the line each begins on; blank ones are left out. Reading stops where quotes no longer match."""
    offset, line = first_line - 1, first_line
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield LineError(line, "", f"This line is not CSV ({error}): check its quotes.")
            return
        if any(cell.strip() for cell in cells):
            yield line, cells
        line = reader.line_num + offset + 1  # type: ignore[attr-defined]


def _header(cells: list[str], line: int) -> tuple[dict[str, int], Unit | None, tuple[str, ...]]:
    places: dict[str, int] = {}
    unit: Unit | None = None
    ignored: list[str] = []
    for place, title in enumerate(cells):
        word = _plain(title)
        field = _FIELD_OF.get(word)
        if field is None:
            ignored += [title.strip()[:60]] if title.strip() else []
        elif field in places:
            raise bad_file(
                _("Line %(line)s: the columns “%(cells)s” and “%(title)s” both mean %(field)s.")
                % {"line": line, "cells": cells[places[field]], "title": title, "field": field}
            )
        else:
            places[field] = place
            unit = _UNIT_OF.get(word) if field == "per_minute" else unit
    _check_header(places, line)
    return places, unit, tuple(ignored)


def _plain(title: str) -> str:
    """A title without what people write differently: case, accents, spaces, signs."""
    letters = unicodedata.normalize("NFKD", title.lower())
    return re.sub(r"[^a-z0-9]", "", letters)


def _check_header(places: Mapping[str, int], line: int) -> None:
    missing = [] if {"prefix", "group"} & set(places) else ["prefix"]
    missing += [] if "per_minute" in places else ["per_minute"]
    if missing:
        known = ", ".join(f"“{field}”" for field in COLUMNS)
        raise bad_file(
            _(
                "Line %(line)s must be the header, and it has no column for %(missing)s. Known are %(known)s and"
                " common names for them, such as “destination”, “rate”, “interval”."
            )
            % {"line": line, "missing": " and ".join(missing), "known": known}
        )
