"""Quick Start, My account, Platform health, metrics and the audit, as people and programs ask for them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from tests.support.cast import EMAILS, Cast
from tests.support.clients import browser, program
from tests.support.market import make_market

from carillon.base.tenancy import realm_scope, tenant
from carillon.business.calls.models import PhoneTest
from carillon.business.partners.models import Login
from carillon.business.partners.queries import signed_in_actor, system_actor

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def web(cast: Cast, as_role: Callable[[str], AbstractContextManager[None]]) -> Iterator[Cast]:
    """The cast with a market, asked as the web role under row-level security."""
    cache.clear()
    make_market(cast)
    with as_role("web"):
        yield cast


def script(name: str, *scopes: str) -> Client:
    with realm_scope(0):
        actor = signed_in_actor(Login.objects.get(key=f"0:{EMAILS[name]}"))
    return program(actor, *scopes)


def told(name: str, path: str) -> Any:
    answer = script(name).get(path)
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_a_partner_reads_what_it_has_and_pays_and_nobody_elses(web: Cast) -> None:
    petra, paul = told("petra", "/api/v1/my-account/"), told("paul", "/api/v1/my-account/")
    assert [one["list"] for one in petra["lists"]] != [one["list"] for one in paul["lists"]]
    assert {one["for"] for one in petra["lists"]} == {"Calls placed and forwarded"}
    assert petra["accounts"][0]["available_micro"] > 0
    rates = told("petra", "/api/v1/wholesale-rates/")["results"]
    assert rates
    assert {rate["list"] for rate in rates} == {one["list"] for one in petra["lists"]}
    assert b"What you have to spend" in browser("petra").get("/pages/my-account/").content


def test_nobody_sees_by_which_cost_the_seller_buys(web: Cast) -> None:
    """Petra pays Northwind; what Northwind pays to the operator is none of hers."""
    paul = {rate["list"] for rate in told("paul", "/api/v1/wholesale-rates/")["results"]}
    petra = {rate["list"] for rate in told("petra", "/api/v1/wholesale-rates/")["results"]}
    assert paul
    assert not paul & petra
    assert told("olga", "/api/v1/wholesale-rates/")["results"] == []


def test_quick_start_knows_what_is_done(web: Cast) -> None:
    found = told("paul", "/api/v1/quick-start/")
    done = {step["name"]: step["is_done"] for step in found["steps"]}
    assert done["web_product"] and done["customer"] and done["money"] and done["assignment"]
    assert not done["registration"] and not done["call"]
    assert found["next"] == "registration"
    page = browser("paul").get("/pages/quick-start/").content
    assert b"Connect their phone" in page


@pytest.mark.parametrize("name", ["paul", "petra"])
def test_platform_health_is_the_operators_alone(web: Cast, name: str) -> None:
    client = browser(name)
    assert client.get("/pages/platform-health/").status_code == 404
    assert b"Platform health" not in client.get("/pages/quick-start/").content
    assert script(name).get("/api/v1/platform-health/").status_code == 404
    assert script(name).get("/metrics").status_code == 403


def test_operator_sees_the_platforms_health(web: Cast) -> None:
    found = told("olga", "/api/v1/platform-health/")
    assert {one["name"] for one in found["backlogs"]} == {"calls_to_rate", "charges_to_post", "jobs"}
    assert found["database_bytes"] > 0
    assert 0 < found["connections"] <= found["max_connections"]
    assert browser("olga").get("/pages/platform-health/").status_code == 200


def test_prometheus_reads_with_a_token_and_not_without(web: Cast) -> None:
    assert Client(headers={"host": "portal.localhost"}).get("/metrics").status_code == 401
    wrong = Client(headers={"host": "portal.localhost", "authorization": "Bearer crl_wrong"})
    assert wrong.get("/metrics").status_code == 401
    assert script("olga", "customers.view").get("/metrics").status_code == 403
    answer = script("olga", "platform_health.view").get("/metrics")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
    text = answer.content.decode()
    assert 'carillon_backlog{kind="calls_to_rate"} 0.0' in text
    assert "# TYPE carillon_disk_free_bytes gauge" in text
    assert script("olga", "platform_health.view").post("/metrics").status_code == 405


def test_audit_tells_who_did_what_in_ones_own_part_of_the_tree(web: Cast) -> None:
    paul, petra = browser("paul"), script("petra")
    status = {"status": "suspended", "reason": "has not paid"}
    assert paul.post(f"/panels/customers/{web.acme.pk}/do/status/", status).status_code == 204
    rows = script("paul").get("/api/v1/audit/?action=customer.").json()["results"]
    (entry,) = [row for row in rows if row["reason"] == "has not paid"]
    assert (entry["object_name"], entry["who"]) == (web.acme.name, EMAILS["paul"])
    both = script("paul").get(f"/api/v1/audit/{entry['id']}/difference/").json()
    assert (both["before"]["status"], both["after"]["status"]) == ("active", "suspended")
    assert petra.get(f"/api/v1/audit/{entry['id']}/").status_code == 404


# ---------------------------------------------------------------- phones that the platform calls itself


def place(name: str, user_id: int, **more: str) -> Any:
    body = json.dumps({"user_id": user_id, **more})
    return script(name).post("/api/v1/phone-tests/", body, content_type="application/json")


def test_a_phone_test_is_written_down_and_queued_once(web: Cast) -> None:
    first = place("paul", web.alice.pk)
    assert first.status_code == 201, first.content
    assert (first.json()["callee"], first.json()["state"]) == ("101", "waiting")
    again = place("paul", web.alice.pk)
    assert again.status_code == 409
    with tenant(system_actor()):
        assert PhoneTest.objects.count() == 1


@pytest.mark.parametrize("dialled", ["sip:eve@example.com", "101;x=y", "１２", "+", "1" * 33])
def test_a_phone_test_dials_numbers_and_nothing_else(web: Cast, dialled: str) -> None:
    answer = place("paul", web.alice.pk, callee=dialled)
    assert answer.status_code in (400, 422), answer.content
    assert set(answer.json()["fields"]) == {"callee"}


def test_a_phone_test_needs_a_user_of_ones_own_with_a_device(web: Cast) -> None:
    for name, user_id in (("petra", web.alice.pk), ("paul", web.stranger.pk), ("paul", 2**62)):
        assert place(name, user_id).status_code in (400, 422)
    with tenant(system_actor()):
        assert PhoneTest.objects.count() == 0
