"""Who may begin a call now: per customer, its own devices only, never an emergency call."""

from __future__ import annotations

from dataclasses import replace

import pytest

from carillon.callpath.control import pace
from carillon.callpath.control.pace import Pace
from carillon.logic.callflow.feed import ChargingMode, Customer, Status
from carillon.logic.callflow.refusals import refuse
from carillon.logic.callflow.values import CallRequest, Decision, Direction

REQUEST = CallRequest("c", "192.0.2.9", 5060, "udp", "alice", "northwind.test", "101", "northwind.test")
CALL = Decision(Direction.OUTBOUND, REQUEST, partner_id=1, customer_id=7, endpoint_id=3)
ACME = Customer(7, 1, 1, "Acme", Status.ACTIVE, "GB", ChargingMode.PREPAID, 5, "EUR", (), calls_per_s=1)


def slugs(counted: Pace, customer: Customer, *calls: Decision) -> list[str]:
    decisions = [counted.checked(call, customer) for call in calls]
    return [decision.refusal.slug if decision.refusal else "" for decision in decisions]


def test_a_call_too_many_is_refused_and_says_what_is_allowed() -> None:
    counted = Pace()
    assert counted.checked(CALL, ACME) == CALL
    refused = counted.checked(CALL, ACME)
    assert refused.refusal is not None
    assert (refused.refusal.slug, refused.refusal.sip_code) == ("too-many-calls", 480)
    assert any("at a rate of 1 a second" in str(note) for note in (*refused.notes, *refused.private_notes))


def test_a_burst_is_as_large_as_said() -> None:
    assert slugs(Pace(), replace(ACME, call_burst=3), CALL, CALL, CALL, CALL) == ["", "", "", "too-many-calls"]


def test_without_a_limit_nothing_is_counted() -> None:
    assert slugs(Pace(), replace(ACME, calls_per_s=None), *[CALL] * 50) == [""] * 50


@pytest.mark.parametrize("direction", [Direction.EMERGENCY, Direction.INBOUND])
def test_emergency_calls_and_received_calls_pass(direction: Direction) -> None:
    others = replace(CALL, direction=direction, endpoint_id=None if direction is Direction.INBOUND else 3)
    assert slugs(Pace(), ACME, CALL, others, others) == ["", "", ""]


def test_refused_calls_take_no_room() -> None:
    assert slugs(Pace(), ACME, refuse(CALL, "no-price"), CALL) == ["no-price", ""]


def test_customers_do_not_share_their_rate() -> None:
    counted = Pace()
    assert slugs(counted, ACME, CALL) == slugs(counted, replace(ACME, id=8), CALL) == [""]


def test_full_buckets_are_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "MOST", 2)
    counted = Pace()
    fast = replace(ACME, calls_per_s=1000, call_burst=1)
    assert slugs(counted, fast, CALL) == [""]
    assert slugs(counted, ACME, refuse(CALL, "no-price")) == ["no-price"]
    assert slugs(counted, replace(ACME, id=8), CALL, CALL) == ["", "too-many-calls"]
    assert slugs(counted, replace(ACME, id=9), CALL) == [""]
    assert slugs(counted, replace(ACME, id=8), CALL) == ["too-many-calls"], "a bucket that is not full stays"
