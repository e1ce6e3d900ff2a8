"""Balances that fall below what is watched: told once each time, to whom it concerns and who wants it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.core.mail import EmailMessage
from django.utils import timezone
from tests.support.cast import EMAILS, Cast
from tests.support.clients import browser, program
from tests.support.market import make_market

from carillon.base.tenancy import tenant
from carillon.business.billing.models import Account
from carillon.business.notices.actions import tell_of_gateway
from carillon.business.notices.models import Alert, Delivery, LowBalance
from carillon.business.partners.models import Login
from carillon.business.partners.queries import system_actor
from carillon.business.routing.models import Gateway
from carillon.business.support.actions import ReplyData, TicketData, open_ticket, reply_to_ticket
from carillon.jobs.tasks import mail_alert, note_low_balances
from carillon.logic.money import MICRO

pytestmark = pytest.mark.django_db(transaction=True)

AsRole = Callable[[str], AbstractContextManager[None]]
Mails = list[EmailMessage]


def told(as_role: AsRole) -> list[tuple[str, str]]:
    """The worker looks; the alerts that there are since it did so last."""
    known = set(Alert.objects.values_list("pk", flat=True))
    with as_role("worker"):
        note_low_balances(0)
    return [(str(one.partner), one.about) for one in Alert.objects.exclude(pk__in=known).order_by("about")]


def mailed(as_role: AsRole) -> None:
    for key in Alert.objects.filter(mailed_at=None).values_list("pk", flat=True):
        with as_role("worker"):
            mail_alert(key)


def has(units: float, **whose: Any) -> None:
    """So much somebody has left to spend."""
    Account.objects.filter(**whose).update(balance_micro=int(units * MICRO), unposted_micro=0, credit_limit_micro=0)


def watch(client: Any, **data: Any) -> Any:
    answer = client.post("/api/v1/balance-alerts/", data, content_type="application/json")
    assert answer.status_code == 201, answer.content
    return answer.json()


def test_each_fall_is_told_once_and_again_after_a_clear_rise(cast: Cast, as_role: AsRole, mailoutbox: Mails) -> None:
    make_market(cast)
    Login.objects.filter(email=EMAILS["paul"]).update(culture="es")
    paul = program(cast.staff("paul"))
    has(3, customer=cast.dan)
    watch(paul, below_micro=5 * MICRO)
    has(10, customer=cast.acme)
    assert told(as_role) == []  # Dan was low before anybody watched; Acme is not
    has(4, customer=cast.acme)
    fall = ("Northwind Telecom", "Acme Ltd has 4.00 EUR left to spend, less than 5.00 EUR.")
    assert told(as_role) == [fall]
    for units, expected in ((3, []), (5.2, []), (4, []), (6, []), (4, [fall])):
        has(units, customer=cast.acme)
        assert told(as_role) == expected, units
    mailed(as_role)
    assert [(mail.subject, mail.recipients()) for mail in mailoutbox] == [
        ("Saldo bajo: Acme Ltd", [EMAILS["paul"]])
    ] * 2
    assert "A Acme Ltd le quedan 4.00 EUR" in mailoutbox[0].body
    (row,) = paul.get("/api/v1/balance-alerts/").json()["results"]
    assert row["low_now"] == 1  # no money has moved on Dan's account
    assert [one["kind"] for one in paul.get("/api/v1/alerts/").json()["results"]] == ["balance_low"] * 2
    assert browser("paul").get("/notifications/").json()["unread"] == 2
    for stranger in ("petra", "stranger"):
        client = program(cast.staff(stranger))
        assert client.get("/api/v1/alerts/").json()["results"] == []
        assert client.get("/api/v1/balance-alerts/").json()["results"] == []
        assert (
            client.patch(f"/api/v1/balance-alerts/{row['id']}/", {"below_micro": 1}, "application/json").status_code
            == 404
        )


def test_a_partners_own_account_is_told_to_the_partner_and_one_by_name_goes_first(cast: Cast, as_role: AsRole) -> None:
    make_market(cast)
    paul, petra = program(cast.staff("paul")), program(cast.staff("petra"))
    has(100, buyer_partner=cast.fjord)
    has(100, customer=cast.acme)
    watch(petra, covers="own", below_micro=20 * MICRO)
    watch(paul, covers="partners", below_micro=10 * MICRO)
    watch(paul, covers="customers", below_micro=50 * MICRO)
    watch(paul, covers="customers", customer_id=cast.acme.pk, below_micro=5 * MICRO)
    has(40, customer=cast.acme)
    has(15, buyer_partner=cast.fjord)
    ((whom, about),) = told(as_role)
    assert whom == "Fjord Voice" and about.startswith("Your company has 15.00 EUR left to spend with the company")
    has(4, customer=cast.acme)
    has(9, buyer_partner=cast.fjord)
    assert [about.partition(" has")[0] for _whom, about in told(as_role)] == ["Acme Ltd", "Fjord Voice"]
    for wrong in (
        {"covers": "own", "customer_id": cast.acme.pk},
        {"customer_id": cast.charlie.pk},
        {"below_micro": -1},
    ):
        data = {"below_micro": 1, **wrong}
        assert paul.post("/api/v1/balance-alerts/", data, content_type="application/json").status_code == 400, wrong
    olga = program(cast.staff("olga"))
    data = {"covers": "own", "below_micro": 1}
    assert olga.post("/api/v1/balance-alerts/", data, content_type="application/json").status_code == 400


def test_each_person_gets_what_they_have_chosen_and_a_gateway_is_told_once(
    cast: Cast, as_role: AsRole, mailoutbox: Mails
) -> None:
    make_market(cast)
    gateway, system, now = Gateway.objects.all()[0], system_actor(), timezone.now()
    olga = program(cast.staff("olga"))
    choice = {"mailed": ["gateway_down"], "in_bell": ["gateway_up"]}
    assert olga.post("/api/v1/alert-choices/", {}, content_type="application/json").status_code == 400
    assert olga.post("/api/v1/alert-choices/", choice, content_type="application/json").status_code == 201
    assert olga.post("/api/v1/alert-choices/", choice, content_type="application/json").status_code == 400
    for is_up in (False, False, True, True):
        with as_role("worker"), tenant(system):
            tell_of_gateway(system, gateway, is_up=is_up, since=now)
    mailed(as_role)
    assert [mail.subject for mail in mailoutbox] == ["Gateway down: Level Platform"]
    assert f"The gateway {gateway.name} is away since" in mailoutbox[0].body
    (rung,) = browser("olga").get("/notifications/").json()["results"]
    assert rung["text"].startswith(f"The gateway {gateway.name} answers again.")
    stranger = program(cast.staff("stranger"))
    assert stranger.get("/api/v1/alert-choices/").json()["results"] == []


def test_webhooks_hear_of_tickets_on_both_sides_and_of_low_balances(cast: Cast, as_role: AsRole) -> None:
    make_market(cast)
    for name in ("olga", "paul"):
        data = {
            "url": "https://hooks.example.com/x",
            "events": ["ticket.opened", "ticket.replied", "alert.balance_low"],
        }
        answer = program(cast.staff(name)).post("/api/v1/webhooks/", data, content_type="application/json")
        assert answer.status_code == 201
    paul, olga = cast.staff("paul"), cast.staff("olga")
    with tenant(paul):
        ticket = open_ticket(paul, TicketData(subject="No sound", text="Please help"))
    with tenant(olga):
        reply_to_ticket(olga, ticket, ReplyData(text="Soon"))
    has(10, customer=cast.acme)
    watch(program(paul), below_micro=5 * MICRO)
    has(1, customer=cast.acme)
    told(as_role)
    events = Delivery.objects.order_by("pk").values_list("event", "partner__name")
    assert list(events) == [
        ("ticket.opened", "Northwind Telecom"),
        ("ticket.opened", "Level Platform"),
        ("ticket.replied", "Northwind Telecom"),
        ("ticket.replied", "Level Platform"),
        ("alert.balance_low", "Northwind Telecom"),
    ]


def test_a_customer_is_told_of_its_own_once_each_time_in_its_language(
    cast: Cast, as_role: AsRole, mailoutbox: Mails
) -> None:
    make_market(cast)
    paul = program(cast.staff("paul"))
    hook = {"url": "https://hooks.example.com/x", "events": ["customer.balance_low"]}
    assert paul.post("/api/v1/webhooks/", hook, content_type="application/json").status_code == 201
    product = f"/api/v1/web-products/{cast.acme.web_product_id}/"
    own = f"/api/v1/customers/{cast.acme.pk}/"
    for path, amount in ((product, -1), (own, -1)):
        assert paul.patch(path, {"low_balance_micro": amount}, "application/json").status_code == 400
    assert paul.patch(product, {"low_balance_micro": 5 * MICRO}, "application/json").status_code == 200
    answer = paul.patch(own, {"email": "carla@acme.example", "culture": "es-MX"}, "application/json")
    assert answer.status_code == 200, answer.content
    watch(paul, below_micro=8 * MICRO)
    has(10, customer=cast.acme)
    assert told(as_role) == []
    has(4, customer=cast.acme)
    assert len(told(as_role)) == 1  # the partner's own watch
    assert [(mail.subject, mail.recipients()) for mail in mailoutbox] == [
        ("Le quedan 4.00 EUR en Northwind Business", ["carla@acme.example"])
    ]
    for units, mails in ((3, 1), (5.2, 1), (4, 1), (6, 1), (4, 2)):
        has(units, customer=cast.acme)
        told(as_role)
        assert len(mailoutbox) == mails, units
    assert paul.patch(own, {"low_balance_micro": 0}, "application/json").status_code == 200
    for units in (20, 1):
        has(units, customer=cast.acme)
        told(as_role)
    assert len(mailoutbox) == 2  # 0: never
    assert paul.patch(own, {"low_balance_micro": 3 * MICRO, "email": ""}, "application/json").status_code == 200
    told(as_role)
    assert len(mailoutbox) == 2 + bool(cast.alice.email)
    kinds = Delivery.objects.values_list("event", "partner__name")
    assert set(kinds) == {("customer.balance_low", "Northwind Telecom")}
    assert kinds.count() == 3
    assert LowBalance.objects.filter(watch=None).count() == 1
