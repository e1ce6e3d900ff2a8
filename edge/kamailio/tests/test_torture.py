"""Torture messages in the manner of RFC 4475, over UDP and TCP: the edge answers or ignores, calls go on."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

import pytest
from tests.support.bystanders import entries, undisturbed
from tests.support.platform import Platform, eventually
from tests.support.wire import Wire, wire

pytestmark = pytest.mark.engines

STRANGER = "127.0.0.95"
DOMAIN = "sip:northwind.test"
TRANSPORTS = ("UDP", "SCTP", "TLS", "UNKNOWN", "TCP")
Change = Callable[[str], str]


def swap(old: str, new: str) -> Change:
    return lambda message: message.replace(old, new, 1)


def without(name: str) -> Change:
    return lambda message: re.sub(rf"(?m)^{name}:.*\r\n", "", message)


def plus(line: str) -> Change:
    return swap("Contact:", f"{line}\r\nContact:")


def uri(text: str) -> Change:
    return swap(f"OPTIONS {DOMAIN} ", f"OPTIONS {text} ")


def method(name: str) -> Change:
    return lambda message: message.replace("OPTIONS", name)


def register(message: str, contact: str) -> str:
    return re.sub("Contact: .*\r", f"Contact: {contact}\r", message.replace("OPTIONS", "REGISTER"))


def long_values(message: str) -> str:
    """3.1.1.7, but for what the tables of calls can't hold."""
    name = "I have a user name of extreme" + " proportion" * 20
    return plus("Unknown-" + "Long" * 20 + ": " + "value " * 200)(swap("From: <sip", f'From: "{name}" <sip')(message))


def compact(message: str) -> str:
    for name, short in [("Via", "v"), ("From", "f"), ("To", "t"), ("Call-ID", "i"), ("Content-Length", "l")]:
        message = message.replace(f"\r\n{name}:", f"\r\n{short}:")
    return message


VALID: dict[str, Change] = {
    "compact": compact,
    "folded": swap("From: <sip:alice@northwind.test>;", "From:\r\n\t<sip:alice@northwind.test>\r\n  ;"),
    "spaces": swap("CSeq: 1 OPTIONS", "CSeq  :  0001   OPTIONS"),
    "escaped user": uri("sip:sips%3Auser%40example.com@northwind.test"),
    "semicolon user": uri("sip:user;par=u%40example.net@northwind.test"),
    "quoted display": swap("From: <sip", 'From: "\\\\\\"x\\" <sip:evil@x>" <sip'),
    "no brackets": swap("<sip:alice@northwind.test>", "sip:alice@northwind.test"),
    "strange call-id": lambda message: re.sub("Call-ID: .*\r", "Call-ID: w.a%ZZ^ww'(<>)[]{}x@host\r", message),
    "unknown header": plus("NewFangledHeader: newfangled value"),
    "unknown credentials": plus("Authorization: NoOneKnowsThisScheme opaque-data=here"),
    "many vias": plus("\r\n".join(f"Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK{number}" for number in range(60))),
    "null in the user": uri("sip:null-%00-null@northwind.test"),
    "no space before <": swap("From: <sip", "From: caller<sip"),
    "long display, parameters and header": lambda message: long_values(message),
    "vias of every transport": plus(
        "\r\n".join(f"Via: SIP/2.0/{kind} t1.example.com;branch=z9hG4bK{kind}" for kind in TRANSPORTS)
    ),
    "date of an odd zone": plus("Date: Fri, 01 Jan 2010 16:00:00 EST"),
    "unknown content": plus("Content-Type: application/unknownformat"),
    "accept of nothing we send": plus("Accept: text/nobodyKnowsThis"),
    "old branch": lambda message: re.sub("branch=z9hG4bK", "branch=", message),
}
INVALID: dict[str, tuple[Change, str]] = {
    "content length too long": (swap("Content-Length: 0", "Content-Length: 9999"), "400|"),
    "content length negative": (swap("Content-Length: 0", "Content-Length: -999"), ""),
    "content length text": (swap("Content-Length: 0", "Content-Length: zz"), ""),
    "content length huge": (swap("Content-Length: 0", "Content-Length: 99999999999999999999"), ""),
    "no via": (without("Via"), ""),
    "no from": (without("From"), ""),
    "no to": (without("To"), ""),
    "no call-id": (without("Call-ID"), ""),
    "no cseq": (without("CSeq"), ""),
    "bad via": (swap("Via: SIP/2.0", "Via: FOO/9.9"), ""),
    "negative cseq": (swap("CSeq: 1", "CSeq: -1"), "400"),
    "huge cseq": (swap("CSeq: 1", "CSeq: 36893488147419103232"), "400"),
    "cseq of another method": (swap("1 OPTIONS", "1 INVITE"), "400"),
    "two from": (plus("From: <sip:bob@northwind.test>;tag=2"), ""),
    "two to": (plus("To: <sip:bob@northwind.test>"), ""),
    "two call-id": (plus("Call-ID: other"), ""),
    "two cseq": (plus("CSeq: 9 OPTIONS"), ""),
    "max-forwards text": (swap("Max-Forwards: 70", "Max-Forwards: abc"), "483"),
    "version": (swap(" SIP/2.0\r\nVia", " SIP/7.0\r\nVia"), ""),
    "unclosed quote": (swap("From: <sip", 'From: "alice <sip'), "400"),
    "unknown scheme": (uri("nobodyKnowsThisScheme:totallyopaquecontent"), "400"),
    "brackets around the uri": (uri(f"<{DOMAIN}>"), "400"),
    "space in the uri": (uri("sip:x@northwind.test; lr"), ""),
    "extension nobody has": (plus("Proxy-Require: nothingSupportsThis"), "420"),
    "expires text": (plus("Expires: 0xff"), "400"),
    "header of 60 KB": (plus("X-Big: " + "A" * 60_000), "200|"),
    "two thousand headers": (plus("\r\n".join(f"X-{number}: 1" for number in range(2000))), "200|"),
    "tag of 5 KB": (swap(";tag=", ";tag=" + "t" * 5000), "400"),
    "call-id of 5 KB": (swap("Call-ID: ", "Call-ID: " + "c" * 5000), "400"),
    "uri of 5 KB": (uri(f"sip:{'x' * 5000}@northwind.test"), "414"),
    "method of odd letters": (method("!interesting-Method0123456789_*+`.%indeed'~"), "405"),
    "escapes in the method": (method("RE%47IST%45R"), "405"),
    "a second message behind": (lambda message: message + message.replace("OPTIONS", "INVITE"), "200|400"),
    "branch of the cookie alone": (lambda m: re.sub("branch=z9hG4bK[0-9a-f]+", "branch=z9hG4bK", m), "200|400"),
    "commas that separate nothing": (plus("Accept: ,,,;;,,,;"), "200|400"),
    "spaces in the request line": (swap(f" {DOMAIN} ", f"  {DOMAIN}  "), "|400|200"),
    "spaces behind the request line": (swap("SIP/2.0\r\nVia", "SIP/2.0  \r\nVia"), "|400|200"),
    "headers in the uri": (uri("sip:northwind.test?Route=%3Csip:sip.example.com%3E"), "200|4"),
    "spaces in an address": (swap("<sip:alice@", "< sip:alice@"), "200|400|"),
    "odd signs in a display name": (swap("From: <sip", "From: Bell, Alexander <sip"), "200|400|"),
    "cseq of an unknown method": (swap("CSeq: 1 OPTIONS", "CSeq: 1 NEWMETHOD"), "400"),
    "uri of another protocol": (uri("soap.beep://192.0.2.103:3002"), "400|416|4"),
    "unknown scheme in to and contact": (lambda m: re.sub("To: <sip:", "To: <isbn:", m), "200|400|4|"),
    "two content lengths": (plus("Content-Length: 5"), "200|400|"),
    "many values of one": (
        plus("Max-Forwards: 5\r\nFrom: <sip:c@x>;tag=3\r\nTo: <sip:d@x>\r\nCSeq: 5 OPTIONS"),
        "200|400|",
    ),
    "no hops left": (swap("Max-Forwards: 70", "Max-Forwards: 0"), "483"),
    "a register with escaped headers": (
        lambda m: register(m, "<sip:alice@127.0.0.1?Route=%3Csip:x%3E>"),
        "401",
    ),
    "a register with bare contact parameters": (
        lambda m: register(m, "sip:alice@127.0.0.1;unknownparam"),
        "401",
    ),
    "a register with an address out of brackets": (
        lambda m: register(m, "sip:user@example.com?Route=%3Csip:sip.example.com%3E"),
        "401|400",
    ),
    "unknown credentials": (
        lambda m: register(m, "<sip:a@b>\r\nAuthorization: NoOneKnowsThisScheme x=y"),
        "401",
    ),
    "an invite of many parts": (lambda m: m.replace("OPTIONS", "INVITE") + "--boundary\r\n", "407|400"),
    "an old invite without branch": (
        lambda m: re.sub(";branch=z9hG4bK[0-9a-f]+", "", m.replace("OPTIONS", "INVITE")),
        "407|400",
    ),
    "forged topology mark": (uri("sip:192.0.2.1;line=sr-AAAAAAAA"), "200|4"),
}


async def over(platform: Platform, transport: str, message: str, raw: Wire, patience_s: float = 5.0) -> str:
    """First line of what comes back within `patience_s`; empty when nothing does."""
    if transport == "udp":
        raw.received.clear()
        raw.transport.sendto(message.encode(), platform.proxy)
        return await _first(raw, patience_s)
    reader, writer = await asyncio.open_connection(*platform.proxy, local_addr=(raw.host, 0))
    try:
        writer.write(message.replace("SIP/2.0/UDP 127", "SIP/2.0/TCP 127", 1).encode())
        return (await asyncio.wait_for(reader.readline(), patience_s)).decode().strip()
    except (TimeoutError, ConnectionError):
        return ""
    finally:
        writer.close()


async def _first(raw: Wire, patience_s: float) -> str:
    try:
        await eventually(lambda: raw.received, patience_s)
    except AssertionError:
        return ""
    return raw.received[0].split("\r\n")[0]


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_strange_but_valid_messages_work(platform: Platform, transport: str) -> None:
    raw = await wire(STRANGER)
    async with undisturbed(platform):
        answers = {
            name: await over(platform, transport, change(raw.request("OPTIONS", DOMAIN)), raw)
            for name, change in VALID.items()
        }
    assert {name: line for name, line in answers.items() if line != "SIP/2.0 200 OK"} == {}


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_broken_messages_break_nothing(platform: Platform, transport: str) -> None:
    """An answer where one can be built: without readable Via, From, To, Call-ID and CSeq there is none.

    Customers talk on meanwhile, and nothing of a stranger's is written down.
    """
    before = platform.log("kamailio").count("Listening on")
    raw, wrong = await wire(STRANGER), {}
    async with undisturbed(platform):
        for name, (change, wanted) in INVALID.items():
            answers = wanted.split("|")
            patience_s = 0.7 if "" in answers else 5.0  # silence can only be waited for
            line = await over(platform, transport, change(raw.request("OPTIONS", DOMAIN)), raw, patience_s)
            code = line[8:11]
            if not any(code == each or (each and code.startswith(each)) for each in answers):
                wrong[name] = line
    assert wrong == {}
    assert await over(platform, "udp", raw.request("OPTIONS", DOMAIN), raw) == "SIP/2.0 200 OK"
    assert platform.log("kamailio").count("Listening on") == before
    assert entries(platform, STRANGER) == []


@pytest.mark.parametrize("kilobytes", [64, 512])
async def test_more_header_than_fits_closes_the_connection_and_no_other(platform: Platform, kilobytes: int) -> None:
    raw = await wire()
    message = plus("X-Big: " + "A" * kilobytes * 1024)(raw.request("OPTIONS", DOMAIN))
    assert await over(platform, "tcp", message, raw) in ("", "SIP/2.0 200 OK")
    assert await over(platform, "tcp", raw.request("OPTIONS", DOMAIN), raw) == "SIP/2.0 200 OK"


# Responses nobody asked for: of strange phrases, with an overlarge code, with a stranger's Via on top.
RESPONSES = {
    "unusual phrase": "SIP/2.0 200 = 2**3 * 5**2 \u043d\u043e \u0441\u0442\u043e",
    "no phrase": "SIP/2.0 100 ",
    "overlarge code": "SIP/2.0 4294967301 better not break the receiver",
    "overlarge numbers": "SIP/2.0 503 Service Unavailable\r\nRetry-After: 949302838503028349304023988",
    "a stranger's via": "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1",
}


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_responses_nobody_asked_for_go_nowhere(platform: Platform, transport: str) -> None:
    raw = await wire(STRANGER)
    async with undisturbed(platform):
        for start in RESPONSES.values():
            response = raw.request("OPTIONS", DOMAIN).replace(f"OPTIONS {DOMAIN} SIP/2.0", start)
            assert await over(platform, transport, response, raw, 0.3) == ""
    assert await over(platform, "udp", raw.request("OPTIONS", DOMAIN), raw) == "SIP/2.0 200 OK"


# Each message of RFC 4475 by its name there, and the case here that does what it does.
RFC_4475 = {
    "wsinv": "folded", "intmeth": "method of odd letters", "esc01": "escaped user", "escnull": "null in the user",
    "esc02": "escapes in the method", "lwsdisp": "no space before <",
    "longreq": "long display, parameters and header", "dblreq": "a second message behind",
    "semiuri": "semicolon user", "transports": "vias of every transport", "mpart01": "an invite of many parts",
    "unreason": "unusual phrase", "noreason": "no phrase",
    "badinv01": "commas that separate nothing", "clerr": "content length too long", "ncl": "content length negative",
    "scalar02": "huge cseq", "scalarlg": "overlarge numbers", "quotbal": "unclosed quote",
    "ltgtruri": "brackets around the uri", "lwsruri": "space in the uri", "lwsstart": "spaces in the request line",
    "trws": "spaces behind the request line", "escruri": "headers in the uri", "baddate": "date of an odd zone",
    "regbadct": "a register with an address out of brackets", "badaspec": "spaces in an address",
    "baddn": "odd signs in a display name", "badvers": "version", "mismatch01": "cseq of another method",
    "mismatch02": "cseq of an unknown method", "bigcode": "overlarge code",
    "badbranch": "branch of the cookie alone",
    "insuf": "no call-id", "unkscm": "unknown scheme", "novelsc": "uri of another protocol",
    "unksm2": "unknown scheme in to and contact", "bext01": "extension nobody has", "invut": "unknown content",
    "regaut01": "unknown credentials", "multi01": "many values of one", "mcl01": "two content lengths",
    "bcast": "a stranger's via", "zeromf": "no hops left", "cparam01": "a register with bare contact parameters",
    "cparam02": "a register with bare contact parameters", "regescrt": "a register with escaped headers",
    "sdp01": "accept of nothing we send", "inv2543": "an old invite without branch",
}  # fmt: skip


def test_every_message_of_the_rfc_has_its_case() -> None:
    assert len(RFC_4475) == 49
    assert set(RFC_4475.values()) <= VALID.keys() | INVALID.keys() | RESPONSES.keys()
