"""API tokens at the portal and over REST: what may be chosen, and how a second factor that is asked for stops them."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.test import Client

from carillon.base.tenancy import realm_scope, tenant
from carillon.business.partners.models import Login
from carillon.business.partners.queries import staff_of, system_actor
from tests.support.cast import EMAILS, PASSWORD, Cast
from tests.support.clients import PORTAL, bearer, browser, script

pytestmark = pytest.mark.django_db(transaction=True)

PAUL = EMAILS["paul"]


def own_row(cast: Cast, name: str = "paul") -> int:
    with tenant(system_actor()) as system:
        return staff_of(system).get(login__email=EMAILS[name]).pk


def create(client: Client, row: int, **given: Any) -> Any:
    address = f"/panels/staff/{row}/do/create-token/"
    return client.post(address, {"name": "crm", **given}, headers={"hx-request": "true"})


def token_in(answer: Any) -> str:
    text: str = answer.content.decode()
    return text[text.index("crl_") :][:47]


def with_factor(email: str) -> Client:
    """A browser in which somebody has signed in with an authenticator app, which is set up for it."""
    secret = generate_totp_secret()
    with realm_scope(0):
        TOTP.activate(Login.objects.get(key=f"0:{email}"), secret)
    client = Client(headers={"host": PORTAL})
    client.post("/accounts/login/", {"login": email, "password": PASSWORD})
    code = format_hotp_value(hotp_value(secret, next(yield_hotp_counters_from_time())))
    assert client.post("/accounts/2fa/authenticate/", {"code": code}).status_code == 302
    return client


def test_what_a_token_may_do_is_chosen_from_the_panels_and_is_reading_at_first(web: Cast) -> None:
    paul, row = browser("paul"), own_row(web)
    form = paul.get(f"/panels/staff/{row}/do/create-token/", headers={"hx-request": "true"}).content.decode()
    checked = [box for box in form.split("<input")[1:] if 'name="scopes"' in box and " checked" in box]
    assert len(checked) == 1 and 'value="*.view"' in checked[0]
    assert 'value="customers.add"' in form and 'value="live_calls.hang_up"' in form
    assert create(paul, row, scopes=["customers.fly"]).status_code == 422
    clear = token_in(create(paul, row, scopes=["customers.view"]))
    answers = [bearer(clear).get(f"/api/v1/{panel}/").status_code for panel in ("customers", "users")]
    assert answers == [200, 404]
    made = script(web, "paul")("post", f"staff/{row}/create-token/", {"name": "by script"})[1]
    reader = bearer(made["token"])
    assert reader.get("/api/v1/users/").status_code == 200
    body = {"name": "x", "web_product_id": web.business.pk}
    assert reader.post("/api/v1/customers/", body, content_type="application/json").status_code == 403


def test_tokens_made_without_the_second_factor_stop_until_their_owner_renews_them(web: Cast) -> None:
    row = own_row(web)
    before = bearer(token_in(create(browser("paul"), row, scopes=["customers.view"])))
    paul = with_factor(PAUL)
    voluntary = bearer(token_in(create(paul, row, scopes=["customers.view"])))
    olga = script(web, "olga")
    olga("patch", f"partners/{web.northwind.pk}/", {"second_factor": "required"})
    stopped, fine = (client.get("/api/v1/customers/") for client in (before, voluntary))
    assert (stopped.status_code, stopped.json()["type"]) == (401, "urn:carillon:problem:token-stopped")
    assert "renews it" in stopped.json()["detail"] and fine.status_code == 200
    listed = {one["id"]: one["state"] for one in olga("get", "tokens/")[1]["results"] if one["owner"] == PAUL}
    assert sorted(listed.values()) == ["active", "stopped"]
    (key,) = [key for key, state in listed.items() if state == "stopped"]
    renew = f"/panels/tokens/{key}/do/renew/"
    assert olga("post", f"tokens/{key}/renew/")[0] == 403  # not hers
    assert script(web, "stranger")("post", f"tokens/{key}/renew/")[0] == 404
    assert browser("paul").post(renew).status_code in (302, 401)  # the password alone
    assert paul.post(renew, headers={"hx-request": "true"}).status_code == 204
    assert before.get("/api/v1/customers/").status_code == 200
    assert paul.post(renew, headers={"hx-request": "true"}).status_code == 422
    olga("patch", f"partners/{web.northwind.pk}/", {"second_factor": "passkey"})
    assert [client.get("/api/v1/customers/").status_code for client in (before, voluntary)] == [401, 401]
