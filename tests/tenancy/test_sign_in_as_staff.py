"""Acting as staff of a partner below: who may, what it gives, that everybody is named, and the way back."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client

from carillon.base.actor import Actor
from carillon.base.models import AuditEntry
from carillon.base.tenancy import tenant
from carillon.business.partners.models import Membership
from carillon.business.partners.queries import system_actor
from tests.support.cast import EMAILS, PASSWORD, Cast
from tests.support.clients import PORTAL, script

pytestmark = pytest.mark.django_db(transaction=True)

OLGA, PAUL, PETRA = EMAILS["olga"], EMAILS["paul"], EMAILS["petra"]


def sign_in(email: str, address: str = "127.0.0.1") -> Client:
    client = Client(headers={"host": PORTAL}, REMOTE_ADDR=address)
    assert client.post("/accounts/login/", {"login": email, "password": PASSWORD}).status_code == 302
    return client


def ask(client: Client, partner_id: int, reason: str = "Asked by telephone", panel: str = "partners") -> Any:
    return client.post(
        f"/panels/{panel}/{partner_id}/do/sign-in-as/", {"reason": reason}, headers={"hx-request": "true"}
    )


def go(client: Client, answer: Any) -> None:
    """Follow the ticket in the same browser, at the same hostname."""
    assert answer.status_code == 204, answer.content
    there = client.get(answer["HX-Redirect"])
    assert urlsplit(there["Location"]).netloc == PORTAL
    assert client.get(urlsplit(there["Location"]).path)["Location"] == "/"


def acting(client: Client) -> Actor:
    actor: Actor = client.get("/accounts/as/x/go/").wsgi_request.actor  # type: ignore[attr-defined]
    return actor


def test_the_whole_chain_acts_is_named_and_comes_back_step_by_step(web: Cast) -> None:
    client = sign_in(OLGA)
    own = client.cookies["sessionid"].value
    go(client, ask(client, web.northwind.pk))
    assert (acting(client).name, acting(client).impersonators) == (PAUL, (OLGA,))
    assert acting(client).scope == {web.northwind.pk, web.fjord.pk} and not acting(client).is_operator
    go(client, ask(client, web.fjord.pk))
    assert (acting(client).name, acting(client).impersonators) == (PETRA, (OLGA, PAUL))
    page = client.get("/panels/customers/").content.decode()
    assert "Back to myself" in page and f"{OLGA} → {PAUL}" in page
    answer = client.post(f"/panels/partners/{web.fjord.pk}/edit/", {
        "name": "Fjord", "country": "NO", "currency": "EUR", "timezone": "UTC", "culture": "en",
            "second_factor": "optional",
    }, headers={"hx-request": "true"})  # fmt: skip
    assert answer.status_code == 204, answer.content
    with tenant(system_actor()):
        changed = AuditEntry.objects.filter(action="partner.update").latest("id")
        assert (changed.actor_name, changed.impersonators) == (PETRA, [OLGA, PAUL])
        began = AuditEntry.objects.filter(action="membership.sign_in_as").order_by("id")
        assert [(one.actor_name, one.impersonators, one.reason) for one in began] == [
            (OLGA, [], "Asked by telephone"), (PAUL, [OLGA], "Asked by telephone"),
        ]  # fmt: skip
    for name, chain in ((PAUL, (OLGA,)), (OLGA, ())):
        assert client.get("/accounts/as/back/").status_code == 302
        assert (acting(client).name, acting(client).impersonators) == (name, chain)
    assert client.cookies["sessionid"].value == own
    assert client.get("/accounts/as/back/").status_code == 404


def test_never_up_sideways_or_into_more_than_ones_own(web: Cast) -> None:
    paul, stranger = sign_in(PAUL), sign_in(EMAILS["stranger"])
    for partner in (web.operator, web.northwind, web.elsewhere):
        assert ask(paul, partner.pk).status_code in (404, 422)
    assert ask(stranger, web.fjord.pk).status_code in (404, 422)
    assert ask(paul, web.fjord.pk, reason=" ").status_code == 422
    with tenant(system_actor()):
        petra = Membership.objects.get(login__email=PETRA)
        fellow = Membership.objects.get(login__email=PAUL)
    assert ask(paul, fellow.pk, panel="staff").status_code == 422
    role = script(web, "olga").make(
        "roles/", {"name": "Desk", "permissions": ["*.view", "partners.sign_in_as", "staff.sign_in_as"],
                   "partner_id": web.northwind.pk}
    )  # fmt: skip
    with tenant(system_actor()):
        Membership.objects.filter(pk=fellow.pk).update(own_role_id=role["id"])
    assert ask(paul, web.fjord.pk).status_code == 422  # an administrator may more than the desk
    assert ask(paul, petra.pk, panel="staff").status_code == 422
    with tenant(system_actor()):
        Membership.objects.filter(pk=petra.pk).update(role="reader")
        assert not AuditEntry.objects.filter(action="membership.sign_in_as").exists()
    go(paul, ask(paul, petra.pk, panel="staff"))
    assert acting(paul).name == PETRA and not acting(paul).may("customers.add")
    with tenant(system_actor()):
        Membership.objects.filter(pk=fellow.pk).update(own_role_id=None, role="reader")
    assert ask(sign_in(PAUL), web.fjord.pk).status_code in (403, 404, 422)  # without the permission


def test_it_stays_at_that_partner_and_ends_with_the_own_session(web: Cast) -> None:
    with tenant(system_actor()):
        petra = Membership.objects.get(login__email=PETRA)
        elsewhere = Membership.objects.create(partner=web.elsewhere, login_id=petra.login_id, role="administrator")
    paul = sign_in(PAUL)
    go(paul, ask(paul, web.fjord.pk))
    for page in ("places/", "password/change/", "2fa/", "sessions/"):
        assert paul.get(f"/accounts/{page}")["Location"] == "/"
    assert paul.post("/preferences/", {"culture": "es", "timezone": "UTC"}).status_code == 422
    with tenant(system_actor()):
        Membership.objects.filter(pk=petra.pk).delete()
    assert acting(paul).login_id is None  # not at Elsewhere, where she still works
    assert elsewhere.partner_id == web.elsewhere.pk
    with tenant(system_actor()):
        Membership.objects.create(partner=web.fjord, login_id=petra.login_id, role="administrator")
    paul = sign_in(PAUL)
    go(paul, ask(paul, web.fjord.pk))
    own = script(web, "olga")("get", "sessions/")[1]["results"]
    for row in own:
        script(web, "olga")("post", f"sessions/{row['id']}/end/")
    assert acting(paul).login_id is None


def test_networks_and_factors_are_those_of_whoever_acts(web: Cast) -> None:
    olga = script(web, "olga")
    fjord = {"networks": ["192.0.2.0/24"], "second_factor": "passkey"}
    assert olga("patch", f"partners/{web.fjord.pk}/", fjord)[0] == 200
    paul = sign_in(PAUL, "203.0.113.9")
    assert olga("patch", f"partners/{web.northwind.pk}/", {"networks": ["203.0.113.0/24"]})[0] == 200
    go(paul, ask(paul, web.fjord.pk))
    assert acting(paul).name == PETRA
    stolen = Client(headers={"host": PORTAL}, REMOTE_ADDR="198.51.100.1")
    stolen.cookies = paul.cookies
    assert acting(stolen).login_id is None


def test_a_portal_of_its_own_is_opened_there(web: Cast) -> None:
    script(web, "olga")("patch", f"partners/{web.fjord.pk}/", {"portal_hostname": "portal.fjord.test"})
    paul = sign_in(PAUL)
    there = paul.get(ask(paul, web.fjord.pk)["HX-Redirect"])["Location"]
    assert urlsplit(there).netloc == "portal.fjord.test"
    site = Client(headers={"host": "portal.fjord.test"})
    assert site.get(urlsplit(there).path).status_code == 302
    assert acting(site).impersonators == (PAUL,)
    assert site.get("/accounts/as/back/")["Location"] == f"http://{PORTAL}/"
    assert acting(paul).impersonators == () and acting(site).login_id is None
