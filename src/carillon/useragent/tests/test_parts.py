"""Messages, digest, descriptions and sound, each by itself."""

from __future__ import annotations

import pytest

from carillon.useragent import g711, sdp
from carillon.useragent.digest import Challenge, DigestClient, digest_response, parse_challenge
from carillon.useragent.message import MalformedMessage, address_of, parameter, parse, split_list, user_of

INVITE = (
    b"INVITE sip:102@northwind.test SIP/2.0\r\n"
    b"v: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bKabc;rport\r\n"
    b'f: "Alice, at home" <sip:alice@northwind.test>;tag=1\r\n'
    b"t: <sip:102@northwind.test>\r\n"
    b"i: call-1\r\nCSeq: 1 INVITE\r\n"
    b"Subject: folded\r\n  line\r\nl: 4\r\n\r\nbodyrest"
)


def test_compact_names_folded_lines_and_content_length_are_understood() -> None:
    message = parse(INVITE)
    assert (message.method, message.uri, message.branch) == ("INVITE", "sip:102@northwind.test", "z9hG4bKabc")
    assert message.get("Subject") == "folded line"
    assert message.cseq == (1, "INVITE")
    assert message.body == b"body"
    assert user_of(message.get("From")) == "alice"


def test_what_is_built_parses_to_the_same_message() -> None:
    message = parse(INVITE)
    again = parse(message.build())
    assert (again.first_line(), again.body, again.get("From")) == (
        message.first_line(),
        message.body,
        message.get("From"),
    )


@pytest.mark.parametrize(
    "data", [b"", b"hello\r\n\r\n", b"INVITE sip:a SIP/2.0\r\nno colon\r\n\r\n", b"SIP/2.0 200 OK"]
)
def test_garbage_is_refused_with_a_reason(data: bytes) -> None:
    with pytest.raises(MalformedMessage):
        parse(data)


def test_lists_split_at_commas_outside_quotes_and_brackets() -> None:
    assert split_list('"a, b" <sip:x@y;p=1,2>;tag=3, <sip:z@w>') == ['"a, b" <sip:x@y;p=1,2>;tag=3', "<sip:z@w>"]
    assert parameter("<sip:a@b;tag=inside>;tag=outside", "tag") == "outside"


def test_only_ipv4_uris_name_an_address() -> None:
    assert address_of("sip:bob@127.0.0.1:5072;lr") == ("127.0.0.1", 5072)
    assert address_of("sip:127.0.0.1;lr") == ("127.0.0.1", 5060)
    assert address_of("sip:northwind.test") is None


def test_digest_matches_the_example_of_rfc_2617() -> None:
    challenge = Challenge("testrealm@host.com", "dcd98b7102dd2f0e8b11d0f600bfb0c093", "MD5", "auth")
    response = digest_response(challenge, "Mufasa", "Circle Of Life", "GET", "/dir/index.html", "00000001", "0a4f113b")
    assert response == "6629fae49393a05397450978507c4ef1"


def test_digest_counts_the_use_of_a_nonce_and_refuses_what_it_does_not_speak() -> None:
    challenge = parse_challenge('Digest realm="northwind.test", nonce="n1", qop="auth,auth-int", stale=true')
    assert challenge.is_stale and challenge.qop == "auth"
    client = DigestClient("alice", "secret")
    assert "nc=00000001" in client.authorization(challenge, "INVITE", "sip:102@northwind.test")
    assert "nc=00000002" in client.authorization(challenge, "INVITE", "sip:102@northwind.test")
    with pytest.raises(ValueError, match="Digest"):
        parse_challenge("Basic realm=x")
    with pytest.raises(ValueError, match="AKA"):
        parse_challenge('Digest realm="x", algorithm=AKAv1-MD5')


def test_session_descriptions_survive_a_round_trip_and_answers_mirror_a_hold() -> None:
    offer = sdp.Session("127.0.0.1", 4000, (8, 0), "sendonly")
    assert sdp.parse(offer.build()) == offer
    assert sdp.answer(offer, "127.0.0.1", 5000) == sdp.Session("127.0.0.1", 5000, (8,), "recvonly")
    assert sdp.parse(b"v=0\r\nm=audio 4000 RTP/AVP 18\r\n") is None


def test_g711_levels_are_the_recommendations() -> None:
    assert (max(g711.TABLES[g711.PCMA]), max(g711.TABLES[g711.PCMU])) == (32256, 32124)
    assert g711.decode(b"\xd5\x55", g711.PCMA) == [8, -8]
    assert g711.decode(b"\xff\x00", g711.PCMU) == [0, -32124]


@pytest.mark.parametrize("payload_type", [g711.PCMA, g711.PCMU])
@pytest.mark.parametrize("frequency", [350, 440, 1004, 2500])
def test_a_tone_is_heard_as_its_frequency_and_level(payload_type: int, frequency: int) -> None:
    samples = g711.decode(g711.tone(frequency, payload_type)[:3200], payload_type)
    heard, purity = g711.loudest(samples)
    assert abs(heard - frequency) <= 4
    assert purity > 0.9
    assert -16 < g711.level_dbov(samples) < -14


def test_silence_has_no_frequency() -> None:
    assert g711.loudest([0] * 800) == (0.0, 0.0)
    assert g711.level_dbov([]) == -127.0
