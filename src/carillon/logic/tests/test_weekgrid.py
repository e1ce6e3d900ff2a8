from __future__ import annotations

import pytest

from carillon.logic.callflow.feed import Window
from carillon.logic.hours import Hours
from carillon.logic.weekgrid import is_clock, is_day, never_held, week_of

WORKDAYS = ("mon", "tue", "wed", "thu", "fri")
DAYTIME = Window("Day", Hours(WORKDAYS, "08:00", "18:00"))
NIGHT = Window("Night", Hours((), "18:00", "08:00"))
WEEKEND = Window("Weekend", Hours(("sat", "sun")))


def test_the_picture_of_a_week() -> None:
    week = week_of([DAYTIME, WEEKEND, NIGHT, Window("Christmas", dates=("12-25",))])
    assert [week[0][hour] for hour in (0, 7, 8, 17, 18, 23)] == ["Night", "Night", "Day", "Day", "Night", "Night"]
    assert set(week[5]) == set(week[6]) == {"Weekend"}
    assert week_of([]) == [[""] * 24] * 7
    half = week_of([Window("Late", Hours(("mon",), "10:40", "12:20"))])[0]
    assert half[10:13] == ["", "Late", ""]


def test_hours_over_midnight_go_on_from_sunday_to_monday() -> None:
    week = week_of([Window("Party", Hours(("sun",), "22:00", "06:00"))])
    assert [week[6][21], week[6][22], week[0][0], week[0][5], week[0][6]] == ["", "Party", "Party", "Party", ""]


@pytest.mark.parametrize(
    ("windows", "never"),
    [
        ([DAYTIME, WEEKEND, NIGHT], []),
        ([Window("Always"), NIGHT], [("Night", "Always")]),
        ([DAYTIME, NIGHT, WEEKEND, Window("Saturday", Hours(("sat",)))], [("Saturday", "Day, Night, Weekend")]),
        ([DAYTIME, Window("Again", DAYTIME.hours)], [("Again", "Day")]),
        (
            [Window("Holiday", dates=("12-25", "01-01")), Window("Christmas", dates=("12-25",))],
            [("Christmas", "Holiday")],
        ),
        ([Window("Christmas", dates=("12-25",)), Window("Holiday", dates=("12-25", "01-01"))], []),
        ([Window("Holiday", dates=("12-25",)), Window("Eve", Hours((), "22:00", "06:00"), dates=("12-25",))], []),
        ([Window("First", month_days=(1, 2)), Window("Second", month_days=(2,))], [("Second", "First")]),
        ([Window("But", except_dates=("12-25",)), Window("Later", Hours(("mon",)))], []),
        ([Window("Always"), Window("Christmas", dates=("12-25",))], [("Christmas", "Always")]),
    ],
)
def test_windows_that_others_cover_never_hold(windows: list[Window], never: list[tuple[str, str]]) -> None:
    assert never_held(windows) == never


def test_days_and_times_as_people_write_them() -> None:
    assert all(is_day(text) for text in ("2026-12-24", "12-25", "02-29", "2026-12-24/2026-12-26", "12-24/01-06"))
    wrong = ("", "2026-02-29", "13-01", "2026-12-26/2026-12-24", "2026-12-24/12-26", "12-24/", "24.12.2026", "12-25/x")
    assert not any(is_day(text) for text in wrong)
    assert is_clock("00:00") and is_clock("23:59") and not any(map(is_clock, ("24:00", "8:00", "08:60", "0800", "")))
