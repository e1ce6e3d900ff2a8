"""What a partner and a customer find in the pages and in REST of a call over their supplier's carrier."""

from __future__ import annotations

import json
from uuid import UUID

import pytest
from django.test import Client
from tests.support.cast import Cast
from tests.support.clients import browser, program
from tests.support.market import LONDON, decided, finished_call, invite, make_market, open_call, traced

from carillon.base.tenancy import tenant
from carillon.business.partners.queries import system_actor
from carillon.usecases.settle_calls import settle_call

pytestmark = pytest.mark.django_db(transaction=True)
SECRETS = ("Carrier A", "192.0.2.10", "World", "Carrier cost", "To Northwind")


@pytest.fixture
def called(cast: Cast) -> UUID:
    """Bryggen has called London for a minute; its trace shows both legs."""
    make_market(cast)
    call_id = finished_call(decided(invite("bryggen", "fjord.test", LONDON)), talked_s=60)
    steps = (
        ("198.51.100.7:5060", "203.0.113.1:5060", "INVITE sip:1@fjord.test SIP/2.0"),
        ("203.0.113.1:5060", "192.0.2.10:5060", "INVITE sip:1@192.0.2.10 SIP/2.0"),
        ("192.0.2.10:5060", "203.0.113.1:5060", "SIP/2.0 200 OK"),
        ("203.0.113.1:5060", "198.51.100.7:5060", "SIP/2.0 200 OK"),
    )
    contact = "Contact: <sip:192.0.2.10>\r\n\r\n"
    texts = [f"{first}\r\nCall-ID: 1\r\n{contact if place else ''}" for place, (_, _, first) in enumerate(steps)]
    traced(call_id, *((source, target, text) for (source, target, _), text in zip(steps, texts, strict=True)))
    with tenant(system_actor()) as actor:
        settle_call(actor, call_id)
    return call_id


def rest_of(client: Client, call_id: UUID) -> str:
    """All that REST says of a call."""
    found = client.get(f"/api/v1/cdrs/?call_id={call_id}").json()["results"]
    parts = [json.dumps(found)]
    for row in found:
        for part in ("explanation", "prices", "events", "trace", "media", "diagnosis"):
            response = client.get(f"/api/v1/cdrs/{row['id']}/{part}/")
            assert response.status_code == 200
            parts.append(json.dumps(response.json()))
    return "\n".join(parts)


@pytest.mark.parametrize("name", ["petra", "paul"])
def test_rest_keeps_the_operators_carrier_from_partners(called: UUID, cast: Cast, name: str) -> None:
    told = rest_of(program(cast.staff(name)), called)
    assert "Fjord Voice" in told
    for secret in SECRETS if name == "petra" else SECRETS[:4]:
        assert secret not in told


def test_rest_tells_the_operator_everything(called: UUID, cast: Cast) -> None:
    told = rest_of(program(cast.staff("olga")), called)
    for secret in SECRETS:
        assert secret in told


def test_pages_of_a_call_keep_the_operators_carrier_from_partners(called: UUID, cast: Cast) -> None:
    (cdr,) = program(cast.staff("petra")).get(f"/api/v1/cdrs/?call_id={called}").json()["results"]
    pages = {name: browser(name).get(f"/panels/cdrs/{cdr['id']}/") for name in ("petra", "paul", "olga")}
    assert {page.status_code for page in pages.values()} == {200}
    for name, shown in (("petra", SECRETS), ("paul", SECRETS[:4])):
        text = pages[name].content.decode()
        for secret in shown:
            assert secret not in text
    assert "Carrier A" in pages["olga"].content.decode()


def test_live_calls_in_pages_and_rest_do_not_name_another_partners_gateway(cast: Cast) -> None:
    make_market(cast)
    call_id, answer = open_call(decided(invite("bryggen", "fjord.test", LONDON)))
    assert answer == "ok"
    for name, is_told in (("petra", False), ("paul", False), ("olga", True)):
        rest = program(cast.staff(name)).get("/api/v1/live-calls/").content.decode()
        grid = browser(name).get("/panels/live-calls/rows/").content.decode()
        assert str(call_id) in rest
        assert LONDON in grid
        assert ("Carrier A" in grid) == is_told
        assert "decision" not in rest + grid
        assert "192.0.2.10" not in rest + grid


def test_a_customers_program_learns_its_price_alone(cast: Cast) -> None:
    make_market(cast)
    call_id = finished_call(decided(invite("alice", "northwind.test", LONDON)), talked_s=60)
    with tenant(system_actor()) as actor:
        settle_call(actor, call_id)
    client = program(cast.user(cast.alice), host="northwind.localhost")
    found = client.get(f"/api/v1/cdrs/?call_id={call_id}")
    assert found.status_code == 200, found.content
    (cdr,) = found.json()["results"]
    told = client.get(f"/api/v1/cdrs/{cdr['id']}/explanation/").json()
    assert not {"margin", "attempts", "notes"} & set(told)
    assert client.get(f"/api/v1/cdrs/{cdr['id']}/trace/").json() == []
    assert client.get(f"/api/v1/cdrs/{cdr['id']}/diagnosis/").json() == [
        {"slug": "hung-up-by-caller", "text": "The caller hung up after 60 s."}
    ]
