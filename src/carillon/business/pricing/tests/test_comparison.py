"""What a version changes against the one before it, and approval by a second person."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from tests.support.cast import Cast

from carillon.base.actor import Actor
from carillon.base.errors import InvalidInput, NotFound, NotPermitted
from carillon.base.tenancy import tenant
from carillon.business.pricing.actions import (
    Approval,
    ImportOptions,
    PriceListData,
    RateData,
    VersionData,
    add_rate,
    approve_version,
    create_price_list,
    create_version,
    import_rates,
    update_price_list,
)
from carillon.business.pricing.comparison import compare_version, is_compared
from carillon.business.pricing.errors import SecondPersonNeeded
from carillon.business.pricing.models import PriceList, PriceListVersion, RateChange

pytestmark = pytest.mark.django_db

HEAD = b"prefix,name,rate,connection fee,initial,increment\n"
OLD = HEAD + b"44,UK,0.02,0,1,1\n447,UK mobile,0.08,0,1,1\n33,France,0.03,0,1,1\n1,USA,0.01,0.05,1,1\n49,DE,0,0,1,1\n"
NEW = HEAD + b"44,UK,0.03,0,1,1\n447,Mobile,0.06,0,1,1\n34,Spain,0.02,0,1,1\n1,USA,0.02,0.01,1,1\n49,DE,0,0,60,60\n"


def a_list(actor: Actor, *, four_eyes: bool = False) -> PriceList:
    return create_price_list(actor, PriceListData(name="Sale", currency="EUR", needs_second_person=four_eyes))


def a_draft(actor: Actor, price_list: PriceList, content: bytes) -> PriceListVersion:
    version = create_version(actor, VersionData(price_list_id=price_list.pk))
    import_rates(actor, version, content, ImportOptions())
    version.refresh_from_db()
    return version


def found(version: PriceListVersion) -> dict[str, tuple[str, Decimal]]:
    return {change.prefix: (change.kind, change.percent) for change in RateChange.objects.filter(version=version)}


def test_an_import_says_what_is_new_gone_dearer_and_cheaper(cast: Cast) -> None:
    paul = cast.staff("paul")
    with tenant(paul):
        price_list = a_list(paul)
        first = approve_version(paul, a_draft(paul, price_list, OLD))
        assert first.changes == {"new": 5} and found(first) == {}
        draft = a_draft(paul, price_list, NEW)
        assert draft.compared_with == first
        assert draft.changes == {"new": 1, "gone": 1, "dearer": 1, "cheaper": 1, "other": 2}
        assert found(draft) == {
            "34": ("new", Decimal(0)),
            "33": ("gone", Decimal(0)),
            "44": ("dearer", Decimal(50)),
            "447": ("cheaper", Decimal(-25)),
            "1": ("other", Decimal(100)),
            "49": ("other", Decimal(0)),
        }


def test_limits_steps_and_windows_count_too(cast: Cast) -> None:
    head = HEAD.rstrip() + b",grace,minimum,maximum,steps\n"
    old = head + b"1,A,1,0,1,1,0,0,,\n2,B,1,0,1,1,3,0,5,\n3,C,1,0,1,1,0,0,,\n4,D,1,0,1,1,0,0,,\n"
    new = head + b"1,A,1,0,1,1,0,0.5,,\n2,B,1,0,1,1,3,0,4,\n3,C,2,0,1,1,0,0,,60:1/1\n4,D,1,0,1,1,9,1,,\n"
    paul = cast.staff("paul")
    with tenant(paul):
        price_list = a_list(paul)
        approve_version(paul, a_draft(paul, price_list, old))
        draft = a_draft(paul, price_list, new)
        kinds = {change.prefix: change.kind for change in RateChange.objects.filter(version=draft)}
        assert kinds == {"1": "dearer", "2": "cheaper", "3": "other", "4": "other"}
        least = RateChange.objects.get(version=draft, prefix="1")
        assert (least.was_further, least.further) == ("0\t0\t\t\t", "0\t0.5\t\t\t")
        stepped = RateChange.objects.get(version=draft, prefix="3")
        assert stepped.further == "0\t0\t\t60:1/1\t"


def test_a_draft_that_was_changed_since_is_not_compared(cast: Cast) -> None:
    paul = cast.staff("paul")
    with tenant(paul):
        draft = a_draft(paul, a_list(paul), OLD)
        assert is_compared(draft)
        add_rate(paul, RateData(version_id=draft.pk, prefix="34", name="Spain", per_minute=Decimal(1)))
        draft.refresh_from_db()
        assert not is_compared(draft)
        compared = compare_version(paul, draft)
        assert compared.changes == {"new": 6} and is_compared(compared)


def test_another_version_that_was_approved_meanwhile_asks_for_a_new_comparison(cast: Cast) -> None:
    paul = cast.staff("paul")
    with tenant(paul):
        price_list = a_list(paul)
        one, other = a_draft(paul, price_list, OLD), a_draft(paul, price_list, NEW)
        approve_version(paul, one)
        PriceListVersion.objects.filter(pk=other.pk).update(effective_from=timezone.now())
        other.refresh_from_db()
        assert not is_compared(other)
        approved = approve_version(paul, other)
        assert is_compared(approved) and approved.changes["dearer"] == 1


def test_strangers_and_people_without_the_permission_do_not_compare(cast: Cast) -> None:
    paul, stranger = cast.staff("paul"), cast.staff("stranger")
    with tenant(paul):
        draft = a_draft(paul, a_list(paul), OLD)
    with tenant(stranger), pytest.raises(NotFound):
        compare_version(stranger, draft)
    seller = replace(paul, permissions=frozenset({"costs.*"}))
    with tenant(seller), pytest.raises(NotPermitted):
        compare_version(seller, draft)


def test_with_four_eyes_nobody_approves_what_they_have_written(cast: Cast) -> None:
    paul, other = cast.staff("paul"), replace(cast.staff("paul"), login_id=77, name="Second Person")
    with tenant(paul):
        price_list = a_list(paul, four_eyes=True)
        draft = a_draft(paul, price_list, OLD)
        disguised = replace(other, impersonators=("Somebody", paul.name))
        for actor in (paul, disguised):
            with pytest.raises(SecondPersonNeeded):
                approve_version(actor, draft)
        off = PriceListData(name="Sale", currency="EUR")
        with pytest.raises(SecondPersonNeeded):
            update_price_list(paul, price_list, off)
        assert approve_version(other, draft).state == "approved"
        assert update_price_list(paul, price_list, off).needs_second_person is False


def test_the_approval_may_set_another_date(cast: Cast) -> None:
    paul = cast.staff("paul")
    with tenant(paul):
        draft = a_draft(paul, a_list(paul), OLD)
        with pytest.raises(InvalidInput):
            approve_version(paul, draft, Approval(effective_from=timezone.now() - timedelta(days=1)))
        later = timezone.now() + timedelta(days=7)
        assert approve_version(paul, draft, Approval(effective_from=later)).effective_from == later
