"""Hours of the week in which a route holds: by the clock of a time zone, also over midnight. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Hours:
    """From `begins` to `ends` ("HH:MM", "" both: the whole day) on `weekdays` (none: every day).

    When `ends` is not later than `begins` they go on into the next day: from Friday 18:00 to 08:00 is until Saturday.
    When clocks change, what counts is what the clock on the wall shows.
    """

    weekdays: tuple[str, ...] = ()
    begins: str = ""
    ends: str = ""
    timezone: str = "UTC"


ALWAYS: Final = Hours()


def is_within(hours: Hours, at_ms: int) -> bool:
    """Whether the moment (Unix epoch) is in the hours; their beginning is, their end is not."""
    local = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(ZoneInfo(hours.timezone))
    clock = f"{local:%H:%M}"
    if not hours.begins or hours.begins < hours.ends:
        return is_on(hours, local) and (not hours.begins or hours.begins <= clock < hours.ends)
    began_today = clock >= hours.begins and is_on(hours, local)
    return began_today or (clock < hours.ends and is_on(hours, local - timedelta(days=1)))


def is_on(hours: Hours, day: date) -> bool:
    """Whether the hours hold on that day of the week."""
    return not hours.weekdays or WEEKDAYS[day.weekday()] in hours.weekdays


def hours_text(hours: Hours) -> str:
    """The hours in English: "mon tue 18:00-08:00 Europe/London"."""
    clock = f"{hours.begins}-{hours.ends}" if hours.begins else "all day"
    return " ".join((*(hours.weekdays or ("every day",)), clock, hours.timezone))
