"""The CDR and money panels, through the browser's addresses and through REST."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from tests.support.cast import Cast
from tests.support.clients import browser, program
from tests.support.market import (
    LONDON,
    Market,
    decided,
    finished_call,
    happened,
    invite,
    make_market,
    open_call,
    sounded,
    traced,
)

from carillon.base.tenancy import tenant
from carillon.business.billing.models import Account
from carillon.business.calls.models import Call, Cdr
from carillon.business.partners.queries import system_actor
from carillon.business.partners.tokens import TokenData, create_token
from carillon.faces.portal.calls import CDRS
from carillon.logic.callflow.quality import CALLEE, CALLER, LegQuality
from carillon.panels.cells import rest_row
from carillon.usecases.post_charges import post_charges
from carillon.usecases.settle_calls import settle_call

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def called(cast: Cast) -> Market:
    """Bryggen has called London for a minute, with a trace of two messages."""
    market = make_market(cast)
    call_id = finished_call(decided(invite("bryggen", "fjord.test", LONDON)), talked_s=60)
    raw = "INVITE sip:x SIP/2.0\r\nCall-ID: a@b\r\n\r\n"
    edge = "127.0.0.1:5060"
    traced(call_id, ("198.51.100.7:5060", edge, raw), (edge, "192.0.2.10:5060", raw), every_us=90_000)
    with tenant(system_actor()) as actor:
        settle_call(actor, call_id)
    return market


def test_a_diagnosis_names_carriers_to_their_owner_alone(cast: Cast) -> None:
    make_market(cast)
    decision = decided(invite("bryggen", "fjord.test", LONDON))
    started = datetime.now(UTC) - timedelta(minutes=5)
    call_id, _ = open_call(decision, at=started)
    happened(call_id, "applied", started)
    happened(call_id, "attempt", started, target=0, label="Carrier A", sip_code=503, reason="Full at A", elapsed_ms=40)
    happened(call_id, "failed", started, sip_code=503, reason="Full at A", by="callee")
    with tenant(system_actor()) as actor:
        settle_call(actor, call_id)
    cdr = Cdr.objects.get(call_id=call_id, tier=0, is_carrier_cost=False)
    said = {
        name: program(cast.staff(name)).get(f"/api/v1/cdrs/{cdr.pk}/diagnosis/").json() for name in ("olga", "petra")
    }
    assert said["olga"] == [{"slug": "failed", "text": "Carrier A answered 503 Full at A."}]
    assert said["petra"] == [
        {"slug": "failed", "text": "carrier 1 of Northwind Telecom answered 503 Service Unavailable."}
    ]
    assert "answered 503 Service Unavailable." in browser("petra").get(f"/panels/cdrs/{cdr.pk}/").content.decode()


def customers_program(market: Market) -> Client:
    """A script of Acme's administrator."""
    with tenant(system_actor()):
        scopes = ("cdrs.view", "transactions.view")
        clear = create_token(market.cast.user(market.cast.alice), TokenData(name="own", scopes=scopes))[1]
    return Client(headers={"host": "northwind.localhost", "authorization": f"Bearer {clear}"})


def test_files_and_rest_tell_what_was_the_matter(cast: Cast) -> None:
    market = make_market(cast)
    decision = decided(invite("alice", "northwind.test", LONDON))
    started = datetime.now(UTC) - timedelta(minutes=5)
    call_id, _ = open_call(decision, at=started)
    happened(call_id, "attempt", started, target=0, label="Carrier A", sip_code=486, reason="Busy at A", elapsed_ms=40)
    happened(call_id, "failed", started, sip_code=486, reason="Busy at A", by="callee")
    with tenant(system_actor()) as actor:
        settle_call(actor, call_id)
    alice = customers_program(market)
    said = [
        client.get("/api/v1/cdrs/").json()["results"][0]["diagnosis"] for client in (program(cast.staff("paul")), alice)
    ]
    assert said == ["carrier 1 of Level Platform answered 486 Busy Here.", f"{LONDON} answered 486 Busy Here."]
    file = browser("paul").get("/panels/cdrs/export/?columns=caller,diagnosis").content.decode()
    assert said[0] in file
    assert said[1] not in file


def test_a_price_is_told_step_by_step_with_its_rate(called: Market) -> None:
    cdr = Cdr.objects.get(tier=0, customer_id=called.cast.fjord_customer.pk)
    pages = {name: browser(name).get(f"/panels/cdrs/{cdr.pk}/").content.decode() for name in ("olga", "petra")}
    rate = f"/panels/rates/?version_id={cdr.explanation['version_id']}&amp;prefix=44"
    assert rate in pages["olga"] and rate in pages["petra"]
    assert browser("petra").get(rate.replace("&amp;", "&").replace("/rates/", "/rates/rows/")).json()["rows"]
    assert "/panels/cost-rates/" in pages["olga"] and "/panels/cost-rates/" not in pages["petra"]
    assert pages["petra"].count("/panels/rates/?") == 1  # of its own sale; what it buys by is its supplier's
    assert "Rounded once" in pages["petra"]


def test_page_and_rest_tell_how_each_leg_sounded(called: Market) -> None:
    cdr = Cdr.objects.get(tier=0, customer_id=called.cast.fjord_customer.pk)
    blank = browser("olga").get(f"/panels/cdrs/{cdr.pk}/").content.decode()
    assert "was not measured" in blank
    bad = LegQuality(CALLEE, 480, "PCMA", Decimal("2.4"), Decimal("1.9"), 12, 20, 96, 40)
    sounded(cdr.call_id, LegQuality(CALLER, 500, "PCMA"), bad)
    text = browser("olga").get(f"/panels/cdrs/{cdr.pk}/").content.decode()
    assert '<span class="state bad">Poor</span>' in text
    assert '<span class="state calm">Unknown</span>' in text
    assert "20 % (96)" in text
    told = {
        name: program(called.cast.staff(name)).get(f"/api/v1/cdrs/{cdr.pk}/media/").json() for name in ("olga", "petra")
    }
    assert [(leg["side"], leg["mos"], leg["grade"]) for leg in told["olga"]] == [
        ("caller", None, "unknown"),
        ("callee", "2.4", "poor"),
    ]
    assert [leg["side"] for leg in told["petra"]] == ["caller"]


@pytest.mark.parametrize("slug", ["cdrs", "live-calls", "transactions", "accounts"])
@pytest.mark.parametrize("name", ["olga", "paul", "petra", "stranger"])
def test_every_page_opens_for_staff(called: Market, name: str, slug: str) -> None:
    response = browser(name).get(f"/panels/{slug}/")
    assert response.status_code == 200


def test_page_of_a_call_shows_prices_reasons_and_ladder(called: Market) -> None:
    cdr = Cdr.objects.get(tier=0, customer_id=called.cast.fjord_customer.pk)
    page = browser("petra").get(f"/panels/cdrs/{cdr.pk}/")
    text = page.content.decode()
    assert page.status_code == 200
    assert "0.12 EUR" in text
    assert "0.04 EUR" in text
    assert "ladder-trace" in text
    assert "Fjord retail" in text
    assert browser("stranger").get(f"/panels/cdrs/{cdr.pk}/").status_code == 404


def test_rest_gives_cdrs_prices_explanation_trace_and_events(called: Market) -> None:
    client = program(called.cast.staff("petra"))
    found = client.get("/api/v1/cdrs/?tab=dialled").json()["results"]
    assert [(row["amount_micro"], row["cost_micro"], row["margin_micro"]) for row in found] == [
        (120_000, 40_000, 80_000)
    ]
    address = f"/api/v1/cdrs/{found[0]['id']}"
    assert [line["amount_micro"] for line in client.get(f"{address}/prices/").json()] == [120_000, 40_000]
    assert client.get(f"{address}/explanation/").json()["rate_name"] == "United Kingdom"
    assert [message["leg"] for message in client.get(f"{address}/trace/").json()] == [0, 0]
    assert [event["kind"] for event in client.get(f"{address}/events/").json()] == ["applied", "answered", "ended"]
    stranger = program(called.cast.staff("stranger"))
    assert stranger.get(f"{address}/trace/").status_code == 404


def test_a_customers_program_learns_its_price_and_nothing_behind_it(cast: Cast) -> None:
    make_market(cast)
    call_id = finished_call(decided(invite("alice", "northwind.test", LONDON)), talked_s=60)
    with tenant(system_actor()) as actor:
        settle_call(actor, call_id)
    with tenant(cast.user(cast.alice)) as alice:
        cdr = CDRS.rows(alice).get()
        row = rest_row(CDRS, cdr)
        told = json.dumps([row, *(extra.read(alice, cdr) for extra in CDRS.extras)], default=str)
    assert (row["amount_micro"], row["cost_micro"], row["margin_micro"]) == (60_000, None, None)
    assert "Carrier A" not in told
    assert '"margin"' not in told


def test_rest_tops_up_once_per_key_and_refuses_nonsense(cast: Cast) -> None:
    make_market(cast)
    client = program(cast.staff("paul"))
    wanted = {"customer_id": cast.acme.pk, "amount_micro": 5_000_000, "reference": "cash", "idempotency_key": "k1"}

    def post(**changes: object) -> tuple[int, dict[str, object]]:
        response = client.post("/api/v1/top-ups/", json.dumps({**wanted, **changes}), "application/json")
        return response.status_code, response.json()

    first = post()
    assert first[0] == 201
    assert post()[1]["id"] == first[1]["id"]
    assert post(amount_micro=6_000_000)[0] == 409
    assert post(amount_micro=-1, idempotency_key="k2")[0] == 400
    assert post(customer_id=cast.charlie.pk, idempotency_key="k3")[0] == 400
    assert post(partner_id=cast.fjord.pk, idempotency_key="k4")[0] == 400


def test_live_calls_show_state_and_money_set_aside(cast: Cast) -> None:
    make_market(cast)
    call_id, _ = open_call(decided(invite("alice", "northwind.test", LONDON)))
    happened(call_id, "answered", datetime.now(UTC), target=0)
    client = program(cast.staff("paul"))
    row = client.get("/api/v1/live-calls/").json()["results"][0]
    assert (row["state"], row["customer_name"]) == ("answered", "Acme Ltd")
    assert row["held_micro"] > 0
    assert client.post(f"/api/v1/live-calls/{row['id']}/hang_up/").status_code == 503  # no control runs here
    assert client.post(f"/api/v1/live-calls/{uuid4()}/hang_up/").status_code == 404
    assert Call.objects.count() == 1


def test_a_live_call_tells_what_it_costs_so_far(cast: Cast) -> None:
    make_market(cast)
    onnet, _ = open_call(decided(invite("alice", "northwind.test", "102")))
    call_id, _ = open_call(decided(invite("bryggen", "fjord.test", LONDON)))
    ringing = program(cast.staff("petra")).get("/api/v1/live-calls/").json()["results"]
    assert [row["charge_micro"] for row in ringing] == [None]
    for one in (onnet, call_id):
        happened(one, "answered", datetime.now(UTC) - timedelta(seconds=90), target=0)
    found = {
        name: {
            row["id"]: row["charge_micro"]
            for row in program(cast.staff(name)).get("/api/v1/live-calls/").json()["results"]
        }
        for name in ("paul", "petra", "stranger")
    }
    charged = found["petra"][str(call_id)]
    assert 180_000 <= charged <= 190_000  # 0.12 a minute
    assert set(found["petra"]) == {str(call_id)}
    assert found["paul"][str(onnet)] == 0
    assert found["stranger"] == {}


def test_transactions_tell_the_balance_after_each_and_lead_to_their_calls(called: Market) -> None:
    with tenant(system_actor()) as actor:
        post_charges(actor)
    cast = called.cast
    customer: dict[str, Any] = {"customer_id": cast.fjord_customer.pk}
    found = program(cast.staff("petra")).get("/api/v1/transactions/", customer).json()["results"]
    assert [(row["kind"], row["amount_micro"], row["balance_micro"]) for row in found] == [
        ("calls", -120_000, 9_880_000), ("top_up", 10_000_000, 10_000_000),
    ]  # fmt: skip
    assert found[0]["balance_micro"] == Account.objects.get(pk=called.fjord_customer.pk).balance_micro
    own = {"buyer_partner_id": cast.fjord.pk}
    bought = program(cast.staff("paul")).get("/api/v1/transactions/", own).json()["results"]
    assert [(row["kind"], row["balance_micro"]) for row in bought] == [
        ("calls", 99_960_000),
        ("top_up", 100_000_000),
    ]
    filtered = (
        program(cast.staff("petra")).get("/api/v1/transactions/", {**customer, "kind": "top_up"}).json()["results"]
    )
    assert [row["balance_micro"] for row in filtered] == [10_000_000]
    for name, row in (("petra", found[0]), ("paul", bought[0])):
        answer = browser(name).get(f"/panels/transactions/{row['id']}/go/cdrs/")
        assert answer.status_code == 302
        rows = browser(name).get(answer["Location"].replace("/cdrs/?", "/cdrs/rows/?")).json()["rows"]
        assert [one["customer_name"] for one in rows] == ["Bryggen AS"]
    top_up = f"/panels/transactions/{found[1]['id']}"
    assert browser("petra").get(f"{top_up}/go/cdrs/").status_code == 404
    shown = browser("petra").get("/panels/transactions/rows/").json()["rows"]
    assert {row["_id"]: "cdrs" in row["_without"] for row in shown}[str(found[1]["id"])]
    elsewhere = browser("stranger").get(answer["Location"].replace("/cdrs/?", "/cdrs/rows/?")).json()["rows"]
    assert elsewhere == []


def test_a_partner_sees_what_it_buys_by_as_the_portal_reads(
    called: Market, as_role: Callable[[str], AbstractContextManager[None]]
) -> None:
    """The supplier's own row is behind the second wall: what hangs on it must not vanish with it."""
    cdr = Cdr.objects.get(tier=0, customer_id=called.cast.fjord_customer.pk)
    petra, alice = program(called.cast.staff("petra")), customers_program(called)
    with as_role("web"):
        prices = petra.get(f"/api/v1/cdrs/{cdr.pk}/prices/").json()
        assert [(line["seller"], line["is_cost"]) for line in prices] == [
            ("Fjord Voice", False), ("Northwind Telecom", True),
        ]  # fmt: skip
        for resource in ("accounts", "transactions"):
            mine = petra.get(f"/api/v1/{resource}/", {"customer_id": cdr.customer_id or 0}).json()["results"]
            assert [row["partner"] for row in mine] == ["Fjord Voice"], resource
            assert [row["balance_micro"] for row in alice.get(f"/api/v1/{resource}/").json()["results"]] == [10_000_000]
