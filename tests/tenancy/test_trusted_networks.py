"""Staff and tokens that must come from certain networks: who is refused, how it looks, and that nobody is shut out."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client, override_settings

from carillon.base.models import AuditEntry
from carillon.base.tenancy import tenant
from carillon.business.partners.actions import StaffData, create_staff
from carillon.business.partners.queries import system_actor
from carillon.business.partners.tokens import TokenData, create_token
from tests.support.cast import EMAILS, PASSWORD, Cast
from tests.support.clients import PORTAL, bearer, script

pytestmark = pytest.mark.django_db(transaction=True)

OFFICE, HOME = "203.0.113.9", "198.51.100.1"
NETWORK = "203.0.113.0/24"
PAUL = EMAILS["paul"]


def sign_in(email: str, address: str, password: str = PASSWORD, **headers: str) -> tuple[Client, Any]:
    client = Client(headers={"host": PORTAL, **headers}, REMOTE_ADDR=address)
    return client, client.post("/accounts/login/", {"login": email, "password": password})


def is_in(client: Client) -> bool:
    return client.get("/panels/customers/").status_code == 200


def trust(cast: Cast, *networks: str) -> None:
    status, row = script(cast, "olga")("patch", f"partners/{cast.northwind.pk}/", {"networks": list(networks)})
    assert (status, row["networks"]) == (200, sorted(networks))


def refusals() -> list[tuple[str, str]]:
    with tenant(system_actor()):
        found = AuditEntry.objects.filter(action__endswith=".refuse").order_by("id")
        return [(one.action, one.reason) for one in found]


def test_from_elsewhere_a_right_password_is_as_good_as_a_wrong_one_and_history_tells(web: Cast) -> None:
    trust(web, NETWORK)
    client, answer = sign_in(PAUL, OFFICE)
    assert answer.status_code == 302 and is_in(client)
    tries = [(PAUL, HOME, PASSWORD), (PAUL, HOME, "wrong"), ("no@no.test", HOME, "wrong"), (PAUL, OFFICE, "wrong")]
    pages = [sign_in(*one)[1].content.decode() for one in tries]
    said = {re.findall(r'<p class="error"[^>]*>([^<]+)<', page)[0] for page in pages}
    assert len(said) == 1 and "from a network that it trusts" in said.pop()
    assert refusals() == [("login.refuse", f"From {HOME}, which is in none of the trusted networks.")]
    for _ in range(2):  # refused ones count: who counts them learns nothing
        sign_in(PAUL, HOME)
    assert b"Too many failed" in sign_in(PAUL, HOME)[1].content
    assert sign_in(EMAILS["petra"], HOME)[1].status_code == 302  # of another company


def test_sessions_that_are_open_elsewhere_end(web: Cast) -> None:
    client, _ = sign_in(PAUL, HOME)
    assert is_in(client)
    trust(web, NETWORK)
    assert client.get("/panels/customers/")["Location"].startswith("/accounts/login/")
    inside, _ = sign_in(PAUL, OFFICE)
    assert is_in(inside)
    stolen = Client(headers={"host": PORTAL}, REMOTE_ADDR=HOME)
    stolen.cookies = inside.cookies
    assert not is_in(stolen) and not is_in(inside)  # thrown away for both


def test_the_address_is_the_one_that_the_proxies_tell_and_nobody_elses(web: Cast) -> None:
    trust(web, NETWORK)
    forged = {"x-forwarded-for": OFFICE}
    assert sign_in(PAUL, HOME, **forged)[1].status_code == 200
    with override_settings(ALLAUTH_TRUSTED_PROXY_COUNT=1):
        assert sign_in(PAUL, "127.0.0.1", **{"x-forwarded-for": f"{OFFICE}, {HOME}"})[1].status_code == 200
        assert sign_in(PAUL, "127.0.0.1", **{"x-forwarded-for": f"{HOME}, {OFFICE}"})[1].status_code == 302


def test_a_role_asks_beside_its_company_and_another_company_lets_in(web: Cast) -> None:
    paul = script(web, "paul")
    role = paul.make("roles/", {"name": "Desk", "networks": ["203.0.113.0/28", "2001:db8::/32"]})
    with tenant(web.staff("paul")) as actor:
        data = StaffData(email="nia@northwind.test", name="Nia", own_role_id=role["id"], password=PASSWORD)
        create_staff(actor, data)
    nia = "nia@northwind.test"
    outcomes = [sign_in(nia, one)[1].status_code for one in ("203.0.113.3", "2001:db8::7", "203.0.113.200")]
    assert outcomes == [302, 302, 200]
    trust(web, NETWORK)
    assert [sign_in(nia, one)[1].status_code for one in ("203.0.113.3", "2001:db8::7")] == [302, 200]
    with tenant(web.staff("olga")) as olga:
        create_staff(olga, StaffData(email=nia, name="Nia", partner_id=web.fjord.pk))
    client, answer = sign_in(nia, HOME)
    assert answer.status_code == 302
    places = client.get("/accounts/places/").content.decode()
    assert "Fjord Voice" in places and "Northwind" not in places


def test_nobody_locks_themselves_out(web: Cast) -> None:
    paul, row = script(web, "paul"), f"partners/{web.northwind.pk}/"
    for networks, word in (([NETWORK], "127.0.0.1"), (["0.0.0.0/0"], "0.0.0.0/0"), (["office"], "office")):
        status, problem = paul("patch", row, {"networks": networks})
        assert (status, set(problem["fields"])) == (400, {"networks"}) and word in problem["fields"]["networks"]
    assert paul("patch", row, {"networks": [NETWORK, "127.0.0.0/8"]})[0] == 200
    assert script(web, "petra")("patch", row, {"networks": []})[0] == 404
    client, _ = sign_in(PAUL, OFFICE)
    form = client.get(f"/panels/partners/{web.northwind.pk}/edit/").content.decode()
    assert "127.0.0.0/8, 203.0.113.0/24" in form


def test_tokens_work_in_their_own_networks_or_where_their_owner_may_sign_in(web: Cast) -> None:
    with tenant(web.staff("paul")) as paul:
        plain = create_token(paul, TokenData(name="plain"))[1]
        own = create_token(paul, TokenData(name="server", networks=("192.0.2.7",)))[1]
    trust(web, NETWORK)

    def status(clear: str, address: str) -> int:
        return bearer(clear).get("/api/v1/customers/", REMOTE_ADDR=address).status_code

    assert [status(plain, one) for one in (OFFICE, HOME, HOME)] == [200, 401, 401]
    assert [status(own, one) for one in ("192.0.2.7", OFFICE, HOME)] == [200, 401, 401]
    assert [action for action, _reason in refusals()] == ["apitoken.refuse"] * 3
    listed = script(web, "olga")("get", "tokens/")[1]["results"]
    assert {row["name"]: row["networks"] for row in listed}["server"] == ["192.0.2.7"]
