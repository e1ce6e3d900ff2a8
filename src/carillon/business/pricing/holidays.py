"""Holiday calendars: named days for the windows of price lists. Easter and the like are just dates."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from carillon.base.actor import Actor
from carillon.base.changes import action, audited
from carillon.base.errors import Conflict
from carillon.base.places import Faults
from carillon.base.rows import check_values, locked, named, once
from carillon.business.partners.queries import chosen_partner
from carillon.business.pricing.choices import VersionState
from carillon.business.pricing.models import Holiday, HolidayCalendar, PriceWindow
from carillon.logic.weekgrid import is_day

MOST_DAYS = 1000  # of a calendar
NAME_TAKEN = {"calendar_name_once_per_partner": ("name", _lazy("There is a calendar of this name already."))}
DAY_TAKEN = {"holiday_once_per_calendar": ("date", _lazy("This day is in the calendar already."))}


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarData:
    """A calendar; `country` ISO 3166-1 alpha-2 or "" for none in particular. `partner_id` stays."""

    name: str
    country: str = ""
    partner_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HolidayData:
    """A day, as `carillon.logic.weekgrid.is_day` knows days; `calendar_id` stays."""

    calendar_id: int
    date: str
    name: str = ""


@action("price_lists.add")
def create_calendar(actor: Actor, data: CalendarData) -> HolidayCalendar:
    """Create a calendar without days.

    Raises:
        InvalidInput: no such country, or the partner has a calendar of that name.
    """
    calendar = HolidayCalendar(partner=chosen_partner(actor, data.partner_id))
    with once(NAME_TAKEN), audited(actor, calendar, "create"):
        _fill_calendar(calendar, data)
        calendar.save(force_insert=True)
    return calendar


@action("price_lists.change")
def update_calendar(actor: Actor, calendar: HolidayCalendar, data: CalendarData) -> HolidayCalendar:
    """Change a calendar's name and country. Raises like `create_calendar`, NotFound."""
    calendar = locked(HolidayCalendar.objects, actor, calendar.pk)
    with once(NAME_TAKEN), audited(actor, calendar, "update"):
        _fill_calendar(calendar, data)
        calendar.save()
    return calendar


@action("price_lists.change")
def remove_calendar(actor: Actor, calendar: HolidayCalendar) -> None:
    """Remove a calendar with its days; approved versions have their days written out and keep them.

    Raises:
        Conflict: windows of a draft go by it. NotFound
    """
    calendar = locked(HolidayCalendar.objects, actor, calendar.pk)
    drafts = PriceWindow.objects.filter(version__state=VersionState.DRAFT)
    used = drafts.filter(calendar_ids__contains=[calendar.pk])
    used |= drafts.filter(except_calendar_ids__contains=[calendar.pk])
    if used.exists():
        raise Conflict(_("Windows of a draft go by this calendar: change those first."))
    with audited(actor, calendar, "remove"):
        calendar.delete()


@action("price_lists.change")
def add_holiday(actor: Actor, data: HolidayData) -> Holiday:
    """Put a day into a calendar; versions approved from now on know it.

    Raises:
        InvalidInput: no such calendar, no day, a day that is there already, or too many.
    """
    calendar = named(HolidayCalendar.objects, actor, data.calendar_id, "calendar_id")
    faults = Faults()
    is_room = Holiday.objects.filter(calendar=calendar).count() < MOST_DAYS
    faults.unless(is_room, "calendar_id", _("A calendar has at most %(most)s days.") % {"most": MOST_DAYS})
    faults.stop()
    holiday = Holiday(calendar=calendar, partner_id=calendar.partner_id)
    with once(DAY_TAKEN), audited(actor, holiday, "add"):
        _fill_holiday(holiday, data)
        holiday.save(force_insert=True)
    return holiday


@action("price_lists.change")
def update_holiday(actor: Actor, holiday: Holiday, data: HolidayData) -> Holiday:
    """Change a day; approved versions keep what they have. Raises like `add_holiday`, NotFound."""
    holiday = locked(Holiday.objects, actor, holiday.pk)
    with once(DAY_TAKEN), audited(actor, holiday, "update"):
        _fill_holiday(holiday, data)
        holiday.save()
    return holiday


@action("price_lists.change")
def remove_holiday(actor: Actor, holiday: Holiday) -> None:
    """Take a day out of its calendar; approved versions keep it. Raises NotFound."""
    holiday = locked(Holiday.objects, actor, holiday.pk)
    with audited(actor, holiday, "remove"):
        holiday.delete()


def _fill_calendar(calendar: HolidayCalendar, data: CalendarData) -> None:
    faults = Faults()
    if data.country:
        faults.country(data.country)
    faults.stop()
    calendar.name, calendar.country = data.name.strip(), data.country
    check_values(calendar)


def _fill_holiday(holiday: Holiday, data: HolidayData) -> None:
    date, faults = data.date.strip(), Faults()
    faults.unless(
        is_day(date),
        "date",
        _("“%(date)s” is no day: write 2026-12-24, every year 12-25, or a span 2026-12-24/2026-12-26 in order.")
        % {"date": date[:30]},
    )
    faults.stop()
    holiday.date, holiday.name = date, data.name.strip()
    check_values(holiday)
