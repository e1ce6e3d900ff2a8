"""Everything allauth reads and writes, as the web role under row-level security: staff's and customers' accounts."""

from __future__ import annotations

import re

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.core import mail
from django.http import HttpResponse
from django.test import Client

from carillon.base.models import AuditEntry
from carillon.base.tenancy import realm_scope, tenant
from carillon.business.partners.models import Login
from carillon.business.partners.queries import system_actor
from tests.support.cast import PASSWORD, Cast

pytestmark = pytest.mark.django_db(transaction=True)

NEW = "entirely new words"
PEOPLE = [("portal.localhost", "petra@fjord.test"), ("northwind.localhost", "alice@acme.test")]


def sign_in(host: str, email: str, password: str = PASSWORD) -> tuple[Client, HttpResponse]:
    client = Client(headers={"host": host})
    answer = client.post("/accounts/login/", {"login": email, "password": password})
    return client, answer  # type: ignore[return-value]


@pytest.mark.parametrize(("host", "email"), PEOPLE)
def test_own_password_changes(web: Cast, host: str, email: str) -> None:
    client, _ = sign_in(host, email)
    words = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}
    assert client.post("/accounts/password/change/", words).status_code == 302
    assert sign_in(host, email)[1].status_code == 200
    assert sign_in(host, email, NEW)[1].status_code == 302


@pytest.mark.parametrize(("host", "email"), PEOPLE)
def test_forgotten_password_is_set_by_mail(web: Cast, host: str, email: str) -> None:
    client = Client(headers={"host": host})
    client.post("/accounts/password/reset/", {"email": email})
    link = re.search(r"http://[^/]+(/accounts/password/reset/key/\S+)", str(mail.outbox[0].body))
    assert link is not None
    form = client.get(link[1])
    assert client.post(form["Location"], {"password1": NEW, "password2": NEW}).status_code == 302
    assert sign_in(host, email, NEW)[1].status_code == 302


@pytest.mark.parametrize(("host", "email"), PEOPLE)
def test_second_factor_is_set_up_and_asked_for(web: Cast, host: str, email: str) -> None:
    client, _ = sign_in(host, email)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    page = client.get("/accounts/2fa/totp/activate/")
    secret = page.context["form"].secret
    assert "Carillon" not in page.context["totp_url"]
    assert "issuer=" in page.context["totp_url"]
    answer = client.post("/accounts/2fa/totp/activate/", {"code": code_of(secret)})
    assert answer.status_code == 302
    assert client.get("/accounts/2fa/").status_code == 200
    with tenant(system_actor()):
        assert AuditEntry.objects.get(action="login.totp_activated").actor_name == email
    assert client.get("/accounts/2fa/recovery-codes/").status_code == 200
    assert sign_in(host, email)[1]["Location"] == "/accounts/2fa/authenticate/"


def code_of(secret: str) -> str:
    code: str = format_hotp_value(hotp_value(secret, next(yield_hotp_counters_from_time())))
    return code


def test_last_sign_in_is_remembered(web: Cast) -> None:
    sign_in(*PEOPLE[1])
    with realm_scope(web.northwind.pk):
        assert Login.objects.get(email="alice@acme.test").last_login is not None


def test_wrong_passwords_are_counted_for_both_realms_apart(web: Cast) -> None:
    for _ in range(5):
        sign_in("portal.localhost", "petra@fjord.test", "wrong wrong wrong")
    assert b"Too many failed" in sign_in("portal.localhost", "petra@fjord.test")[1].content
    assert sign_in(*PEOPLE[1])[1].status_code == 302
