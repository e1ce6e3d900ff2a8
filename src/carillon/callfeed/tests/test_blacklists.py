"""Blacklists as pure decisions: whose entries hold for whom, until when, and what is said of them."""

from __future__ import annotations

import pytest

from carillon.callfeed.snapshot import Snapshot
from carillon.callfeed.tests.cast import FJORD, LEVEL, NORTHWIND, STRANGER, World, carrier_call, device_call
from carillon.logic.callflow.decide import decide
from carillon.logic.callflow.feed import BlacklistEntry
from carillon.logic.callflow.notes import notes_for
from carillon.logic.callflow.values import CallRequest

LONDON = "020 7946 0123"
BOB = 22


def blocking(partner_id: int, kind: str, value: str, **also: int) -> World:
    return World(blacklist=(BlacklistEntry(1, partner_id, kind, value, "fraud", **also),))


def slug(world: World, request: CallRequest) -> str:
    decision = decide(world.feed(), request)
    return decision.refusal.slug if decision.refusal else ""


@pytest.mark.parametrize(
    ("partner_id", "refusal"),
    [(LEVEL, "called-blacklisted"), (NORTHWIND, "called-blacklisted"), (FJORD, ""), (STRANGER, "")],
)
def test_a_called_number_is_blocked_by_the_customers_partner_and_those_above(partner_id: int, refusal: str) -> None:
    world = blocking(partner_id, "called", "+44207946")
    assert slug(world, device_call(LONDON)) == refusal
    assert slug(world, device_call("999")) == ""


def test_a_blocked_number_of_our_own_is_not_called_either() -> None:
    assert slug(blocking(NORTHWIND, "called", "+44"), device_call("+44 20 7111 0002", "dan@hello.test")) != ""


@pytest.mark.parametrize(
    ("kind", "value", "refusal"),
    [
        ("calling", "+3312", "caller-blacklisted"),
        ("calling", "+3399", ""),
        ("called", "+3312", ""),
        ("network", "192.0.2.1", "source-blacklisted"),
        ("network", "192.0.2.0/24", ""),  # a gateway is meant only by its own address
    ],
)
def test_calls_from_carriers(kind: str, value: str, refusal: str) -> None:
    assert slug(blocking(LEVEL, kind, value), carrier_call("+442071110001")) == refusal


def test_a_blocked_caller_is_declined_on_net_too() -> None:
    call = device_call("+33 1 23 45 00 01")  # Alice calls Charlie, who is another partner's
    assert slug(blocking(STRANGER, "calling", "+442071110001"), call) == "caller-blacklisted"
    assert slug(blocking(NORTHWIND, "calling", "+442071110001"), call) == ""


def test_a_call_is_not_forwarded_to_a_blocked_number() -> None:
    world = blocking(NORTHWIND, "called", "+442079460123").but("users", BOB, forward_always="+442079460123")
    decision = decide(world.feed(), device_call("102"))
    assert decision.refusal is not None
    assert decision.refusal.slug == "not-forwarded"
    assert not any("blacklist" in note for note in decision.notes)  # the caller need not know where Bob forwards to
    assert any("blacklist" in note for note in notes_for(decision, {NORTHWIND}))


def test_an_entry_ends() -> None:
    call = device_call(LONDON)
    assert slug(blocking(LEVEL, "called", "+44", expires_ms=2), call) == "called-blacklisted"
    assert slug(blocking(LEVEL, "called", "+44", expires_ms=1), call) == ""


def test_why_is_told_to_whoever_blocks_and_those_above() -> None:
    decision = decide(blocking(LEVEL, "called", "+44").feed(), device_call(LONDON))
    assert "Level Platform blocks +44: fraud" not in notes_for(decision, {NORTHWIND})
    assert "Level Platform blocks +44: fraud" in notes_for(decision, {NORTHWIND, LEVEL})


def test_the_longest_beginning_that_still_holds_is_found() -> None:
    entries = [BlacklistEntry(1, 1, "called", "+44"), BlacklistEntry(2, 1, "called", "+4490", "", 5)]
    snapshot = Snapshot(blacklist=entries)
    assert snapshot.blacklisted(1, "called", "+44901", 4) == entries[1]
    assert snapshot.blacklisted(1, "called", "+44901", 5) == entries[0]
    assert snapshot.blacklisted(1, "called", "+", 0) is None
    assert snapshot.blacklisted(1, "called", "", 0) is None
    assert snapshot.blacklisted(2, "called", "+44901", 0) is None
