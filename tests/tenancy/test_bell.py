"""Notifications: what concerns the person, from both sides of a ticket, read once and never anybody else's."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from carillon.base.models import Mention, Note
from carillon.base.tenancy import realm_scope, tenant
from carillon.business.notices.models import Alert
from carillon.business.partners.models import Membership
from carillon.business.partners.queries import system_actor
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


def test_a_role_that_may_not_see_it_is_not_told(web: Cast) -> None:
    happen(web)
    with tenant(system_actor()):
        Membership.objects.filter(login__email=EMAILS["paul"]).update(role="sales")
    assert not [text for text, _is_read in bell(browser("paul")) if text.startswith("Alice")]
