"""Customers hear of new prices in time, and that they do not come after all."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from django.core.mail import EmailMessage
from django.utils import timezone
from tests.support.cast import Cast

from carillon.base.actor import Actor
from carillon.base.errors import InvalidInput
from carillon.base.tenancy import tenant
from carillon.business.customers.models import Customer
from carillon.business.notices.bell import notifications_of
from carillon.business.notices.models import Alert
from carillon.business.notices.queries import alerts_of
from carillon.business.partners.models import Login
from carillon.business.partners.queries import system_actor
from carillon.business.pricing.actions import (
    Approval,
    ImportOptions,
    PriceListData,
    VersionData,
    approve_version,
    create_price_list,
    create_version,
    import_rates,
    withdraw_version,
)
from carillon.business.pricing.assignments import AssignmentData, assign_price_list
from carillon.business.pricing.models import PriceList, PriceListVersion
from carillon.jobs.tasks import announce_prices, mail_alert

pytestmark = pytest.mark.django_db(transaction=True)

HEAD = b"prefix,name,rate,initial,increment\n"
OLD = HEAD + b"44,UK,0.02,1,1\n33,France,0.03,1,1\n"
DEARER = HEAD + b"44,UK,0.03,1,1\n33,France,0.03,1,1\n34,Spain,0.05,1,1\n"
CHEAPER = HEAD + b"44,UK,0.01,1,1\n33,France,0.03,1,1\n34,Spain,0.05,1,1\n"


def a_draft(actor: Actor, price_list: PriceList, content: bytes) -> PriceListVersion:
    version = create_version(actor, VersionData(price_list_id=price_list.pk))
    import_rates(actor, version, content, ImportOptions())
    version.refresh_from_db()
    return version


def a_list(actor: Actor, name: str, notice_days: int | None = None) -> PriceList:
    price_list = create_price_list(actor, PriceListData(name=name, currency="EUR", notice_days=notice_days))
    approve_version(actor, a_draft(actor, price_list, OLD))
    return price_list


def test_prices_rise_no_sooner_than_customers_have_heard_of_it(
    cast: Cast, as_role: Callable[[str], AbstractContextManager[None]], mailoutbox: list[EmailMessage]
) -> None:
    def told(version: PriceListVersion) -> list[str]:
        before = len(mailoutbox)
        with as_role("worker"):
            announce_prices(version.pk)
        return [f"{mail.recipients()[0]} {mail.subject}" for mail in mailoutbox[before:]]

    Customer.objects.filter(pk=cast.dan.pk).update(email="dan@dan.example", culture="es")
    Customer.objects.filter(pk=cast.acme.pk).update(email="carla@acme.example")
    with tenant(cast.staff("paul")) as paul:
        price_list = a_list(paul, "Retail", notice_days=30)
        assign_price_list(paul, AssignmentData(price_list_id=price_list.pk))
        assign_price_list(paul, AssignmentData(price_list_id=a_list(paul, "Acme's own").pk, customer_id=cast.acme.pk))
        draft = a_draft(paul, price_list, DEARER)
        with pytest.raises(InvalidInput) as refused:
            approve_version(paul, draft)
        assert "customers hear of it 30 days before" in str(refused.value.fields["effective_from"])
        later = Approval(effective_from=timezone.now() + timedelta(days=31))
        version = approve_version(paul, draft, later)
    when = f"{version.effective_from:%Y-%m-%d %H:%M} UTC"
    (dans,) = told(version)
    assert dans.startswith("dan@dan.example Precios nuevos en") and when in dans
    assert "1 destinos cuestan más, 0 menos, 1 son nuevos" in mailoutbox[-1].body
    assert "+44 UK: 0.02 > 0.03 EUR" in mailoutbox[-1].body
    assert told(version) == []  # once
    with tenant(cast.staff("paul")) as paul:
        withdraw_version(paul, version)
    (stay,) = told(version)
    assert stay.startswith("dan@dan.example Los precios de")
    assert told(version) == []
    with tenant(cast.staff("paul")) as paul:
        at_once = approve_version(paul, a_draft(paul, price_list, CHEAPER))
    assert len(told(at_once)) == 1


def test_sub_partners_hear_of_the_prices_that_they_pay(
    cast: Cast, as_role: Callable[[str], AbstractContextManager[None]], mailoutbox: list[EmailMessage]
) -> None:
    def told(version: PriceListVersion) -> list[Alert]:
        with as_role("worker"):
            announce_prices(version.pk)
            with tenant(system_actor()):
                waiting = list(Alert.objects.filter(mailed_at=None).values_list("pk", flat=True))
            for key in waiting:
                mail_alert(key)
        with tenant(cast.staff("petra")) as petra:
            seen = {one.object_id for one in notifications_of(petra) if one.kind == "alert"}
            found = list(alerts_of(petra).order_by("pk"))
        assert {str(alert.pk) for alert in found} == seen
        return found

    Login.objects.filter(memberships__partner=cast.fjord).update(culture="es")
    with tenant(cast.staff("paul")) as paul:
        price_list = a_list(paul, "To Fjord", notice_days=7)
        assign_price_list(paul, AssignmentData(price_list_id=price_list.pk, buyer_partner_id=cast.fjord.pk))
        later = Approval(effective_from=timezone.now() + timedelta(days=8))
        version = approve_version(paul, a_draft(paul, price_list, DEARER), later)
    (alert,) = told(version)
    assert (alert.kind, alert.partner_id) == ("prices", cast.fjord.pk)
    assert "by new prices of “To Fjord”: 1 destinations cost more, 0 less, 1 are new" in alert.about
    mail = mailoutbox[-1]
    assert mail.recipients() == ["petra@fjord.test"]
    assert "por los precios nuevos de «To Fjord»" in mail.body and "+44 UK: 0.02 > 0.03 EUR" in mail.body
    assert len(told(version)) == 1 and len(mailoutbox) == 1  # once, and no customer of Northwind's pays by it
    with tenant(cast.staff("paul")) as paul:
        withdraw_version(paul, version)
    assert [alert.kind for alert in told(version)] == ["prices", "prices_stay"]
    assert "no llegan" in mailoutbox[-1].body
    with tenant(cast.staff("stranger")) as stranger:
        assert not alerts_of(stranger).exists()
