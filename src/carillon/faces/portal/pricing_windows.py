"""Time windows of versions, holiday calendars, and the rows in which prices of windows and steps are edited."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from carillon.base.actor import Actor
from carillon.business.pricing import holidays, queries, terms, windows
from carillon.business.pricing.choices import VersionState, Weekday
from carillon.business.pricing.models import Holiday, HolidayCalendar, PriceListVersion, PriceWindow
from carillon.faces.portal.pricing_words import Words, needing
from carillon.logic.callflow.feed import Window
from carillon.logic.pricetext import MAX_STEPS_TEXT, MAX_WINDOWS_TEXT, PriceTextError, plain, steps_of, windows_of
from carillon.logic.weekgrid import is_dated, week_of
from carillon.panels.declaration import Column, Field, Filter, Link, Panel, Rows

MOST_CHOICES = 200
TONES = 8  # colours of windows in the picture of a week


# ---------------------------------------------------------------- prices of windows and steps, row by row


def split_steps(text: str) -> list[tuple[str, ...]]:
    """The cells of steps: from which second, price, increment."""
    try:
        return [(str(step.from_s), plain(step.per_minute), str(step.increment_s)) for step in steps_of(text)]
    except PriceTextError:
        return []


def join_steps(rows: list[tuple[str, ...]]) -> str:
    """The text of steps."""
    return " ".join(f"{from_s}:{price}/{increment or 1}" for from_s, price, increment in rows)


def split_windows(text: str) -> list[tuple[str, ...]]:
    """The cells of prices of windows: window, from which second, fee, price, first interval, increment."""
    rows: list[tuple[str, ...]] = []
    try:
        prices = windows_of(text)
    except PriceTextError:
        return rows
    for price in prices:
        own = plain(price.connection_fee), plain(price.per_minute), str(price.initial_s), str(price.increment_s)
        rows.append((price.window, "", *own))
        rows += [
            (price.window, str(step.from_s), "", plain(step.per_minute), "", str(step.increment_s))
            for step in price.steps
        ]
    return rows


def join_windows(rows: list[tuple[str, ...]]) -> str:
    """The text of prices of windows; a step goes to its window's price, wherever that stands."""
    prices: list[str] = []
    steps: dict[str, str] = {}
    for window, from_s, fee, price, initial, increment in rows:
        if from_s.strip("0"):
            steps[window] = f"{steps.get(window, '')} {from_s}:{price}/{increment or 1}"
        else:
            prices.append(f"{window}={fee or 0}+{price} {initial or 1}/{increment or 1}")
    whole = [text + steps.pop(text.partition("=")[0], "") for text in prices]
    alone = (f"{window}=?{text}" for window, text in steps.items())  # no price: refused and named by the action
    return "; ".join([*whole, *alone])


STEP_ROWS = Rows(
    columns=(
        ("from_s", _("From second")),
        ("per_minute", _("Rate")),
        ("increment_s", _("Intervals (s)")),
    ),
    split=split_steps,
    join=join_steps,
    numbers=frozenset({"per_minute"}),
)
WINDOW_ROWS = Rows(
    columns=(
        ("window", _("Window")),
        ("from_s", _("From second")),
        ("connection_fee", _("Fee")),
        ("per_minute", _("Rate")),
        ("initial_s", _("First (s)")),
        ("increment_s", _("Next (s)")),
    ),
    split=split_windows,
    join=join_windows,
    numbers=frozenset({"connection_fee", "per_minute"}),
)
PRICE_FIELDS = (
    Field(
        "steps",
        _("Steps inside a call"),
        kind="rows",
        rows=STEP_ROWS,
        max_length=MAX_STEPS_TEXT,
        section=_("Steps and windows"),
        help=_("From that second of a call on, another rate and interval. In REST: 600:0.01/1 1200:0.005/60."),
    ),
    Field(
        "windows",
        _("Prices in time windows"),
        kind="rows",
        rows=WINDOW_ROWS,
        max_length=MAX_WINDOWS_TEXT,
        section=_("Steps and windows"),
        help=_(
            "In place of fee, rate and intervals while a window of the version holds; with a second, a step inside "
            "that window. In REST: Night=0+0.01 60/1 600:0.005/1; Weekend=0+0.02 1/1."
        ),
    ),
)


# ---------------------------------------------------------------- what a version's page shows


def week_picture(version: PriceListVersion) -> Mapping[str, Any]:
    """What the version's page needs for its windows: the week in colours, and those that hold on some days only."""
    tariff = terms.tariff_of(version)
    tones = {window.name: place % TONES + 1 for place, window in enumerate(tariff.windows)}
    week = week_of(tariff.windows)
    days = [
        (day.label, [(name, tones.get(name, 0), hour) for hour, name in enumerate(hours)])
        for day, hours in zip(Weekday, week, strict=True)
    ]
    is_draft = version.state == VersionState.DRAFT
    return {
        "windows": [(tones[window.name], window, days_text(window), is_dated(window)) for window in tariff.windows],
        "week": days if tariff.windows else [],
        "hours": range(24),
        "tariff": tariff,
        "window_problems": windows.window_problems(version) if is_draft else [],
    }


def days_text(window: Window) -> str:
    """On which days of month and year a window holds, as it is written."""
    parts = [", ".join(f"{day}." for day in window.month_days), ", ".join(window.dates)]
    parts += [f"– {', '.join(window.except_dates)}"] if window.except_dates else []
    return "; ".join(filter(None, parts))


# ---------------------------------------------------------------- panels


def calendar_choices(actor: Actor) -> list[tuple[int, str]]:
    """The holiday calendars that the actor sees."""
    rows = queries.calendars_of(actor).order_by("name", "id")[:MOST_CHOICES]
    return [(row.pk, f"{row.name} ({row.partner})" if row.partner_id != actor.partner_id else row.name) for row in rows]


def clock(window: PriceWindow) -> str:
    """From when to when it holds on its days."""
    return f"{window.begins}–{window.ends}" if window.begins else "–"


def weekdays(window: PriceWindow) -> str:
    """On which days of the week it holds."""
    return ", ".join(str(day.label)[:3] for day in Weekday if day.value in window.weekdays)


def dates(window: PriceWindow) -> str:
    """On which other days it holds, and on which it does not."""
    parts = [f"{day}." for day in window.month_days] + window.dates + [f"– {day}" for day in window.except_dates]
    return ", ".join(parts)


def window_values(window: PriceWindow) -> Mapping[str, Any]:
    """What the form of a window starts with."""
    names = (
        *("version_id", "name", "position", "weekdays", "begins", "ends", "month_days", "dates", "except_dates"),
        *("calendar_ids", "except_calendar_ids"),
    )
    found = {name: getattr(window, name) for name in names}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()}


WINDOW_FIELDS = (
    Field("name", _("Name"), max_length=40, help=_("Rates and files name the window by it.")),
    Field("position", _("Place"), minimum=1, maximum=1000, help=_("Of several that hold, the first one counts.")),
    Field("weekdays", _("Days of the week"), section=_("When"), choices=Weekday.choices, help=_("None: every day.")),
    Field("begins", _("From"), max_length=5, placeholder="18:00", section=_("When")),
    Field(
        "ends",
        _("Until"),
        max_length=5,
        placeholder="08:00",
        section=_("When"),
        help=_("Earlier than its beginning: on the next day. Both empty: the whole day."),
    ),
    Field("month_days", _("Days of the month"), section=_("Days"), placeholder="1, 15, 31"),
    Field(
        "dates",
        _("Only on"),
        section=_("Days"),
        placeholder="2026-12-24, 12-25, 12-27/01-05",
        help=_("Days or spans; without a year they come every year."),
    ),
    Field("calendar_ids", _("Only on days of calendars"), section=_("Days"), choices=calendar_choices),
    Field("except_dates", _("Not on"), section=_("Days")),
    Field("except_calendar_ids", _("Not on days of calendars"), section=_("Days"), choices=calendar_choices),
)


WINDOW_COLUMNS = (
    Column("position", _("Place"), kind="integer", width=60),
    Column("name", _("Name"), width=120, grow=2),
    Column("weekdays_text", _("Days of the week"), value=weekdays, width=150, in_api=False),
    Column("clock", _("Hours"), value=clock, width=95, in_api=False),
    Column("dates_text", _("Other days"), value=dates, width=160, grow=2, in_api=False),
    Column("price_list", _("List"), value="version.price_list.name", width=120),
    Column("version", _("Version"), kind="integer", value="version.number", width=70),
)
WINDOW_API = (
    Column("version_id", _("Version"), kind="integer"),
    Column("weekdays", _("Days of the week"), kind="list"),
    Column("begins", _("From")),
    Column("ends", _("Until")),
    Column("month_days", _("Days of the month"), kind="list"),
    Column("dates", _("Only on"), kind="list"),
    Column("except_dates", _("Not on"), kind="list"),
    Column("calendar_ids", _("Only on days of calendars"), kind="list"),
    Column("except_calendar_ids", _("Not on days of calendars"), kind="list"),
    Column("timezone", _("Time zone"), value="version.price_list.timezone"),
)


def windows_panel(words: Words) -> Panel:
    """The panel of windows, reached from a version."""
    return Panel(
        slug=words.windows,
        title=words.windows_title,
        name=_("time window"),
        section="",
        icon="calendar",
        permission=words.permission,
        model=PriceWindow,
        rows=lambda actor: queries.windows_of(actor).filter(version__price_list__purpose=words.purpose),
        columns=WINDOW_COLUMNS,
        api=WINDOW_API,
        filters=(
            Filter("name", _("Name"), lookup="istartswith"),
            Filter("version_id", _("Version"), kind="integer"),
            Filter("price_list_id", _("List"), kind="integer", field="version__price_list_id"),
        ),
        order=("position", "-id"),
        data=windows.WindowData,
        fields=(Field("version_id", _("Version (a draft)"), lookup=words.versions, only="create"), *WINDOW_FIELDS),
        initial=window_values,
        create=needing(words, windows.add_window),
        update=needing(words, windows.update_window),
        remove=needing(words, windows.remove_window),
        help=_(
            "When some prices of a version differ, by the time zone of its list. A rate has a price for a window or "
            "not: of the windows that hold, the first one that it has a price for counts, else its own price. New "
            "drafts begin with the windows of the newest version."
        ),
        empty=_("Add a window such as Night, then give rates a price for it."),
    )


CALENDARS = Panel(
    slug="holiday-calendars",
    title=_("Holiday calendars"),
    name=_("holiday calendar"),
    section="settings",
    icon="calendar",
    permission="price_lists",
    model=HolidayCalendar,
    rows=queries.calendars_of,
    columns=(
        Column("name", _("Name"), width=200, grow=2),
        Column("country", _("Country"), width=80),
        Column("day_count", _("Days"), kind="integer", width=80),
        Column("partner", _("Partner"), value="partner.name", width=160),
    ),
    api=(Column("partner_id", _("Partner"), kind="integer"), Column("created_at", _("Created"), kind="datetime")),
    filters=(Filter("name", _("Name"), lookup="istartswith"), Filter("country", _("Country"))),
    order=("name", "-id"),
    data=holidays.CalendarData,
    fields=(
        Field("name", _("Name"), max_length=100),
        Field("country", _("Country"), max_length=2, placeholder="GB"),
        Field(
            "partner_id", _("Partner"), lookup="partners", only="create", help=_("Leave empty for your own company.")
        ),
    ),
    create=holidays.create_calendar,
    update=holidays.update_calendar,
    remove=holidays.remove_calendar,
    links=(Link(_("Days"), "holidays", {"calendar_id": "id"}, icon="calendar"),),
    help=_(
        "Days on which prices differ, such as the bank holidays of a country. Time windows of price lists name a "
        "calendar; when a version is approved it takes the days as they are then."
    ),
    empty=_("Add a calendar, then its days: one by one or from a file."),
)
HOLIDAYS = Panel(
    slug="holidays",
    title=_("Holidays"),
    name=_("holiday"),
    section="",
    icon="calendar",
    permission="price_lists",
    model=Holiday,
    rows=queries.holidays_of,
    columns=(
        Column("date", _("Day"), width=180),
        Column("name", _("Name"), width=200, grow=2),
        Column("calendar", _("Calendar"), value="calendar.name", width=180),
    ),
    api=(Column("calendar_id", _("Calendar"), kind="integer"),),
    filters=(
        Filter("date", _("Day"), lookup="startswith"),
        Filter("name", _("Name"), lookup="istartswith"),
        Filter("calendar_id", _("Calendar"), kind="integer"),
    ),
    order=("date", "-id"),
    data=holidays.HolidayData,
    fields=(
        Field("calendar_id", _("Calendar"), lookup="holiday-calendars", only="create"),
        Field(
            "date",
            _("Day"),
            max_length=21,
            placeholder="2026-12-25",
            help=_("A day, a span 2026-12-24/2026-12-26, or without a year one that comes every year: 12-25."),
        ),
        Field("name", _("Name"), max_length=100),
    ),
    create=holidays.add_holiday,
    update=holidays.update_holiday,
    remove=holidays.remove_holiday,
    help=_("Easter and other days that move are entered year by year; a file of days is imported from this grid."),
    empty=_("Add days, or import a file with the columns calendar, day and name."),
)
PANELS = (CALENDARS, HOLIDAYS)
