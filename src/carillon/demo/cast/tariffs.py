"""What tariffs of Northwind could say next: holidays, destination groups, and a draft with time windows and steps."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

from carillon.base.actor import Actor
from carillon.business.pricing.actions import RateData, VersionData, create_version, update_rate
from carillon.business.pricing.choices import NumberSet, Weekday
from carillon.business.pricing.groups import GroupData, NumbersData, add_numbers, create_group
from carillon.business.pricing.holidays import CalendarData, HolidayData, add_holiday, create_calendar
from carillon.business.pricing.models import DestinationGroup, HolidayCalendar, PriceList, PriceListVersion, Rate
from carillon.business.pricing.windows import WindowData, add_window
from carillon.demo.cast.owner import own_partner

CALENDAR = "England and Wales"
HOLIDAYS = (
    ("01-01", "New Year's Day"),
    ("2027-03-26", "Good Friday"),
    ("2027-03-29", "Easter Monday"),
    ("12-25/12-26", "Christmas"),
)
MOBILES, LANDLINES = "UK mobiles", "Landlines, UK and EU"
GROUPS = {  # by country and kind
    MOBILES: (("GB", NumberSet.MOBILE),),
    LANDLINES: (("GB", NumberSet.FIXED), ("FR", NumberSet.FIXED)),
}
LIST = "Residential"
PRICES = "Night=0+0.02 1/1; Weekend=0+0.015 60/60 600:0.01/60; Holiday=0+0.01 60/60"


def load_tariffs(actor: Actor, made: Counter[str]) -> None:
    """Holidays, groups and a draft of the residential list; nothing that calls are charged by changes."""
    calendars = HolidayCalendar.objects.visible_to(actor)
    if calendars.filter(partner_id=own_partner(actor), name=CALENDAR).exists():
        return
    calendar = create_calendar(actor, CalendarData(name=CALENDAR, country="GB"))
    for date, name in HOLIDAYS:
        add_holiday(actor, HolidayData(calendar_id=calendar.pk, date=date, name=name))
    held = PriceList.objects.visible_to(actor).get(partner_id=own_partner(actor), name=LIST)
    newest = PriceListVersion.objects.filter(price_list=held).latest("number")
    draft = create_version(
        actor, VersionData(price_list_id=held.pk, copies_version_id=newest.pk, note="Off-peak prices from next month")
    )
    _windows(actor, draft, calendar)
    for rate in Rate.objects.filter(version=draft):
        _price(actor, rate)
    made["tariffs"] += 1


def groups(actor: Actor) -> dict[str, int]:
    """The ids of the groups of destinations, by name; made when they are not there."""
    mine = DestinationGroup.objects.visible_to(actor).filter(partner_id=own_partner(actor))
    found = dict(mine.filter(name__in=GROUPS).values_list("name", "pk"))
    for name in GROUPS.keys() - found.keys():
        group = create_group(actor, GroupData(name=name))
        for country, kind in GROUPS[name]:
            group = add_numbers(actor, group, NumbersData(country=country, kind=kind))
        found[name] = group.pk
    return found


def _windows(actor: Actor, draft: PriceListVersion, calendar: HolidayCalendar) -> None:
    holiday = WindowData(version_id=draft.pk, name="Holiday", calendar_ids=(calendar.pk,))
    weekend = WindowData(version_id=draft.pk, name="Weekend", weekdays=(Weekday.SATURDAY, Weekday.SUNDAY))
    night = WindowData(version_id=draft.pk, name="Night", begins="19:00", ends="07:00")
    for window in (holiday, weekend, night):
        add_window(actor, window)


def _price(actor: Actor, rate: Rate) -> None:
    data = RateData(
        version_id=rate.version_id,
        prefix=rate.prefix,
        name=rate.name,
        per_minute=rate.per_minute,
        connection_fee=rate.connection_fee,
        initial_s=rate.initial_s,
        increment_s=rate.increment_s,
        minimum=Decimal("0.01"),
        maximum=Decimal(2),
        windows=PRICES,
    )
    update_rate(actor, rate, data)
