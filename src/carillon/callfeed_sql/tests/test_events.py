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


def dialog(call_id: UUID, cseq: str, **variables: str) -> str:
    said = {"callid": "x@y", "from_uri": "sip:a@b", "to_uri": "sip:c@d", "start_time": 100, "timeout": 160}
    return json.dumps({
        "op": "dialog", "call": str(call_id), "h_entry": 5, "h_id": 6, "dialog": said | {"caller_cseq": cseq},
        "vars": {"call": str(call_id), **variables},
    })  # fmt: skip


def test_what_a_restart_must_find_of_a_call_is_the_last_that_was_said_until_it_has_ended(cast: Cast) -> None:
    make_market(cast)
    call_id, _ = open_call(decided(invite("alice", "northwind.test", LONDON)), at=datetime.now(UTC))
    paid_until = rows("select extract(epoch from funded_until)::integer from calls_call where id = %s", call_id)[0][0]
    record_events(event(call_id, "applied"), event(call_id, "answered", target=0), dialog(call_id, "2"))
    record_events(dialog(call_id, "3", caller_at="sip:e"), dialog(call_id, "4", cseq_diff="1"))
    kept = "select hash_entry, hash_id, callid, caller_cseq, state, start_time, timeout, iflags from callfeed.dialog"
    assert rows(kept) == [(5, 6, "x@y", "4", 4, 100, paid_until + 1, 7 + 16)]
    variables = (
        "select dialog_key, dialog_value from callfeed.dialog_vars where hash_entry = 5 and hash_id = 6 order by 1"
    )
    assert rows(variables) == [("call", str(call_id)), ("cseq_diff", "1")]
    record_events(event(call_id, "ended", by="caller"))
    assert rows(kept) == []
    assert rows("select kind from calls_callevent where call_id = %s order by id", call_id) == [
        ("applied",), ("answered",), ("ended",),
    ]  # fmt: skip


def test_a_dialog_of_what_is_no_call_spoils_no_event(cast: Cast) -> None:
    make_market(cast)
    call_id, _ = open_call(decided(invite("alice", "northwind.test", LONDON)), at=datetime.now(UTC))
    record_events(
        dialog(call_id, "1").replace(str(call_id), "no call"), event(call_id, "applied"), dialog(call_id, "1")
    )
    assert rows("select kind from calls_callevent where call_id = %s", call_id) == [("applied",)]
    assert rows("select caller_cseq from callfeed.dialog") == [("1",)]
