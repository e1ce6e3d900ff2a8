"""Acting as a customer's user: who may, what it gives, how it ends, and that history names everybody."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client

from carillon.base.actor import Actor
from carillon.base.errors import NotPermitted
from carillon.base.models import AuditEntry
from carillon.base.tenancy import tenant
from carillon.business.customers.models import User
from carillon.business.partners.queries import system_actor
from carillon.business.partners.tokens import TokenData, create_token
from carillon.usecases.sign_in_as import SignInAsData, sign_in_as_user
from tests.support.cast import EMAILS, PASSWORD, Cast
from tests.support.clients import PORTAL

pytestmark = pytest.mark.django_db(transaction=True)

SITE = "northwind.localhost"
PAUL, ALICE = EMAILS["paul"], "alice@acme.test"


def sign_in(email: str, host: str = PORTAL) -> Client:
    client = Client(headers={"host": host})
    assert client.post("/accounts/login/", {"login": email, "password": PASSWORD}).status_code == 302
    return client


def ask(client: Client, user: User, reason: str = "Asked by telephone", panel: str = "users") -> Any:
    key = user.pk if panel == "users" else user.customer_id
    address = f"/panels/{panel}/{key}/do/sign-in-as/"
    return client.post(address, {"reason": reason}, headers={"hx-request": "true"})


def cross(client: Client, answer: Any) -> tuple[Client, str]:
    """Follow the ticket from the portal to the site; the browser there, and the ticket's address."""
    assert answer.status_code == 204
    there = client.get(answer["HX-Redirect"])
    assert there.status_code == 302 and urlsplit(there["Location"]).hostname == SITE
    site = Client(headers={"host": SITE})
    path = urlsplit(there["Location"]).path
    assert site.get(path).status_code == 302
    return site, path


def acting_on(site: Client) -> Actor:
    actor: Actor = site.get("/").wsgi_request.actor  # type: ignore[attr-defined]
    return actor


@pytest.mark.parametrize("panel", ["users", "customers"])
def test_staff_acts_with_what_the_user_may_and_everybody_is_named(web: Cast, panel: str) -> None:
    paul = sign_in(PAUL)
    site, _ = cross(paul, ask(paul, web.alice, panel=panel))
    actor = acting_on(site)
    assert (actor.name, actor.impersonators, actor.customer_id) == (ALICE, (PAUL,), web.acme.pk)
    assert actor.permissions == web.user(web.alice).permissions
    page = site.get("/").content.decode()
    assert "Back to myself" in page and PAUL in page
    name = {"name": "Alice B."}
    token = site.cookies["csrftoken"].value if "csrftoken" in site.cookies else ""
    done = site.patch(
        f"/api/v1/users/{web.bob.pk}/", name, content_type="application/json", headers={"x-csrftoken": token}
    )
    assert done.status_code == 200, done.content
    with tenant(system_actor()):
        began = AuditEntry.objects.get(action="user.sign_in_as")
        assert (began.actor_name, began.reason) == (PAUL, "Asked by telephone")
        changed = AuditEntry.objects.filter(action="user.update").latest("id")
        assert (changed.actor_name, changed.impersonators) == (ALICE, [PAUL])


def test_nobody_reaches_up_or_sideways(web: Cast) -> None:
    for name in ("petra", "stranger"):
        for panel in ("users", "customers"):
            assert ask(sign_in(EMAILS[name]), web.alice, panel=panel).status_code in (404, 422)
    for actor in (web.user(web.alice), web.staff("paul").limited_to(frozenset({"*.view"}))):
        with tenant(actor), pytest.raises(NotPermitted):
            sign_in_as_user(actor, web.alice, SignInAsData(reason="x"))
    with tenant(system_actor()):
        assert not AuditEntry.objects.filter(action="user.sign_in_as").exists()


def test_a_reason_and_a_sign_in_of_the_user_are_needed(web: Cast) -> None:
    paul = sign_in(PAUL)
    assert ask(paul, web.alice, reason=" ").status_code == 422
    assert ask(paul, web.bob).status_code == 422


def test_a_ticket_is_good_once_for_who_asked_and_at_that_site(web: Cast) -> None:
    paul = sign_in(PAUL)
    _, used = cross(paul, ask(paul, web.alice))
    assert Client(headers={"host": SITE}).get(used).status_code == 404
    fresh = ask(paul, web.alice)["HX-Redirect"]
    assert sign_in(EMAILS["stranger"]).get(fresh).status_code == 404
    fresh = ask(paul, web.alice)["HX-Redirect"]
    assert Client(headers={"host": SITE}).get(fresh.removesuffix("go/")).status_code == 404  # tied to no session yet
    there = paul.get(ask(paul, web.alice)["HX-Redirect"])["Location"]
    assert Client(headers={"host": "elsewhere.localhost"}).get(urlsplit(there).path).status_code == 404


def test_it_ends_by_going_back_with_the_own_session_and_after_an_hour(
    web: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    paul = sign_in(PAUL)
    site, _ = cross(paul, ask(paul, web.alice))
    back = site.get("/accounts/as/back/")
    assert back["Location"] == f"http://{PORTAL}/"
    assert acting_on(site).login_id is None
    site, _ = cross(paul, ask(paul, web.alice))
    paul.post("/accounts/logout/")
    assert acting_on(site).login_id is None
    paul = sign_in(PAUL)
    site, _ = cross(paul, ask(paul, web.alice))
    later = time.time() + 3601
    monkeypatch.setattr(time, "time", lambda: later)
    assert acting_on(site).login_id is None


def test_passwords_factors_sessions_and_tokens_stay_the_users_own(web: Cast) -> None:
    paul = sign_in(PAUL)
    site, _ = cross(paul, ask(paul, web.alice))
    for page in ("password/change/", "2fa/", "2fa/totp/activate/", "sessions/", "places/", "reauthenticate/"):
        for answer in (site.get(f"/accounts/{page}"), site.post(f"/accounts/{page}")):
            assert (answer.status_code, answer["Location"]) == (302, "/"), page
    actor = acting_on(site)
    with tenant(actor), pytest.raises(NotPermitted):
        create_token(actor, TokenData(name="mine"))
