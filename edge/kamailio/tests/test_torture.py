"""Torture messages in the manner of RFC 4475, over UDP and TCP: the edge answers or ignores, and lives."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

import pytest
from tests.support.platform import Platform, eventually
from tests.support.wire import Wire, wire

pytestmark = pytest.mark.engines

DOMAIN = "sip:northwind.test"
Change = Callable[[str], str]


def swap(old: str, new: str) -> Change:
    return lambda message: message.replace(old, new, 1)


def without(name: str) -> Change:
    return lambda message: re.sub(rf"(?m)^{name}:.*\r\n", "", message)


def plus(line: str) -> Change:
    return swap("Contact:", f"{line}\r\nContact:")


def uri(text: str) -> Change:
    return swap(f"OPTIONS {DOMAIN} ", f"OPTIONS {text} ")


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
    "forged topology mark": (uri("sip:192.0.2.1;line=sr-AAAAAAAA"), "200|4"),
}


async def over(platform: Platform, transport: str, message: str, raw: Wire, patience_s: float = 5.0) -> str:
    """First line of what comes back within `patience_s`; empty when nothing does."""
    if transport == "udp":
        raw.received.clear()
        raw.transport.sendto(message.encode(), platform.proxy)
        return await _first(raw, patience_s)
    reader, writer = await asyncio.open_connection(*platform.proxy)
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
    raw = await wire()
    answers = {
        name: await over(platform, transport, change(raw.request("OPTIONS", DOMAIN)), raw)
        for name, change in VALID.items()
    }
    assert {name: line for name, line in answers.items() if line != "SIP/2.0 200 OK"} == {}


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_broken_messages_break_nothing(platform: Platform, transport: str) -> None:
    """An answer where one can be built: without readable Via, From, To, Call-ID and CSeq there is none."""
    before = platform.running["kamailio"].pid, platform.log("kamailio").count("Listening on")
    raw, wrong = await wire(), {}
    for name, (change, wanted) in INVALID.items():
        answers = wanted.split("|")
        patience_s = 0.7 if "" in answers else 5.0  # silence can only be waited for
        line = await over(platform, transport, change(raw.request("OPTIONS", DOMAIN)), raw, patience_s)
        code = line[8:11]
        if not any(code == each or (each and code.startswith(each)) for each in answers):
            wrong[name] = line
    assert wrong == {}
    assert await over(platform, "udp", raw.request("OPTIONS", DOMAIN), raw) == "SIP/2.0 200 OK"
    assert (platform.running["kamailio"].pid, platform.log("kamailio").count("Listening on")) == before
    assert platform.running["kamailio"].poll() is None
    assert "core dumped" not in platform.log("kamailio")
