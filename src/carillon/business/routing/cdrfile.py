"""Reading a carrier's CDR file, CSV or XLSX, as its provider says it looks: calls, or errors by line. No database."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from carillon.base.errors import InvalidInput
from carillon.base.workbooks import bad_file, open_workbook, rows_of
from carillon.business.routing.choices import DecimalMark, DurationUnit
from carillon.business.routing.models import CdrProvider
from carillon.logic.numbers import DialledKind, normalise
from carillon.logic.reconciliation import Record

MOST_CALLS = 200_000
MOST_COLUMNS = 100
MOST_ERRORS = 200
MAX_DURATION_MS = 7 * 24 * 3600 * 1000
MOST_MICRO = 10**15
ENCODINGS = ("utf-8-sig", "windows-1252")
_UNIT_MS = {DurationUnit.SECONDS: 1000, DurationUnit.MILLISECONDS: 1, DurationUnit.MINUTES: 60_000}


class NotACall(ValueError):
    """One value of a line cannot be understood; `column` says which."""

    def __init__(self, column: str, message: str) -> None:
        super().__init__(message)
        self.column = column


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where in a line each value is; -1: not told."""

    started: int
    callee: int
    duration: int
    caller: int
    price: int
    call_id: int


def read_calls(content: bytes, provider: CdrProvider) -> list[Record]:
    """Return the answered calls of a file; each record's key is its line number.

    Args:
        content: CSV (UTF-8 or Windows-1252; comma, semicolon or tab) or XLSX (its first sheet), at most 200,000 calls.
        provider: how the file looks. Calls without duration are left out: nobody charges for them.

    Raises:
        InvalidInput: on "file", or one sentence per line at fault ("12:duration"); then nothing is taken.
    """
    lines = _lines(content)
    _line, header = next(lines, (1, []))
    layout, errors, records = _layout(header, provider), {}, []
    for line, cells in _data(header, provider, lines):
        try:
            record = _record(str(line), cells, layout, provider)
        except NotACall as error:
            errors[f"{line}:{error.column}"] = str(error)
            if len(errors) >= MOST_ERRORS:
                break
            continue
        if record.duration_ms > 0:
            records.append(record)
        if len(records) > MOST_CALLS:
            raise bad_file(
                _("The file has more than %(most)s calls: import it in parts.") % {"most": f"{MOST_CALLS:,}"}
            )
    if errors:
        raise InvalidInput(
            _("%(errors)s lines can't be read; nothing was imported.") % {"errors": len(errors)}, fields=errors
        )
    if not records:
        raise bad_file(_("The file has no calls with a duration."))
    return records


# ---------------------------------------------------------------- the file as a whole


def _lines(content: bytes) -> Iterator[tuple[int, list[object]]]:
    """The lines that hold anything, with their numbers."""
    found = _sheet(content) if content.startswith(b"PK\x03\x04") else _csv(content)
    return ((number, cells) for number, cells in enumerate(found, 1) if any(str(cell or "").strip() for cell in cells))


def _csv(content: bytes) -> Iterable[list[object]]:
    for encoding in ENCODINGS:
        try:
            text = content.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise bad_file(_("The file is neither UTF-8 nor Windows-1252: save it as CSV (UTF-8)."))
    if not text.strip() or "\x00" in text:
        raise bad_file(_("The file is empty, or no CSV."))
    separator = max(",;\t|", key=text.split("\n", 1)[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        for cells in reader:
            yield list(cells)
    except csv.Error as error:
        raise bad_file(
            _("Line %(line_num)s is no CSV: %(error)s.") % {"line_num": reader.line_num, "error": error}
        ) from None


def _sheet(content: bytes) -> Iterable[list[object]]:
    with open_workbook(io.BytesIO(content)) as book:
        for row in rows_of(book.worksheets[0], most_columns=MOST_COLUMNS) if book.worksheets else ():
            yield [*row]


def _layout(header: list[object], provider: CdrProvider) -> _Layout:
    titles = {str(title or "").strip().lower(): place for place, title in reversed(list(enumerate(header)))}
    missing: list[str] = []

    def place(column: str) -> int:
        found = _place(column, titles, len(header))
        if column and found < 0:
            missing.append(f"“{column}”")
        return found

    layout = _Layout(
        place(provider.started_column),
        place(provider.callee_column),
        place(provider.duration_column),
        place(provider.caller_column),
        place(provider.price_column),
        place(provider.call_id_column),
    )
    if missing:
        has = ", ".join(str(title)[:40] for title in header[:20])
        raise bad_file(
            _("The file has no column %(missing)s. Its first line is: %(has)s.")
            % {"missing": " and ".join(missing), "has": has}
        )
    return layout


def _place(column: str, titles: Mapping[str, int], width: int) -> int:
    if column.startswith("#") and column[1:].isascii() and column[1:].isdigit():
        number = int(column[1:])
        return number - 1 if 1 <= number <= width else -1
    return titles.get(column.strip().lower(), -1)


def _data(
    header: list[object], provider: CdrProvider, rest: Iterator[tuple[int, list[object]]]
) -> Iterator[tuple[int, list[object]]]:
    """The lines with calls: when all columns are given by number, the first line is one of them."""
    columns = (provider.started_column, provider.callee_column, provider.duration_column)
    if all(column.startswith("#") for column in columns):
        yield 1, header
    yield from rest


# ---------------------------------------------------------------- one line


def _record(key: str, cells: list[object], layout: _Layout, provider: CdrProvider) -> Record:
    def cell(place: int) -> object:
        return cells[place] if 0 <= place < len(cells) and cells[place] is not None else ""

    return Record(
        key=key,
        started_ms=_started(cell(layout.started), provider),
        caller=str(cell(layout.caller)).strip()[:64],
        callee=_number(str(cell(layout.callee)).strip(), provider.country),
        duration_ms=_duration(cell(layout.duration), provider),
        price_micro=_price(cell(layout.price), provider) if layout.price >= 0 else None,
        sip_call_id=str(cell(layout.call_id)).strip()[:255],
    )


def _started(value: object, provider: CdrProvider) -> int:
    text = str(value).strip()
    try:
        if isinstance(value, datetime):
            moment = value
        elif provider.time_format:
            moment = datetime.strptime(text, provider.time_format)
        else:
            moment = datetime.fromisoformat(text)
        zoned = moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(provider.timezone))
        return int(zoned.astimezone(UTC).timestamp() * 1000)
    except (ValueError, OverflowError):
        wanted = provider.time_format or "2026-11-26 14:05:09"
        raise NotACall(
            "started",
            _("“%(text)s” is no time as the provider writes it (%(wanted)s).") % {"text": text[:30], "wanted": wanted},
        ) from None


def _number(text: str, country: str) -> str:
    """E.164; a number that begins with a country code and has no plus is taken as such."""
    for written in (text, f"+{text.lstrip('+')}"):
        found = normalise(written, country)
        if found.kind == DialledKind.E164:
            return found.number
    if not text:
        raise NotACall("callee", _("The number called is missing."))
    return text[:64]  # special numbers: compared as they are written


def _duration(value: object, provider: CdrProvider) -> int:
    text = str(value).strip()
    try:
        if provider.duration_unit == DurationUnit.CLOCK:
            parts = [int(part) for part in text.split(":")]
            if not 2 <= len(parts) <= 3 or min(parts) < 0:
                raise ValueError(text)
            found: int = sum(part * int(60**power) for power, part in enumerate(reversed(parts))) * 1000
        else:
            found = int(_decimal(text, provider) * _UNIT_MS[DurationUnit(provider.duration_unit)])
        if not 0 <= found <= MAX_DURATION_MS:
            raise ValueError(text)
    except ValueError:
        raise NotACall("duration", _("“%(text)s” is no duration of a call.") % {"text": text[:30]}) from None
    return found


def _price(value: object, provider: CdrProvider) -> int:
    text = str(value).strip() or "0"
    try:
        found = int((_decimal(text, provider) * 1_000_000 / provider.price_divisor).to_integral_value())
        if abs(found) > MOST_MICRO:
            raise ValueError(text)
    except ValueError:
        raise NotACall("price", _("“%(text)s” is no price.") % {"text": text[:30]}) from None
    return found


def _decimal(text: str, provider: CdrProvider) -> Decimal:
    plain = text.replace(" ", "").replace("\u00a0", "")
    if provider.decimal_mark == DecimalMark.COMMA and "," in plain:
        plain = plain.replace(".", "").replace(",", ".")
    try:
        found = Decimal(plain)
    except InvalidOperation:
        raise ValueError(text) from None
    if not found.is_finite() or abs(found) > MOST_MICRO:
        raise ValueError(text)
    return found
