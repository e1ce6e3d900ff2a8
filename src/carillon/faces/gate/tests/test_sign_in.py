from __future__ import annotations

import re

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.core import mail
from django.core.cache import cache
from django.http.response import HttpResponseBase
from django.test import Client
from tests.support.cast import PASSWORD, Cast

from carillon.base.tenancy import tenant
from carillon.business.customers.actions import UserData, create_user
from carillon.business.partners.actions import StaffData, create_staff, remove_staff
from carillon.business.partners.blacklists import BlacklistData, block
from carillon.business.partners.choices import BlacklistKind, Role
from carillon.business.partners.models import Login
from carillon.business.partners.queries import staff_of
from carillon.usecases.give_login import LoginData, give_login

PORTAL, NORTHWIND, ELSEWHERE = "portal.localhost", "northwind.localhost", "elsewhere.localhost"


@pytest.fixture(autouse=True)
def no_earlier_attempts(db: None) -> None:
    cache.clear()


def at(host: str) -> Client:
    return Client(headers={"host": host})


def sign_in(client: Client, email: str, password: str = PASSWORD) -> HttpResponseBase:
    return client.post("/accounts/login/", {"login": email, "password": password})


def is_signed_in(client: Client) -> bool:
    return client.get("/accounts/password/change/").status_code == 200


def test_staff_signs_in_at_the_portal_in_any_case(cast: Cast) -> None:
    client = at(PORTAL)
    answer = sign_in(client, "PAUL@Northwind.test")
    assert answer.status_code == 302
    assert is_signed_in(client)


def test_wrong_password_and_unknown_address_look_the_same(cast: Cast) -> None:
    texts = set()
    for email in ("paul@northwind.test", "nobody@northwind.test"):
        answer = at(PORTAL).post("/accounts/login/", {"login": email, "password": "wrong wrong wrong"})
        texts.update(re.findall(r'<p class="error"[^>]*>([^<]+)<', answer.content.decode()))
    (text,) = texts
    assert text.startswith("The e-mail address or the password is not right")


def test_staff_is_unknown_on_a_brands_website_and_its_customers_at_the_portal(cast: Cast) -> None:
    for host, email in ((NORTHWIND, "paul@northwind.test"), (PORTAL, "alice@acme.test")):
        client = at(host)
        assert sign_in(client, email).status_code == 200
        assert not is_signed_in(client)


def test_customers_user_signs_in_on_every_website_of_the_partner_and_no_other(cast: Cast) -> None:
    for host, is_in in ((NORTHWIND, True), ("hello.localhost", True), (ELSEWHERE, False)):
        client = at(host)
        sign_in(client, "alice@acme.test")
        assert is_signed_in(client) is is_in


def test_same_address_with_two_partners_has_two_passwords(cast: Cast) -> None:
    stranger = cast.staff("stranger")
    with tenant(stranger):
        give_login(stranger, cast.stranger, LoginData(email="alice@acme.test", password="quite another one"))
    here, there = at(NORTHWIND), at(ELSEWHERE)
    assert sign_in(here, "alice@acme.test", "quite another one").status_code == 200
    assert sign_in(there, "alice@acme.test", "quite another one").status_code == 302
    assert is_signed_in(there) and not is_signed_in(here)


def test_session_of_one_realm_is_worth_nothing_in_another(cast: Cast) -> None:
    client = at(PORTAL)
    sign_in(client, "paul@northwind.test")
    stolen = at(NORTHWIND)
    stolen.cookies = client.cookies
    assert not is_signed_in(stolen)
    assert not is_signed_in(client)  # thrown away


def test_reset_mail_goes_to_this_realms_login_only_and_its_link_works_here_only(cast: Cast) -> None:
    stranger = cast.staff("stranger")
    with tenant(stranger):
        give_login(stranger, cast.stranger, LoginData(email="alice@acme.test", password=PASSWORD))
    client = at(NORTHWIND)
    client.post("/accounts/password/reset/", {"email": "Alice@acme.test"})
    assert len(mail.outbox) == 1
    assert mail.outbox[0].to == ["alice@acme.test"]
    assert mail.outbox[0].subject == "New password for Northwind Business"
    assert mail.outbox[0].from_email == "Northwind Business <noreply@northwind.localhost>"
    assert f"{cast.northwind.pk}:" not in mail.outbox[0].body  # the key is ours alone
    link = re.search(r"http://northwind\.localhost(/accounts/password/reset/key/\S+)", str(mail.outbox[0].body))
    assert link is not None
    assert b"Bad Token" in at(ELSEWHERE).get(link[1], follow=True).content
    form = client.get(link[1])
    form = client.post(form["Location"], {"password1": "brand new words", "password2": "brand new words"})
    assert form.status_code == 302
    assert cast.alice.login is not None
    assert Login.objects.get(pk=cast.alice.login.pk).check_password("brand new words")
    assert Login.objects.get(realm=cast.elsewhere.pk, email="alice@acme.test").check_password(PASSWORD)


@pytest.mark.parametrize(
    ("host", "email"),
    [(PORTAL, "alice@acme.test"), (NORTHWIND, "paul@northwind.test"), (PORTAL, "nobody@nowhere.test")],
)
def test_reset_for_an_address_unknown_here_sends_nothing_and_says_the_same(cast: Cast, host: str, email: str) -> None:
    answer = at(host).post("/accounts/password/reset/", {"email": email})
    assert (answer.status_code, answer["Location"]) == (302, "/accounts/password/reset/done/")
    assert mail.outbox == []


def test_many_wrong_passwords_lock_the_address_for_a_while(cast: Cast) -> None:
    client = at(PORTAL)
    for _ in range(5):
        sign_in(client, "paul@northwind.test", "wrong wrong wrong")
    answer = client.post("/accounts/login/", {"login": "paul@northwind.test", "password": PASSWORD})
    assert b"Too many failed login attempts" in answer.content
    assert sign_in(at(PORTAL), "petra@fjord.test").status_code == 302


def test_staff_without_a_role_left_is_told_so(cast: Cast) -> None:
    olga, petra = cast.staff("olga"), cast.staff("petra")
    client = at(PORTAL)
    sign_in(client, "petra@fjord.test")
    with tenant(olga):
        remove_staff(olga, staff_of(olga).get(login__email=petra.name))
    assert not is_signed_in(client)
    answer = client.post("/accounts/login/", {"login": "petra@fjord.test", "password": PASSWORD})
    assert b"has no role here any more" in answer.content


def test_second_factor_is_asked_for_and_a_recovery_code_works_once(cast: Cast) -> None:
    secret = generate_totp_secret()
    login = Login.objects.get(key="0:paul@northwind.test")
    TOTP.activate(login, secret)
    codes = RecoveryCodes.activate(login).get_unused_codes()
    client = at(PORTAL)
    assert sign_in(client, "paul@northwind.test")["Location"] == "/accounts/2fa/authenticate/"
    assert not is_signed_in(client)
    assert client.post("/accounts/2fa/authenticate/", {"code": "000000"}).status_code == 200
    code = format_hotp_value(hotp_value(secret, next(yield_hotp_counters_from_time())))
    assert client.post("/accounts/2fa/authenticate/", {"code": code}).status_code == 302
    assert is_signed_in(client)
    for status in (302, 200):
        again = at(PORTAL)
        sign_in(again, "paul@northwind.test")
        assert again.post("/accounts/2fa/authenticate/", {"code": codes[0]}).status_code == status


def test_second_factor_is_kept_encrypted(cast: Cast) -> None:
    secret = generate_totp_secret()
    TOTP.activate(Login.objects.get(key="0:paul@northwind.test"), secret)
    kept = Authenticator.objects.get().data["secret"]
    assert kept.startswith("v1:") and secret not in kept


def test_person_with_two_roles_chooses_where_to_work(cast: Cast) -> None:
    paul = cast.staff("paul")
    with tenant(paul):
        create_staff(paul, StaffData(email="petra@fjord.test", name="Petra", role=Role.READER))
    client = at(PORTAL)
    sign_in(client, "petra@fjord.test")
    page = client.get("/accounts/places/").content.decode()
    assert "Fjord Voice" in page and "Northwind Telecom" in page
    client.post("/accounts/places/", {"place": str(cast.northwind.pk)})
    assert client.get("/accounts/places/").wsgi_request.actor.partner_id == cast.northwind.pk  # type: ignore[attr-defined]
    client.post("/accounts/places/", {"place": str(cast.elsewhere.pk)})
    assert client.get("/accounts/places/").wsgi_request.actor.partner_id == cast.northwind.pk  # type: ignore[attr-defined]


def test_user_at_two_customers_chooses_too(cast: Cast) -> None:
    paul = cast.staff("paul")
    with tenant(paul):
        second = create_user(paul, UserData(customer_id=cast.dan.pk, name="Alice"))
        give_login(paul, second, LoginData(email="alice@acme.test"))
    client = at(NORTHWIND)
    sign_in(client, "alice@acme.test")
    client.post("/accounts/places/", {"place": str(cast.dan.pk)})
    assert client.get("/accounts/places/").wsgi_request.actor.customer_id == cast.dan.pk  # type: ignore[attr-defined]


def test_portal_of_a_partner_is_for_its_part_of_the_tree(cast: Cast) -> None:
    cast.northwind.portal_hostname = "portal.northwind.test"
    cast.northwind.save(update_fields=["portal_hostname"])
    emails = ("paul@northwind.test", "petra@fjord.test", "olga@level.test", "staff@elsewhere.test")
    answers = [sign_in(at("portal.northwind.test"), email).status_code for email in emails]
    assert answers == [302, 302, 302, 200]


def test_signing_out_ends_the_session(cast: Cast) -> None:
    client = at(PORTAL)
    sign_in(client, "paul@northwind.test")
    assert client.post("/accounts/logout/").status_code == 302
    assert not is_signed_in(client)


@pytest.mark.parametrize(
    "path", ["login/", "password/reset/", "password/reset/done/", "password/reset/key/1-abc/", "inactive/"]
)
def test_pages_for_everybody_have_nothing_inline(cast: Cast, path: str) -> None:
    page = at(PORTAL).get(f"/accounts/{path}")
    assert page.status_code == 200
    assert_nothing_inline(page.content.decode())


@pytest.mark.parametrize(
    "path", ["password/change/", "2fa/", "reauthenticate/", "2fa/totp/activate/", "logout/", "places/"]
)
def test_account_pages_have_nothing_inline(cast: Cast, path: str) -> None:
    client = at(PORTAL)
    sign_in(client, "paul@northwind.test")
    if "totp" in path:
        client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    page = client.get(f"/accounts/{path}")
    assert page.status_code == 200
    assert_nothing_inline(page.content.decode())


def assert_nothing_inline(page: str) -> None:
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", page)


def test_there_is_no_sign_up(db: None) -> None:
    assert at(PORTAL).get("/accounts/signup/").status_code == 404


def test_from_a_blocked_network_nobody_signs_in_at_a_sellers_website_but_staff_do(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as actor:
        block(actor, BlacklistData(kind=BlacklistKind.NETWORK, value="127.0.0.1", reason="attacks"))
    answer = sign_in(at(NORTHWIND), "alice@acme.test")
    assert answer.status_code == 200
    assert "Nobody signs in here from your network." in answer.getvalue().decode()
    assert sign_in(at(PORTAL), "paul@northwind.test").status_code == 302
