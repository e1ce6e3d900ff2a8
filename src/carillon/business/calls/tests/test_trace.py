from __future__ import annotations

import json
import zlib

from hypothesis import given
from hypothesis import strategies as st

from carillon.business.calls.trace import ladder_of


def packed(*lines: dict[str, object]) -> bytes:
    return zlib.compress("\n".join(json.dumps(line) for line in lines).encode())


def message(at_us: int, src: str, dst: str, first: str, call_id: str) -> dict[str, object]:
    raw = f"{first}\r\nVia: SIP/2.0/UDP x\r\nCall-ID: {call_id}\r\n\r\nv=0"
    return {"at_us": at_us, "src": src, "dst": dst, "proto": "udp", "raw": raw}


def test_ladder_is_in_order_of_time_with_legs_and_parties() -> None:
    ladder = ladder_of(
        packed(
            message(3000, "edge", "phone", "SIP/2.0 180 Ringing", "leg-a"),
            message(1000, "phone", "edge", "INVITE sip:1@x SIP/2.0", "leg-a"),
            message(2500, "edge", "carrier", "INVITE sip:1@y SIP/2.0", "leg-b"),
        )
    )
    assert ladder.parties == ("phone", "edge", "carrier")
    assert [item.summary for item in ladder.messages] == ["INVITE", "INVITE", "180 Ringing"]
    assert [item.leg for item in ladder.messages] == [0, 1, 0]
    assert [item.offset_ms for item in ladder.messages] == [0, 1.5, 2.0]


def test_short_header_and_odd_lines_are_read() -> None:
    line = {"at_us": 1, "src": "a", "dst": "b", "proto": "udp", "raw": "BYE sip:x SIP/2.0\ni: short\n\n"}
    archive = zlib.compress(b"not json\n" + json.dumps(line).encode() + b'\n{"at_us": "x"}\n[]\n')
    assert [item.sip_call_id for item in ladder_of(archive).messages] == ["short"]


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: zlib.compress(text.encode())))
def test_anything_else_is_an_empty_ladder(archive: bytes) -> None:
    assert ladder_of(archive).messages == ()
