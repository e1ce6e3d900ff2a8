"""Partners, staff, tokens, web products, customers and users over REST and in the portal, as the web role."""

from __future__ import annotations

import pytest
from django.test import Client
from tests.support.cast import EMAILS, PASSWORD, Cast
from tests.support.clients import Script, bearer, script

from carillon.base.models import AuditEntry
from carillon.base.tenancy import realm_scope, tenant
from carillon.business.billing.models import Account
from carillon.business.partners.queries import system_actor
from carillon.business.partners.tokens import TokenData, create_token

pytestmark = pytest.mark.django_db(transaction=True)


def test_from_partner_to_user_by_script(web: Cast) -> None:
    olga = script(web, "olga")
    status, partner = olga("post", "partners/", {"name": "Harbour", "country": "GB", "currency": "EUR"})
    assert status == 201, partner
    status, product = olga(
        "post",
        "web-products/",
        {
            "name": "Harbour Voice",
            "kind": "business",
            "hostname": "harbour.localhost",
            "sip_domain": "harbour.test",
            "country": "GB",
            "currencies": ["EUR"],
            "partner_id": partner["id"],
        },
    )
    assert status == 201, product
    status, customer = olga("post", "customers/", {"web_product_id": product["id"], "name": "Quay Ltd"})
    assert status == 201, customer
    assert (customer["available_micro"], customer["currency"]) == (0, "EUR")
    body = {"customer_id": customer["id"], "name": "Erin", "extension": "201"}
    status, user = olga("post", "users/", body)
    assert (status, user["extension"]) == (201, "201")
    assert olga("get", f"users/{user['id']}/")[1]["customer_id"] == customer["id"]
    with tenant(system_actor()):
        assert Account.objects.filter(buyer_partner_id=partner["id"]).count() == 1
        assert Account.objects.filter(customer_id=customer["id"]).count() == 1


def test_errors_name_fields(web: Cast) -> None:
    paul = script(web, "paul")
    status, problem = paul("post", "customers/", {"web_product_id": web.business.pk, "name": "", "country": "XX"})
    assert (status, set(problem["fields"])) == (400, {"name"})
    status, problem = paul("post", "users/", {"customer_id": web.acme.pk, "name": "Erin", "extension": "999"})
    assert (status, set(problem["fields"])) == (400, {"extension"})
    status, problem = paul("post", "users/", {"customer_id": web.charlie.pk, "name": "Erin"})
    assert (status, set(problem["fields"])) == (400, {"customer_id"})


@pytest.mark.parametrize("name", ["petra", "stranger"])
def test_foreign_rows_are_not_found(web: Cast, name: str) -> None:
    api = script(web, name)
    for path in (
        f"partners/{web.northwind.pk}/",
        f"web-products/{web.business.pk}/",
        f"customers/{web.acme.pk}/",
        f"users/{web.bob.pk}/",
    ):
        assert api("get", path)[0] == 404
        assert api("patch", path, {"name": "stolen"})[0] == 404
    assert api("post", f"customers/{web.acme.pk}/status/", {"status": "blocked", "reason": "x"})[0] == 404


def test_a_part_can_be_changed_and_the_rest_stays(web: Cast) -> None:
    paul = script(web, "paul")
    status, customer = paul("patch", f"customers/{web.acme.pk}/", {"max_channels": 3})
    assert (status, customer["max_channels"], customer["name"]) == (200, 3, "Acme Ltd")
    assert paul("patch", f"customers/{web.acme.pk}/", {"currency": "GBP"})[0] == 400
    status, partner = paul("patch", f"partners/{web.fjord.pk}/", {"portal_hostname": "voice.fjord.test"})
    assert (status, partner["portal_hostname"]) == (200, "voice.fjord.test")
    status, product = paul("patch", f"web-products/{web.business.pk}/", {"sip_domain": "sip.northwind.test"})
    assert (status, product["sip_domain"]) == (200, "sip.northwind.test")


def test_kinds_of_numbers_are_allowed_by_name(web: Cast) -> None:
    paul = script(web, "paul")
    for path in (f"customers/{web.acme.pk}/", f"web-products/{web.business.pk}/"):
        assert paul("get", path)[1]["allowed_classes"] == []
        assert paul("patch", path, {"allowed_classes": ["premium", "satellite", "premium"]})[0] == 200
        assert paul("get", path)[1]["allowed_classes"] == ["premium", "satellite"]
        assert paul("patch", path, {"allowed_classes": ["everything"]})[0] == 400


def test_status_needs_its_reason(web: Cast) -> None:
    paul = script(web, "paul")
    path = f"customers/{web.acme.pk}/status/"
    assert paul("post", path, {"status": "suspended"})[0] == 400
    status, customer = paul("post", path, {"status": "suspended", "reason": "unpaid"})
    assert (status, customer["status"], customer["status_reason"]) == (200, "suspended", "unpaid")
    assert paul("post", path, {"status": "suspended", "reason": "again"})[0] == 409


def test_staff_is_hired_changed_and_removed(web: Cast) -> None:
    paul = script(web, "paul")
    body = {"email": "sam@northwind.test", "name": "Sam", "role": "support"}
    assert paul("post", "staff/", {**body, "password": PASSWORD})[0] == 400
    status, sam = paul("post", "staff/", body)
    assert (status, sam["role"]) == (201, "support")
    assert "password" not in sam
    assert paul("patch", f"staff/{sam['id']}/", {"role": "reader"})[1]["role"] == "reader"
    assert paul("delete", f"staff/{sam['id']}/")[0] == 204
    assert paul("get", f"staff/{sam['id']}/")[0] == 404


def test_token_is_made_shown_once_and_revoked(web: Cast) -> None:
    paul = script(web, "paul")
    own = next(row for row in paul("get", "staff/")[1]["results"] if row["email"] == EMAILS["paul"])
    status, made = paul("post", f"staff/{own['id']}/create-token/", {"name": "crm", "scopes": ["customers.view"]})
    assert status == 200, made
    crm = Script(bearer(made["token"]))
    assert crm("get", "customers/")[0] == 200
    assert crm("get", "users/")[0] in (403, 404)
    assert crm("post", "customers/", {"web_product_id": web.business.pk, "name": "x"})[0] == 403
    assert made["token"] not in str(paul("get", "tokens/")[1])
    assert paul("post", f"tokens/{made['id']}/revoke/", {})[0] == 200
    assert crm("get", "customers/")[0] == 401


def test_nobody_makes_a_token_in_another_persons_name(web: Cast) -> None:
    olga = script(web, "olga")
    others = next(row for row in olga("get", "staff/")[1]["results"] if row["email"] == EMAILS["paul"])
    assert olga("post", f"staff/{others['id']}/create-token/", {"name": "spy"})[0] == 403


def test_customers_token_reaches_its_customer_only(web: Cast) -> None:
    with realm_scope(web.northwind.pk):
        alice = web.user(web.alice)
    with tenant(alice):
        _, clear = create_token(alice, TokenData(name="script", scopes=("*",)))
    api = Script(bearer(clear, "northwind.localhost"))
    status, page = api("get", "users/")
    assert status == 200, page
    assert {row["name"] for row in page["results"]} == {"Alice", "Bob"}
    assert [row["name"] for row in api("get", "customers/")[1]["results"]] == ["Acme Ltd"]
    assert api("post", "users/", {"customer_id": web.acme.pk, "name": "Erin", "extension": "103"})[0] == 201
    assert api("post", "users/", {"customer_id": web.dan.pk, "name": "Erin"})[0] == 400
    assert api("patch", f"customers/{web.acme.pk}/", {"name": "x"})[0] == 403
    assert api("get", f"users/{web.stranger.pk}/")[0] == 404
    for panel in ("partners", "staff", "web-products"):
        assert api("get", f"{panel}/")[0] == 404


def test_token_of_one_realm_is_nobody_in_another(web: Cast) -> None:
    with realm_scope(web.northwind.pk):
        alice = web.user(web.alice)
    with tenant(alice):
        _, clear = create_token(alice, TokenData(name="script"))
    for host in ("portal.localhost", "elsewhere.localhost"):
        assert Script(bearer(clear, host))("get", "users/")[0] == 401


def test_pages_open_for_staff_and_are_closed_to_the_public(web: Cast) -> None:
    client = Client(headers={"host": "portal.localhost"})
    slugs = ("partners", "staff", "tokens", "web-products", "customers", "users")
    for slug in slugs:
        assert client.get(f"/panels/{slug}/").status_code == 302
    client.post("/accounts/login/", {"login": EMAILS["paul"], "password": PASSWORD})
    for slug in slugs:
        assert client.get(f"/panels/{slug}/").status_code == 200, slug
        assert client.get(f"/panels/{slug}/rows/", headers={"accept": "application/json"}).status_code == 200, slug
    for slug in ("partners", "staff", "web-products", "customers", "users"):
        assert client.get(f"/panels/{slug}/add/", headers={"hx-request": "true"}).status_code == 200, slug


def test_history_names_the_token(web: Cast) -> None:
    paul = script(web, "paul")
    paul("patch", f"customers/{web.acme.pk}/", {"name": "Acme plc"})
    with tenant(system_actor()):
        entry = AuditEntry.objects.get(action="customer.update")
    assert entry.actor_name == "paul@northwind.test (script)"
    assert len(entry.request_id) == 32
