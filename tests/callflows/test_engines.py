"""Every golden call flow over the real engines: Kamailio, rtpengine, control, PostgreSQL, the demo carriers."""

from __future__ import annotations

import asyncio

import pytest

from carillon.logic.callflow.values import Decision, Target
from carillon.logic.documents import from_document
from tests.support.books import Books
from tests.support.flows import Expected, Flow, all_flows
from tests.support.platform import Platform
from tests.support.telephony import Heard, run_calls

pytestmark = pytest.mark.engines
SILENT_WITHIN_S = 2.0


@pytest.mark.parametrize("flow", all_flows(), ids=lambda flow: flow.name)
def test_flow_rings_talks_and_charges_as_written(flow: Flow, platform: Platform, books: Books) -> None:
    books.arrange(flow.world)
    since = books.last_entry()
    heard = _calls(platform, flow, books)
    pairs = _pairs(platform, heard, flow.expect)
    for one, expected in pairs:
        _check_phone(one, expected)
    books.settled(*(one.sip_call_id for one, expected in pairs if expected.is_decided))
    for one, expected in pairs:
        if expected.is_decided:
            assert books.cdrs(one.sip_call_id) == expected.cdrs
            _check_record(platform, books, one, expected)
        else:  # control may write the attempt down when it is back; it costs nothing
            assert [cdr for cdr in books.cdrs(one.sip_call_id) if cdr.micro] == expected.cdrs
    assert books.movements(since) == flow.ledger
    assert books.faults() == []


def _calls(platform: Platform, flow: Flow, books: Books) -> list[Heard]:
    if flow.world.control != "silent":
        return asyncio.run(run_calls(platform, flow, books.pay))
    platform.freeze("control")
    try:
        return asyncio.run(run_calls(platform, flow))
    finally:
        platform.freeze("control", is_frozen=False)


def _pairs(platform: Platform, heard: list[Heard], expected: list[Expected]) -> list[tuple[Heard, Expected]]:
    """Calls made together come out in any order: match them by what the phone got and where they went."""
    left = list(heard)
    pairs = []
    for wanted in expected:
        same = [one for one in left if one.codes == wanted.phone] or left
        there = [one for one in same if len(same) > 1 and _targets(platform, one) == wanted.targets] or same
        left.remove(there[0])
        pairs.append((there[0], wanted))
    return pairs


def _targets(platform: Platform, one: Heard) -> list[str]:
    rows = platform.sql("select decision from calls_call where sip_call_id = %s", one.sip_call_id)
    return [_target(target) for (document,) in rows for target in from_document(Decision, document).targets]


def _check_phone(one: Heard, expected: Expected) -> None:
    assert one.codes == expected.phone
    if 200 in expected.phone:
        assert one.caller_heard and one.called_heard, "audio must flow both ways"
    if expected.shown:
        assert one.shown == expected.shown
    if expected.lasts_s:
        assert expected.lasts_s - 1 <= one.lasted_s <= expected.lasts_s + 1.5
    if not expected.is_decided and expected.phone[-1] == 503:
        assert one.refused_after_s < SILENT_WITHIN_S
        assert one.retry_after


def _check_record(platform: Platform, books: Books, one: Heard, expected: Expected) -> None:
    ((document,),) = platform.sql("select decision from calls_call where sip_call_id = %s", one.sip_call_id)
    events = platform.events(one.sip_call_id)
    decision = from_document(Decision, document)
    assert decision.direction == expected.direction
    assert (decision.refusal.slug if decision.refusal else "") == expected.refusal
    assert [_target(target) for target in decision.targets] == expected.targets
    tried = [f"{detail['label']} {detail['sip_code']}" for kind, detail in events if kind == "attempt"]
    if expected.tried:
        assert tried == expected.tried
    assert books.outcomes(one.sip_call_id) == {expected.outcome}


def _target(target: Target) -> str:
    return target.carrier.gateway if target.carrier else " ".join(target.contacts)
