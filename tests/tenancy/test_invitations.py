"""Invitations of staff: who gets in by them, when they work no longer, and that they tell nobody who signs in here."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from carillon.base.models import AuditEntry
from carillon.base.tenancy import tenant
from carillon.business.partners.models import Membership
from carillon.business.partners.queries import system_actor
from tests.support.cast import EMAILS, PASSWORD, Cast
from tests.support.clients import PORTAL, Script, browser, script

pytestmark = pytest.mark.django_db(transaction=True)

NIA = "nia@northwind.test"
WORDS = "words that nobody knows"


def invite(paul: Script, email: str = NIA, **more: Any) -> tuple[dict[str, Any], str]:
    """Invite somebody; the row, and the address of the page in the mail."""
    row = paul.make("staff/", {"email": email, "name": "Nia", "role": "support", **more})
    return row, link_in(mail.outbox[-1])


def link_in(message: Any) -> str:
    found = re.search(r"http://portal\.localhost:\d+(/accounts/invitation/[\w-]{43}/)", message.body)
    assert found, message.body
    return found[1]


def visitor() -> Client:
    return Client(headers={"host": PORTAL})


def accept(client: Client, link: str, password: str = WORDS) -> Any:
    return client.post(link, {"password1": password, "password2": password})


def sign_in(email: str, password: str) -> Client:
    client = visitor()
    client.post("/accounts/login/", {"login": email, "password": password})
    return client


def is_in(client: Client) -> bool:
    return client.get("/panels/customers/").status_code == 200


def set_memberships(**values: Any) -> None:
    with tenant(system_actor()):
        Membership.objects.filter(login=None).update(**values)


def test_an_invited_person_chooses_a_password_and_is_in(web: Cast) -> None:
    paul = script(web, "paul")
    row, link = invite(paul)
    assert (row["email"], row["is_active"]) == (NIA, False) and row["invited_until"]
    assert (mail.outbox[-1].to, mail.outbox[-1].subject) == ([NIA], "You are invited to Northwind Telecom")
    with tenant(system_actor()):
        kept = Membership.objects.get(pk=row["id"])
        assert link.split("/")[-2] not in f"{kept.invitation} {AuditEntry.objects.values_list('after', 'before')}"
    client = visitor()
    for _ in range(2):  # mail programs look too
        assert NIA in client.get(link).content.decode()
    assert b"too short" in accept(client, link, "short").content
    assert b"same password" in client.post(link, {"password1": WORDS, "password2": "other"}).content
    assert not is_in(client)
    assert accept(client, link).status_code == 302
    assert is_in(client) and is_in(sign_in(NIA, WORDS))
    assert accept(visitor(), link).status_code == 404
    assert client.get(link).status_code == 404
    after = paul("get", f"staff/{row['id']}/")[1]
    assert (after["is_active"], after["invited_until"], after["name"]) == (True, None, "Nia")
    with tenant(system_actor()):
        told = AuditEntry.objects.filter(object_type="partners.membership", object_id=str(row["id"])).order_by("id")
        done = [(one.action.partition(".")[2], one.actor_name) for one in told]
    by_paul = f"{EMAILS['paul']} (script)"
    assert done == [("invite", by_paul), ("send_invitation", by_paul), ("accept", NIA)]


def test_a_link_ends_when_it_is_replaced_over_or_withdrawn(web: Cast) -> None:
    paul = script(web, "paul")
    row, first = invite(paul)
    again = f"staff/{row['id']}/invite-again/"
    assert paul("post", again)[0] == 409  # a minute must pass
    assert script(web, "stranger")("post", again)[0] == 404
    soon = timedelta(minutes=2)
    with tenant(system_actor()):
        until = Membership.objects.get(pk=row["id"]).invited_until
    assert until is not None
    set_memberships(invited_until=until - soon)
    assert paul("post", again)[0] == 200
    second = link_in(mail.outbox[-1])
    assert (visitor().get(first).status_code, visitor().get(second).status_code) == (404, 200)
    set_memberships(invited_until=until - timedelta(days=8))
    assert b"works no longer" in accept(visitor(), second).content
    assert paul("get", f"staff/{row['id']}/")[1]["invited_until"]  # it is seen that it is over
    paul("post", again)
    third = link_in(mail.outbox[-1])
    assert paul("delete", f"staff/{row['id']}/")[0] == 204
    assert accept(visitor(), third).status_code == 404
    assert not is_in(sign_in(NIA, WORDS))
    for nonsense in ("x", "a" * 43, "%00"):
        assert visitor().get(f"/accounts/invitation/{nonsense}/").status_code == 404
    _, fourth = invite(paul)
    assert Client(headers={"host": "northwind.localhost"}).get(fourth).status_code == 404
    assert accept(visitor(), fourth).status_code == 302
    (row_of_nia,) = [one for one in paul("get", "staff/")[1]["results"] if one["email"] == NIA]
    assert paul("post", f"staff/{row_of_nia['id']}/invite-again/")[0] == 409


def test_who_signs_in_elsewhere_already_joins_and_nobody_was_told_so_before(web: Cast) -> None:
    """Another company's person and somebody unknown look the same to whoever invites them."""
    paul, email = script(web, "paul"), EMAILS["stranger"]
    unknown, _ = invite(paul)
    known, link = invite(paul, email)
    differs = {name for name in known if known[name] != unknown[name]}
    assert differs <= {"id", "email", "invited_until"}
    twice = [paul("post", "staff/", {"email": one, "name": "Nia", "role": "support"}) for one in (NIA, email)]
    assert twice[0] == twice[1] and twice[0][0] == 400
    client = visitor()
    assert b"with the same password" in client.get(link).content
    assert client.post(link)["Location"] == "/accounts/login/"
    assert not is_in(client)  # the link alone signs nobody in
    person = sign_in(email, PASSWORD)
    assert is_in(person) and b"Northwind Telecom" in person.get("/accounts/places/").content
    row = f"staff/{known['id']}/"
    assert (paul("get", row)[1]["email"], paul("get", row)[1]["is_active"]) == (email, True)
    assert paul("patch", row, {"password": "one that paul knows"})[0] == 400
    assert paul("patch", row, {"is_active": False})[0] == 400
    assert paul("post", f"{row}reset-second-factors/", {"reason": "x"})[0] == 409
    assert paul("patch", row, {"role": "reader", "name": "N."})[1]["role"] == "reader"
    assert paul("delete", row)[0] == 204
    assert b"Northwind" not in sign_in(email, PASSWORD).get("/accounts/places/").content


def test_the_second_factor_that_is_asked_for_comes_before_everything_else(web: Cast) -> None:
    _, link = invite(script(web, "paul"))
    script(web, "olga")("patch", f"partners/{web.northwind.pk}/", {"second_factor": "required"})
    client = visitor()
    accept(client, link)
    assert client.get("/panels/customers/")["Location"] == "/accounts/2fa/"


def test_staff_is_added_and_invited_again_in_the_portal(web: Cast) -> None:
    paul = browser("paul")
    form = paul.get("/panels/staff/add/").content.decode()
    assert "f-password" not in form and "f-email" in form
    given = {"email": NIA, "name": "Nia", "role": "reader"}
    assert paul.post("/panels/staff/add/", given, headers={"hx-request": "true"}).status_code == 204
    (message,) = mail.outbox
    assert visitor().get(link_in(message)).status_code == 200
    rows = paul.get("/panels/staff/rows/", headers={"accept": "application/json"}).json()["rows"]
    assert [row["email"] for row in rows if "invite-again" not in row["_without"]] == [NIA]
