from __future__ import annotations

import json
import zlib

from hypothesis import given
from hypothesis import strategies as st

from carillon.business.calls.trace import MediaLine, ladder_of, media_lines


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


OFFER = """INVITE sip:102@northwind.test SIP/2.0
Call-ID: 1
Content-Type: application/sdp

v=0
o=- 1 1 IN IP4 192.0.2.7
s=-
c=IN IP4 192.0.2.7
t=0 0
m=audio 40000 RTP/AVP 8 0 101
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=sendonly
m=video 0 RTP/AVP 96
m=image bad udptl t38
""".replace("\n", "\r\n")


def test_a_session_description_is_readable() -> None:
    assert media_lines(OFFER) == (
        MediaLine("audio", "192.0.2.7", 40000, "RTP/AVP", ("PCMA", "PCMU", "telephone-event"), "sendonly"),
        MediaLine("video", "192.0.2.7", 0, "RTP/AVP", ("96",)),
    )


def test_a_medium_may_have_an_address_of_its_own() -> None:
    session = "v=0\nc=IN IP4 192.0.2.7\na=inactive\n"
    media = "m=audio 4 RTP/AVP 9\nc=IN IP6 2001:db8::1\nm=video 6 RTP/AVP 97"
    found = media_lines(f"INVITE sip:x SIP/2.0\n\n{session}{media}")
    assert [(line.host, line.direction) for line in found] == [
        ("2001:db8::1", "inactive"),
        ("192.0.2.7", "inactive"),
    ]


@given(st.text(alphabet="mca= \n0189RTP/:iNsd", max_size=200))
def test_any_text_is_read_without_an_error(text: str) -> None:
    media_lines(f"\n\n{text}")
