"""A rate as whole numbers, and which of its prices holds when: what pricing works with.

Amounts are in hundred-millionths of the list's currency, so that all that a rate may say is exact. A rate has one line
for itself and one for each window in which it costs something else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from carillon.logic.callflow.feed import Rate, Step, Tariff, Unit
from carillon.logic.money import EXACT, format_exact
from carillon.logic.windows import calendar_of

SCALE = 10**8
UNIT_S = {Unit.MINUTE: 60, Unit.SECOND: 1, Unit.HOUR: 3600, Unit.MESSAGE: 1}  # or messages, that a list's rates are for


@dataclass(frozen=True, slots=True)
class Mark:
    """From second `from_s` on, `rate` hundred-millionths per unit of the list, in whole increments."""

    from_s: int
    rate: int
    increment_s: int


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

    @property
    def all(self) -> tuple[Line, ...]:
        """Every line."""
        return (self.own, *self.of_windows.values())


def lines_of(rate: Rate) -> Lines:
    """The rate's lines, kept with the rate once they are made. Raises ValueError for more than eight decimals."""
    try:
        made: Lines = rate._lines
    except AttributeError:
        made = _lines(rate)
        object.__setattr__(rate, "_lines", made)  # says nothing that the rate does not say: it stays the same value
    return made


def _lines(rate: Rate) -> Lines:
    own = _line("", rate.connection_fee, rate.per_minute, rate.initial_s, rate.increment_s, rate.steps)
    of_windows = {
        price.window: _line(
            price.window, price.connection_fee, price.per_minute, price.initial_s, price.increment_s, price.steps
        )
        for price in rate.windows
    }
    return Lines(own, of_windows, _scaled(rate.minimum), None if rate.maximum is None else _scaled(rate.maximum))


def _line(
    window: str, fee: Decimal, per_minute: Decimal, initial_s: int, increment_s: int, steps: Sequence[Step]
) -> Line:
    ordered = sorted(steps, key=lambda step: step.from_s)
    marks = (
        Mark(0, _scaled(per_minute), max(increment_s, 1)),
        *(Mark(step.from_s, _scaled(step.per_minute), max(step.increment_s, 1)) for step in ordered),
    )
    return Line(window, _scaled(fee), initial_s, marks)


def _scaled(amount: Decimal) -> int:
    scaled = amount.scaleb(8, EXACT)
    whole = int(scaled)
    if whole != scaled:
        raise ValueError(f"{amount} has more than eight decimals.")
    return whole


def format_scaled(amount: int) -> str:
    """Hundred-millionths of a currency as the exact decimal they are."""
    return format_exact(Decimal(amount).scaleb(-8))


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
    for from_s, holding in calendar_of(tariff.windows).spans(at_ms, length_s):
        line = _holding(lines, tariff, holding)
        if not found or found[-1][1] is not line:
            found.append((from_s, line))
    return found


def _holding(lines: Lines, tariff: Tariff, holding: int) -> Line:
    for place, window in enumerate(tariff.windows):
        if holding >> place & 1 and window.name in lines.of_windows:
            return lines.of_windows[window.name]
    return lines.own
