"""Charts: what stands where."""

from __future__ import annotations

import pytest

from carillon.faces.portal.charts import BOTTOM, HEIGHT, TOP, Series, Steps, bars, lines, nice

STEPS = Steps(["a", "b", "c"], ["step a", "step b", "step c"], ["/a", "/b", "/c"])
FOOT = HEIGHT - BOTTOM


def text(value: float) -> str:
    return f"{value:g}"


def test_parts_of_a_bar_stand_on_each_other() -> None:
    chart = bars("Calls", STEPS, (Series("Answered", "one", [3, 0, 1]), Series("Not", "two", [1, 0, 3])), text)
    lower, upper = chart.columns[0].marks
    assert lower.y + lower.height == pytest.approx(FOOT)
    assert upper.y + upper.height == pytest.approx(lower.y)
    assert upper.y == pytest.approx(TOP)  # four of four
    assert chart.columns[1].marks == ()
    assert chart.columns[2].said == "step c\nAnswered: 1\nNot: 3"
    assert chart.columns[2].link == "/c"
    assert chart.base == FOOT


def test_a_loss_hangs_below_zero() -> None:
    chart = bars("Money", STEPS, (Series("Margin", "one", [2, 0, 0]), Series("Loss", "bad", [0, -2, 0])), text)
    margin, loss = chart.columns[0].marks[0], chart.columns[1].marks[0]
    assert margin.y + margin.height == pytest.approx(chart.base)
    assert loss.y == pytest.approx(chart.base)
    assert loss.y + loss.height == pytest.approx(FOOT)
    assert [said for _, said in chart.ticks] == ["-2", "-1", "0", "1", "2"]


def test_a_line_is_broken_where_nothing_is_known() -> None:
    chart = lines("ASR", STEPS, (Series("ASR", "one", [50, None, 100]),), text)
    assert chart.lines == ()  # no two neighbours
    assert [len(column.dots) for column in chart.columns] == [1, 0, 1]
    assert chart.rows[1].cells == ("–",)


def test_the_table_has_every_figure() -> None:
    chart = bars("Calls", STEPS, (Series("Answered", "one", [3, 0, 1]),), text)
    assert [(row.name, row.link, row.cells) for row in chart.rows] == [
        ("step a", "/a", ("3",)), ("step b", "/b", ("0",)), ("step c", "/c", ("1",)),
    ]  # fmt: skip
    assert chart.legend == ()


def test_nothing_at_all_is_said_so() -> None:
    assert bars("Calls", STEPS, (Series("Answered", "one", [0, 0, 0]),), text).is_empty
    assert bars("Calls", Steps([], []), (Series("Answered", "one", []),), text).is_empty


@pytest.mark.parametrize(
    ("value", "wanted"), [(0, 1), (0.03, 0.05), (1, 1), (1.2, 2), (21, 25), (260, 500), (999, 1000)]
)
def test_axes_end_at_round_numbers(value: float, wanted: float) -> None:
    assert nice(value) == pytest.approx(wanted)
