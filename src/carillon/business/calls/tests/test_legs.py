"""A ladder without the leg that belongs to somebody else."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace

from carillon.business.calls.legs import CALLEE, CALLER, CARRIER, NOBODY, Sides, conceal
from carillon.business.calls.trace import Ladder, ladder_of

PHONE, EDGE, FIRST, SECOND = "198.51.100.7:5062", "203.0.113.1:5060", "192.0.2.10:5060", "192.0.2.20:5060"
EDGE_TLS, DEVICE = "203.0.113.1:5061", "198.51.100.9:41000"
SECRETS = ("192.0.2.10", "192.0.2.20", "10.9.8.7", "cheap-carrier.example", "media.cheap-carrier.example", "Cheap")

Line = tuple[str, str, str, str]  # from, to, first line, the rest


def ladder(*lines: Line) -> Ladder:
    rows = [
        {"at_us": at, "src": source, "dst": target, "proto": "udp", "raw": f"{first}\r\n{rest}\r\n"}
        for at, (source, target, first, rest) in enumerate(lines)
    ]
    return ladder_of(zlib.compress("\n".join(json.dumps(row) for row in rows).encode()))


ANSWER = (
    "Via: SIP/2.0/UDP 203.0.113.1:5060;received=192.0.2.20\r\n"
    "Record-Route: <sip:10.9.8.7;lr>\r\n"
    "Contact: <sip:gw@cheap-carrier.example:5080>\r\n"
    "P-Asserted-Identity: <sip:+442071234567@cheap-carrier.example>\r\n"
    "Call-ID: 1@phone.example\r\n\r\n"
    "v=0\r\no=- 1 1 IN IP4 media.cheap-carrier.example\r\nc=IN IP4 10.9.8.7\r\n"
)
ASKED = "Via: SIP/2.0/UDP 198.51.100.7:5062\r\nFrom: <sip:bryggen@fjord.test>;tag=1\r\nCall-ID: 1@phone.example\r\n"
OUTBOUND = ladder(
    (PHONE, EDGE, "INVITE sip:+442071234567@fjord.test SIP/2.0", ASKED),
    (EDGE, PHONE, "SIP/2.0 100 Trying", ASKED),
    (EDGE, FIRST, "INVITE sip:442071234567@192.0.2.10 SIP/2.0", "Call-ID: 1@phone.example\r\n"),
    (FIRST, EDGE, "SIP/2.0 503 Cheap Carrier is full", "Call-ID: 1@phone.example\r\n"),
    (EDGE, SECOND, "INVITE sip:442071234567@192.0.2.20 SIP/2.0", "Call-ID: 1@phone.example\r\n"),
    (SECOND, EDGE, "SIP/2.0 200 OK", ANSWER),
    (EDGE, PHONE, "SIP/2.0 200 OK", ANSWER),
    (
        PHONE,
        EDGE,
        "ACK sip:gw@cheap-carrier.example:5080 SIP/2.0",
        "Route: <sip:10.9.8.7;lr>\r\nCall-ID: 1@phone.example\r\n",
    ),
    ("192.0.2.99:5060", EDGE, "BYE sip:x@203.0.113.1 SIP/2.0", "Call-ID: 1@phone.example\r\n"),
)
OUT_VIEW = Sides(PHONE, destination=CARRIER, hosts=("192.0.2.10", "192.0.2.20"))


def test_a_reply_that_stands_before_its_request_does_not_give_the_carrier_away() -> None:
    first, second, *rest = OUTBOUND.messages[2:]
    disordered = replace(OUTBOUND, messages=(*OUTBOUND.messages[:2], second, first, *rest))
    assert not any(secret in written(conceal(disordered, OUT_VIEW)) for secret in SECRETS)


def written(seen: Ladder) -> str:
    return json.dumps([[m.source, m.target, m.first_line, m.summary, m.sip_call_id, m.raw] for m in seen.messages])


def test_whoever_owns_both_legs_reads_everything() -> None:
    assert conceal(OUTBOUND, Sides(PHONE)) == OUTBOUND


def test_a_carriers_leg_is_told_by_method_code_and_direction_only() -> None:
    seen = conceal(OUTBOUND, OUT_VIEW)
    hidden = [(m.source, m.target, m.summary, m.raw) for m in seen.messages if not m.raw]
    assert hidden == [
        (EDGE, CARRIER, "INVITE", ""),
        (CARRIER, EDGE, "503", ""),
        (EDGE, CARRIER, "INVITE", ""),
        (CARRIER, EDGE, "200", ""),
        (CARRIER, EDGE, "BYE", ""),
    ]
    assert [m.at_us for m in seen.messages] == [m.at_us for m in OUTBOUND.messages]
    assert set(seen.parties) == {PHONE, EDGE, CARRIER}


def test_nothing_of_the_carrier_is_left_in_the_callers_leg() -> None:
    text = written(conceal(OUTBOUND, OUT_VIEW))
    for secret in SECRETS:
        assert secret not in text
    assert f"c=IN IP4 {NOBODY}" in text


def test_the_callers_own_leg_stays_as_it_was() -> None:
    seen = conceal(OUTBOUND, OUT_VIEW)
    assert seen.messages[:2] == OUTBOUND.messages[:2]
    assert "phone.example" in seen.messages[6].raw


INBOUND = ladder(
    (SECOND, EDGE, "INVITE sip:+442079460002@203.0.113.1 SIP/2.0", ANSWER),
    (EDGE_TLS, DEVICE, "INVITE sip:charlie@198.51.100.9:41000 SIP/2.0", "To: <sip:charlie@fjord.test>\r\n" + ANSWER),
    (DEVICE, EDGE_TLS, "SIP/2.0 200 OK", "To: <sip:charlie@fjord.test>;tag=9\r\n" + ANSWER),
    (EDGE, SECOND, "SIP/2.0 200 OK", ANSWER),
    (FIRST, EDGE, "INVITE sip:charlie@203.0.113.1 SIP/2.0", "To: <sip:charlie@fjord.test>;tag=9\r\n" + ANSWER),
    (FIRST, EDGE, "BYE sip:charlie@203.0.113.1 SIP/2.0", ANSWER),
)


def test_a_called_partner_sees_its_phones_leg_and_not_the_carriers() -> None:
    seen = conceal(INBOUND, Sides(SECOND, source=CARRIER))
    assert [bool(m.raw) for m in seen.messages] == [False, True, True, False, False, False]
    assert [(m.source, m.target) for m in seen.messages if not m.raw] == [
        (CARRIER, EDGE),
        (EDGE, CARRIER),
        (CARRIER, EDGE),
        (CARRIER, EDGE),
    ]
    text = written(seen)
    for secret in SECRETS:
        assert secret not in text
    assert "sip:charlie@198.51.100.9:41000" in text


def test_a_call_of_nobody_known_is_told_by_methods_and_codes_alone() -> None:
    seen = conceal(OUTBOUND, replace(OUT_VIEW, source=CALLER, destination=CALLEE))
    assert {m.raw for m in seen.messages} == {""}
    text = written(seen)
    assert PHONE not in text
    for secret in SECRETS:
        assert secret not in text


def test_an_address_is_not_found_inside_another() -> None:
    seen = conceal(
        ladder(
            (PHONE, EDGE, "INVITE sip:1@fjord.test SIP/2.0", "Call-ID: 1\r\n"),
            (EDGE, FIRST, "INVITE sip:1@192.0.2.1 SIP/2.0", "Call-ID: 1\r\n"),
            (EDGE, PHONE, "SIP/2.0 200 OK", "Call-ID: 1\r\nX: 192.0.2.1 192.0.2.100 9.192.0.2.1\r\n"),
        ),
        OUT_VIEW,
    )
    assert f"X: {NOBODY} 192.0.2.100 9.192.0.2.1" in seen.messages[2].raw


def test_an_empty_ladder_stays_empty() -> None:
    assert conceal(ladder_of(b"broken"), OUT_VIEW).messages == ()


def test_a_carriers_words_passed_on_to_the_caller_are_replaced_by_the_codes_own() -> None:
    said = "SIP/2.0 503 Cheap Carrier is full"
    seen = conceal(
        ladder(
            (PHONE, EDGE, "INVITE sip:1@fjord.test SIP/2.0", "Call-ID: 1\r\n"),
            (EDGE, FIRST, "INVITE sip:1@192.0.2.10 SIP/2.0", "Call-ID: 1\r\n"),
            (FIRST, EDGE, said, "Call-ID: 1\r\n"),
            (EDGE, PHONE, said, "Call-ID: 1\r\n"),
        ),
        OUT_VIEW,
    )
    assert seen.messages[3].raw.startswith("SIP/2.0 503 Service Unavailable\r\n")
    assert seen.messages[3].summary == "503 Service Unavailable"
    assert "Cheap" not in written(seen)
