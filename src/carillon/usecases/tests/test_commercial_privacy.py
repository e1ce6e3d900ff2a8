"""What each tier of the tree may know of a call that all of them sell: never its supplier's carriers and costs."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from tests.support.cast import Cast
from tests.support.market import LONDON, decided, happened, invite, make_market, open_call, traced

from carillon.base.actor import Actor
from carillon.base.tenancy import tenant
from carillon.business.calls.models import Call, Cdr
from carillon.business.calls.queries import (
    cdrs_of,
    cdrs_on,
    events_of,
    explanation_of,
    live_calls_of,
    party_names,
    prices_of,
    story_of,
    trace_of,
)
from carillon.business.partners.queries import system_actor
from carillon.business.routing.actions import GatewayData, RouteData, create_gateway, create_route
from carillon.logic.callflow.values import CallRequest, Decision
from carillon.usecases.settle_calls import settle_call

pytestmark = pytest.mark.django_db

OPERATORS = ("Carrier A", "192.0.2.10", "World", "Carrier cost", "To Northwind")
EDGE, PHONE, CARRIER = "203.0.113.1:5060", "198.51.100.7:5060", "192.0.2.10:5060"


def live(decision: Decision) -> tuple[UUID, datetime]:
    """A call that was answered after a first carrier failed, and goes on; and when it was answered."""
    started = datetime.now(UTC) - timedelta(minutes=5)
    call_id, answer = open_call(decision, at=started)
    assert answer == "ok"
    name = decision.targets[0].carrier.gateway if decision.targets[0].carrier else "a device"
    happened(call_id, "applied", started)
    happened(call_id, "attempt", started, target=0, label=name, sip_code=503, reason=f"{name} full", elapsed_ms=9)
    answered = started + timedelta(seconds=2)
    happened(call_id, "answered", answered, target=0)
    return call_id, answered


def ended(decision: Decision, carrier: str = CARRIER) -> UUID:
    """The same call after a minute, rated, with a trace of both legs."""
    call_id, answered = live(decision)
    happened(call_id, "ended", answered + timedelta(seconds=60), by="callee", sip_code=200, reason="OK")
    caller = f"{decision.request.source_address}:{decision.request.source_port}"
    steps = (
        (caller, EDGE, f"INVITE sip:{decision.dialled}@fjord.test SIP/2.0"),
        (EDGE, carrier, f"INVITE sip:1@{carrier} SIP/2.0"),
        (carrier, EDGE, "SIP/2.0 200 OK"),
        (EDGE, caller, "SIP/2.0 200 OK"),
    )
    traced(call_id, *((source, target, f"{first}\r\nCall-ID: 1\r\n\r\n") for source, target, first in steps))
    with tenant(system_actor()) as actor:
        settle_call(actor, call_id)
    return call_id


def from_bryggen() -> Decision:
    return decided(invite("bryggen", "fjord.test", LONDON))


def everything(actor: Actor, call_id: UUID) -> str:
    """All that any query tells the actor of a call."""
    cdrs = list(cdrs_of(actor).filter(call_id=call_id))
    call = Call.objects.visible_to(actor).get(pk=call_id)
    ladder = trace_of(actor, call_id)
    told = [
        [explanation_of(actor, cdr) for cdr in cdrs],
        [story_of(actor, cdr) for cdr in cdrs],
        [line.explanation for cdr in cdrs for line in prices_of(actor, cdr)],
        [cdr.gateway_name for cdr in cdrs],
        [dict(event.detail) for event in events_of(actor, call_id)],
        [[m.source, m.target, m.summary, m.first_line, m.raw] for m in ladder.messages] if ladder else [],
        list(party_names(actor, call).items()) if actor.customer_id is None else [],
        [row.gateway_name for row in live_calls_of(actor).filter(pk=call_id)],  # type: ignore[attr-defined]
    ]
    return json.dumps(told)


def seen_by(actor: Actor, call_id: UUID) -> str:
    with tenant(actor):
        return everything(actor, call_id)


def test_a_sub_partner_learns_nothing_of_the_operators_carriers_and_prices(cast: Cast) -> None:
    make_market(cast)
    call_id = ended(from_bryggen())
    petras = seen_by(cast.staff("petra"), call_id)
    for secret in (*OPERATORS, "Level Platform"):
        assert secret not in petras
    assert "carrier 1 of Northwind Telecom" in petras


def test_what_is_stored_in_a_lower_row_is_clean_already(cast: Cast) -> None:
    make_market(cast)
    ended(from_bryggen())
    petras = Cdr.objects.get(tier=0)
    for secret in (*OPERATORS, "Level Platform"):
        assert secret not in json.dumps(petras.explanation)
    pauls = json.dumps(Cdr.objects.get(tier=1).explanation)
    for secret in ("Carrier A", "192.0.2.10", "“World”", "Carrier cost"):
        assert secret not in pauls
    assert "To Northwind" in pauls  # what Paul himself pays
    assert "carrier 1 of Level Platform" in pauls


def test_the_middle_partner_learns_its_own_cost_and_its_sub_partners_price(cast: Cast) -> None:
    make_market(cast)
    call_id = ended(from_bryggen())
    with tenant(cast.staff("paul")) as paul:
        cdr = cdrs_on(paul).get(call_id=call_id)
        prices = prices_of(paul, cdr)
        text = everything(paul, call_id)
    assert [(line.seller, line.amount_micro, line.is_cost) for line in prices] == [
        ("Fjord Voice", 120_000, False),
        ("Northwind Telecom", 40_000, False),
        ("Level Platform", 20_000, True),
    ]
    assert prices[1].explanation["margin"]["cost_micro"] == 20_000
    assert "margin" not in prices[2].explanation
    assert "Carrier A" not in text
    assert "192.0.2.10" not in text


def test_the_owner_of_the_carrier_reads_the_whole_story(cast: Cast) -> None:
    make_market(cast)
    call_id = ended(from_bryggen())
    with tenant(cast.staff("olga")) as olga:
        cdr = cdrs_on(olga).get(call_id=call_id)
        story = story_of(olga, cdr)
        ladder = trace_of(olga, call_id)
        names = party_names(olga, Call.objects.get(pk=call_id))
    assert story["attempts"][0]["label"] == "Carrier A"
    assert any("“World”" in note for note in story["notes"])
    assert any("Fjord Voice charges" in note for note in story["notes"])
    assert ladder is not None
    assert all(message.raw for message in ladder.messages)
    assert names[CARRIER] == "Carrier A"


def test_a_carrier_of_the_middle_partner_is_hidden_below_and_open_to_it(cast: Cast) -> None:
    make_market(cast)
    with tenant(system_actor()) as actor:
        own = GatewayData(name="Pauls own", host="192.0.2.77", country="GB", partner_id=cast.northwind.pk)
        gateway = create_gateway(actor, own)
        create_route(actor, RouteData(name="Pauls way", gateway_ids=(gateway.pk,), partner_id=cast.northwind.pk))
    call_id = ended(from_bryggen(), "192.0.2.77:5060")
    petras, pauls = seen_by(cast.staff("petra"), call_id), seen_by(cast.staff("paul"), call_id)
    for secret in ("Pauls own", "Pauls way", "192.0.2.77"):
        assert secret not in petras
        assert secret in pauls
    assert "carrier 1 of Northwind Telecom" in petras


def test_a_carriers_own_words_stay_with_its_owner(cast: Cast) -> None:
    make_market(cast)
    call_id, _ = open_call(from_bryggen())
    happened(call_id, "failed", datetime.now(UTC), sip_code=503, reason="Carrier A is full", by="callee")
    with tenant(system_actor()) as actor:
        settle_call(actor, call_id)
    assert list(Cdr.objects.order_by("tier").values_list("sip_reason", flat=True)) == [
        "Service Unavailable",
        "Service Unavailable",
        "Carrier A is full",
    ]
    assert "Carrier A" not in seen_by(cast.staff("petra"), call_id)
    assert "Carrier A is full" in seen_by(cast.staff("olga"), call_id)


def test_a_customer_is_told_its_price_and_nothing_of_routing_margin_or_trace(cast: Cast) -> None:
    make_market(cast)
    call_id = ended(decided(invite("alice", "northwind.test", LONDON)))
    with tenant(cast.user(cast.alice)) as alice:
        (cdr,) = cdrs_of(alice)
        told = story_of(alice, cdr)
        text = everything(alice, call_id)
        assert trace_of(alice, call_id) is None
        assert events_of(alice, call_id) == []
    assert told["amount"] == "0.06 EUR"
    assert not {"margin", "attempts", "notes"} & set(told)
    for secret in (*OPERATORS, "Level Platform", "Northwind charges"):
        assert secret not in text


def test_live_calls_name_the_gateway_to_its_owner_alone(cast: Cast) -> None:
    make_market(cast)
    call_id, _ = live(decided(invite("alice", "northwind.test", LONDON)))
    names = {}
    for who, actor in (
        ("olga", cast.staff("olga")),
        ("paul", cast.staff("paul")),
        ("alice", cast.user(cast.alice)),
    ):
        with tenant(actor):
            names[who] = [row.gateway_name for row in live_calls_of(actor).filter(pk=call_id)]  # type: ignore[attr-defined]
    assert names == {"olga": ["Carrier A"], "paul": [None], "alice": [None]}


def test_a_call_from_the_operators_carrier_hides_it_from_the_called_partner(cast: Cast) -> None:
    market = make_market(cast)
    request = CallRequest(
        "1@10.9.8.7", "192.0.2.10", 5060, "udp", "", "", market.acme_number, "203.0.113.1", "+33123456789"
    )
    call_id = ended(decided(request), "198.51.100.9:5060")
    pauls, olgas = seen_by(cast.staff("paul"), call_id), seen_by(cast.staff("olga"), call_id)
    for secret in ("Carrier A", "192.0.2.10"):
        assert secret not in pauls
    assert "Gateway Carrier A (192.0.2.10) calls" in olgas
    assert "198.51.100.9" in pauls  # its own customer's telephone


def test_two_partners_of_an_on_net_call_see_their_own_side_only(cast: Cast) -> None:
    market = make_market(cast)
    request = replace(invite("alice", "northwind.test", market.charlie_number), source_address="198.51.100.7")
    call_id = ended(decided(request), "198.51.100.9:5060")
    pauls, strangers = seen_by(cast.staff("paul"), call_id), seen_by(cast.staff("stranger"), call_id)
    for secret in ("198.51.100.9", "charlie@", "Charlie is rung", "Elsewhere"):
        assert secret not in pauls
    for secret in (PHONE, "alice@", "Acme"):
        assert secret not in strangers
    assert "198.51.100.9" in strangers


def test_a_decision_of_an_unknown_version_is_shown_to_nobody_below(cast: Cast) -> None:
    make_market(cast)
    call_id = ended(from_bryggen())
    Call.objects.filter(pk=call_id).update(decision={"direction": "sideways"})
    petras = seen_by(cast.staff("petra"), call_id)
    for secret in OPERATORS:
        assert secret not in petras
    assert CARRIER in seen_by(cast.staff("olga"), call_id)
