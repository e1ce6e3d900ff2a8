"""A rate as whole numbers, and which of its prices holds when: what pricing works with.

Amounts are in hundred-millionths of the list's currency, so that all that a rate may say is exact. A rate has one line
for itself and one for each window in which it costs something else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from carillon.logic.callflow.feed import Rate, Step, Tariff, Unit, WindowPrice
from carillon.logic.money import EXACT
from carillon.logic.windows import DAY_S, Calendar, calendar_of, within_reach

SCALE = 10**8
UNIT_S = {Unit.MINUTE: 60, Unit.SECOND: 1, Unit.HOUR: 3600, Unit.MESSAGE: 1}  # or messages, that a list's rates are for


UNIT_SIGNS = {Unit.MINUTE: "min", Unit.SECOND: "s", Unit.HOUR: "h", Unit.MESSAGE: "msg"}  # as in EUR/min


@dataclass(frozen=True, slots=True)
class Mark:
    """From second `from_s` on, `rate` hundred-millionths per unit of the list, in whole increments.

    `told` is what an explanation says of it, with the rate as people read it.
    """

    from_s: int
    rate: int
    increment_s: int
    told: dict[str, object]


@dataclass(frozen=True, slots=True)
class Line:
    """One price: what holds in `window` ("": whenever no other line does). Marks are in order, the first is at 0."""

    window: str
    fee: int
    initial_s: int
    marks: tuple[Mark, ...]

    def mark_at(self, second: int) -> int:
        """The place of the mark that holds at a second of the call."""
        place = len(self.marks) - 1
        while self.marks[place].from_s > second:
            place -= 1
        return place


@dataclass(frozen=True, slots=True)
class Lines:
    """The whole rate: its own line, those of windows, and what holds for the call as a whole."""

    own: Line
    of_windows: dict[str, Line]
    minimum: int
    maximum: int | None
    told: dict[str, object]  # what an explanation says of the rate

    @property
    def all(self) -> tuple[Line, ...]:
        """Every line."""
        return (self.own, *self.of_windows.values())


def lines_of(rate: Rate) -> Lines:
    """The rate's lines, kept with the rate once they are made. Raises ValueError for more than eight decimals."""
    made: Lines | None = rate.__dict__.get("_lines")
    if made is None:
        like: Rate = rate.__dict__.get("_like", rate)
        made = like.__dict__.get("_lines") or _lines(rate)
        rate.__dict__["_lines"] = like.__dict__["_lines"] = made
    return made


def _lines(rate: Rate) -> Lines:
    own = _line("", rate)
    of_windows = {price.window: _line(price.window, price) for price in rate.windows}
    told = {
        "connection_fee": format_scaled(own.fee),
        "per_minute": own.marks[0].told["per_minute"],
        "initial_s": rate.initial_s,
        "increment_s": rate.increment_s,
        "grace_s": rate.grace_s,
    }
    maximum = None if rate.maximum is None else _scaled(rate.maximum)
    return Lines(own, of_windows, _scaled(rate.minimum), maximum, told)


def _line(window: str, price: Rate | WindowPrice) -> Line:
    steps = (Step(0, price.per_minute, price.increment_s), *sorted(price.steps, key=lambda step: step.from_s))
    marks = tuple(_mark(step, window, price.initial_s) for step in steps)
    return Line(window, _scaled(price.connection_fee), price.initial_s, marks)


def _mark(step: Step, window: str, initial_s: int) -> Mark:
    rate, increment_s = _scaled(step.per_minute), max(step.increment_s, 1)
    told = {
        "window": window,
        "step_s": step.from_s,
        "per_minute": format_scaled(rate),
        "initial_s": initial_s,
        "increment_s": increment_s,
    }
    return Mark(step.from_s, rate, increment_s, told)


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
    found: list[tuple[int, Line]] = []
    for from_s, holding in rules_of(tariff).calendar.spans(at_ms, length_s):
        line = _holding(lines, tariff, holding) if holding else lines.own
        if not found or found[-1][1] is not line:
            found.append((from_s, line))
    return found


def frozen(tariff: Tariff, rate: Rate, at_ms: int) -> Tariff:
    """The tariff as a call that begins at `at_ms` keeps it, charged by `rate`: with the windows that may matter."""
    if not tariff.windows:
        return tariff
    names = frozenset(price.window for price in rate.windows)
    return replace(tariff, windows=within_reach(tariff.windows, names, at_ms // (1000 * DAY_S)))


def _holding(lines: Lines, tariff: Tariff, holding: int) -> Line:
    for place, window in enumerate(tariff.windows):
        if holding >> place & 1 and window.name in lines.of_windows:
            return lines.of_windows[window.name]
    return lines.own


# ---------------------------------------------------------------- what a tariff says about all of its rates


@dataclass(frozen=True, slots=True)
class Rules:
    """`unit_s`: of how many seconds or messages the rates are.

    `rounds_each`: whether increments are rounded by themselves; there are none where seconds are charged. `told` is
    what an explanation says of the list.
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
    return {
        "list_id": tariff.price_list_id,
        "list": tariff.price_list,
        "version_id": tariff.version_id,
        "version": tariff.version,
        "list_currency": tariff.currency,
        "unit": tariff.unit.value,
        "rounding": tariff.rounding,
        "decimals": tariff.decimals,
        "is_tax_inclusive": tariff.is_tax_inclusive,
    }
