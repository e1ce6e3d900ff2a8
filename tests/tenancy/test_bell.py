"""Notifications: what concerns the person, from both sides of a ticket, read once and never anybody else's."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from carillon.base.models import Job, Mention, Note
from carillon.base.tenancy import realm_scope, tenant
from carillon.business.notices.models import Alert
from carillon.business.partners.models import Membership
from carillon.business.partners.queries import system_actor
from carillon.business.pricing.models import PriceList, PriceListVersion, PriceTrial
from carillon.business.support.actions import ReplyData, TicketData, open_ticket, reply_to_ticket
from tests.support.cast import EMAILS, Cast
from tests.support.clients import browser

pytestmark = pytest.mark.django_db(transaction=True)


def bell(client: Client) -> list[tuple[str, bool]]:
    found: dict[str, Any] = client.get("/notifications/").json()
    assert found["unread"] == sum(not one["is_read"] for one in found["results"])
    return [(one["text"], one["is_read"]) for one in found["results"]]


def happen(web: Cast) -> None:
    """A ticket of Paul's that Olga answers, a mention of Paul, an alert of Northwind's."""
    with realm_scope(0):
        paul, olga = web.staff("paul"), web.staff("olga")
    with tenant(paul):
        ticket = open_ticket(paul, TicketData(subject="No sound", text="Please help"))
    with tenant(olga):
        reply_to_ticket(olga, ticket, ReplyData(text="Soon"))
    with tenant(system_actor()):
        about = {"object_type": "customers.customer", "object_id": str(web.acme.pk)}
        note = Note.objects.create(partner_id=web.northwind.pk, author_name="Nina", text="@Paul look", **about)
        named = {"panel": "customers", "object_id": str(web.acme.pk), "object_name": "Acme Ltd"}
        Mention.objects.create(partner_id=web.northwind.pk, note=note, login_id=paul.login_id or 0, **named)
        Alert.objects.create(
            partner=web.northwind, kind="emergency", customer=web.acme, about="Alice called 112.", since=timezone.now()
        )


def test_each_person_is_told_what_concerns_them_and_reads_it_once(web: Cast) -> None:
    happen(web)
    paul, olga = browser("paul"), browser("olga")
    assert [text for text, _is_read in bell(paul)] == [
        "Alice called 112.",
        "Nina mentioned you in a note: Acme Ltd",
        *(text for text, _is_read in bell(paul) if text.startswith("Olga wrote in #")),
    ]
    assert len(bell(paul)) == 3
    assert [text.partition("#")[0] for text, _is_read in bell(olga)] == ["Paul wrote in "]
    for name in ("petra", "stranger"):
        assert bell(browser(name)) == []
    key = paul.get("/notifications/").json()["results"][0]["key"]
    assert paul.post("/notifications/read/", {"key": key}).status_code == 204
    assert [is_read for _text, is_read in bell(paul)] == [True, False, False]
    assert paul.post("/api/v1/notifications/").status_code == 204
    assert paul.get("/api/v1/notifications/").json()["unread"] == 0
    assert [is_read for _text, is_read in bell(olga)] == [False]


def test_who_has_started_work_is_told_when_it_has_ended_and_nobody_else(web: Cast) -> None:
    with realm_scope(0):
        login_id = web.staff("paul").login_id or 0
    now = timezone.now()
    with tenant(system_actor()):
        common = {"partner_id": web.northwind.pk, "login_id": login_id, "kind": "import", "panel": "users"}
        Job.objects.create(name="done.csv", state="done", created=7, changed=2, ended_at=now, **common)
        Job.objects.create(name="bad.csv", state="failed", detail="Line 3 is wrong.", ended_at=now, **common)
        Job.objects.create(name="try.csv", state="draft", is_rehearsal=True, created=4, wrong=1, ended_at=now, **common)
        Job.objects.create(name="going.csv", state="running", **common)
        Job.objects.create(name="stopped.csv", state="cancelled", ended_at=now, **common)
        prices = PriceList.objects.create(partner=web.northwind, name="Retail", currency="EUR", purpose="sale")
        version = PriceListVersion.objects.create(
            partner=web.northwind, price_list=prices, number=1, effective_from=now
        )
        asked = {"version": version, "since": now, "until": now, "currency": "EUR", "login_id": login_id}
        PriceTrial.objects.create(partner=web.northwind, state="done", calls=12, finished_at=now, **asked)
    paul = browser("paul")
    assert sorted(text for text, _is_read in bell(paul)) == [
        f"What if, {version}: 12 calls charged again",
        "bad.csv failed. Line 3 is wrong.",
        "done.csv: 7 rows added, 2 changed, 0 wrong",
        "try.csv was tried: 4 rows would be added, 0 changed, 1 are wrong",
    ]
    for one in paul.get("/notifications/").json()["results"]:
        if one["kind"] != "tried":  # there is no file in this world
            assert paul.get(one["address"]).status_code == 200, one
    for name in ("olga", "petra", "stranger"):
        assert bell(browser(name)) == []


def test_a_role_that_may_not_see_it_is_not_told(web: Cast) -> None:
    happen(web)
    with tenant(system_actor()):
        Membership.objects.filter(login__email=EMAILS["paul"]).update(role="sales")
    assert not [text for text, _is_read in bell(browser("paul")) if text.startswith("Alice")]
