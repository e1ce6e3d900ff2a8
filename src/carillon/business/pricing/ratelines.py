"""The lines of a rate file: cells in, rates or what is wrong out.

A line is a prefix's own price, or with a window's name or a second its price in that window or from that second on;
such lines follow the prefix's own. A line for a group is one for each of its prefixes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from django.utils.translation import gettext as _

from carillon.base.workbooks import bad_file
from carillon.business.pricing.ratevalues import NotARate, RateValues, check_rate, check_window
from carillon.logic.callflow.feed import Step, Unit, WindowPrice
from carillon.logic.pricetext import PriceTextError, steps_of, windows_of

ALL_NUMBERS = "*"
_FURTHER = ("grace_s", "minimum", "maximum", "steps", "windows")
_SECONDS = {Unit.SECOND: 1, Unit.MINUTE: 60, Unit.HOUR: 3600}
_PRICE = re.compile(r"\d{1,9}([.,]\d{1,8})?", re.ASCII)
_DIGITS = re.compile(r"\d+", re.ASCII)
_SCIENTIFIC = re.compile(r"\d+([.,]\d+)?[eE][+-]?\d+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a file is held against: the version's currency, unit and windows, and the owner's groups by name.

    Names of `groups` are in small letters.
    """

    currency: str
    unit: Unit = Unit.MINUTE
    windows: tuple[str, ...] = ()
    groups: Mapping[str, tuple[str, ...]] | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """How lines are written: where each column is, the separator, how many there are, the unit of prices (None: the
    list's own).
    """

    places: Mapping[str, int]
    separator: str
    width: int
    unit: Unit | None = None


@dataclass(frozen=True, slots=True)
class LineError:
    """What is wrong on one line; `column` is the name of our field ("" when it is the whole line)."""

    line: int
    column: str
    message: str


class _Line(NamedTuple):  # made a million times, in half the time of a dataclass
    """A line understood: for which numbers, in which window and from which second its price holds."""

    number: int
    key: str
    prefixes: tuple[str, ...]
    window: str
    from_s: int
    rate: RateValues


class LineReader:
    """Makes rates of records, and knows the prefixes that it has seen."""

    def __init__(self, layout: Layout, terms: Terms) -> None:
        self._layout, self._terms = layout, terms
        self._seen: dict[int, int] = {}  # numbers take a third of what texts take
        self._own: _Line | None = None  # of the prefix at hand, with its windows and steps so far
        self._broken = ""  # the prefix whose own line is wrong: what follows of it is not told too

    def rates(self, records: Iterator[tuple[int, list[str]] | LineError]) -> Iterator[RateValues | LineError]:
        """Yield what each record says; a file of nothing is refused."""
        is_empty = True
        for record in records:
            is_empty = False
            if isinstance(record, LineError):
                yield record
            else:
                yield from self._one(*record)
        if is_empty:
            raise bad_file(_("The file has a header but no rates."))
        yield from self._finished()

    def _one(self, number: int, cells: list[str]) -> Iterator[RateValues | LineError]:
        written: dict[str, str] = {}
        try:
            written = _written(cells, self._layout)
            line = _line(number, written, self._layout, self._terms)
            if not (line.window or line.from_s):
                yield from self._finished()
                self._note(line)
                self._own, self._broken = line, ""
            elif line.key != self._broken:
                self._add(line)
        except NotARate as error:
            if not (written.get("window") or written.get("from_s", "").strip("0")):
                yield from self._finished()
                self._broken = written.get("group", "").lower() or written.get("prefix", "")
            yield LineError(number, error.column, str(error))

    def _note(self, line: _Line) -> None:
        for prefix in line.prefixes:
            earlier = self._seen.setdefault(int(f"1{prefix}"), line.number)
            if earlier != line.number:
                raise NotARate(
                    "prefix",
                    _("Prefix %(prefix)s is on line %(earlier)s already.")
                    % {"prefix": prefix or ALL_NUMBERS, "earlier": earlier},
                )

    def _add(self, line: _Line) -> None:
        """Take a price in a window, or from a second on, up into the prefix's own line."""
        own = self._own
        if own is None or own.key != line.key:
            raise NotARate(
                "prefix",
                _("The line of a window or step must follow its prefix's own line, and there is none before it."),
            )
        said, rate = line.rate, own.rate
        if said.grace_s or said.minimum or said.maximum is not None:
            raise NotARate("", _("Grace, least and most belong to the prefix's own line."))
        step = Step(line.from_s, said.per_minute, said.increment_s)
        held = next((price for price in rate.windows if price.window == line.window), None)
        if line.from_s and not line.window:
            rate = replace(rate, steps=(*rate.steps, step))
        elif line.from_s and held is None:
            raise NotARate("window", _("The price of this window itself must come before its steps."))
        elif held is not None and line.from_s:
            others = tuple(price for price in rate.windows if price is not held)
            rate = replace(rate, windows=(*others, replace(held, steps=(*held.steps, step))))
        else:
            price = WindowPrice(
                line.window, said.connection_fee, said.per_minute, said.initial_s, said.increment_s
            )  # fmt: skip
            rate = replace(rate, windows=(*rate.windows, price))
        check_rate(rate, self._terms.windows)
        self._own = own._replace(rate=rate)

    def _finished(self) -> Iterator[RateValues]:
        """Yield the rates of the line at hand, when nothing more can be added to it."""
        own, self._own = self._own, None
        for prefix in own.prefixes if own else ():
            yield own.rate if own.rate.prefix == prefix else replace(own.rate, prefix=prefix)  # type: ignore[union-attr]


# ---------------------------------------------------------------- one line


def _written(cells: list[str], layout: Layout) -> dict[str, str]:
    if len(cells) > layout.width and any(cell.strip() for cell in cells[layout.width :]):
        raise NotARate(
            "",
            _("The line has %(cells)s values for %(width)s columns: a separator inside a value?")
            % {"cells": len(cells), "width": layout.width},
        )
    written = {field: cells[place].strip() if place < len(cells) else "" for field, place in layout.places.items()}
    for field, text in written.items():
        if "\n" in text or "\r" in text:
            raise NotARate(field, _("The value runs over several lines: is a quote opened and not closed?"))
    return written


def _line(number: int, written: Mapping[str, str], layout: Layout, terms: Terms) -> _Line:
    if written.get("currency", terms.currency).upper() not in ("", terms.currency):
        raise NotARate(
            "currency",
            _("The list is in %(currency)s; this line is in %(written)s.")
            % {"currency": terms.currency, "written": written["currency"][:10]},
        )
    key, prefixes = _numbers(written, terms)
    window = written.get("window", "")
    if window:
        check_window("window", window, terms.windows)
    initial, increment = _intervals(written.get("initial_s", ""), written.get("increment_s", ""))
    price = _price("per_minute", written["per_minute"], layout.separator)
    values = RateValues(
        prefix=prefixes[0],
        name=written.get("name") or written.get("group") or (prefixes[0] or "All numbers"),
        connection_fee=_price("connection_fee", written.get("connection_fee", "") or "0", layout.separator),
        per_minute=price if layout.unit is None else _converted(price, layout.unit, terms.unit),
        initial_s=initial,
        increment_s=increment,
        **_further(written, layout.separator),
    )
    check_rate(values, terms.windows)
    from_s = _seconds("from_s", written.get("from_s", "") or "0")
    return _Line(number, key, prefixes, window, from_s, values)


def _numbers(written: Mapping[str, str], terms: Terms) -> tuple[str, tuple[str, ...]]:
    """For which prefixes a line is, and what its windows and steps name it by."""
    group = written.get("group", "")
    if not group:
        prefix = _prefix(written.get("prefix", ""))
        return prefix, (prefix,)
    if written.get("prefix"):
        raise NotARate("group", _("A line is for a prefix or for a group, not for both."))
    prefixes = (terms.groups or {}).get(group.lower())
    if not prefixes:
        raise NotARate(
            "group", _("There is no destination group “%(group)s” with prefixes.") % {"group": group[:60]}
        )  # fmt: skip
    return group.lower(), prefixes


@lru_cache(maxsize=4096)  # a file of a million lines has few different ones, most of them none
def _further_of(grace: str, minimum: str, maximum: str, steps: str, windows: str, separator: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if grace:
        found["grace_s"] = _seconds("grace_s", grace)
    if minimum:
        found["minimum"] = _price("minimum", minimum, separator)
    if maximum:
        found["maximum"] = _price("maximum", maximum, separator)
    if steps:
        found["steps"] = read_steps(steps)
    if windows:
        found["windows"] = read_windows(windows)
    return found


def read_steps(text: str) -> tuple[Step, ...]:
    """The steps that a person's text says (`carillon.logic.pricetext`). Raises NotARate."""
    try:
        return steps_of(text)
    except PriceTextError:
        told = _("“%(text)s” is no list of steps: write 600:0.01/1, with spaces between.") % {"text": text[:40]}
        raise NotARate("steps", told) from None


def read_windows(text: str) -> tuple[WindowPrice, ...]:
    """The prices of windows that a person's text says. Raises NotARate."""
    try:
        return windows_of(text.strip())
    except PriceTextError:
        told = _("“%(text)s” is no list of window prices: write Night=0+0.01 60/1; Weekend=0+0.02 1/1.")
        raise NotARate("windows", told % {"text": text[:40]}) from None


def _further(written: Mapping[str, str], separator: str) -> dict[str, Any]:
    texts = [written.get(name, "") for name in _FURTHER]
    return _further_of(*texts, separator) if any(texts) else {}


@lru_cache(maxsize=65_536)  # a file of a million lines has few different prices
def _price(column: str, text: str, separator: str) -> Decimal:
    """A price. A decimal comma is understood only where a comma cannot separate values."""
    if not text:
        raise NotARate(column, _("The price is missing."))
    if text[0] in "-−–(":
        raise NotARate(column, _("“%(text)s” is negative: prices are zero or more.") % {"text": text[:20]})
    if text[0] in "=@":
        raise NotARate(column, _("“%(text)s” is a spreadsheet formula, not a price.") % {"text": text[:20]})
    if _SCIENTIFIC.fullmatch(text):
        raise NotARate(
            column,
            _("“%(text)s” was shortened by a spreadsheet: format the column as text and save again.") % {"text": text},
        )
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


@lru_cache(maxsize=65_536)
def _converted(price: Decimal, written: Unit, wanted: Unit) -> Decimal:
    """A price per one unit as a price per another, when that is exact."""
    if written == wanted:
        return price
    if written not in _SECONDS or wanted not in _SECONDS:
        raise NotARate("per_minute", _("Prices of messages and of time do not convert."))
    scaled, rest = divmod(int(price.scaleb(8)) * _SECONDS[wanted], _SECONDS[written])
    if rest:
        raise NotARate(
            "per_minute",
            _("%(price)s per %(written)s is not exact per %(wanted)s with 8 decimals: round it yourself.")
            % {"price": price, "written": written.value, "wanted": wanted.value},
        )
    return Decimal(scaled).scaleb(-8)


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
