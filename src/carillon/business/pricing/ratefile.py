"""Reading a file of rates: bytes in, rates or line-by-line errors out. No database, no clock; never held as a whole.

A file is CSV with a header line. Separator, encoding and column names differ from carrier to carrier; what can be told
for certain is understood, what cannot is refused with a sentence that says what to do. Nothing is guessed about money.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from itertools import chain
from typing import BinaryIO

from django.utils.translation import gettext as _

from carillon.base.errors import InvalidInput
from carillon.logic.callflow.feed import Step, WindowPrice

MAX_BYTES = 200 * 1024 * 1024
MAX_LINES = 2_000_000
MAX_ERRORS = 200
MAX_PREFIX = 15
MAX_NAME = 100
MAX_PRICE = Decimal(1000)  # per minute or per call, in any currency: more is a slipped decimal point
MAX_INTERVAL_S = 3600
ALL_NUMBERS = "*"

COLUMNS = {
    "prefix": "prefix code dialcode dialcodes diallingcode areacode destinationcode digits breakout prefijo vorwahl",
    "name": "name destination destinationname description country zone route destino ziel",
    "connection_fee": "connectionfee connectfee setupfee setup connectioncharge setupcharge percall connectcost",
    "per_minute": "perminute rate price rateperminute priceperminute ratemin pricemin ratepermin pricepermin cost"
    " costperminute minuterate minuteprice charge sellrate buyrate precio preis tarif",
    "initial_s": "initial initials initialinterval firstinterval initialincrement minimumduration minduration"
    " interval1",
    "increment_s": "increment increments interval intervaln subsequentinterval nextinterval billingincrement"
    " billinginterval billing step interval2",
    "currency": "currency curr ccy moneda",
}
_FIELD_OF = {synonym: field for field, synonyms in COLUMNS.items() for synonym in (field, *synonyms.split())}
_FIELD_OF |= {"initials": "initial_s", "increments": "increment_s"}  # initial_s, increment_s without the underscore
_PRICE = re.compile(r"\d{1,9}([.,]\d{1,8})?", re.ASCII)
_DIGITS = re.compile(r"\d+", re.ASCII)
_SCIENTIFIC = re.compile(r"\d+([.,]\d+)?[eE]\+?\d+", re.ASCII)
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_SIGNATURES = (
    (b"PK\x03\x04", "an XLSX or ZIP file"),
    (b"\x1f\x8b", "a GZIP file"),
    (b"%PDF", "a PDF file"),
    (b"\xd0\xcf\x11\xe0", "an old Excel (XLS) file"),
)


@dataclass(frozen=True, slots=True)
class RateValues:
    """A rate as written; see `carillon.logic.callflow.feed.Rate`."""

    prefix: str
    name: str
    connection_fee: Decimal
    per_minute: Decimal
    initial_s: int
    increment_s: int
    grace_s: int = 0
    minimum: Decimal = Decimal(0)
    maximum: Decimal | None = None
    steps: tuple[Step, ...] = ()
    windows: tuple[WindowPrice, ...] = ()


@dataclass(frozen=True, slots=True)
class LineError:
    """What is wrong on one line; `column` is the name of our field ("" when it is the whole line)."""

    line: int
    column: str
    message: str


@dataclass(frozen=True, slots=True)
class RateFile:
    """A file read: its rates when there are no errors. `errors` holds the first 200 of `error_count`."""

    rates: tuple[RateValues, ...]
    errors: tuple[LineError, ...]
    error_count: int
    encoding: str
    separator: str
    ignored_columns: tuple[str, ...]


class NotARate(ValueError):
    """One value of a rate is wrong; `column` says which."""

    def __init__(self, column: str, message: str) -> None:
        super().__init__(message)
        self.column = column


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


def read_rates(content: bytes, *, currency: str, encoding: str = "") -> RateFile:
    """Read a CSV file of rates that fits into memory; see `open_rates`.

    Returns: all rates, or none and the errors.
    """
    file, findings, rates = open_rates(io.BytesIO(content), currency=currency, encoding=encoding), Findings(), []
    for one in file.lines:
        if isinstance(one, LineError):
            findings.add(one)
        else:
            rates.append(one)
    kept = () if findings.count else tuple(rates)
    return RateFile(kept, tuple(findings.kept), findings.count, file.encoding, file.separator, file.ignored_columns)


def open_rates(file: BinaryIO, *, currency: str, encoding: str = "") -> RateLines:
    """Open a CSV file of rates, whatever its size.

    Args:
        file: can be sought; at most 200 MB and 2,000,000 lines.
        currency: of the price list; a currency column must agree.
        encoding: "" detects UTF-8 and marked UTF-16; others must be named, such as "windows-1252".

    Raises:
        InvalidInput: on field "file", when the file as a whole cannot be read; while its lines are read too.

    Memory: about 100 bytes a line, to know each prefix again.
    """
    codec = _encoding(file, encoding)
    text = io.TextIOWrapper(file, encoding=codec, newline="")
    header_line, separator, lines = _begin(_checked(text, codec))
    records = _records(csv.reader(lines, delimiter=separator, strict=True), header_line)
    header = next(records, None)
    line, cells = header if isinstance(header, tuple) else (header_line, [])
    places, ignored = _header(cells, line)
    read = _Reader(places, separator, currency, len(cells))
    return RateLines(read.rates(records), codec, separator, ignored)


def check_rate(values: RateValues) -> None:
    """Hold one rate against the rules that hold for every rate, typed or imported.

    Raises:
        NotARate: naming the column and what is wrong with it.
    """
    if values.prefix and not _DIGITS.fullmatch(values.prefix):
        raise NotARate(
            "prefix",
            _("“%(prefix)s” is not a prefix: digits only, country code first.") % {"prefix": values.prefix[:20]},
        )
    if len(values.prefix) > MAX_PREFIX:
        raise NotARate(
            "prefix",
            _("A prefix has at most %(most)s digits; this one has %(prefix)s.")
            % {"most": MAX_PREFIX, "prefix": len(values.prefix)},
        )
    if values.prefix.startswith("0"):
        raise NotARate("prefix", _("A prefix begins with a country code, which never begins with 0."))
    _check_name(values.name)
    _check_price("connection_fee", values.connection_fee)
    _check_price("per_minute", values.per_minute)
    _check_interval("initial_s", values.initial_s)
    _check_interval("increment_s", values.increment_s)


# ---------------------------------------------------------------- the file as a whole


def _bad_file(sentence: str) -> InvalidInput:
    return InvalidInput(sentence, fields={"file": sentence})


def _encoding(file: BinaryIO, encoding: str) -> str:
    """The file's encoding; the file stands behind its mark then."""
    size = file.seek(0, io.SEEK_END)
    if size > MAX_BYTES:
        raise _bad_file(
            _("The file has %(size)s MB; at most %(most)s are read.")
            % {"size": size // 1024 // 1024, "most": MAX_BYTES // 1024 // 1024}
        )
    file.seek(0)
    start = file.read(2000)
    file.seek(0)
    for signature, kind in _SIGNATURES:
        if start.startswith(signature):
            raise _bad_file(_("This is %(kind)s, not CSV: save it as CSV (UTF-8) and try again.") % {"kind": kind})
    if not start.strip() and size <= len(start):
        raise _bad_file(_("The file is empty."))
    for mark, name in _BOMS:
        if start.startswith(mark):
            file.seek(len(mark))
            return name
    if encoding:
        return _known(encoding)
    if b"\x00" in start:
        raise _bad_file(_("The file looks like UTF-16 without its mark: save it as CSV (UTF-8) and try again."))
    _check_utf8(file)
    return "utf-8"


def _known(encoding: str) -> str:
    try:
        is_text = codecs.lookup(encoding)._is_text_encoding  # as open() itself asks
    except (LookupError, ValueError):
        is_text = False
    if not is_text:
        raise _bad_file(
            _("“%(encoding)s” is not an encoding; use utf-8, utf-16 or windows-1252.") % {"encoding": encoding[:30]}
        )
    return encoding


def _check_utf8(file: BinaryIO) -> None:
    for line, content in enumerate(file, 1):
        _refuse_line(line)
        try:
            content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise _bad_file(
                _(
                    "Line %(line)s has a byte (0x%(content)s) that is not UTF-8. The file looks like Windows-1252"
                    " (Latin-1): save it as CSV (UTF-8), or choose that encoding."
                )
                % {"line": line, "content": f"{content[error.start]:02X}"}
            ) from None
    file.seek(0)


def _refuse_line(number: int) -> None:
    if number > MAX_LINES:
        raise _bad_file(_("The file has more than %(most)s lines: import it in parts.") % {"most": f"{MAX_LINES:,}"})


def _checked(text: io.TextIOWrapper, codec: str) -> Iterator[str]:
    """The lines of the file, as long as they are text."""
    try:
        for number, line in enumerate(text, 1):
            if "\x00" in line:
                raise _bad_file(_("Line %(number)s has a NUL character: is this CSV?") % {"number": number})
            _refuse_line(number)
            yield line
    except UnicodeError:
        raise _bad_file(
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
    raise _bad_file(_("The file is empty."))


def _records(reader: Iterator[list[str]], first_line: int) -> Iterator[tuple[int, list[str]] | LineError]:
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


def _header(cells: list[str], line: int) -> tuple[dict[str, int], tuple[str, ...]]:
    places: dict[str, int] = {}
    ignored: list[str] = []
    for place, title in enumerate(cells):
        field = _FIELD_OF.get(re.sub(r"[^a-z0-9]", "", title.lower()))
        if field is None:
            ignored += [title.strip()[:60]] if title.strip() else []
        elif field in places:
            raise _bad_file(
                _("Line %(line)s: the columns “%(cells)s” and “%(title)s” both mean %(field)s.")
                % {"line": line, "cells": cells[places[field]], "title": title, "field": field}
            )
        else:
            places[field] = place
    missing = [field for field in ("prefix", "per_minute") if field not in places]
    if missing:
        known = ", ".join(f"“{field}”" for field in COLUMNS)
        raise _bad_file(
            _(
                "Line %(line)s must be the header, and it has no column for %(missing)s. Known are %(known)s and"
                " common names for them, such as “destination”, “rate”, “interval”."
            )
            % {"line": line, "missing": " and ".join(missing), "known": known}
        )
    return places, tuple(ignored)


# ---------------------------------------------------------------- one line


class _Reader:
    """Makes rates of records, and knows the prefixes that it has seen."""

    def __init__(self, places: Mapping[str, int], separator: str, currency: str, width: int) -> None:
        self._places, self._separator, self._currency, self._width = places, separator, currency, width
        self._seen: dict[int, int] = {}  # numbers take a third of what texts take

    def rates(self, records: Iterator[tuple[int, list[str]] | LineError]) -> Iterator[RateValues | LineError]:
        """Yield what each record says; a file of nothing is refused."""
        is_empty = True
        for record in records:
            is_empty = False
            yield record if isinstance(record, LineError) else self._one(*record)
        if is_empty:
            raise _bad_file(_("The file has a header but no rates."))

    def _one(self, line: int, cells: list[str]) -> RateValues | LineError:
        try:
            rate = _rate(cells, self._places, self._separator, self._currency, self._width)
            earlier = self._seen.setdefault(int(f"1{rate.prefix}"), line)
            if earlier != line:
                raise NotARate(
                    "prefix",
                    _("Prefix %(prefix)s is on line %(earlier)s already.")
                    % {"prefix": rate.prefix or ALL_NUMBERS, "earlier": earlier},
                )
        except NotARate as error:
            return LineError(line, error.column, str(error))
        return rate


def _rate(cells: list[str], places: Mapping[str, int], separator: str, currency: str, width: int) -> RateValues:
    if len(cells) > width and any(cell.strip() for cell in cells[width:]):
        raise NotARate(
            "",
            _("The line has %(cells)s values for %(width)s columns: a separator inside a value?")
            % {"cells": len(cells), "width": width},
        )
    written = {field: cells[place].strip() if place < len(cells) else "" for field, place in places.items()}
    for field, text in written.items():
        if "\n" in text or "\r" in text:
            raise NotARate(field, _("The value runs over several lines: is a quote opened and not closed?"))
    if written.get("currency", currency).upper() not in ("", currency):
        raise NotARate(
            "currency",
            _("The list is in %(currency)s; this line is in %(written)s.")
            % {"currency": currency, "written": written["currency"][:10]},
        )
    initial, increment = _intervals(written.get("initial_s", ""), written.get("increment_s", ""))
    prefix = _prefix(written["prefix"])
    values = RateValues(
        prefix=prefix,
        name=written.get("name") or (prefix or "All numbers"),
        connection_fee=_price("connection_fee", written.get("connection_fee", "") or "0", separator),
        per_minute=_price("per_minute", written["per_minute"], separator),
        initial_s=initial,
        increment_s=increment,
    )
    check_rate(values)
    return values


def _prefix(text: str) -> str:
    if text == ALL_NUMBERS:
        return ""
    if not text:
        raise NotARate(
            "prefix", _("The prefix is missing; write %(all_numbers)s for all numbers.") % {"all_numbers": ALL_NUMBERS}
        )
    if _SCIENTIFIC.fullmatch(text):
        raise NotARate(
            "prefix",
            _("“%(text)s” was shortened by a spreadsheet: format the column as text and save again.") % {"text": text},
        )
    return text[1:] if text.startswith("+") else text


@lru_cache(maxsize=65_536)  # a file of a million lines has few different prices
def _price(column: str, text: str, separator: str) -> Decimal:
    """A price. A decimal comma is understood only where a comma cannot separate values."""
    if not text:
        raise NotARate(column, _("The price is missing."))
    if text[0] in "-−–(":
        raise NotARate(column, _("“%(text)s” is negative: prices are zero or more.") % {"text": text[:20]})
    if text[0] in "=@":
        raise NotARate(column, _("“%(text)s” is a spreadsheet formula, not a price.") % {"text": text[:20]})
    if not _PRICE.fullmatch(text):
        raise NotARate(
            column,
            _("“%(text)s” is not a price: digits and one decimal point, at most 8 decimals, no currency sign.")
            % {"text": text[:20]},
        )
    if "," in text and separator == ",":
        raise NotARate(
            column,
            _("“%(text)s” has a comma: write a decimal point, or separate values by semicolons.") % {"text": text},
        )
    return Decimal(text.replace(",", "."))


@lru_cache(maxsize=1024)
def _intervals(initial: str, increment: str) -> tuple[int, int]:
    """Seconds of the first interval and the next ones; "60/1" in either column is both."""
    if "/" in increment or "/" in initial:
        both = increment if "/" in increment else initial
        initial, increment = both.split("/", 1)
    return _seconds("initial_s", initial), _seconds("increment_s", increment)


def _seconds(column: str, text: str) -> int:
    text = text.strip()
    if not text:
        return 1
    if not _DIGITS.fullmatch(text) or len(text) > 6:
        raise NotARate(column, _("“%(text)s” is not a number of seconds.") % {"text": text[:20]})
    return int(text)


def _check_name(name: str) -> None:
    if not name:
        raise NotARate("name", _("The destination's name is missing."))
    if len(name) > MAX_NAME:
        raise NotARate(
            "name",
            _("A name has at most %(most)s characters; this one has %(name)s.") % {"most": MAX_NAME, "name": len(name)},
        )
    if name[0] in "=+-@\t\r":
        raise NotARate(
            "name",
            _("“%(name)s” begins with “%(name_other)s”, which spreadsheets run as a formula.")
            % {"name": name[:20], "name_other": name[0]},
        )
    if not name.isprintable():
        raise NotARate("name", _("The name has a control character."))


def _check_price(column: str, price: Decimal) -> None:
    if not price.is_finite() or price < 0:
        raise NotARate(column, _("Prices are zero or more."))
    if price > MAX_PRICE:
        raise NotARate(
            column,
            _("%(price)s is absurd: prices are at most %(most)s. Is the decimal point missing?")
            % {"price": price, "most": MAX_PRICE},
        )
    if -int(price.as_tuple().exponent) > 8:
        raise NotARate(column, _("A price has at most 8 decimals."))


def _check_interval(column: str, seconds: int) -> None:
    if not 1 <= seconds <= MAX_INTERVAL_S:
        raise NotARate(
            column,
            _("An interval is 1 to %(most)s seconds; this one is %(seconds)s.")
            % {"most": MAX_INTERVAL_S, "seconds": seconds},
        )
