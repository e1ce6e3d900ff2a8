"""The plain-text ladder."""

from __future__ import annotations

from carillon.demo.ladder import Arrow, draw


def test_each_message_is_an_arrow_between_its_parties_in_order_of_time() -> None:
    arrows = [
        Arrow(1_200_000, "127.0.0.1:5060", "127.0.0.1:5070", "SIP/2.0 180 Ringing"),
        Arrow(1_000_000, "127.0.0.1:5070", "127.0.0.1:5060", "INVITE sip:102@northwind.test SIP/2.0"),
    ]
    lines = draw(arrows, {"127.0.0.1:5070": "Alice", "127.0.0.1:5060": "Carillon"})
    assert lines[0].split() == ["Alice", "Carillon"]
    assert lines[1].startswith("   0.000") and "INVITE" in lines[1] and lines[1].endswith(">|")
    assert lines[2].startswith("   0.200") and "|<" in lines[2] and "180 Ringing" in lines[2]


def test_an_unnamed_party_is_shown_by_its_address_and_no_messages_say_so() -> None:
    assert "192.0.2.1:5060" in draw([Arrow(0, "192.0.2.1:5060", "a:1", "ACK sip:x SIP/2.0")], {})[0]
    assert draw([], {}) == ["(no messages)"]
