"""How the person at work reads and types dates and numbers; put up by the gate for each request.

Texts for programs (REST, and files that programs fetch) are written in the plain manner: ISO days, a decimal point.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from carillon.base.errors import InvalidInput
from carillon.business.partners.choices import ColourScheme, DateFormat, NumberFormat


@dataclass(frozen=True, slots=True)
class Manner:
    """What one person has chosen."""

    dates: str = DateFormat.ISO
    numbers: str = NumberFormat.POINT
    colours: str = ColourScheme.SYSTEM


PLAIN = Manner()
DAYS: Mapping[str, str] = {
    DateFormat.ISO: "%Y-%m-%d",
    DateFormat.DAY_FIRST: "%d/%m/%Y",
    DateFormat.MONTH_FIRST: "%m/%d/%Y",
    DateFormat.DOTTED: "%d.%m.%Y",
}
TYPED: Mapping[str, re.Pattern[str]] = {
    DateFormat.DAY_FIRST: re.compile(r"(?P<d>[0-9]{1,2})/(?P<m>[0-9]{1,2})/(?P<y>[0-9]{4})"),
    DateFormat.MONTH_FIRST: re.compile(r"(?P<m>[0-9]{1,2})/(?P<d>[0-9]{1,2})/(?P<y>[0-9]{4})"),
    DateFormat.DOTTED: re.compile(r"(?P<d>[0-9]{1,2})\.(?P<m>[0-9]{1,2})\.(?P<y>[0-9]{4})"),
}
MARKS: Mapping[str, Mapping[int, int | str]] = {
    NumberFormat.POINT: {},
    NumberFormat.COMMA: str.maketrans(",.", ".,"),
    NumberFormat.SPACE: str.maketrans(",.", "\u00a0,"),
}
WITH_COMMA = re.compile(r"[+-]?(?:[0-9]+|[1-9][0-9]{0,2}(?:[.\s][0-9]{3})+)(?:,[0-9]*)?")

_manner: ContextVar[Manner] = ContextVar("carillon_manner", default=PLAIN)


def manner() -> Manner:
    """Return the manner of the person at work; PLAIN when nobody is."""
    return _manner.get()


@contextmanager
def speaking(chosen: Manner) -> Iterator[None]:
    """Write and read dates and numbers in the manner `chosen` inside the block."""
    token = _manner.set(chosen)
    try:
        yield
    finally:
        _manner.reset(token)


def recorded() -> dict[str, str]:
    """Return how the person at work reads and writes, to be kept with work that is done later (`speaking_as`)."""
    own = manner()
    return {
        "language": translation.get_language() or settings.LANGUAGE_CODE,
        "timezone": timezone.get_current_timezone_name(),
        "dates": own.dates,
        "numbers": own.numbers,
    }


def chosen(record: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """Return a record with what somebody has said of a file instead: how its `dates`, `numbers` and `timezone` are.

    Raises:
        InvalidInput: one of them is not known; `fields` names it.
    """
    known = {"dates": DateFormat.values, "numbers": NumberFormat.values, "timezone": available_timezones()}
    told = {name: given[name] for name in known if given.get(name)}
    wrong = {name: _("This is not one of the choices.") for name, value in told.items() if value not in known[name]}
    if wrong:
        raise InvalidInput(fields=wrong)
    return {**record, **told}


def timezone_choices() -> list[tuple[str, str]]:
    """Return all time zones of the IANA database that stand for a place, and UTC, with how they are shown."""
    return [(name, name.replace("_", " ")) for name in sorted(available_timezones()) if "/" in name or name == "UTC"]


@contextmanager
def speaking_as(record: Mapping[str, str]) -> Iterator[None]:
    """Speak inside the block as the person did when it was `recorded`; what it does not say is the platform's own."""
    own = Manner(record.get("dates", PLAIN.dates), record.get("numbers", PLAIN.numbers))
    zone, language = (
        ZoneInfo(record.get("timezone", settings.TIME_ZONE)),
        record.get("language", settings.LANGUAGE_CODE),
    )
    with timezone.override(zone), translation.override(language), speaking(own):
        yield


def number_text(plain: str) -> str:
    """Return a number written with a decimal point (and commas between thousands) as the person reads it."""
    return plain.translate(MARKS[manner().numbers])


def read_number(text: str) -> str:
    """Return a number that the person typed with a decimal point; what is no number in their manner stays as it is.

    Somebody who writes 1.234,56 means 1234 by "1.234"; "0.0125", no number in that manner, stays what it looks like.
    """
    typed = text.strip()
    if manner().numbers == NumberFormat.POINT or not WITH_COMMA.fullmatch(typed):
        return text
    return re.sub(r"[.\s]", "", typed).replace(",", ".")


def has_comma() -> bool:
    """Tell whether the person writes a decimal comma: their files separate values by semicolons."""
    return manner().numbers != NumberFormat.POINT


def day_pattern() -> str:
    """Return the person's way to write days as a pattern of strftime."""
    return DAYS[manner().dates]


def day_text(day: date) -> str:
    """Return a day as the person reads it."""
    return day.strftime(day_pattern())


def moment_text(moment: datetime, clock: str = "%H:%M:%S") -> str:
    """Return an aware moment in the active time zone as the person reads it."""
    return timezone.localtime(moment).strftime(f"{day_pattern()} {clock}")


def day_hint() -> str:
    """Return what an empty field for a day shows: YYYY-MM-DD, DD/MM/YYYY, ..."""
    return day_pattern().replace("%Y", "YYYY").replace("%m", "MM").replace("%d", "DD")


def read_day(text: str) -> str:
    """Return a day, or a day and a time, that the person typed with the day as ISO writes it; the rest stays."""
    pattern = TYPED.get(manner().dates)
    found = pattern.match(text.strip()) if pattern else None
    if found is None:
        return text
    return f"{found['y']}-{int(found['m']):02d}-{int(found['d']):02d}{text.strip()[found.end() :]}"
