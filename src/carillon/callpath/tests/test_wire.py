from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from carillon.callpath.control.tables import emergency_routes, sources_of
from carillon.callpath.control.wire import (
    decision_message,
    dialled_user,
    failure_of,
    forward_message,
    no_forward_message,
    request_of,
    wire_target,
)
from carillon.logic.callflow.feed import CallerStyle, Gateway, Trunk
from carillon.logic.callflow.values import (
    CallRequest,
    Cause,
    Decision,
    Direction,
    Diversion,
    HoldRequest,
    Target,
)

REQUEST = CallRequest("id", "192.0.2.9", 5060, "udp", "alice", "northwind.test", "101", "northwind.test")
DECISION = Decision(Direction.OUTBOUND, REQUEST, caller_name='Zoë "Z" \r\nX: y')
GATEWAY = Target("gateway", host="192.0.2.7", port=5061, number="+442079460000", caller="+442079460101")
PHONES = Target("contacts", contacts=("bob@northwind.test", "bob2@northwind.test"), caller="101")


def wire(target: Target, decision: Decision = DECISION) -> dict[str, Any]:
    return wire_target(target, decision, "203.0.113.5", lambda secret: f"open {secret}")


def test_gateway_target() -> None:
    found = wire(replace(GATEWAY, transport="tcp", auth_username="u", auth_password="v1:x", auth_realm="r"))
    assert found["uri"] == "sip:+442079460000@192.0.2.7:5061;transport=tcp"
    assert found["from"] == "sip:+442079460101@203.0.113.5"
    assert found["headers"] == "P-Asserted-Identity: <sip:+442079460101@203.0.113.5>\r\n"
    assert (found["auth_username"], found["auth_password"], found["auth_realm"]) == ("u", "open v1:x", "r")


def test_phones_see_their_own_domain_and_a_clean_name() -> None:
    found = wire(PHONES)
    assert found["uris"] == ["sip:bob@northwind.test", "sip:bob2@northwind.test"]
    assert found["from"] == "sip:101@northwind.test"
    assert found["display"] == '"Zoë \\"Z\\" X: y"'


def test_telephone_systems_are_called_at_their_address_with_the_number_and_the_rest_where_they_registered() -> None:
    trunks = (Trunk("bob2@northwind.test", "192.0.2.7:5061", "tls"), Trunk("pbx@northwind.test", "[2001:db8::1]:5060"))
    found = wire(
        replace(PHONES, contacts=(*PHONES.contacts, "pbx@northwind.test"), trunks=trunks, number="+442079460102")
    )
    assert found["uris"] == ["sip:bob@northwind.test"]
    assert found["trunks"] == [
        "sip:+442079460102@192.0.2.7:5061;transport=tls",
        "sip:+442079460102@[2001:db8::1]:5060",
    ]
    assert wire(PHONES)["trunks"] == []


@pytest.mark.parametrize("number", ["1;x=y>", "a b", "x@evil", "1\r\nX: y"])
def test_a_number_cannot_leave_its_place_in_the_uri(number: str) -> None:
    uri = wire(replace(GATEWAY, number=number))["uri"]
    assert uri.endswith("@192.0.2.7:5061")
    assert uri.count("@") == 1
    assert not set(uri) & set(' <>"\r\n')


def test_a_hidden_caller_is_told_to_carriers_only() -> None:
    hidden = replace(DECISION, is_withheld=True)
    assert wire(PHONES, hidden)["from"] == "sip:anonymous@anonymous.invalid"
    assert wire(PHONES, hidden)["headers"] == ""
    carrier = wire(GATEWAY, hidden)
    assert carrier["from"] == "sip:anonymous@anonymous.invalid"
    assert carrier["headers"] == "P-Asserted-Identity: <sip:+442079460101@203.0.113.5>\r\nPrivacy: id\r\n"
    stranger = wire(replace(GATEWAY, style=CallerStyle(is_trusted=False)), hidden)
    assert "442079460101" not in stranger["from"] + stranger["headers"]


def test_a_forwarded_call_of_a_hidden_caller_names_nobody() -> None:
    found = wire(replace(GATEWAY, caller="anonymous"), replace(DECISION, is_withheld=True))
    assert (found["from"], found["headers"]) == ("sip:anonymous@anonymous.invalid", "")


def test_emergency_services_see_who_hides() -> None:
    found = wire(GATEWAY, replace(DECISION, is_withheld=True, direction=Direction.EMERGENCY))
    assert found["from"] == "sip:+442079460101@203.0.113.5"
    assert "Privacy" not in found["headers"]


@pytest.mark.parametrize(
    ("style", "is_hidden", "headers"),
    [
        (CallerStyle("ppi"), False, "P-Preferred-Identity: <{}>\r\n"),
        (CallerStyle("ppi"), True, "P-Preferred-Identity: <{}>\r\nPrivacy: id\r\n"),
        (CallerStyle("rpid"), False, "Remote-Party-ID: <{}>;party=calling;screen=yes;privacy=off\r\n"),
        (CallerStyle("rpid"), True, "Remote-Party-ID: <{}>;party=calling;screen=yes;privacy=full\r\n"),
        (CallerStyle("none"), False, ""),
    ],
)
def test_each_carrier_is_told_the_caller_as_it_wants(style: CallerStyle, is_hidden: bool, headers: str) -> None:
    target = replace(GATEWAY, style=replace(style, from_domain="us.test"))
    found = wire(target, replace(DECISION, is_withheld=is_hidden))
    assert found["headers"] == headers.format("sip:+442079460101@us.test")


def test_a_carrier_may_want_our_account_in_from_and_the_callers_name() -> None:
    style = CallerStyle(from_user="account", from_domain="carrier.test", sends_name=True)
    found = wire(replace(GATEWAY, auth_username="us1", style=style))
    assert (found["from"], found["display"]) == ("sip:us1@carrier.test", '"Zoë \\"Z\\" X: y"')
    assert "sip:+442079460101@carrier.test" in found["headers"]


def test_a_carrier_is_offered_the_codecs_it_takes_and_digits() -> None:
    assert wire(GATEWAY)["media"] == ""
    media = wire(replace(GATEWAY, codecs=("PCMA", "G729")))["media"]
    assert media == "codec-strip-all codec-offer-PCMA codec-offer-G729 codec-offer-telephone-event"


def test_question_becomes_a_request() -> None:
    message = {"op": "call", "ti": 1, "tl": 2, "sip_call_id": "id", "source_address": "192.0.2.9", "source_port": 5060}
    message |= {"transport": "udp", "request_user": "101", "request_domain": "northwind.test"}
    assert request_of(message) == replace(REQUEST, auth_user="", auth_realm="")
    with pytest.raises(TypeError):
        request_of({"op": "call"})


def test_the_limit_is_money_only_when_money_is_held() -> None:
    paid = replace(DECISION, holds=(HoldRequest(1, 10, 5),))
    question = {"ti": 1, "tl": 2}
    assert decision_message(question, "c", paid, 5, "203.0.113.5", str)["limit"] == "money"
    assert decision_message(question, "c", DECISION, 5, "203.0.113.5", str)["limit"] == "timeout"


def gateway(*sources: str, is_enabled: bool = True) -> Gateway:
    return Gateway(1, 1, "G", "192.0.2.7", 5060, is_enabled=is_enabled, source_addresses=sources)


def test_ipv6_sources_of_gateways() -> None:
    found = sources_of([gateway("2001:db8::7", "[2001:DB8::8]:5060", "[2001:db8::9]")])
    assert found.exact == {"2001:db8::7", "2001:db8::8:5060", "2001:db8::9"}


def test_sources_of_gateways() -> None:
    found = sources_of([gateway("192.0.2.7:5062", "192.0.2.8", "198.51.100.0/24", "nonsense", "2001:db8::/32")])
    assert found.exact == {"192.0.2.7:5062", "192.0.2.8"}
    assert found.networks == ("198.51.100.0/24", "2001:db8::/32")
    assert not sources_of([gateway("192.0.2.8", is_enabled=False)]).exact


def test_no_emergency_route_without_domains() -> None:
    assert emergency_routes(None, []) == {}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("user", "meant"),
    [
        ("+441632960486;phone-context=+44", "+441632960486"),
        ("01632960486;npdi;rn=+44", "01632960486"),
        ("%301632", "01632"),
        ("*72", "*72"),
        ("alice;x", "alice;x"),
        ("1%00", "1\ufffd"),
        ("%zz", "%zz"),
        ("%ff", "\ufffd"),
        ("", ""),
    ],
)
def test_user_of_a_request_uri(user: str, meant: str) -> None:
    assert dialled_user(user) == meant


FORWARD = {"op": "forward", "ti": 7, "tl": 8, "call": "c", "what": "redirected", "target": 0}


@pytest.mark.parametrize(
    ("contact", "dialled"),
    [
        ("sip:02079460123;phone-context=x@192.0.2.66:5060;transport=tcp", "02079460123"),
        ("<sip:102@elsewhere.invalid>", "102"),
        ("tel:+442079460123", "+442079460123"),
        ("sip:192.0.2.66", "192.0.2.66"),
        ("sip:%00%0d@x", "\ufffd\ufffd"),
        ("", ""),
    ],
)
def test_redirection_is_read_like_something_dialled(contact: str, dialled: str) -> None:
    assert failure_of({**FORWARD, "contact": contact}).contact == dialled


def test_question_about_a_failure_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="fire"):
        failure_of({**FORWARD, "what": "fire"})


def test_who_forwarded_is_told_in_order_and_the_last_one_first() -> None:
    busy, away = Diversion("442079460102", Cause.BUSY), Diversion("442079460103", Cause.ALWAYS)
    found = wire(replace(GATEWAY, diversions=(busy, away)))
    assert found["diversion"].split(", ") == [
        "<sip:442079460103@203.0.113.5>;reason=unconditional;counter=1",
        "<sip:442079460102@203.0.113.5>;reason=user-busy;counter=1",
    ]
    assert found["history"].split(", ") == [
        "<sip:442079460102@203.0.113.5?Reason=SIP%3Bcause%3D486>;index=1",
        "<sip:442079460103@203.0.113.5;cause=486?Reason=SIP%3Bcause%3D302>;index=1.1;mp=1",
        "<sip:+442079460000@203.0.113.5;cause=302>;index=1.1.1;mp=1.1",
    ]
    assert "diversion" not in wire(GATEWAY)


def test_a_carrier_may_not_want_to_know_who_forwarded() -> None:
    quiet = CallerStyle(sends_diversion=False)
    found = wire(replace(GATEWAY, diversions=(Diversion("442079460102", Cause.BUSY),), style=quiet))
    assert not {"diversion", "history"} & found.keys()


def test_answer_to_the_second_question_has_the_further_targets_alone() -> None:
    longer = replace(DECISION, targets=(replace(PHONES, asks=(Cause.BUSY,)), GATEWAY), holds=(HoldRequest(1, 2, 3),))
    message = forward_message(FORWARD, longer, 60, "203.0.113.5", str)
    assert (message["op"], message["ti"], message["first"], message["limit"]) == ("forward", 7, 1, "money")
    assert [target["label"] for target in message["targets"]] == ["192.0.2.7:5061"]
    assert no_forward_message(FORWARD) == {"op": "forward", "ti": 7, "tl": 8, "allow": 0}
    assert wire(longer.targets[0])["asks"] == "busy"
