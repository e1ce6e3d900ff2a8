"""Charts as SVG made by the server: bars and lines with their axes, links and a table of the same figures.

Nothing is drawn by scripts, so a chart needs no exception from the content security policy, prints, and is there for
those who see none: its template writes the table beside the picture. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 420, 150
LEFT, RIGHT, TOP, BOTTOM = 44, 6, 8, 20
MOST_LABELS = 7


@dataclass(frozen=True, slots=True)
class Series:
    """One figure at each step; None: not known. `tone` is a class of the style sheet."""

    name: str
    tone: str
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Steps:
    """What is along the bottom: the names of the steps, short and whole, and where each leads to ("" nowhere)."""

    short: Sequence[str]
    whole: Sequence[str]
    links: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Mark:
    """A rectangle of a bar."""

    x: float
    y: float
    width: float
    height: float
    tone: str


@dataclass(frozen=True, slots=True)
class Column:
    """All that stands over one step: what is pointed at, said and followed."""

    x: float
    width: float
    said: str
    link: str
    marks: tuple[Mark, ...] = ()
    dots: tuple[tuple[float, float, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """The same figures in the table."""

    name: str
    link: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture for `parts/chart.html`; places in units of its own box."""

    title: str
    columns: tuple[Column, ...]
    lines: tuple[tuple[str, str], ...]  # points, tone
    ticks: tuple[tuple[float, str], ...]
    labels: tuple[tuple[float, str], ...]
    legend: tuple[tuple[str, str], ...]  # name, tone
    heads: tuple[str, ...]
    rows: tuple[Row, ...]
    is_empty: bool = False
    base: float = HEIGHT - BOTTOM
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    plot_height: int = HEIGHT - TOP - BOTTOM
    foot: int = HEIGHT - 5


@dataclass(frozen=True, slots=True)
class _Scale:
    """Values to places: `low` is at the bottom, `high` on top."""

    low: float
    high: float
    count: int

    def y(self, value: float) -> float:
        return round(TOP + (self.high - value) / (self.high - self.low) * (HEIGHT - TOP - BOTTOM), 2)

    @property
    def pitch(self) -> float:
        return (WIDTH - LEFT - RIGHT) / max(self.count, 1)

    def middle(self, place: int) -> float:
        return round(LEFT + (place + 0.5) * self.pitch, 2)


def bars(title: str, steps: Steps, series: Sequence[Series], shown: Callable[[float], str]) -> Chart:
    """Bars whose parts stand on each other; negative parts hang below zero. `shown` writes a value for people."""
    ups = [sum(max(one.values[place] or 0, 0) for one in series) for place in range(len(steps.short))]
    downs = [sum(min(one.values[place] or 0, 0) for one in series) for place in range(len(steps.short))]
    scale = _scale(min(downs, default=0), max(ups, default=0), len(steps.short))
    marks = [tuple(_stacked(scale, place, series)) for place in range(len(steps.short))]
    return _chart(title, steps, series, shown, scale, [(found, ()) for found in marks], ())


def lines(title: str, steps: Steps, series: Sequence[Series], shown: Callable[[float], str]) -> Chart:
    """A line for each series with a dot at each step; it is broken where a value is not known."""
    known = [value for one in series for value in one.values if value is not None]
    scale = _scale(min([0, *known]), max([0, *known]), len(steps.short))
    dots: list[tuple[tuple[float, float, str], ...]] = []
    for place in range(len(steps.short)):
        here = ((one.values[place], one.tone) for one in series)
        dots.append(tuple((scale.middle(place), scale.y(value), tone) for value, tone in here if value is not None))
    paths = tuple((points, one.tone) for one in series for points in _runs(scale, one.values))
    return _chart(title, steps, series, shown, scale, [((), found) for found in dots], paths)


def _stacked(scale: _Scale, place: int, series: Sequence[Series]) -> Iterator[Mark]:
    width = max(scale.pitch * 0.72, 1.0)
    up = down = 0.0
    for one in series:
        value = one.values[place] or 0
        if not value:
            continue
        start = up if value > 0 else down
        upper, lower = scale.y(max(start, start + value)), scale.y(min(start, start + value))
        yield Mark(
            round(scale.middle(place) - width / 2, 2),
            upper,
            round(width, 2),
            max(round(lower - upper, 2), 0.8),
            one.tone,
        )
        up, down = (up + value, down) if value > 0 else (up, down + value)


def _runs(scale: _Scale, values: Sequence[float | None]) -> Iterator[str]:
    """Points of each unbroken piece of a line."""
    run: list[str] = []
    for place, value in enumerate([*values, None]):
        if value is not None:
            run.append(f"{scale.middle(place)},{scale.y(value)}")
            continue
        if len(run) > 1:
            yield " ".join(run)
        run = []


def _chart(
    title: str,
    steps: Steps,
    series: Sequence[Series],
    shown: Callable[[float], str],
    scale: _Scale,
    drawn: Sequence[tuple[tuple[Mark, ...], tuple[tuple[float, float, str], ...]]],
    paths: tuple[tuple[str, str], ...],
) -> Chart:
    columns, rows = [], []
    for place, whole in enumerate(steps.whole):
        texts = ["–" if one.values[place] is None else shown(one.values[place] or 0) for one in series]
        said = "\n".join([whole, *(f"{one.name}: {text}" for one, text in zip(series, texts, strict=True))])
        marks, dots = drawn[place]
        link = steps.links[place] if steps.links else ""
        columns.append(Column(round(LEFT + place * scale.pitch, 2), round(scale.pitch, 2), said, link, marks, dots))
        rows.append(Row(whole, link, tuple(texts)))
    every = max(math.ceil(len(steps.short) / MOST_LABELS), 1)
    return Chart(
        title,
        tuple(columns),
        paths,
        tuple((scale.y(value), shown(value)) for value in _ticks(scale)),
        tuple((scale.middle(place), text) for place, text in enumerate(steps.short) if place % every == 0),
        tuple((one.name, one.tone) for one in series) if len(series) > 1 else (),
        tuple(one.name for one in series),
        tuple(rows),
        is_empty=not any(value for one in series for value in one.values),
        base=scale.y(0),
    )


def _scale(low: float, high: float, count: int) -> _Scale:
    """Round ends with zero between them."""
    if low == high:
        return _Scale(0, 1, count)
    size = nice(max(high, -low) / 2)
    return _Scale(math.floor(low / size) * size, math.ceil(high / size) * size, count)


def _ticks(scale: _Scale) -> list[float]:
    size = nice(max(scale.high, -scale.low) / 2)
    first, last = round(scale.low / size), round(scale.high / size)
    return [place * size for place in range(first, last + 1)]


def nice(value: float) -> float:
    """The next larger one of 1, 2, 2.5 or 5 times a power of ten; 1 for nothing."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next((step * power for step in (1, 2, 2.5, 5) if step * power >= value * 0.999999), 10 * power)
