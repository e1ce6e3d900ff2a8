"""How many calls a gateway has: at the target that is tried, over restarts, never below nothing."""

from __future__ import annotations

from collections import Counter
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.callpath.control.channels import Channels
from carillon.callpath.control.store import OpenCall
from carillon.logic.callflow.feed import Fullness, Gateway
from carillon.logic.callflow.values import CallRequest, Decision, Direction, Target
from carillon.logic.documents import to_document

A = Gateway(1, 1, "A", "192.0.2.1", 5060, max_channels=1)
B = Gateway(2, 1, "B", "192.0.2.2", 5060, max_channels=2, calls_per_s=1)
GATEWAYS = {1: A, 2: B}
REQUEST = CallRequest("c", "192.0.2.9", 5060, "udp", "alice", "northwind.test", "101", "northwind.test")
CALL = Decision(Direction.OUTBOUND, REQUEST, targets=(Target("gateway", gateway_id=1), Target("gateway", gateway_id=2)))


def channels() -> Channels:
    return Channels(GATEWAYS.get)


def sent(counted: Channels, place: int = 0) -> UUID:
    call_id = uuid4()
    counted.send(call_id, CALL, place)
    return call_id


def open_call(call_id: UUID, answered_target: int | None) -> OpenCall:
    return OpenCall(call_id, 0, None, answered_target, to_document(CALL), {}, {}, {})


def test_a_call_takes_a_channel_until_it_is_over() -> None:
    counted = channels()
    call_id = sent(counted)
    assert counted.fullness(A) is Fullness.CHANNELS
    counted.hear(call_id, "ended", {})
    assert counted.fullness(A) is None


def test_a_call_that_is_given_up_for_the_next_gateway_counts_there() -> None:
    counted = channels()
    call_id = sent(counted)
    counted.hear(call_id, "attempt", {"target": 0, "sip_code": 503})
    assert (counted.fullness(A), counted.fullness(B)) == (None, Fullness.PACE)
    counted.hear(call_id, "answered", {"target": 1})
    counted.hear(call_id, "progress", {"target": 0})  # overtaken on the way here
    assert counted.fullness(A) is None


def test_a_busy_answer_leads_to_no_other_gateway() -> None:
    counted = channels()
    counted.hear(sent(counted), "attempt", {"target": 0, "sip_code": 486})
    assert counted.fullness(B) is None


def test_calls_a_second_are_held_against_the_gateway_they_go_to() -> None:
    counted = channels()
    sent(counted)
    assert counted.fullness(B) is None
    sent(counted, 1)
    assert counted.fullness(B) is Fullness.PACE


def test_phones_have_no_limit_here() -> None:
    counted = channels()
    counted.send(uuid4(), Decision(Direction.ONNET, REQUEST, targets=(Target("contacts", ("a@b.test",)),)))
    counted.send(uuid4(), Decision(Direction.ONNET, REQUEST))
    assert (counted.fullness(A), counted.fullness(B)) == (None, None)


@pytest.mark.parametrize(("answered_target", "full"), [(None, A), (0, A), (1, B)])
def test_calls_of_a_killed_control_count_where_they_were_answered(answered_target: int | None, full: Gateway) -> None:
    counted = channels()
    calls = [open_call(uuid4(), answered_target) for _ in range(2)]
    counted.inherit(calls)
    assert {gateway.name for gateway in (A, B) if counted.fullness(gateway)} == {full.name}
    counted.hear(calls[0].call_id, "ended", {})
    counted.inherit([])  # the other one ended while nobody listened
    assert (counted.fullness(A), counted.fullness(B)) == (None, None)


def test_what_is_asked_again_takes_up_no_call_of_our_own() -> None:
    counted = channels()
    counted.inherit([])
    ours, other = sent(counted), open_call(uuid4(), 1)
    counted.inherit([other])
    assert counted.fullness(B) is None
    counted.leave(ours)
    assert counted.fullness(A) is None


EVENTS = st.tuples(
    st.integers(0, 3),
    st.sampled_from(["send", "forward", "progress", "answered", "attempt", "ended", "failed", "inherit"]),
    st.integers(0, 2),
    st.sampled_from([486, 503, 408]),
)


@given(st.lists(EVENTS, max_size=40))
def test_the_count_is_that_of_the_calls_whatever_is_heard(events: list[tuple[int, str, int, int]]) -> None:
    counted = channels()
    ids = [uuid4() for _ in range(4)]
    for number, kind, place, code in events:
        if kind in ("send", "forward"):
            counted.send(ids[number], CALL, place)
        elif kind == "inherit":
            counted.inherit([open_call(ids[number], place % 2)])
        else:
            counted.hear(ids[number], kind, {"target": place, "sip_code": code})
        ways = Counter(way.gateway_id for way in counted._ways.values() if way.gateway_id is not None)
        assert +counted._used == ways
        assert min(counted._used.values(), default=0) >= 0
    for call_id in ids:
        counted.hear(call_id, "failed", {})
    assert not +counted._used
