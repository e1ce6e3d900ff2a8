"""What each seller of a call is told about it, and what it is not."""

from __future__ import annotations

import json
from dataclasses import replace

from carillon.logic.callflow.charging import settle
from carillon.logic.callflow.feed import Tier
from carillon.logic.callflow.notes import Note, attempt_label, noted, notes_for, supplier_of
from carillon.logic.callflow.refusals import refuse
from carillon.logic.callflow.values import (
    Attempt,
    CallFacts,
    CallRequest,
    CarrierCharge,
    CdrDraft,
    Chain,
    ChainKind,
    Decision,
    Direction,
    Target,
    TierCharge,
)
from carillon.logic.documents import from_document, to_document
from carillon.logic.tests.charges import rate, tariff

LEVEL, NORTHWIND, FJORD, RIVAL = 1, 2, 3, 4
REQUEST = CallRequest("c1", "192.0.2.9", 5060, "udp", "petra", "fjord.test", "02071234567", "fjord.test")
SALES = (
    (Tier(0, FJORD, "Fjord Voice", None, "Nordlys AS", 100, "EUR", 10), "0.60"),
    (Tier(1, NORTHWIND, "Northwind Telecom", FJORD, "Fjord Voice", 200, "EUR", 20), "0.40"),
    (Tier(2, LEVEL, "Level Platform", NORTHWIND, "Northwind Telecom", 300, "EUR", 30), "0.30"),
)
STORY = (
    Note("Nordlys dialled.", FJORD),
    Note("It is in London."),
    Note("Northwind has no route.", NORTHWIND),
    Note("Secret carrier costs 0.1 EUR.", LEVEL),
    Note("Fjord pays Northwind 0.40.", FJORD),
    Note("Northwind pays Level 0.30.", NORTHWIND),
    Note("Put through."),
)


def call_over(owner: int, tiers: int = 3) -> Decision:
    """A call of Fjord's customer over two gateways of `owner`, sold `tiers` times."""
    chain = Chain(
        ChainKind.ORIGINATING,
        7,
        FJORD,
        tuple(TierCharge(tier, tariff(), rate(per_minute)) for tier, per_minute in SALES[:tiers]),
    )
    targets = tuple(
        Target(
            "gateway",
            gateway_id=gateway,
            host="203.0.113.7",
            carrier=CarrierCharge(gateway, f"Secret carrier {gateway}", owner, tariff(), rate("0.10")),
        )
        for gateway in (8, 9)
    )
    return noted(
        Decision(Direction.OUTBOUND, REQUEST, partner_id=FJORD, targets=targets, chains=(chain,)),
        *STORY,
    )


FACTS = CallFacts(
    started_ms=0,
    ended_ms=70_000,
    answered_ms=10_000,
    answered_target=1,
    sip_code=200,
    attempts=(Attempt(0, "Secret carrier 8", 503, "Secret carrier is full", 4),),
)


def told(draft: CdrDraft) -> list[object]:
    notes = draft.explanation["notes"]
    assert isinstance(notes, list)
    return notes


def attempt(draft: CdrDraft) -> dict[str, object]:
    attempts = draft.explanation["attempts"]
    assert isinstance(attempts, list)
    (only,) = attempts
    assert isinstance(only, dict)
    return only


def margin(draft: CdrDraft) -> tuple[int, int]:
    found = draft.explanation["margin"]
    assert isinstance(found, dict)
    return found["cost_micro"], found["margin_micro"]


def test_each_tier_reads_its_own_business_and_that_below_it() -> None:
    lowest, middle, highest, carrier = settle(call_over(LEVEL), FACTS)
    public_and_fjords = ["Nordlys dialled.", "It is in London.", "Fjord pays Northwind 0.40.", "Put through."]
    assert told(lowest) == public_and_fjords
    assert told(middle) == [note.text for note in STORY if note.partner_id != LEVEL]
    assert told(highest) == told(carrier) == [note.text for note in STORY]


def test_a_carrier_of_somebody_above_is_told_by_number_code_and_time() -> None:
    lowest, middle, highest, carrier = settle(call_over(LEVEL), FACTS)
    hidden = {"target": 0, "sip_code": 503, "reason": "Service Unavailable", "elapsed_ms": 4}
    assert attempt(middle) == {**hidden, "label": "carrier 1 of Level Platform"}
    assert attempt(lowest) == {**hidden, "label": "carrier 1 of Northwind Telecom"}
    open_ = {**hidden, "label": "Secret carrier 8", "reason": "Secret carrier is full"}
    assert attempt(highest) == attempt(carrier) == open_


def test_each_seller_pays_one_tier_up_and_no_more() -> None:
    lowest, middle, highest, carrier = settle(call_over(LEVEL), FACTS)
    assert [margin(draft) for draft in (lowest, middle, highest)] == [
        (400_000, 200_000),
        (300_000, 100_000),
        (100_000, 200_000),
    ]
    assert carrier.explanation["margin"] is None


def test_nothing_of_the_tiers_above_is_written_into_a_lower_row() -> None:
    for owner, tiers in ((LEVEL, 3), (NORTHWIND, 2)):
        lowest = settle(call_over(owner, tiers), FACTS)[0]
        written = json.dumps(lowest.explanation)
        for secret in ("Secret", "203.0.113.7", "Level Platform", "Northwind pays", "0.1 EUR"):
            assert secret not in written


def test_the_middle_partners_own_carrier_is_its_own_to_see() -> None:
    lowest, middle, carrier = settle(call_over(NORTHWIND, 2), FACTS)
    assert attempt(lowest)["label"] == "carrier 1 of Northwind Telecom"
    assert attempt(middle)["label"] == attempt(carrier)["label"] == "Secret carrier 8"
    assert margin(middle) == (100_000, 300_000)


def test_a_partners_carrier_in_a_free_call_is_no_cost_of_the_operator() -> None:
    decision = call_over(NORTHWIND)
    *_, northwind, level, carrier = settle(decision, FACTS)
    assert margin(northwind) == (100_000, 300_000)
    assert margin(level) == (0, 300_000)
    assert carrier.seller_partner_id == NORTHWIND
    assert attempt(level)["label"] == "Secret carrier 8"


def test_a_refusal_keeps_who_may_read_what() -> None:
    refused = refuse(call_over(LEVEL), "partner-credit-exhausted")
    assert notes_for(refused, {FJORD})[-1] == "Refused with 503: Service provider out of credit."
    assert "Northwind pays Level 0.30." not in notes_for(refused, {FJORD})


def test_decisions_written_before_there_were_private_notes_are_read() -> None:
    document = to_document(replace(call_over(LEVEL), notes=("All.",), private_notes=()))
    for name in ("private_notes", "source_gateway_partner_id"):
        del document[name]
    assert notes_for(from_document(Decision, document), {FJORD}) == ["All."]


def test_another_partners_devices_are_told_by_the_number_called() -> None:
    target = Target("contacts", contacts=("charlie@rival.test",))
    decision = Decision(Direction.ONNET, REQUEST, callee="+442079460002", callee_partner_id=RIVAL, targets=(target,))
    assert attempt_label(decision, 0, "charlie@rival.test", {FJORD}) == "+442079460002"
    assert attempt_label(decision, 0, "charlie@rival.test", {RIVAL}) == "charlie@rival.test"


def test_a_target_nobody_knows_has_no_name() -> None:
    assert attempt_label(call_over(LEVEL), 7, "Secret carrier 8", {LEVEL}) == "target 8"
    assert attempt_label(replace(call_over(LEVEL), chains=()), 0, "Secret carrier 8", {FJORD}) == "carrier 1"


def test_the_supplier_is_the_next_seller_up() -> None:
    decision = call_over(LEVEL)
    assert supplier_of(decision, {FJORD}) == "Northwind Telecom"
    assert supplier_of(decision, {FJORD, NORTHWIND}) == "Level Platform"
    assert supplier_of(decision, {LEVEL}) == ""


def test_the_last_carriers_words_are_for_its_owner() -> None:
    facts = replace(FACTS, answered_ms=None, answered_target=None, sip_code=503, reason="Secret carrier is full")
    lowest, middle, highest = settle(call_over(LEVEL), facts)
    told_reasons = [draft.explanation["reason"] for draft in (lowest, middle, highest)]
    assert told_reasons == ["Service Unavailable", "Service Unavailable", "Secret carrier is full"]
    assert "Secret" not in json.dumps(lowest.explanation)
