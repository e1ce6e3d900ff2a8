"""What a role or partner asks for beside the password comes before everything else."""

from __future__ import annotations

from dataclasses import replace

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
from django.core.cache import cache
from django.test import Client
from tests.support.cast import EMAILS, PASSWORD, Cast

from carillon.base.errors import NotFound, NotPermitted
from carillon.base.models import AuditEntry
from carillon.base.tenancy import tenant
from carillon.business.partners.actions import (
    PartnerData,
    ReasonData,
    StaffData,
    create_staff,
    reset_second_factors,
    update_partner,
)
from carillon.business.partners.choices import SecondFactor
from carillon.business.partners.models import Login
from carillon.business.partners.ownroles import OwnRoleData, create_role
from carillon.business.partners.queries import staff_of

PORTAL = "portal.localhost"
SETUP = "/accounts/2fa/"


@pytest.fixture(autouse=True)
def no_earlier_attempts(db: None) -> None:
    cache.clear()


def sign_in(email: str) -> Client:
    client = Client(headers={"host": PORTAL})
    assert client.post("/accounts/login/", {"login": email, "password": PASSWORD}).status_code == 302
    return client


def require(cast: Cast, wanted: SecondFactor) -> None:
    paul = cast.staff("paul")
    with tenant(paul):
        data = PartnerData(name="Northwind Telecom", country="GB", currency="EUR", second_factor=wanted)
        update_partner(paul, cast.northwind, data)


def code_of(secret: str) -> str:
    code: str = format_hotp_value(hotp_value(secret, next(yield_hotp_counters_from_time())))
    return code


def set_up_app(client: Client) -> None:
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    secret = client.get(f"{SETUP}totp/activate/").context["form"].secret
    assert client.post(f"{SETUP}totp/activate/", {"code": code_of(secret)}).status_code == 302


def is_led_to(client: Client, address: str) -> bool:
    pages = [
        client.get(path) for path in ("/panels/customers/", "/", "/accounts/places/", "/accounts/password/change/")
    ]
    return all((page.status_code, page["Location"]) == (302, address) for page in pages)


def is_in(client: Client) -> bool:
    return client.get("/panels/customers/").status_code == 200


def test_who_lacks_it_sets_it_up_and_can_do_nothing_else_before(cast: Cast) -> None:
    require(cast, SecondFactor.REQUIRED)
    client = sign_in(EMAILS["paul"])
    assert is_led_to(client, SETUP)
    assert b"Set one up now" in client.get(SETUP).content
    assert client.get("/api/v1/customers/").status_code == 401
    assert client.get("/panels/customers/rows/", headers={"accept": "application/json"}).status_code == 401
    assert client.post("/customer-filter/", {"customer": cast.acme.pk}).status_code == 302
    assert client.get("/panels/customers/add/", headers={"hx-request": "true"}).status_code == 204
    set_up_app(client)
    assert is_in(client)


def test_other_partners_and_whoever_has_it_are_not_stopped(cast: Cast) -> None:
    require(cast, SecondFactor.REQUIRED)
    assert is_in(sign_in(EMAILS["petra"]))
    secret = generate_totp_secret()
    TOTP.activate(Login.objects.get(key=f"0:{EMAILS['paul']}"), secret)
    client = sign_in(EMAILS["paul"])
    client.post("/accounts/2fa/authenticate/", {"code": code_of(secret)})
    assert is_in(client)


def test_a_session_of_the_password_alone_shows_what_was_set_up_elsewhere(cast: Cast) -> None:
    early = sign_in(EMAILS["paul"])
    secret = generate_totp_secret()
    TOTP.activate(Login.objects.get(key=f"0:{EMAILS['paul']}"), secret)
    require(cast, SecondFactor.REQUIRED)
    assert is_led_to(early, "/accounts/2fa/reauthenticate/")
    assert early.get(f"{SETUP}totp/deactivate/").status_code == 302
    early.post("/accounts/2fa/reauthenticate/", {"code": code_of(secret)})
    assert is_in(early)


def test_removing_the_last_factor_leads_back_to_setting_one_up(cast: Cast) -> None:
    require(cast, SecondFactor.REQUIRED)
    client = sign_in(EMAILS["paul"])
    set_up_app(client)
    client.post(f"{SETUP}totp/deactivate/")
    assert is_led_to(client, SETUP)


def test_a_code_is_not_enough_where_a_passkey_is_asked_for(cast: Cast) -> None:
    secret = generate_totp_secret()
    login = Login.objects.get(key=f"0:{EMAILS['paul']}")
    TOTP.activate(login, secret)
    codes = RecoveryCodes.activate(login).get_unused_codes()
    require(cast, SecondFactor.PASSKEY)
    for code in (code_of(secret), codes[0]):
        client = sign_in(EMAILS["paul"])
        assert client.post("/accounts/2fa/authenticate/", {"code": code}).status_code == 302
        assert is_led_to(client, SETUP)
        assert b"asks for a passkey" in client.get(SETUP).content


def test_a_role_asks_for_it_of_its_own_people_only(cast: Cast) -> None:
    paul = cast.staff("paul")
    with tenant(paul):
        role = create_role(paul, OwnRoleData(name="Desk", second_factor=SecondFactor.REQUIRED))
        data = StaffData(email="nia@northwind.test", name="Nia", own_role_id=role.pk, password=PASSWORD)
        create_staff(paul, data)
    assert is_led_to(sign_in("nia@northwind.test"), SETUP)
    assert is_in(sign_in(EMAILS["paul"]))


def test_who_lost_everything_is_let_in_by_their_administrator_and_history_tells(cast: Cast) -> None:
    paul, stranger = cast.staff("paul"), cast.staff("stranger")
    with tenant(paul):
        nia = create_staff(paul, StaffData(email="nia@northwind.test", name="Nia", password=PASSWORD))
    TOTP.activate(nia.login, generate_totp_secret())
    for other, error in ((stranger, NotFound), (replace(paul, permissions=frozenset({"staff.*"})), NotPermitted)):
        with tenant(other), pytest.raises(error):
            reset_second_factors(other, nia, ReasonData(reason="lost"))
    assert Authenticator.objects.exists()
    with tenant(paul):
        reset_second_factors(paul, nia, ReasonData(reason="Phone lost on a train"))
    assert is_in(sign_in("nia@northwind.test"))
    entry = AuditEntry.objects.get(action="login.reset_second_factors")
    assert (entry.actor_name, entry.reason) == (EMAILS["paul"], "Phone lost on a train")


def test_nobody_resets_a_person_who_also_works_further_up(cast: Cast) -> None:
    paul, olga = cast.staff("paul"), cast.staff("olga")
    with tenant(olga):
        create_staff(olga, StaffData(email=EMAILS["paul"], name="Paul"))
    own = staff_of(paul).get(login__email=EMAILS["paul"], partner=cast.northwind)
    with tenant(paul), pytest.raises(NotPermitted):
        reset_second_factors(paul, own, ReasonData(reason="mine"))
