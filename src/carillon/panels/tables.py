"""Reading files of rows that people upload: CSV and XLSX, of any make, with limits on everything.

A file is read line by line and never held as a whole. What is not a table is refused with a sentence that says what to
do about it.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import IO, Any, BinaryIO

from django.utils.translation import gettext as _

from carillon.base.errors import InvalidInput
from carillon.base.workbooks import bad_file, open_workbook, rows_of
from carillon.panels.export import RUNS
from carillon.panels.manner import day_text, number_text

MOST_BYTES = 50 * 2**20
MOST_LINES = 100_000
MOST_COLUMNS = 200
MOST_CELL = 10_000  # characters
PROBE = 2**20
MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
KINDS = (
    (b"\x1f\x8b", "GZIP"),
    (b"%PDF", "PDF"),
    (b"\xd0\xcf\x11\xe0", "XLS"),
    (b"Rar!", "RAR"),
    (b"7z\xbc\xaf", "7Z"),
)
ENCODINGS = ("utf-8", "utf-16", "windows-1252", "iso-8859-15", "cp850", "macroman")
SEPARATORS = ",;\t|"
LATIN = 0.8  # of the other bytes are NUL in text of a western language that is UTF-16 without its mark


@dataclass(frozen=True, slots=True)
class Table:
    """An open file. `lines` gives each line's number in the file and its texts; blank lines are left out."""

    headings: tuple[str, ...]
    lines: Iterator[tuple[int, list[str]]]
    encoding: str
    separator: str


@contextmanager
def open_table(file: BinaryIO, *, encoding: str = "", separator: str = "") -> Iterator[Table]:
    """Open a CSV or XLSX file whose first line has the headings.

    Numbers and days of an XLSX file are written in the manner of the person at work: as their texts in CSV are read.

    Args:
        file: can be sought.
        encoding: of a CSV file; "": UTF-8, UTF-16, else Windows-1252.
        separator: of a CSV file; "": the one of SEPARATORS that the headings have most of.

    Raises:
        InvalidInput: on "file" (or "encoding"): too large, not a table, packed to burst, wrong encoding. While the
            lines are read too.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    start = file.read(PROBE)
    file.seek(0)
    if size > MOST_BYTES:
        raise bad_file(_("The file is larger than %(most)d MB: import it in parts.") % {"most": MOST_BYTES // 2**20})
    if not start.strip(b"\x00 \t\r\n\xff\xfe\xef\xbb\xbf"):
        raise bad_file(_("The file is empty."))
    if start.startswith(b"PK\x03\x04"):
        with _workbook(file) as table:
            yield table
        return
    for signature, kind in KINDS:
        if start.startswith(signature):
            raise bad_file(_("This is a %(kind)s file: save it as CSV (UTF-8) or XLSX.") % {"kind": kind})
    yield _csv(file, start, encoding, separator)


# ---------------------------------------------------------------- CSV


def _csv(file: BinaryIO, start: bytes, encoding: str, wanted: str) -> Table:
    encoding = encoding or detected(file, start)
    try:
        codec = codecs.lookup(encoding).name
    except LookupError:
        raise InvalidInput(fields={"encoding": _("There is no such encoding.")}) from None
    text = io.TextIOWrapper(_Unclosed(file), encoding=codec, errors="strict", newline="")
    head = _head(text)
    skipped, separator = _separator(head)
    separator = wanted or separator
    text.seek(0)
    lines = _records(text, separator, skipped)
    first = next(lines, None)
    if first is None:
        raise bad_file(_("The file is empty."))
    return Table(_headings(first[1]), _within(lines), codec, separator)


class _Unclosed(io.BufferedReader):
    """Reads a file that somebody else closes."""

    def __init__(self, file: Any) -> None:
        super().__init__(file if isinstance(file, io.RawIOBase) else _Raw(file))

    def close(self) -> None:
        """Leave the file open."""


class _Raw(io.RawIOBase):
    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: Any) -> int:
        content = self._file.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)


def detected(file: IO[bytes], start: bytes) -> str:
    """Return the encoding of a text file: by its mark, UTF-16 by its NUL bytes, UTF-8 when all of it is, else
    Windows-1252.
    """
    for mark, name in MARKS:
        if start.startswith(mark):
            return name
    if b"\x00" in start[:2000]:
        return _unmarked(start[:2000])
    decoder = codecs.getincrementaldecoder("utf-8")()
    file.seek(0)
    try:
        while chunk := file.read(PROBE):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252"
    finally:
        file.seek(0)
    return "utf-8"


def _unmarked(start: bytes) -> str:
    """UTF-16 without its mark: every other byte of most texts is NUL, which half tells the order."""
    halves = {"utf-16-be": start[::2], "utf-16-le": start[1::2]}
    for name, half in halves.items():
        if half.count(0) >= LATIN * len(half):
            return name
    raise bad_file(_("The file looks like UTF-16 without its mark: save it as CSV (UTF-8), or choose UTF-16."))


def _head(text: IO[str]) -> str:
    try:
        return text.readline(100_000)
    except UnicodeError:
        raise _not_that_encoding() from None


def _not_that_encoding() -> InvalidInput:
    sentence = _("The file is not written in this encoding: choose another.")
    return InvalidInput(sentence, fields={"encoding": sentence})


def _separator(head: str) -> tuple[int, str]:
    """How many lines come before the headings, and the separator; spreadsheets may say it in a line "sep=;"."""
    told = re.fullmatch(r"\ufeff?sep=([,;\t|])\s*", head, re.IGNORECASE)
    if told:
        return 1, told[1]
    outside = re.sub(r'"[^"]*"', "", head)
    return 0, max(SEPARATORS, key=outside.count)


def _records(text: IO[str], separator: str, skipped: int) -> Iterator[tuple[int, list[str]]]:
    for _line in range(skipped):
        text.readline()
    reader = csv.reader(_checked(text), delimiter=separator, strict=True)
    line = 1 + skipped
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield line, [cell.strip() for cell in cells]
            line = reader.line_num + 1 + skipped
    except csv.Error as error:
        told = {"line": line, "error": error}
        raise bad_file(_("Line %(line)d is not CSV (%(error)s): check its quotes.") % told) from None
    except UnicodeError:
        raise _not_that_encoding() from None


def _checked(text: IO[str]) -> Iterator[str]:
    for line in text:
        if "\x00" in line:
            raise bad_file(_("The file has NUL characters: is it CSV?"))
        yield line


# ---------------------------------------------------------------- XLSX


@contextmanager
def _workbook(file: BinaryIO) -> Iterator[Table]:
    with open_workbook(file) as book:
        lines = _sheet(book.worksheets[0]) if book.worksheets else iter(())
        first = next(lines, None)
        if first is None:
            raise bad_file(_("The first sheet of the file is empty."))
        yield Table(_headings(first[1]), _within(lines), "xlsx", "")


def _sheet(sheet: Any) -> Iterator[tuple[int, list[str]]]:
    for line, row in enumerate(rows_of(sheet, most_columns=MOST_COLUMNS + 1), 1):
        cells = [_cell(value) for value in row]
        if any(cells):
            yield line, cells


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return f"{day_text(value)} {value.time().isoformat()}".removesuffix(" 00:00:00")
    if isinstance(value, date):
        return day_text(value)
    if isinstance(value, time):
        return value.isoformat()
    if isinstance(value, float):
        return number_text(f"{Decimal(repr(value)).normalize():f}")
    return str(value).strip()


# ---------------------------------------------------------------- both


def _headings(cells: list[str]) -> tuple[str, ...]:
    while cells and not cells[-1]:
        cells = cells[:-1]
    if len(cells) > MOST_COLUMNS:
        raise bad_file(_("The file has more than %(most)d columns.") % {"most": MOST_COLUMNS})
    if not cells:
        raise bad_file(_("The first line must have the headings of the columns."))
    return tuple(cell.removeprefix("\ufeff")[:100] for cell in cells)


def _within(lines: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    for count, (line, cells) in enumerate(lines, 1):
        if count > MOST_LINES:
            raise bad_file(_("The file has more than %(most)d lines: import it in parts.") % {"most": MOST_LINES})
        yield line, [_meant(cell[: MOST_CELL + 1]) for cell in cells]


def _meant(cell: str) -> str:
    """Our own files have an apostrophe before what a spreadsheet would run (panels.export)."""
    return cell[1:] if cell[:1] == "'" and cell[1:].startswith(RUNS) else cell
