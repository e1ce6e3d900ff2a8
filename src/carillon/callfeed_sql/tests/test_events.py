from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from tests.support.cast import Cast
from tests.support.market import decided, invite, make_market, open_call, record_events, rows

pytestmark = pytest.mark.django_db

LONDON = "02079460999"


def event(call_id: UUID | str, kind: str, **detail: object) -> str:
    return json.dumps({"op": kind, "call": str(call_id), "at_ms": 1_700_000_000_000, "detail": detail})


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
