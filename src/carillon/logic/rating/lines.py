"""A rate as whole numbers, and which of its prices holds when: what pricing works with.

Amounts are in hundred-millionths of the list's currency, so that all that a rate may say is exact. A rate has one line
for itself and one for each window in which it costs something else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from carillon.logic.callflow.feed import Rate, Step, Tariff, Unit, WindowPrice
from carillon.logic.copies import replace
from carillon.logic.money import EXACT
from carillon.logic.windows import DAY_S, Calendar, calendar_of, within_reach

SCALE_DECIMALS = 8
SCALE = 10**8
NEVER_S = 1 << 62
UNIT_S = {Unit.MINUTE: 60, Unit.SECOND: 1, Unit.HOUR: 3600, Unit.MESSAGE: 1}  # or messages, that a list's rates are for


LIST_KEYS = (
    *("list_id", "list", "version_id", "version", "list_currency", "unit", "rounding", "decimals"),
    "is_tax_inclusive",
)
RATE_KEYS = ("connection_fee", "per_minute", "initial_s", "increment_s", "grace_s")
PRICE_KEYS = ("billed_s", "exact", "exchange_rate", "amount", "pieces", "fee", "bound", "taxes", "tax")
EXPLAINED = (*LIST_KEYS, *RATE_KEYS, "prefix", "rate_name", *PRICE_KEYS)  # what an explanation says of a price

UNIT_SIGNS = {Unit.MINUTE: "min", Unit.SECOND: "s", Unit.HOUR: "h", Unit.MESSAGE: "msg"}  # as in EUR/min


@dataclass(frozen=True, slots=True)
class Mark:
    """From second `from_s` to `until_s`, `rate` hundred-millionths per unit of the list, in whole increments.

    The rest is what an explanation says of it: the rate as people read it, and of its line the window and the initial
    interval.
    """

    from_s: int
    until_s: int
    rate: int
    increment_s: int
    told: str
    window: str
    initial_s: int


@dataclass(frozen=True, slots=True)
class Line:
    """One price: what holds in `window` ("": whenever no other line does). Marks are in order, the first is at 0."""

    window: str
    fee: int
    initial_s: int
    first: Mark  # that of the initial interval
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Lines:
    """The whole rate: its own line, those of windows, and what holds for the call as a whole."""

    own: Line
    of_windows: dict[str, Line]
    minimum: int
    maximum: int | None
    told: tuple[object, ...]  # what an explanation says of the rate, by RATE_KEYS

    @property
    def all(self) -> tuple[Line, ...]:
        """Every line."""
        return (self.own, *self.of_windows.values())


def lines_of(rate: Rate) -> Lines:
    """The rate's lines, kept with the rate once they are made. Raises ValueError for more than eight decimals."""
    try:
        made: Lines = rate.__dict__["_lines"]
    except KeyError:
        like: Rate = rate.__dict__.get("_like", rate)
        made = like.__dict__.get("_lines") or _lines(rate)
        rate.__dict__["_lines"] = like.__dict__["_lines"] = made
    return made


def _lines(rate: Rate) -> Lines:
    own = _line("", rate)
    of_windows = {price.window: _line(price.window, price) for price in rate.windows}
    told = (format_scaled(own.fee), own.marks[0].told, rate.initial_s, rate.increment_s, rate.grace_s)
    maximum = None if rate.maximum is None else _scaled(rate.maximum)
    return Lines(own, of_windows, _scaled(rate.minimum), maximum, told)


def _line(window: str, price: Rate | WindowPrice) -> Line:
    steps = (Step(0, price.per_minute, price.increment_s), *sorted(price.steps, key=lambda step: step.from_s))
    ends_s = (*(step.from_s for step in steps[1:]), NEVER_S)
    marks = tuple(_mark(step, end_s, window, price.initial_s) for step, end_s in zip(steps, ends_s, strict=True))
    first = next(mark for mark in marks if mark.until_s > 0)
    return Line(window, _scaled(price.connection_fee), price.initial_s, first, marks)


def _mark(step: Step, until_s: int, window: str, initial_s: int) -> Mark:
    rate = _scaled(step.per_minute)
    return Mark(step.from_s, until_s, rate, max(step.increment_s, 1), format_scaled(rate), window, initial_s)


def _scaled(amount: Decimal) -> int:
    scaled = amount.scaleb(8, EXACT)
    whole = int(scaled)
    if whole != scaled:
        raise ValueError(f"{amount} has more than eight decimals.")
    return whole


def format_scaled(amount: int) -> str:
    """Hundred-millionths of a currency, none below zero, as the exact decimal they are."""
    whole, rest = divmod(amount, SCALE)
    return f"{whole}.{rest:08d}".rstrip("0") if rest else str(whole)


# ---------------------------------------------------------------- over the time of a call

Timeline = Sequence[tuple[int, Line]]
"""From which second of a call on which line holds; the first one from second 0."""


def timeline(lines: Lines, tariff: Tariff, at_ms: int | None, length_s: int) -> Timeline:
    """The lines that hold in a call of `length_s` seconds answered at `at_ms` (Unix epoch).

    Raises ValueError when windows matter and the moment is not given.
    """
    if not lines.of_windows or not tariff.windows:
        return ((0, lines.own),)
    if at_ms is None:
        raise ValueError(f"“{tariff.price_list}” has prices by time: the moment of the call is needed.")
    calendar = rules_of(tariff).calendar
    spans = calendar.spans(at_ms, length_s)
    if len(spans) == 1:
        return ((0, _holding(lines, calendar.names(spans[0][1]))),)
    found: list[tuple[int, Line]] = []
    last = None
    for from_s, holding in spans:
        line = _holding(lines, calendar.names(holding))
        if line is not last:
            found.append((from_s, line))
            last = line
    return found


def frozen(tariff: Tariff, rate: Rate, at_ms: int) -> Tariff:
    """The tariff as a call that begins at `at_ms` keeps it, charged by `rate`: with the windows that may matter."""
    if not tariff.windows:
        return tariff
    names = frozenset(price.window for price in rate.windows)
    return replace(tariff, windows=within_reach(tariff.windows, names, at_ms // (1000 * DAY_S)))


def _holding(lines: Lines, names: Iterable[str]) -> Line:
    for name in names:
        if name in lines.of_windows:
            return lines.of_windows[name]
    return lines.own


# ---------------------------------------------------------------- what a tariff says about all of its rates


@dataclass(frozen=True, slots=True)
class Rules:
    """`unit_s`: of how many seconds or messages the rates are.

    `rounds_each`: whether increments are rounded by themselves; there are none where seconds are charged. `told` is
    what an explanation says of the list, with room for the rest: a copy is filled sooner than a dict grows.
    """

    calendar: Calendar
    unit_s: int
    rounds_each: bool
    told: dict[str, object]


def rules_of(tariff: Tariff) -> Rules:
    """The tariff's rules, kept with the tariff once they are made."""
    try:
        made: Rules = tariff._rules
    except AttributeError:
        rounds_each = tariff.rounds_increments and not tariff.is_split
        made = Rules(calendar_of(tariff.windows), UNIT_S[tariff.unit], rounds_each, _told(tariff))
        object.__setattr__(tariff, "_rules", made)  # says nothing that the tariff does not say
    return made


def _told(tariff: Tariff) -> dict[str, object]:
    listed = (tariff.price_list_id, tariff.price_list, tariff.version_id, tariff.version, tariff.currency)
    rules = (tariff.unit.value, tariff.rounding, tariff.decimals, tariff.is_tax_inclusive)
    return {**dict.fromkeys(EXPLAINED), **dict(zip(LIST_KEYS, (*listed, *rules), strict=True))}
