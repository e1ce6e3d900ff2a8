"""Time windows, holiday calendars and destination groups: what is refused, and what an approved version keeps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from tests.support.cast import Cast
from tests.support.market import published_prices

from carillon.base.actor import Actor
from carillon.base.errors import Conflict, InvalidInput, NotFound
from carillon.base.tenancy import tenant
from carillon.business.pricing.actions import (
    ImportOptions,
    PriceListData,
    RateData,
    RatesRefused,
    VersionData,
    add_rate,
    approve_version,
    create_price_list,
    create_version,
    import_rates,
    update_price_list,
    update_rate,
)
from carillon.business.pricing.choices import NumberSet, Weekday
from carillon.business.pricing.errors import VersionApproved
from carillon.business.pricing.groups import (
    GroupData,
    NumbersData,
    add_numbers,
    add_prefixes,
    create_group,
    members,
    remove_group,
    update_group,
)
from carillon.business.pricing.holidays import (
    CalendarData,
    HolidayData,
    add_holiday,
    create_calendar,
    remove_calendar,
    remove_holiday,
)
from carillon.business.pricing.markup import RuleData, add_rule
from carillon.business.pricing.models import Holiday, PriceListVersion, PriceWindow, Rate
from carillon.business.pricing.windows import WindowData, add_window, remove_window, update_window
from carillon.logic.callflow.feed import Step, WindowPrice

pytestmark = pytest.mark.django_db

LIST = PriceListData(name="Retail", currency="EUR", timezone="Europe/London", is_split=True, is_fee_deductible=True)


FULL = RateData(
    version_id=0,
    prefix="44",
    name="UK",
    per_minute=Decimal("0.03"),
    grace_s=3,
    minimum=Decimal("0.01"),
    maximum=Decimal("2.5"),
    steps="1200:0.01/60 600:0.020/1",
    windows="Holiday=0+0.02 60/60; Night=0.05+0.01 1/1 600:0.005/1",
)
WRONG_WINDOWS: tuple[tuple[dict[str, Any], str, str], ...] = (
    ({"name": "a=b"}, "name", "none of = ;"),
    ({"name": "Night", "position": 9}, "name", "of this name already"),
    ({"position": 1}, "position", "has this place already"),
    ({"begins": "8:00"}, "begins", "as 18:00"),
    ({"begins": "", "ends": "08:00"}, "ends", "Give both"),
    ({"begins": "08:00"}, "ends", "Leave both empty"),
    ({"month_days": (0, 32)}, "month_days", "1 to 31"),
    ({"dates": ("2026-12-26/2026-12-24",)}, "dates", "in order"),
    ({"except_dates": ("24.12.",)}, "except_dates", "no day"),
    ({"calendar_ids": (999_999,)}, "calendar_ids", "There is no"),
)
WRONG_PRICES: tuple[tuple[dict[str, Any], str, str], ...] = (
    ({"windows": "Noon=0+1 1/1"}, "windows", "this version has: Night, Late"),
    ({"windows": "Night=0+1 1/1; Night=0+2 1/1"}, "windows", "two prices"),
    ({"windows": "Night=1"}, "windows", "no list of window prices"),
    ({"windows": "Night=0+1 0/1"}, "windows", "1 to 3600"),
    ({"windows": "Night=0+1001 1/1"}, "windows", "absurd"),
    ({"steps": "600:1/0"}, "steps", "1 to 3600"),
    ({"steps": "0:1/1"}, "steps", "second 1 to"),
    ({"steps": "60:1/1 60:2/1"}, "steps", "same second"),
    ({"steps": "600:-1/1"}, "steps", "no list of steps"),
    ({"steps": "600:0.123456789/1"}, "steps", "8 decimals"),
    ({"maximum": Decimal(1), "minimum": Decimal(2)}, "maximum", "below the least"),
    ({"minimum": Decimal(-1)}, "minimum", "zero or more"),
    ({"grace_s": 3601}, "grace_s", "0 to 3600"),
    ({"increment_s": 0}, "increment_s", "1 to 3600"),
)


@contextmanager
def refusing(reason: str) -> Iterator[None]:
    """What is done inside is refused, with a field's sentence or one for all that says `reason`."""
    with pytest.raises(InvalidInput) as refused:
        yield
    assert reason in " ".join([*refused.value.fields.values(), refused.value.detail])


def a_draft(actor: Actor) -> PriceListVersion:
    return create_version(actor, VersionData(price_list_id=create_price_list(actor, LIST).pk))


def night(version: PriceListVersion) -> WindowData:
    return WindowData(version_id=version.pk, name="Night", begins="18:00", ends="08:00")


def test_an_approved_version_keeps_its_rules_windows_and_holidays(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        draft = a_draft(paul)
        calendar = create_calendar(paul, CalendarData(name="England", country="GB"))
        add_window(paul, night(draft))
        holiday = WindowData(
            version_id=draft.pk, name="Holiday", position=3, dates=("12-24",), calendar_ids=(calendar.pk,)
        )
        add_window(paul, holiday)
        stored = add_rate(paul, replace(FULL, version_id=draft.pk))
        assert (stored.steps, stored.windows) == ("600:0.02/1 1200:0.01/60", FULL.windows)
        with refusing("holiday calendar that has no days"):
            approve_version(paul, draft)
        christmas = add_holiday(paul, HolidayData(calendar_id=calendar.pk, date="12-25", name="Christmas"))
        with pytest.raises(Conflict, match="Windows of a draft"):
            remove_calendar(paul, calendar)
        approve_version(paul, draft)
        remove_holiday(paul, christmas)
        remove_calendar(paul, calendar)
        update_price_list(paul, draft.price_list, replace(LIST, decimals=2, is_split=False, timezone="UTC"))
        with pytest.raises(VersionApproved):
            update_window(paul, PriceWindow.objects.filter(version=draft)[0], night(draft))
        check_published(draft)
        copy = create_version(paul, VersionData(price_list_id=draft.price_list_id, copies_version_id=draft.pk))
        assert list(PriceWindow.objects.filter(version=copy).values_list("name", flat=True)) == ["Night", "Holiday"]
        assert Rate.objects.get(version=copy).windows == FULL.windows
        empty = create_version(paul, VersionData(price_list_id=draft.price_list_id))
        assert PriceWindow.objects.filter(version=empty).count() == 2 and empty.rate_count == 0


def check_published(version: PriceListVersion) -> None:
    """The call path has the version as it was approved."""
    found = published_prices().version_at(version.price_list_id, 2**42)
    assert found is not None
    assert (found.tariff.decimals, found.tariff.is_split, found.tariff.is_fee_deductible) == (6, True, True)
    assert [window.name for window in found.tariff.windows] == ["Night", "Holiday"]
    assert {window.hours.timezone for window in found.tariff.windows} == {"Europe/London"}
    assert found.tariff.windows[1].dates == ("12-24", "12-25")
    line = found.rates.longest("+442071234567")
    assert line is not None
    assert (line.grace_s, line.minimum, line.maximum) == (3, Decimal("0.01"), Decimal("2.5"))
    assert line.steps == (Step(600, Decimal("0.02"), 1), Step(1200, Decimal("0.01"), 60))
    step = Step(600, Decimal("0.005"), 1)
    assert line.windows[1] == WindowPrice("Night", Decimal("0.05"), Decimal("0.01"), 1, 1, (step,))


def test_windows_that_make_no_sense_are_refused_with_the_reason(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        draft = a_draft(paul)
        first = add_window(paul, night(draft))
        for change, field, reason in WRONG_WINDOWS:
            with pytest.raises(InvalidInput) as refused:
                add_window(paul, replace(night(draft), **{"name": "Other", **change}))
            assert reason in refused.value.fields[field], change
        late = replace(night(draft), name="Late", begins="22:00", ends="23:00", weekdays=(Weekday.FRIDAY,))
        add_window(paul, late)
        rate = RateData(version_id=draft.pk, prefix="44", name="UK", per_minute=Decimal(1))
        line = add_rate(paul, rate)
        for further, field, reason in WRONG_PRICES:
            with pytest.raises(InvalidInput) as refused:
                update_rate(paul, line, replace(rate, **further))
            assert reason in refused.value.fields[field], further
        update_rate(paul, line, replace(rate, windows="Night=0+1 1/1"))
        with pytest.raises(Conflict, match="keeps its name"):
            update_window(paul, first, replace(night(draft), name="Evening"))
        with pytest.raises(Conflict, match="take those away first"):
            remove_window(paul, first)
        with refusing("“Late” never holds, because Night comes before it"):
            approve_version(paul, draft)
        update_window(paul, first, replace(night(draft), position=5))
        approve_version(paul, draft)


def test_destination_groups_are_named_by_rules_and_files(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        group = create_group(paul, GroupData(name="UK mobile", prefixes="+4477, 4478\n4479"))
        assert members(group) == ["4477", "4478", "4479"] and group.prefix_count == 3
        assert members(add_prefixes(paul, group, ["4474"])) == ["4474", "4477", "4478", "4479"]
        assert members(update_group(paul, group, GroupData(name="UK mobile", prefixes="447 4479"))) == ["447", "4479"]
        spain = add_numbers(paul, create_group(paul, GroupData(name="ES")), NumbersData(country="ES"))
        assert {"346", "3474"} <= set(members(spain)) and spain.prefix_count == len(members(spain))
        for prefixes in ("44x", "0044", "1" * 16):
            with refusing("is not a prefix"):
                create_group(paul, GroupData(name="Wrong", prefixes=prefixes))
        with refusing("no country"):
            add_numbers(paul, group, NumbersData(country="XX"))
        with refusing("tells no such numbers"):
            add_numbers(paul, group, NumbersData(country="AD", kind=NumberSet.VOIP))
        draft = a_draft(paul)
        add_rule(paul, RuleData(price_list_id=draft.price_list_id, group_id=group.pk, percent=Decimal(10)))
        with pytest.raises(Conflict, match="go by this group"):
            remove_group(paul, group)
        import_rates(paul, draft, b"group,rate\nuk Mobile,0.05\n", ImportOptions())
        rates = Rate.objects.filter(version=draft).values_list("prefix", "name", "per_minute")
        assert set(rates) == {("447", "uk Mobile", Decimal("0.05")), ("4479", "uk Mobile", Decimal("0.05"))}
        with pytest.raises(RatesRefused, match="1 errors"):
            import_rates(paul, draft, b"group,rate\nnowhere,0.05\n", ImportOptions())
        remove_group(paul, spain)
    with tenant(cast.staff("stranger")) as stranger, pytest.raises(NotFound):
        update_group(stranger, group, GroupData(name="Mine"))


def test_days_of_a_calendar_are_days(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        calendar = create_calendar(paul, CalendarData(name="England", country="GB"))
        for date in ("2026-04-03", "12-25", "2026-12-24/2026-12-26"):
            add_holiday(paul, HolidayData(calendar_id=calendar.pk, date=date))
        for date, reason in (("25.12.2026", "no day"), ("2026-02-30", "no day"), ("12-25", "already")):
            with refusing(reason):
                add_holiday(paul, HolidayData(calendar_id=calendar.pk, date=date))
        with pytest.raises(InvalidInput):
            create_calendar(paul, CalendarData(name="Nowhere", country="XX"))
        remove_calendar(paul, calendar)
        assert not Holiday.objects.filter(calendar_id=calendar.pk).exists()
