"""Filters by days: a day is what it is in the reader's time zone, also where clocks change, and an index serves it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from carillon.business.partners.models import Partner
from carillon.panels.filtering import FromDay, UntilDay

pytestmark = pytest.mark.django_db

CLOCKS_CHANGE = date(2026, 10, 25)  # 25 hours in London
MOMENTS = {
    "before": datetime(2026, 10, 24, 22, 59, 59, 999999, tzinfo=UTC),
    "first": datetime(2026, 10, 24, 23, 0, tzinfo=UTC),
    "last": datetime(2026, 10, 25, 23, 59, 59, 999999, tzinfo=UTC),
    "after": datetime(2026, 10, 26, 0, 0, tzinfo=UTC),
}


@pytest.fixture
def partners(db: None) -> None:
    partner = None
    for name, at in MOMENTS.items():
        partner = Partner.objects.create(parent=partner, name=name, country="GB", currency="EUR")
        Partner.objects.filter(pk=partner.pk).update(created_at=at)


def found(since: date | None, until: date | None) -> list[str]:
    rows = FromDay(field_name="created_at").filter(Partner.objects.filter(name__in=MOMENTS), since)
    rows = UntilDay(field_name="created_at").filter(rows, until)
    return list(rows.order_by("created_at").values_list("name", flat=True))


@pytest.mark.usefixtures("partners")
def test_a_day_is_the_readers_own() -> None:
    with timezone.override(ZoneInfo("Europe/London")):
        assert found(CLOCKS_CHANGE, CLOCKS_CHANGE) == ["first", "last"]
        assert found(CLOCKS_CHANGE, None) == ["first", "last", "after"]
        assert found(None, CLOCKS_CHANGE) == ["before", "first", "last"]
    with timezone.override(UTC):
        assert found(CLOCKS_CHANGE, CLOCKS_CHANGE) == ["last"]


@pytest.mark.usefixtures("partners")
@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Niue"])
def test_the_calendars_ends_are_days_like_others(zone: str) -> None:
    with timezone.override(ZoneInfo(zone)):
        assert found(date.min, date.max) == list(MOMENTS)
        assert found(date.max, None) == found(None, date.min) == []
