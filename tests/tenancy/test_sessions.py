"""Where people are signed in: seen and ended by themselves and by their administrators; locks after wrong passwords."""

from __future__ import annotations

import pytest
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.test import Client

from carillon.base.models import AuditEntry
from carillon.base.tenancy import realm_scope, tenant
from carillon.business.partners.actions import StaffData, create_staff, remove_staff, update_staff
from carillon.business.partners.choices import Role
from carillon.business.partners.models import Login, Membership
from carillon.business.partners.queries import system_actor
from tests.support.cast import EMAILS, PASSWORD, Cast
from tests.support.clients import PORTAL, script

pytestmark = pytest.mark.django_db(transaction=True)

SITE = "northwind.localhost"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
NIA = "nia@northwind.test"
NEW = "entirely new words"


def sign_in(email: str, host: str = PORTAL, password: str = PASSWORD) -> Client:
    client = Client(headers={"host": host, "user-agent": FIREFOX})
    client.post("/accounts/login/", {"login": email, "password": password})
    client.get("/accounts/password/change/")  # the first page: from then on it is in the list
    return client


def is_in(client: Client) -> bool:
    return client.get("/accounts/password/change/").status_code == 200


def hire(cast: Cast, role: Role = Role.SUPPORT) -> Membership:
    paul = cast.staff("paul")
    with tenant(paul):
        return create_staff(paul, StaffData(email=NIA, name="Nia", role=role, password=PASSWORD))


def sessions_of(cast: Cast, name: str) -> list[dict[str, object]]:
    status, found = script(cast, name)("get", "sessions/")
    assert status == 200
    return list(found["results"])


def test_own_sessions_are_listed_and_ended_one_by_one_or_all_others(web: Cast) -> None:
    first, second, third = (sign_in(EMAILS["paul"]) for _ in range(3))
    page = first.get("/accounts/sessions/").content.decode()
    assert page.count("Firefox, Linux") == 3 and page.count("This one") == 1
    theirs = next(row["id"] for row in sessions_of(web, "paul"))
    first.post("/accounts/sessions/", {"end": theirs})
    assert [is_in(one) for one in (first, second, third)] == [True, True, False]
    first.post("/accounts/sessions/", {"others": "1"})
    assert [is_in(one) for one in (first, second)] == [True, False]
    with tenant(system_actor()):
        done = AuditEntry.objects.filter(actor_name=EMAILS["paul"]).values_list("action", flat=True)
        assert {"login.end_session", "login.end_other_sessions"} <= set(done)


@pytest.mark.parametrize("wanted", ["", "0", "x", "9" * 30, "-1"])
def test_nobody_ends_a_strangers_session_or_their_present_one_there(web: Cast, wanted: str) -> None:
    petra, paul = sign_in(EMAILS["petra"]), sign_in(EMAILS["paul"])
    others = [row["id"] for row in sessions_of(web, "olga")]
    for one in (*others, wanted):
        paul.post("/accounts/sessions/", {"end": one})
    assert is_in(petra) and is_in(paul)


def test_administrators_see_and_end_sessions_of_their_part_of_the_tree(web: Cast) -> None:
    hire(web)
    nia, stranger, alice = sign_in(NIA), sign_in(EMAILS["stranger"]), sign_in("alice@acme.test", SITE)
    seen = {str(row["email"]): row for row in sessions_of(web, "paul")}
    assert set(seen) == {NIA, "alice@acme.test"}
    assert (seen[NIA]["device"], seen[NIA]["address"]) == ("Firefox, Linux", "127.0.0.1")
    foreign = script(web, "stranger")
    for row in seen.values():
        assert foreign("post", f"sessions/{row['id']}/end/")[0] == 404
    assert is_in(nia) and is_in(alice)
    for row in seen.values():
        assert script(web, "paul")("post", f"sessions/{row['id']}/end/")[0] == 200
    assert not is_in(nia) and not is_in(alice) and is_in(stranger)
    with tenant(system_actor()):
        ended = AuditEntry.objects.filter(action="signin.end")
        assert {entry.actor_name for entry in ended} == {f"{EMAILS['paul']} (script)"}
        assert "session_key" not in str(ended.values_list("before"))


def test_a_changed_password_ends_all_other_sessions(web: Cast) -> None:
    here, there = sign_in(EMAILS["paul"]), sign_in(EMAILS["paul"])
    here.post("/accounts/password/change/", {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW})
    assert is_in(here) and not is_in(there)
    assert len([row for row in sessions_of(web, "olga") if row["email"] == EMAILS["paul"]]) == 1


def test_a_lesser_role_a_new_password_and_no_role_end_sessions_and_a_greater_one_does_not(web: Cast) -> None:
    nia, paul = hire(web), web.staff("paul")

    def becomes(role: Role, password: str = "") -> None:
        with tenant(paul):
            update_staff(paul, nia, StaffData(email=NIA, name="Nia", role=role, password=password))

    client = sign_in(NIA)
    becomes(Role.ADMINISTRATOR)
    assert is_in(client)
    becomes(Role.READER)
    assert not is_in(client)
    client = sign_in(NIA)
    becomes(Role.READER, NEW)
    assert not is_in(client)
    client = sign_in(NIA, password=NEW)
    assert is_in(client)
    with tenant(paul):
        remove_staff(paul, nia)
    assert not is_in(client)


def test_wrong_codes_lock_too_and_are_seen_and_lifted_like_wrong_passwords(web: Cast) -> None:
    nia, secret = hire(web), generate_totp_secret()
    with realm_scope(0):
        TOTP.activate(Login.objects.get(key=f"0:{NIA}"), secret)
    client = sign_in(NIA)
    code = format_hotp_value(hotp_value(secret, next(yield_hotp_counters_from_time())))
    for _ in range(5):
        client.post("/accounts/2fa/authenticate/", {"code": f"{(int(code) + 1) % 10**6:06}"})
    assert client.post("/accounts/2fa/authenticate/", {"code": code}).status_code == 200
    paul = script(web, "paul")
    assert paul("get", f"staff/{nia.pk}/")[1]["locked"] is not None
    assert paul("post", f"staff/{nia.pk}/unlock/")[0] == 200
    assert paul("get", f"staff/{nia.pk}/")[1]["locked"] is None
    assert client.post("/accounts/2fa/authenticate/", {"code": code}).status_code == 302
    assert is_in(client)


def test_a_locked_address_is_seen_and_unlocked_by_its_administrator_alone(web: Cast) -> None:
    nia = hire(web)
    for host in (PORTAL, PORTAL, PORTAL, PORTAL, PORTAL, PORTAL):
        sign_in(NIA, host, "wrong wrong wrong")
    assert not is_in(sign_in(NIA))
    paul = script(web, "paul")
    assert paul("get", f"staff/{nia.pk}/")[1]["locked"] is not None
    assert script(web, "stranger")("post", f"staff/{nia.pk}/unlock/")[0] == 404
    assert paul("post", f"staff/{nia.pk}/unlock/")[0] == 200
    assert is_in(sign_in(NIA))
    assert paul("get", f"staff/{nia.pk}/")[1]["locked"] is None
    assert paul("post", f"staff/{nia.pk}/unlock/")[0] == 409
    with tenant(system_actor()):
        told = AuditEntry.objects.filter(action__in=("login.lock", "login.unlock")).order_by("id")
        assert [(entry.action, entry.actor_name) for entry in told] == [
            ("login.lock", "system"),
            ("login.unlock", f"{EMAILS['paul']} (script)"),
        ]
