"""Calls as the web role sees them: whose they are, and nobody else's."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from django.db import connection
from tests.support.cast import Cast
from tests.support.market import (
    LONDON,
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
from carillon.business.calls.models import Call
from carillon.business.calls.queries import call_of, events_of, live_calls_of, quality_of, trace_of
from carillon.business.customers.actions import UserData, create_user
from carillon.business.endpoints.actions import EndpointData, create_endpoint
from carillon.business.numbers.actions import NumberAssignment, NumberData, add_number, assign_number
from carillon.business.partners.queries import system_actor
from carillon.logic.callflow.quality import CALLEE, CALLER, LegQuality
from carillon.logic.callflow.values import CallRequest, Target

pytestmark = pytest.mark.django_db(transaction=True)


def test_events_and_trace_follow_their_call(cast: Cast, as_role: Callable[[str], AbstractContextManager[None]]) -> None:
    make_market(cast)
    call_id = finished_call(decided(invite("bryggen", "fjord.test", LONDON)), talked_s=5)
    for _ in range(2):  # the later trace replaces the earlier one
        traced(call_id, ("a", "b", "BYE sip:x SIP/2.0\r\n\r\n"))
    actors = {name: cast.staff(name) for name in ("olga", "paul", "petra", "stranger")}
    actors["alice"] = cast.user(cast.alice)
    seen = {}
    with as_role("web"):
        for name, actor in actors.items():
            with tenant(actor), connection.cursor() as cursor:
                cursor.execute("select count(*) from calls_callevent")
                raw = cursor.fetchone()[0]
                ladder = trace_of(actor, call_id)
                assert len(events_of(actor, call_id)) == raw
                seen[name] = (raw, len(ladder.messages) if ladder else 0, call_of(actor, call_id) is not None)
    everything, nothing = (3, 1, True), (0, 0, False)
    assert seen == {
        "olga": everything,
        "paul": everything,
        "petra": everything,
        "stranger": nothing,
        "alice": nothing,
    }


def test_called_partner_sees_the_call_too(cast: Cast, as_role: Callable[[str], AbstractContextManager[None]]) -> None:
    make_market(cast)
    call_id, _ = open_call(decided(invite("alice", "northwind.test", "+442079460002")))
    stranger, petra = cast.staff("stranger"), cast.staff("petra")
    with as_role("web"):
        with tenant(stranger):
            assert live_calls_of(stranger).get().pk == call_id
        with tenant(petra):
            assert not live_calls_of(petra).exists()


def test_call_moves_through_its_states(cast: Cast) -> None:
    make_market(cast)
    call_id, _ = open_call(decided(invite("alice", "northwind.test", LONDON)))
    states = [Call.objects.get(pk=call_id).state]
    for kind in ("applied", "progress", "progress", "answered", "failed", "ended"):
        happened(call_id, kind, datetime.now(UTC), target=0, by="caller", sip_code=200)
        states.append(Call.objects.get(pk=call_id).state)
    assert states == ["trying", "trying", "ringing", "ringing", "answered", "answered", "ended"]


LEGS = (LegQuality(CALLER, 500, "PCMA", loss_percent=1), LegQuality(CALLEE, 480, "PCMA"))


def sides_seen(cast: Cast, call_id: UUID, as_role: Callable[[str], AbstractContextManager[None]]) -> dict[str, str]:
    """The legs whose sound each of the cast may know."""
    actors = {name: cast.staff(name) for name in ("olga", "paul", "petra", "stranger")}
    actors |= {"alice": cast.user(cast.alice), "charlie": cast.user(cast.stranger)}
    actors["dan"] = replace(actors["alice"], customer_id=cast.dan.pk)
    seen = {}
    with as_role("web"):
        for name, actor in actors.items():
            with tenant(actor):
                quality = quality_of(actor, call_id)
                seen[name] = " ".join(leg.side for leg in quality.legs) if quality else ""
    return seen


def test_each_reads_how_its_own_legs_sounded(
    cast: Cast, as_role: Callable[[str], AbstractContextManager[None]]
) -> None:
    make_market(cast)
    out = finished_call(decided(invite("alice", "northwind.test", LONDON)), talked_s=5)
    across = finished_call(decided(invite("alice", "northwind.test", "+442079460002")), talked_s=5)
    for call_id in (out, across):
        sounded(call_id, *LEGS)
    nobody = dict.fromkeys(("petra", "stranger", "charlie", "dan"), "")
    everything = "caller callee"
    assert sides_seen(cast, out, as_role) == nobody | {"olga": everything, "paul": "caller", "alice": "caller"}
    assert sides_seen(cast, across, as_role) == nobody | {
        "olga": everything,
        "paul": "caller",
        "alice": "caller",
        "stranger": "callee",
        "charlie": "callee",
    }


def test_a_called_customer_of_the_same_partner_reads_its_own_leg_and_no_other(
    cast: Cast, as_role: Callable[[str], AbstractContextManager[None]]
) -> None:
    market = make_market(cast)
    with tenant(system_actor()) as system:
        number = add_number(system, NumberData("+442079460003", partner_id=cast.northwind.pk))
        neighbour = create_user(system, UserData(customer_id=cast.dan.pk, name="Dan"))
        create_endpoint(system, EndpointData(customer_id=cast.dan.pk, username="dan", user_id=neighbour.pk))
        assign_number(system, number, NumberAssignment(cast.dan.pk, neighbour.pk))
    to_dan = finished_call(decided(invite("alice", "northwind.test", "+442079460003")), talked_s=5)
    inside = finished_call(decided(invite("alice", "northwind.test", "102")), talked_s=5)
    carrier = CallRequest("c", "192.0.2.10", 5060, "udp", "", "", market.acme_number, "x", "+33199000123")
    inbound = finished_call(decided(carrier), talked_s=5)
    seen = {}
    for name, call_id in (("to dan", to_dan), ("inside", inside), ("inbound", inbound)):
        sounded(call_id, *LEGS)
        by = sides_seen(cast, call_id, as_role)
        seen[name] = (by["alice"], by["dan"], by["charlie"])
    assert seen == {
        "to dan": ("caller", "callee", ""),
        "inside": ("caller callee", "", ""),
        "inbound": ("callee", "", ""),
    }


def test_a_customer_whose_phone_rang_but_did_not_answer_reads_no_leg(
    cast: Cast, as_role: Callable[[str], AbstractContextManager[None]]
) -> None:
    make_market(cast)
    decision = decided(invite("alice", "northwind.test", "+442079460002"))
    elsewhere = replace(decision, targets=(*decision.targets, Target("gateway", chain=1)))
    call_id = finished_call(elsewhere, talked_s=5, target=1)
    sounded(call_id, *LEGS)
    assert sides_seen(cast, call_id, as_role)["charlie"] == ""


def test_a_call_that_was_not_measured_has_no_sound(cast: Cast) -> None:
    make_market(cast)
    call_id = finished_call(decided(invite("alice", "northwind.test", LONDON)), talked_s=5)
    with tenant(cast.staff("olga")) as olga:
        assert quality_of(olga, call_id) is None
        happened(call_id, "media", datetime.now(UTC), legs="of another version")
        assert quality_of(olga, call_id) is None
