"""XLSX files of strangers: what is inside is measured while it is read, before openpyxl makes anything of it.

An XLSX file is a ZIP archive of XML parts. A few kilobytes unpack to gigabytes, entities multiply, a row says that it
is the quadrillionth and openpyxl hands out all that are missing before it, and whatever stands outside of rows is kept
as an object for each element. Source: ECMA-376, part 1 (18.3.1.73 row, 18.4.8 si); APPNOTE.TXT 4.3.16 of ZIP.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO
from xml.parsers import expat

from django.utils.translation import gettext as _
from openpyxl.reader.excel import ExcelReader

from carillon.base.errors import InvalidInput

MOST_UNPACKED = 200 * 2**20
MOST_PARTS = 500
MOST_DIRECTORY = 2**18  # bytes of the archive's list of parts
MOST_WHOLE = 4 * 2**20  # bytes of a part that is not read piece by piece, such as styles
MOST_ROWS = 2**20  # that spreadsheets have
MOST_KEPT = MOST_ROWS + 150_000  # elements in memory at once: of rows that are over, nothing but the row
MOST_KEPT_WHOLE = 150_000
MOST_TEXT = 2 * 2**20  # bytes between the beginnings of two elements
PASSING = ("row", "si")  # what openpyxl forgets the inside of when it ends: a row, a shared text
LAST = struct.Struct("<4s4H2LH")  # the record at a ZIP file's end


def bad_file(sentence: str) -> InvalidInput:
    """Return the refusal of a file as a whole."""
    return InvalidInput(sentence, fields={"file": sentence})


@contextmanager
def open_workbook(file: BinaryIO) -> Iterator[Any]:
    """Open an XLSX file for reading row by row, values only; an openpyxl workbook.

    Args:
        file: can be sought; its size is the caller's to limit.

    Raises:
        InvalidInput: on "file", with what to do about it; while rows are read too.
    """
    try:
        _check_directory(file)
        archive = _Archive(file)
        _check_parts(archive.infolist())
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError):
        raise bad_file(_("This is a broken ZIP file, not XLSX: save it again.")) from None
    try:
        reader = ExcelReader(file, read_only=True, data_only=True, keep_links=False)
        reader.archive = archive
        reader.read()
    except InvalidInput:
        raise
    except Exception as error:  # a broken file breaks in many ways inside the reader
        raise bad_file(_("This XLSX file cannot be read: save it again, or save it as CSV (UTF-8).")) from error
    try:
        yield reader.wb
    finally:
        reader.wb.close()


def rows_of(sheet: Any, *, most_columns: int) -> Iterator[tuple[Any, ...]]:
    """Yield the values of each row of a sheet, those that are missing too. Raises InvalidInput."""
    sheet.reset_dimensions()  # as told by the file, which may not be true
    try:
        yield from sheet.iter_rows(values_only=True, max_col=most_columns)
    except InvalidInput:
        raise
    except Exception as error:
        raise bad_file(_("This XLSX file cannot be read to its end: save it again, or save it as CSV.")) from error


def _too_much() -> InvalidInput:
    return bad_file(_("This XLSX file holds more than can be taken in at once: save it as CSV (UTF-8)."))


def _check_directory(file: BinaryIO) -> None:
    """Refuse a list of parts that would be large in memory; Python reads all of it to open the archive."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - 2**16 - LAST.size - 20))
    tail = file.read()
    is_plain = tail[-LAST.size :].startswith(b"PK\5\6") and tail.endswith(b"\0\0")
    place = len(tail) - LAST.size if is_plain else tail.rfind(b"PK\5\6")
    if place < 0 or len(tail) < place + LAST.size:
        raise zipfile.BadZipFile
    directory = LAST.unpack_from(tail, place)[5]
    if directory > MOST_DIRECTORY or tail[max(0, place - 20) : place].startswith(b"PK\6\7"):  # or ZIP64's own record
        raise _too_much()
    file.seek(0)


def _check_parts(parts: list[zipfile.ZipInfo]) -> None:
    """No part is ever unpacked beyond what the directory says: so that may not say too much."""
    if sum(part.file_size for part in parts) > MOST_UNPACKED:
        told = {"most": MOST_UNPACKED // 2**20}
        raise bad_file(_("Unpacked this file is larger than %(most)d MB: import it in parts.") % told)
    if len(parts) > MOST_PARTS:
        raise _too_much()
    if "xl/workbook.xml" not in {part.filename for part in parts}:
        raise bad_file(_("This is a ZIP file, not XLSX: unpack it and import what is in it."))


class _Archive(zipfile.ZipFile):
    """An archive whose parts are measured."""

    def open(self, name: Any, *args: Any, **options: Any) -> Any:
        """Return a part to be read piece by piece."""
        return _Measured(super().open(name), MOST_KEPT)

    def read(self, name: Any, pwd: bytes | None = None) -> bytes:
        """Return all of a part."""
        if self.getinfo(name).file_size > MOST_WHOLE:
            raise _too_much()
        with _Measured(super().open(name), MOST_KEPT_WHOLE) as part:
            return part.read() or b""


class _Measured(io.RawIOBase):
    """A part whose every byte a parser without memory has seen before whoever reads it."""

    def __init__(self, part: Any, most_kept: int) -> None:
        self._part, self._most_kept = part, most_kept
        self._kept, self._before_row, self._since = 0, list[int](), 0
        self._parser: Any = expat.ParserCreate(namespace_separator="}")
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Read on. Raises InvalidInput."""
        piece = self._part.read(len(buffer))
        self._measure(piece)
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        self._part.close()
        super().close()

    def _measure(self, piece: bytes) -> None:
        if self._parser is None:
            return
        self._since += len(piece)
        try:
            self._parser.Parse(piece, not piece)
        except expat.ExpatError:  # no XML: whoever reads it as such fails at the same byte
            self._parser = None
            return
        if self._since > MOST_TEXT:
            raise _too_much()

    def _doctype(self, *_declared: Any) -> None:
        raise bad_file(_("This XLSX file defines entities, which no spreadsheet does: save it again."))

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._since = 0
        if name.endswith(PASSING) and name.rpartition("}")[2] in PASSING:
            self._before_row.append(self._kept)
            if _is_beyond(attributes.get("r", "0")):
                raise bad_file(_("The file has more rows than spreadsheets have."))
        self._kept += 1
        if self._kept > self._most_kept:
            raise _too_much()

    def _end(self, name: str) -> None:
        if name.endswith(PASSING) and name.rpartition("}")[2] in PASSING:
            self._kept = self._before_row.pop() + 1


def _is_beyond(number: str) -> bool:
    """Whether a row's number, as openpyxl reads it, is none that spreadsheets have; it fails at what is no number."""
    try:
        return not float(number) <= MOST_ROWS
    except ValueError:
        return False
