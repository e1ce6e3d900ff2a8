from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from tests.support.cast import Cast
from tests.support.market import decided, invite, make_market, open_call, record_events, rows

pytestmark = pytest.mark.django_db

LONDON = "02079460999"


AT_MS = 1_700_000_000_000
ROW = """
select state, answered_at, ended_at, alive_at,
       case when due_at is not null then round(extract(epoch from due_at - now()) / 10) end
from calls_call where id = %s
"""


def event(call_id: UUID | str, kind: str, at_ms: int = AT_MS, **detail: object) -> str:
    return json.dumps({"op": kind, "call": str(call_id), "at_ms": at_ms, "detail": detail})


def test_a_batch_is_stored_and_what_makes_no_sense_is_left_out(cast: Cast) -> None:
    make_market(cast)
    call_id, _ = open_call(decided(invite("alice", "northwind.test", LONDON)), at=datetime.now(UTC))
    record_events(
        event(call_id, "applied"),
        "{ no JSON",
        event("no call", "answered", target=0),
        json.dumps({"op": "answered", "call": str(call_id)}),
        event(call_id, "ended", by="caller's \x00"),
        event(call_id, "progress", sip_code=180),
    )
    stored = rows("select kind, source from calls_callevent where call_id = %s order by id", call_id)
    assert stored == [("applied", "edge"), ("progress", "edge")]
    assert rows("select state from calls_call where id = %s", call_id) == [("ringing",)]


def test_a_batch_may_come_twice(cast: Cast) -> None:
    make_market(cast)
    call_id = uuid4()
    for _ in range(2):
        record_events(event(call_id, "applied"), event(call_id, "failed", sip_code=486))
    assert rows("select kind from calls_callevent where call_id = %s order by id", call_id) == [
        ("applied",),
        ("failed",),
    ]


@pytest.mark.parametrize("order", range(24))
@pytest.mark.parametrize("last", ["ended", "failed"])
def test_events_together_say_what_they_say_one_by_one(cast: Cast, order: int, last: str) -> None:
    """In any order of arrival; only a failure after an answer, which no edge tells, counts for nothing."""
    make_market(cast)
    decision = decided(invite("alice", "northwind.test", LONDON))
    at = datetime.now(UTC)
    told = list(itertools.permutations((("applied", 0), ("progress", 1), ("answered", 2), (last, 3))))[order]
    told = tuple(each for each in told if last == "ended" or each[0] != "answered")
    together, alone = open_call(decision, at=at)[0], open_call(decision, at=at)[0]
    record_events(*(event(together, kind, AT_MS + place) for kind, place in told))
    for kind, place in told:
        record_events(event(alone, kind, AT_MS + place))
    assert rows(ROW, together) == rows(ROW, alone)


def test_an_answered_call_can_not_fail(cast: Cast) -> None:
    make_market(cast)
    decision = decided(invite("alice", "northwind.test", LONDON))
    call_id = open_call(decision, at=datetime.now(UTC))[0]
    record_events(event(call_id, "answered", AT_MS), event(call_id, "failed", AT_MS + 1, sip_code=500))
    assert rows("select state, ended_at from calls_call where id = %s", call_id) == [("answered", None)]
