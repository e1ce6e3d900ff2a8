from __future__ import annotations

import asyncio
import json
import socket
import struct
import zlib
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.callpath.control import trace
from carillon.callpath.control.hep import Captured, HepError, parse
from carillon.callpath.control.trace import MAX_MESSAGES, Traces, compress

SIP = b"INVITE sip:a@b SIP/2.0\r\nCall-ID: abc\r\n\r\n"


def chunk(kind: int, value: bytes) -> bytes:
    return struct.pack("!HHH", 0, kind, 6 + len(value)) + value


def datagram(payload: bytes = SIP) -> bytes:
    body = b"".join(
        [
            chunk(1, b"\x02"),
            chunk(2, b"\x11"),
            chunk(3, socket.inet_aton("192.0.2.1")),
            chunk(4, socket.inet_aton("192.0.2.2")),
            chunk(7, struct.pack("!H", 5060)),
            chunk(8, struct.pack("!H", 5090)),
            chunk(9, struct.pack("!I", 1_700_000_000)),
            chunk(10, struct.pack("!I", 250)),
            chunk(15, payload),
        ]
    )
    return b"HEP3" + struct.pack("!H", 6 + len(body)) + body


def test_a_capture_is_read() -> None:
    assert parse(datagram()) == Captured(1_700_000_000_000_250, "192.0.2.1:5060", "192.0.2.2:5090", "udp", SIP)


@given(st.binary(max_size=200))
def test_garbage_is_refused_not_raised(data: bytes) -> None:
    for each in (data, b"HEP3" + data, datagram()[: len(data)]):
        with pytest.raises(HepError):
            parse(each)


def traces() -> Traces:
    return Traces(store=None)  # type: ignore[arg-type]  # nothing is written here


def test_messages_are_gathered_by_call_id_and_capped() -> None:
    gathered = traces()
    for _ in range(MAX_MESSAGES + 5):
        gathered.datagram_received(datagram(), None)
    gathered.datagram_received(datagram(SIP.replace(b"abc", b"other")), None)
    gathered.datagram_received(b"junk", None)
    assert {key: len(trace.messages) for key, trace in gathered._traces.items()} == {"abc": MAX_MESSAGES, "other": 1}


def test_internal_copies_are_left_out() -> None:
    gathered = traces()
    gathered.datagram_received(datagram(SIP.replace(b"\r\n\r\n", b"\r\nTH: dch\r\n\r\n")), None)
    assert not gathered._traces


def test_trace_is_json_lines_in_order_of_time() -> None:
    late, early = Captured(2, "a:1", "b:2", "udp", b"late"), Captured(1, "b:2", "a:1", "tcp", b"early \xff")
    lines = [json.loads(line) for line in zlib.decompress(compress([late, early])).splitlines()]
    assert [line["at_us"] for line in lines] == [1, 2]
    assert lines[0] == {"at_us": 1, "src": "b:2", "dst": "a:1", "proto": "tcp", "raw": "early �"}


def test_silent_traces_of_no_live_call_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace, "IDLE_S", 0)
    gathered = traces()
    gathered.datagram_received(datagram(), None)
    gathered.datagram_received(datagram(SIP.replace(b"abc", b"live")), None)
    gathered.prune({"live"})
    assert list(gathered._traces) == ["live"]


class Away:
    """A PostgreSQL that does not answer the first questions."""

    def __init__(self, failures: int) -> None:
        self.failures, self.written = failures, asyncio.Queue[UUID]()

    async def record_trace(self, call_id: UUID, messages: bytes) -> None:
        if self.failures:
            self.failures -= 1
            raise TimeoutError
        self.written.put_nowait(call_id)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace, "SETTLE_S", 0.0)
    monkeypatch.setattr(trace, "RETRY_S", 0.0)


@pytest.mark.usefixtures("at_once")
async def test_a_trace_waits_until_postgresql_is_back() -> None:
    store, call_id = Away(failures=3), uuid4()
    gathered = Traces(store)  # type: ignore[arg-type]
    gathered.datagram_received(datagram(), None)
    gathered.finish(call_id, "abc")
    assert await asyncio.wait_for(store.written.get(), 5) == call_id


@pytest.mark.usefixtures("at_once")
async def test_traces_that_wait_are_limited_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace, "MAX_UNWRITTEN_BYTES", 10)
    store = Away(failures=0)
    gathered = Traces(store)  # type: ignore[arg-type]
    gathered.datagram_received(datagram(), None)
    gathered.finish(uuid4(), "abc")
    await gathered.drain()
    assert store.written.empty()
