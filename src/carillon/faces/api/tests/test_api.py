"""What every resource has in common: tokens, problems, paging, idempotency, the description."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from tests.support.cast import EMAILS, PASSWORD, Cast
from tests.support.clients import program

from carillon.faces.portal.catalogue import panels

pytestmark = pytest.mark.django_db(transaction=True)

PROBLEM = "application/problem+json"


def post(client: Client, path: str, body: Any, **headers: str) -> Any:
    return client.post(f"/api/v1/{path}", json.dumps(body), content_type="application/json", headers=headers)


def slug(answer: Any) -> str:
    assert answer["Content-Type"] == PROBLEM
    body = answer.json()
    assert body["status"] == answer.status_code
    assert body["detail"]
    return str(body["type"]).removeprefix("urn:carillon:problem:")


def test_no_token_and_wrong_tokens_are_asked_for_a_right_one(web: Cast) -> None:
    for given in ({}, {"authorization": "Bearer crl_nonsense"}, {"authorization": "Bearer "}):
        answer = Client(headers={"host": "portal.localhost", **given}).get("/api/v1/customers/")
        assert answer.status_code == 401
        assert answer["WWW-Authenticate"].startswith("Bearer")
        slug(answer)


def test_token_of_staff_is_unknown_on_a_branded_site(web: Cast) -> None:
    token = program(web.staff("paul")).defaults["HTTP_AUTHORIZATION"]
    answer = Client(headers={"host": "northwind.localhost", "authorization": token}).get("/api/v1/customers/")
    assert answer.status_code in (401, 404)


def test_scopes_limit_what_a_token_may_do(web: Cast) -> None:
    reader = program(web.staff("paul"), "customers.view")
    assert reader.get("/api/v1/customers/").status_code == 200
    answer = reader.patch(f"/api/v1/customers/{web.acme.pk}/", "{}", content_type="application/json")
    assert (answer.status_code, slug(answer)) == (403, "not-permitted")
    assert slug(reader.get("/api/v1/gateways/")) == "not-found"


def test_session_needs_its_csrf_token_to_change_anything(web: Cast) -> None:
    client = Client(headers={"host": "portal.localhost"}, enforce_csrf_checks=True)
    page = client.get("/accounts/login/")
    form = {"login": EMAILS["paul"], "password": PASSWORD, "csrfmiddlewaretoken": page.context["csrf_token"]}
    assert client.post("/accounts/login/", form).status_code == 302
    assert client.get("/api/v1/customers/").status_code == 200
    path = f"/api/v1/customers/{web.acme.pk}/"
    refused = client.patch(path, '{"name": "Acme"}', content_type="application/json")
    assert (refused.status_code, slug(refused)) == (403, "not-permitted")
    token = client.cookies["csrftoken"].value
    done = client.patch(path, '{"name": "Acme"}', content_type="application/json", headers={"x-csrftoken": token})
    assert done.json()["name"] == "Acme"


@pytest.mark.parametrize("body", ["", "{", "[]", "null", '"x"', "NaN", '{"name": NaN}', '{"name": "\\u0000"}'])
def test_body_that_is_no_object_is_a_problem(web: Cast, body: str) -> None:
    answer = program(web.staff("paul")).post("/api/v1/customers/", body, content_type="application/json")
    assert answer.status_code == 400
    slug(answer)


def test_wrong_values_are_named(web: Cast) -> None:
    answer = post(program(web.staff("paul")), "customers/", {"name": "", "kind": "club", "colour": "red"})
    assert (answer.status_code, slug(answer)) == (400, "invalid-input")
    assert {"name", "kind", "colour", "web_product_id"} == set(answer.json()["fields"])


def test_row_of_another_partner_cannot_be_pointed_to(web: Cast) -> None:
    answer = post(program(web.staff("paul")), "customers/", {"name": "New", "web_product_id": web.elsewhere_voice.pk})
    assert list(answer.json()["fields"]) == ["web_product_id"]


@pytest.mark.parametrize(
    "path",
    ["customers/?limit=0", "customers/?limit=x", "customers/?cursor=x", "customers/?order=email", "customers/?nme=x",
     "customers/?customer_id=x", "customers/?status=odd"],
)  # fmt: skip
def test_wrong_parameter_is_refused(web: Cast, path: str) -> None:
    answer = program(web.staff("paul")).get(f"/api/v1/{path}")
    assert answer.status_code == 400
    slug(answer)


@pytest.mark.parametrize("path", ["nothing/", "customers/x/", "customers/99999999999999999999/", "customers", ""])
def test_unknown_address_is_a_problem(web: Cast, path: str) -> None:
    answer = program(web.staff("paul")).get(f"/api/v1/{path}")
    assert (answer.status_code, slug(answer)) == (404, "not-found")


def test_method_and_media_type_are_checked(web: Cast) -> None:
    client = program(web.staff("paul"))
    assert slug(client.put("/api/v1/customers/", "{}", content_type="application/json")) == "method-not-allowed"
    assert slug(client.post("/api/v1/customers/", "x", content_type="text/plain")) == "unsupported-media-type"


def test_pages_follow_one_another(web: Cast) -> None:
    client = program(web.staff("olga"))
    names: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = client.get(f"/api/v1/customers/?limit=2&order=-name&cursor={cursor}").json()
        names += [row["name"] for row in page["results"]]
        cursor = page["next"]
    assert names == ["Dan", "Charlie", "Bryggen AS", "Acme Ltd"]
    assert page["previous"]


def test_request_sent_twice_is_done_once(web: Cast) -> None:
    client = program(web.staff("paul"))
    body = {"name": "Twice", "web_product_id": web.business.pk}
    first = post(client, "customers/", body, **{"idempotency-key": "order-1"})
    second = post(client, "customers/", body, **{"idempotency-key": "order-1"})
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert len(client.get("/api/v1/customers/?name=Twice").json()["results"]) == 1
    other = post(client, "customers/", {**body, "name": "Other"}, **{"idempotency-key": "order-1"})
    assert (other.status_code, slug(other)) == (422, "idempotency-key-reused")


def test_refused_request_leaves_its_key_free(web: Cast) -> None:
    client = program(web.staff("paul"))
    key = {"idempotency-key": "order-2"}
    assert post(client, "customers/", {"name": ""}, **key).status_code == 400
    body = {"name": "Second try", "web_product_id": web.business.pk}
    assert post(client, "customers/", body, **key).status_code == 201


def test_money_is_topped_up_once_per_key(web: Cast) -> None:
    client = program(web.staff("paul"))
    body = {"customer_id": web.acme.pk, "amount_micro": 5_000_000, "reference": "bank"}
    answers = [post(client, "top-ups/", body, **{"idempotency-key": "pay-1"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert client.get(f"/api/v1/customers/{web.acme.pk}/").json()["available_micro"] == 5_000_000


def test_description_is_complete(web: Cast, capsys: pytest.CaptureFixture[str], tmp_path: Any) -> None:
    call_command("spectacular", "--fail-on-warn", "--validate", "--file", str(tmp_path / "schema.yaml"))
    answer = program(web.staff("paul")).get("/api/v1/schema/?format=json")
    paths = answer.json()["paths"]
    assert "/api/v1/customers/{id}/" in paths
    assert "/api/v1/cdrs/{id}/trace/" in paths
    assert set(paths["/api/v1/customers/"]) == {"get", "post"}


def test_customers_people_see_their_customer_only(web: Cast) -> None:
    alice = Client(headers={"host": "northwind.localhost"})
    alice.post("/accounts/login/", {"login": "alice@acme.test", "password": PASSWORD})
    seen: dict[str, list[dict[str, Any]]] = {}
    for panel in panels():
        answer = alice.get(f"/api/v1/{panel.rest_name}/")
        if "customer" in panel.audiences and answer.status_code == 200:
            seen[panel.rest_name] = answer.json()["results"]
        else:
            assert answer.status_code == 404, panel.slug
    assert [row["name"] for row in seen["customers"]] == ["Acme Ltd"]
    assert {row["name"] for row in seen["users"]} == {"Alice", "Bob"}
    assert alice.get(f"/api/v1/customers/{web.dan.pk}/").status_code == 404
    assert all(row.get("customer_id", web.acme.pk) == web.acme.pk for rows in seen.values() for row in rows)
