"""The time windows of a draft: in order, by weekdays, hours, days of the month, dates and holiday calendars."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from carillon.base.actor import Actor
from carillon.base.changes import action, audited
from carillon.base.errors import Conflict, InvalidInput
from carillon.base.places import Faults
from carillon.base.rows import check_values, locked, named, once
from carillon.business.pricing.choices import Weekday
from carillon.business.pricing.drafts import draft_of
from carillon.business.pricing.models import Holiday, HolidayCalendar, PriceListVersion, PriceWindow, Rate
from carillon.business.pricing.terms import windows_of
from carillon.logic.pricetext import MAX_WINDOW_NAME, is_window_name
from carillon.logic.weekgrid import is_clock, is_day, never_held

MOST_WINDOWS = 20
MOST_DATES = 200
CLASHES = {
    "window_name_once_per_version": ("name", _lazy("This version has a window of this name already.")),
    "window_position_once_per_version": (
        "position",
        _lazy("Another window of this version has this place already: the first one that holds is asked."),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowData:
    """A window of a draft; see `carillon.logic.callflow.feed.Window`. `version_id` stays.

    `position`: place in the order, None: the last one. `calendar_ids`: holiday calendars whose days are in, beside
    `dates`; `except_calendar_ids`: those whose days are out.
    """

    version_id: int
    name: str
    position: int | None = None
    weekdays: tuple[Weekday, ...] = ()
    begins: str = ""
    ends: str = ""
    month_days: tuple[int, ...] = ()
    dates: tuple[str, ...] = ()
    except_dates: tuple[str, ...] = ()
    calendar_ids: tuple[int, ...] = ()
    except_calendar_ids: tuple[int, ...] = ()


@action("price_lists.change", "costs.change")
def add_window(actor: Actor, data: WindowData) -> PriceWindow:
    """Add a window to a draft.

    Raises:
        VersionApproved, VersionNotDraft: it is no draft. InvalidInput: a value breaks a rule, the name or the place is
        taken, or there are too many.
    """
    version = draft_of(actor, named(PriceListVersion.objects, actor, data.version_id, "version_id").pk)
    rows = PriceWindow.objects.filter(version=version)
    faults = Faults()
    faults.unless(
        rows.count() < MOST_WINDOWS, "version_id", _("A version has at most %(most)s windows.") % {"most": MOST_WINDOWS}
    )
    faults.stop()
    window = PriceWindow(version=version, partner_id=version.partner_id)
    last = rows.order_by("-position").first()
    with once(CLASHES), audited(actor, window, "add"):
        _fill(actor, window, data, (last.position if last else 0) + 1)
        window.save(force_insert=True)
    return window


@action("price_lists.change", "costs.change")
def update_window(actor: Actor, window: PriceWindow, data: WindowData) -> PriceWindow:
    """Change a window of a draft.

    Raises:
        InvalidInput: like `add_window`. Conflict: another name while rates have prices for the window. NotFound
    """
    draft_of(actor, window.version_id)
    window = locked(PriceWindow.objects, actor, window.pk)
    with once(CLASHES), audited(actor, window, "update"):
        if data.name.strip() != window.name and rates_with(window).exists():
            raise Conflict(_("Rates have a price for this window: it keeps its name."))
        _fill(actor, window, data, window.position)
        window.save()
    return window


@action("price_lists.change", "costs.change")
def remove_window(actor: Actor, window: PriceWindow) -> None:
    """Remove a window from a draft.

    Raises:
        Conflict: rates have prices for it. VersionApproved, VersionNotDraft, NotFound
    """
    draft_of(actor, window.version_id)
    window = locked(PriceWindow.objects, actor, window.pk)
    if rates_with(window).exists():
        raise Conflict(_("Rates have a price for this window: take those away first."))
    with audited(actor, window, "remove"):
        window.delete()


def rates_with(window: PriceWindow) -> QuerySet[Rate]:
    """Return the rates that have a price for a window; one query."""
    begins = Q(windows__startswith=f"{window.name}=") | Q(windows__contains=f"; {window.name}=")
    return Rate.objects.filter(begins, version=window.version_id)


def window_names(version_id: int) -> tuple[str, ...]:
    """Return the names of a version's windows in order; one query."""
    return tuple(PriceWindow.objects.filter(version=version_id).order_by("position").values_list("name", flat=True))


def copy_windows(source: PriceListVersion, target: PriceListVersion) -> None:
    """Give a new draft the windows of another version of its list; two queries."""
    rows = list(PriceWindow.objects.filter(version=source).order_by("position"))
    for row in rows:
        row.pk, row.version, row._state.adding = None, target, True
    PriceWindow.objects.bulk_create(rows)


def check_windows(version: PriceListVersion) -> None:
    """Hold the windows of a version against each other, before it is approved.

    Raises:
        InvalidInput: a window that can never hold, or one that goes by a calendar without days.

    Cost: four queries.
    """
    for problem in window_problems(version):
        raise InvalidInput(problem)


def window_problems(version: PriceListVersion) -> list[str]:
    """Return, as sentences, what keeps the windows of a version from making sense; four queries."""
    rows = list(PriceWindow.objects.filter(version=version).order_by("position"))
    wanted = {one for row in rows for one in (*row.calendar_ids, *row.except_calendar_ids)}
    filled = set(Holiday.objects.filter(calendar_id__in=wanted).values_list("calendar_id", flat=True))
    found = [
        _("Window “%(name)s” goes by a holiday calendar that has no days or is gone.") % {"name": row.name}
        for row in rows
        if not filled.issuperset({*row.calendar_ids, *row.except_calendar_ids})
    ]
    return found + [
        _("Window “%(name)s” never holds, because %(before)s comes before it: put it further up or remove it.")
        % {"name": name, "before": before}
        for name, before in never_held(windows_of(version))
    ]


# ---------------------------------------------------------------- values


def _fill(actor: Actor, window: PriceWindow, data: WindowData, position: int) -> None:
    faults = Faults()
    name, begins, ends = data.name.strip(), data.begins.strip(), data.ends.strip()
    faults.unless(
        is_window_name(name),
        "name",
        _("A name has 1 to %(most)s characters, none of = ; | and \\.") % {"most": MAX_WINDOW_NAME},
    )
    for field, text in (("begins", begins), ("ends", ends)):
        faults.unless(not text or is_clock(text), field, _("Write a time as 18:00."))
    faults.unless(bool(begins) == bool(ends), "ends", _("Give both, or neither for the whole day."))
    faults.unless(begins != ends or not begins, "ends", _("Leave both empty for the whole day."))
    faults.unless(
        all(1 <= day <= 31 for day in data.month_days), "month_days", _("Days of the month are 1 to 31.")
    )  # fmt: skip
    for field, days in (("dates", data.dates), ("except_dates", data.except_dates)):
        _check_days(faults, field, days)
    for field, ids in (("calendar_ids", data.calendar_ids), ("except_calendar_ids", data.except_calendar_ids)):
        for one in ids:
            calendar = named(HolidayCalendar.objects, actor, one, field)
            is_ours = calendar.partner_id == window.partner_id
            faults.unless(is_ours, field, _("This calendar is another partner's."))
    faults.stop()
    window.position = data.position or position
    window.name, window.begins, window.ends = name, begins, ends
    window.weekdays = [day.value for day in Weekday if day in data.weekdays]
    window.month_days = sorted(set(data.month_days))
    window.dates, window.except_dates = sorted(set(data.dates)), sorted(set(data.except_dates))
    window.calendar_ids = sorted(set(data.calendar_ids))
    window.except_calendar_ids = sorted(set(data.except_calendar_ids))
    check_values(window)


def _check_days(faults: Faults, field: str, days: Iterable[str]) -> None:
    written = list(days)
    faults.unless(len(written) <= MOST_DATES, field, _("At most %(most)s days; use a calendar.") % {"most": MOST_DATES})
    wrong = next((day for day in written if not is_day(day)), None)
    faults.unless(
        wrong is None,
        field,
        _("“%(date)s” is no day: write 2026-12-24, every year 12-25, or a span 2026-12-24/2026-12-26 in order.")
        % {"date": (wrong or "")[:30]},
    )
