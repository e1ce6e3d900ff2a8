"""A new password by mail: who gets a link, how often and how long it works, what it ends, and what it tells nobody."""

from __future__ import annotations

import re

import pytest
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.conf import settings
from django.core import mail
from django.http.response import HttpResponseBase
from django.test import Client, override_settings

from carillon.base.models import AuditEntry
from carillon.base.tenancy import realm_scope, tenant
from carillon.business.partners.models import Login
from carillon.business.partners.queries import system_actor
from tests.support.cast import EMAILS, PASSWORD, Cast
from tests.support.clients import PORTAL, script

pytestmark = pytest.mark.django_db(transaction=True)

PAUL, NEW = EMAILS["paul"], "entirely new words"


def at(host: str = PORTAL) -> Client:
    return Client(headers={"host": host})


def ask(email: str, host: str = PORTAL) -> HttpResponseBase:
    return at(host).post("/accounts/password/reset/", {"email": email})


def link() -> str:
    found = re.search(r"http://[^/]+(/accounts/password/reset/key/\S+)", str(mail.outbox[-1].body))
    assert found
    return found[1]


def choose(address: str, password: str = NEW) -> Client:
    client = at()
    form = client.get(address)
    if form.status_code == 302:
        client.post(form["Location"], {"password1": password, "password2": password})
    return client


def sign_in(password: str) -> Client:
    client = at()
    client.post("/accounts/login/", {"login": PAUL, "password": password})
    return client


def is_in(client: Client) -> bool:
    return client.get("/panels/customers/").status_code == 200


def test_a_link_works_once_and_for_an_hour_and_ends_all_sessions(web: Cast) -> None:
    there = sign_in(PASSWORD)
    assert is_in(there)
    ask(PAUL)
    first = link()
    with override_settings(PASSWORD_RESET_TIMEOUT=-1):
        choose(first, "words that come too late")
    assert is_in(there)
    assert settings.PASSWORD_RESET_TIMEOUT == 3600
    ask(PAUL)
    second = link()
    browser = choose(second)
    assert not is_in(browser)  # the link chooses a password and signs nobody in
    assert not is_in(there) and not is_in(sign_in(PASSWORD)) and is_in(sign_in(NEW))
    for used in (first, second):  # one password ends every link of before
        choose(used, "a thief's own words")
        assert not is_in(sign_in("a thief's own words"))
    with tenant(system_actor()):
        told = AuditEntry.objects.filter(object_type="partners.login", actor_name=PAUL).values_list("action", flat=True)
        assert list(told) == ["login.password_reset"]


def test_the_second_factor_is_asked_for_all_the_same(web: Cast) -> None:
    with realm_scope(0):
        TOTP.activate(Login.objects.get(key=f"0:{PAUL}"), generate_totp_secret())
    ask(PAUL)
    choose(link())
    client = sign_in(NEW)
    assert client.get("/panels/customers/").status_code == 302
    assert client.get("/accounts/2fa/authenticate/").status_code == 200


def test_a_partner_does_not_learn_by_its_own_portal_who_signs_in_elsewhere(web: Cast) -> None:
    own = "portal.elsewhere.test"
    script(web, "olga")("patch", f"partners/{web.elsewhere.pk}/", {"portal_hostname": own})
    answers = [ask(email, own) for email in (PAUL, "nobody@nowhere.test", EMAILS["stranger"])]
    assert {(one.status_code, one["Location"]) for one in answers} == {(302, "/accounts/password/reset/done/")}
    assert [one.to for one in mail.outbox] == [[EMAILS["stranger"]]]
