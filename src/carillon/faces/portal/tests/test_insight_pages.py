"""Dashboard and test call through the browser's addresses and through REST, and the calls that figures lead to."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from tests.support.brain import control
from tests.support.cast import Cast
from tests.support.clients import browser, program
from tests.support.market import LONDON, Market, decided, finished_call, happened, invite, make_market, open_call
from tests.support.waiting import wait_until

from carillon.base.models import AuditEntry
from carillon.base.tenancy import tenant
from carillon.business.billing.models import Account
from carillon.business.customers.models import Customer
from carillon.business.partners.queries import system_actor
from carillon.config import Config
from carillon.usecases.settle_calls import settle_call
from carillon.usecases.tests.test_bundles import bundle

pytestmark = pytest.mark.django_db(transaction=True)

NOON = datetime(2026, 11, 20, 12, 10, tzinfo=UTC)
PERIOD = "period=own&since=2026-11-19&until=2026-11-20"
DASHBOARD = f"/pages/dashboard/?{PERIOD}"
MOST_QUERIES = 17  # the request's own among them: session, login, scope, begin and end


@pytest.fixture
def called(cast: Cast) -> Market:
    """Two calls to London at noon of the twentieth, one at eleven that was busy, and one long before."""
    market = make_market(cast)
    calls = [
        finished_call(decided(invite("alice", "northwind.test", LONDON)), talked_s=60, started=NOON),
        finished_call(decided(invite("bryggen", "fjord.test", LONDON)), talked_s=45, started=NOON),
        finished_call(decided(invite("alice", "northwind.test", LONDON)), talked_s=9, started=NOON - timedelta(days=9)),
    ]
    busy, _ = open_call(decided(invite("alice", "northwind.test", LONDON)), at=NOON - timedelta(hours=1))
    happened(busy, "failed", NOON - timedelta(minutes=59), sip_code=486, by="callee", reason="Busy Here")
    with tenant(system_actor()) as actor:
        for call_id in [*calls, busy]:
            settle_call(actor, call_id)
    return market


def links(text: str) -> Iterator[str]:
    yield from (unescape(found) for found in re.findall(r'href="(/panels/cdrs/\?[^"]+)"', text))


def rows(client: Client, link: str) -> list[dict[str, Any]]:
    answer = client.get(link.replace("/panels/cdrs/?", "/panels/cdrs/rows/?"))
    assert answer.status_code == 200, (link, answer.content)
    found: list[dict[str, Any]] = answer.json()["rows"]
    return found


def test_each_partner_sees_its_own_money(called: Market) -> None:
    told = {
        name: program(called.cast.staff(name)).get(f"/api/v1/dashboard/?{PERIOD}").json()
        for name in ("olga", "paul", "petra", "stranger")
    }
    assert {name: one["dialled"]["calls"] for name, one in told.items()} == {
        "olga": 3, "paul": 3, "petra": 1, "stranger": 0,
    }  # fmt: skip
    money = {name: [(m["revenue_micro"], m["cost_micro"]) for m in one["money"]] for name, one in told.items()}
    assert money == {
        "olga": [(35_000, 17_500)], "paul": [(90_000, 35_000)], "petra": [(90_000, 30_000)], "stranger": [],
    }  # fmt: skip
    paul = told["paul"]
    assert (paul["dialled"]["asr_percent"], paul["dialled"]["acd_ms"], paul["dialled"]["pdd_ms"]) == (
        66.7,
        52_500,
        2_000,
    )
    assert [one["name"] for one in paul["destinations"]] == ["United Kingdom"]
    assert (paul["step"], len(paul["steps"])) == ("hour", 48)
    assert sum(step["dialled"]["calls"] for step in paul["steps"]) == 3
    assert paul["before"]["dialled"]["calls"] == 0


def test_calls_at_a_loss_are_found_by_whoever_lost(called: Market) -> None:
    decision = decided(invite("bryggen", "fjord.test", LONDON))
    (target,) = decision.targets
    assert target.carrier is not None and target.carrier.rate is not None
    dear = replace(target.carrier, rate=replace(target.carrier.rate, per_minute=Decimal(1)))
    with tenant(system_actor()) as actor:
        lossy = replace(decision, targets=(replace(target, carrier=dear),))
        lost = settle_call(actor, finished_call(lossy, talked_s=60, started=NOON))
    assert [cdr.is_loss for cdr in lost] == [False, False, True, False]
    told = {name: program(called.cast.staff(name)) for name in ("olga", "paul", "petra", "stranger")}
    told["alice"] = program(called.cast.user(called.cast.alice), host="northwind.localhost")
    pages = {name: one.get("/api/v1/cdrs/?tab=lost").json() for name, one in told.items()}
    found = {name: [row["call_id"] for row in one["results"]] for name, one in pages.items()}
    assert found == {"olga": [str(lost[0].call_id)], "paul": [], "petra": [], "stranger": [], "alice": []}
    losses = {name: told[name].get(f"/api/v1/dashboard/?{PERIOD}").json()["losses"] for name in ("olga", "paul")}
    assert losses == {"olga": 1, "paul": 0}
    (tile,) = [link for link in links(browser("olga").get(DASHBOARD).content.decode()) if "tab=lost" in link]
    assert len(rows(browser("olga"), tile)) == 1
    assert "tab=lost" not in browser("paul").get(DASHBOARD).content.decode()


def test_every_figure_and_bar_leads_to_its_calls(called: Market) -> None:
    client = browser("paul")
    text = client.get(DASHBOARD).content.decode()
    found = list(links(text))
    assert len(found) > 50
    tile = next(
        link for link in found if link.endswith("tab=dialled&started_at_from=2026-11-19&started_at_to=2026-11-20")
    )
    assert len(rows(client, tile)) == 3
    answered = next(link for link in found if "outcome=answered" in link)
    assert len(rows(client, answered)) == 2
    bars = [link for link in found if "since=2026-11-20T12" in link]
    assert bars and len(rows(client, bars[0])) == 2
    destination = next(link for link in found if "destination_is" in link)
    assert len(rows(client, destination)) == 3
    for link in set(found):
        rows(client, link)


def test_the_customer_filter_on_top_holds_here_too(called: Market) -> None:
    client = browser("paul")
    assert 'tile-value">3<' in client.get(DASHBOARD).content.decode()
    client.post("/customer-filter/", {"customer": called.cast.fjord_customer.pk})
    text = client.get(DASHBOARD).content.decode()
    assert 'tile-value">1<' in text
    assert 'tile-value">0.03<' in text  # what Fjord pays for it
    client.post("/customer-filter/", {"customer": called.cast.acme.pk})
    assert client.get("/pages/dashboard/").status_code == 200
    foreign = browser("stranger").get(f"{DASHBOARD}&customer_id={called.cast.acme.pk}")
    assert foreign.status_code == 400
    assert "Acme" not in foreign.content.decode()


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ("period=own", "since"),
        ("period=own&since=2026-11-20", "until"),
        ("period=own&since=2026-11-20&until=2026-11-19", "until"),
        ("period=own&since=2020-01-01&until=2026-11-19", "until"),
        ("period=century", "period"),
        ("period=own&since=x&until=2026-11-19", "since"),
        ("customer_id=999999", "customer_id"),
        ("period=own&since=0001-01-01&until=0001-01-02", "since"),
        ("period=own&since=9999-12-30&until=9999-12-31", "since"),
    ],
)
def test_a_period_that_makes_no_sense_is_said_so(cast: Cast, asked: str, field: str) -> None:
    answer = program(cast.staff("paul")).get(f"/api/v1/dashboard/?{asked}")
    assert answer.status_code == 400
    assert set(answer.json()["fields"]) == {field}
    page = browser("paul").get(f"/pages/dashboard/?{asked}")
    assert page.status_code == 400
    assert 'role="alert"' in page.content.decode()


def test_periods_open_and_cost_few_queries(called: Market) -> None:
    client = browser("paul")
    for asked in (
        "",
        "?period=today",
        "?period=week",
        "?period=month",
        "?period=own&since=2025-12-01&until=2026-11-20",
    ):
        with CaptureQueriesContext(connection) as queries:
            assert client.get(f"/pages/dashboard/{asked}").status_code == 200, asked
        assert len(queries) <= MOST_QUERIES, asked
    assert client.get("/").headers["Location"] == "/pages/dashboard/"


@pytest.mark.parametrize("moment", ["2026-11-20", "2026-11-20T11:30:00", "2026-11-20T12:00:00+00:00"])
def test_calls_are_found_by_the_moment_they_began(called: Market, moment: str) -> None:
    client = program(called.cast.staff("paul"))
    found = client.get("/api/v1/cdrs/", {"since": moment}).json()["results"]
    assert len(found) == (3 if moment == "2026-11-20" else 2)
    assert {row["ring_ms"] for row in found if row["outcome"] == "answered"} == {2_000}
    for nonsense in ("x", "2026-13-01", "9999-12-31T23:59:59-12:00"):
        assert client.get("/api/v1/cdrs/", {"until": nonsense}).status_code == 400, nonsense


def test_a_test_call_in_the_portal_and_by_the_api(called: Market, config: Config, tmp_path: Path) -> None:
    asked: dict[str, Any] = {"number": "020 7123 4567", "customer_id": called.cast.fjord_customer.pk}
    petra = program(called.cast.staff("petra"))
    silent = petra.get("/api/v1/test-call/", asked)
    assert (silent.status_code, silent.json()["type"].rsplit(":", 1)[-1]) == (503, "control-silent")
    with control(config, tmp_path / "control.log"):
        told = petra.get("/api/v1/test-call/", asked).json()
        assert (told["is_allowed"], told["callee"], told["direction"]) == (True, LONDON, "outbound")
        assert [(one["seller"], one["minute_micro"], one["rate_name"]) for one in told["prices"]] == [
            ("Fjord Voice", 120_000, "United Kingdom"), ("Northwind Telecom", 40_000, "United Kingdom"),
        ]  # fmt: skip
        assert "Carrier A" not in str(told) and "0.01" not in str(told)
        page = browser("olga").get("/pages/test-call/", asked).content.decode()
        assert "Carrier A" in page and "Allowed" in page and "Carrier cost" in page
        mine = browser("petra").get("/pages/test-call/", asked).content.decode()
        assert "carrier 1 of Northwind Telecom" in mine and "Carrier A" not in mine
        check_packages(called)
        refused = browser("petra").get("/pages/test-call/", {**asked, "number": "1" * 30}).content.decode()
        assert "is not a number that can be dialled" in refused
        check_remaining_time(called, petra, asked)
    for name in ("stranger", "petra"):
        foreign: dict[str, Any] = {"number": "1", "customer_id": called.cast.acme.pk}
        for page_of in ("test-call", "remaining-time"):
            refusal = program(called.cast.staff(name)).get(f"/api/v1/{page_of}/", foreign)
            assert (refusal.status_code, set(refusal.json()["fields"])) == (400, {"customer_id"})
    assert browser("petra").get("/pages/test-call/").status_code == 200


def check_packages(called: Market) -> None:
    allowance = bundle(called.cast, 40, covers_fee=False)
    asked: dict[str, Any] = {"number": LONDON, "customer_id": called.cast.acme.pk, "duration_s": 100}
    paul = program(called.cast.staff("paul"))
    wait_until(lambda: bool(paul.get("/api/v1/test-call/", asked).json()["packages"]), 20)
    told = paul.get("/api/v1/test-call/", asked).json()
    assert told["packages"] == [{
        "chain": "originating", "customer": "Acme Ltd", "allowance_id": allowance.pk, "name": "40 s", "left_s": 40,
        "seconds": 40, "used_s": 40, "initial_s": 1, "increment_s": 1, "covers_fee": False, "blocks": False,
    }]  # fmt: skip
    assert (told["money_from_s"], told["ends_s"], told["holds"][0]["is_included"]) == (40, None, True)
    assert [(price["included_s"], price["call"]["amount_micro"]) for price in told["prices"]] == [
        (40, 60_000), (0, 33_333),
    ]  # fmt: skip
    page = browser("paul").get("/pages/test-call/", asked).content.decode()
    assert "Included in packages" in page and "From second 40 on the call is paid with money." in page


def check_remaining_time(called: Market, petra: Client, asked: dict[str, Any]) -> None:
    left = petra.get("/api/v1/remaining-time/", asked).json()
    money = Account.objects.get(customer=called.cast.fjord_customer)
    assert (left["available_micro"], left["live_calls"]) == (money.available_micro, [])
    told = AuditEntry.objects.filter(action="customer.balance_told", object_id=str(called.cast.fjord_customer.pk))
    assert petra.get("/api/v1/remaining-time/", asked).status_code == 200
    assert [entry.actor_name for entry in told] == ["petra@fjord.test (script)"]  # once an hour
    actor, minute = called.cast.staff("petra"), int(time.time()) // 60
    counted = [f"pace:remaining:{actor.partner_id}:None:{actor.login_id}:{at}" for at in (minute, minute + 1)]
    cache.set_many(dict.fromkeys(counted, 120), 120)
    too_often = petra.get("/api/v1/remaining-time/", asked)
    assert (too_often.status_code, too_often.json()["type"].rsplit(":", 1)[-1]) == (429, "asked-too-often")
    assert browser("petra").get("/pages/remaining-time/", asked).status_code == 429
    cache.delete_many(counted)
    call = left["call"]
    lasts_s = min(money.available_micro // 2_000, call["longest_s"])
    assert (call["is_allowed"], call["minute_micro"], call["lasts_s"]) == (True, 120_000, lasts_s)
    Customer.objects.filter(pk=called.cast.fjord_customer.pk).update(max_daily_spend_micro=240_000)
    assert petra.get("/api/v1/remaining-time/", asked).json()["call"]["lasts_s"] == 120
    Account.objects.filter(buyer_partner=called.cast.fjord).update(balance_micro=60_000, unposted_micro=0)
    assert petra.get("/api/v1/remaining-time/", asked).json()["call"]["lasts_s"] == 90
    Account.objects.filter(pk=money.pk).update(balance_micro=0, credit_limit_micro=0)
    poor = petra.get("/api/v1/remaining-time/", asked).json()["call"]
    assert (poor["is_allowed"], poor["refusal"]["slug"], poor["lasts_s"]) == (False, "credit-exhausted", 0)
    mine = browser("petra").get("/pages/remaining-time/", asked).content.decode()
    assert "Refused" in mine and "No calls are going on." in mine
    assert petra.get("/api/v1/remaining-time/", {"customer_id": asked["customer_id"]}).json()["call"] is None
    assert set(petra.get("/api/v1/remaining-time/").json()["fields"]) == {"customer_id"}
    own = program(called.cast.user(called.cast.alice), host="northwind.localhost").get(
        "/api/v1/remaining-time/", {"customer_id": called.cast.acme.pk}
    )
    assert own.json()["customer"] == "Acme Ltd"
