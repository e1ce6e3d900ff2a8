"""Carriers' gateways: addresses, challenges, what they may not tell the caller; emergency calls without control."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest
from tests.support.gateways import changed, in_force, status_of
from tests.support.platform import Platform, eventually
from tests.support.wire import wire

from carillon.useragent import Account, IncomingCall, UserAgent

pytestmark = pytest.mark.engines


class Carrier(asyncio.DatagramProtocol):
    """A carrier's gateway that answers each call and registration as it is told and keeps what it got."""

    def __init__(self, port: int) -> None:
        self.port, self.answers, self.got = port, ["486 Busy Here"], []  # type: tuple[int, list[str], list[str]]

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        message = data.decode()
        method = message.split(" ")[0]
        if method.startswith("SIP/") or method == "ACK":
            return
        answer = "200 OK"  # to whoever asks whether it is there
        if method != "OPTIONS":
            self.got.append(message)
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        status, _, headers = answer.partition("|")
        copied = re.findall(r"(?im)^(?:Via|From|Call-ID|CSeq|Record-Route): .*\r\n", message)
        to = re.findall(r"(?im)^To: .*", message)[0].strip()
        lines = f"SIP/2.0 {status}\r\n{''.join(copied)}{to}{'' if ';tag' in to else ';tag=c'}\r\n{headers}"
        self.transport.sendto(f"{lines}Content-Length: 0\r\n\r\n".encode(), address)


@asynccontextmanager
async def carrier(platform: Platform) -> AsyncIterator[Carrier]:
    """A gateway of its own in carrier A's place."""
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(lambda: Carrier(0), ("127.0.0.1", 0))
    protocol.port = transport.get_extra_info("sockname")[1]
    with changed(platform, "Demo carrier A", "port", protocol.port), changed(platform, "Demo carrier B", "port", 1):
        await in_force(platform)
        yield protocol
    await in_force(platform)
    transport.close()


MD5 = 'Proxy-Authenticate: Digest realm="r", nonce="n", qop="auth"\r\n'
CHALLENGE = f"407 Proxy Authentication Required|{MD5}"


@pytest.mark.parametrize(("diversions", "status"), [(4, 486), (5, 482)])
async def test_call_that_others_forwarded_too_often_is_not_forwarded_again(
    platform: Platform, diversions: int, status: int
) -> None:
    set_bob = "update customers_user set forwards_always = %s, forward_always_to = '+441632960486' where name = 'Bob'"
    (was,) = platform.sql("select last_value from callfeed.generation_user")[0]
    platform.sql(set_bob, True)
    source = await wire()
    try:
        with changed(platform, "Demo carrier A", "source_addresses", [f"127.0.0.1:{source.port}"]):
            await in_force(platform)
            await eventually(lambda: platform.status("/health")[1]["generations"].get("user", 0) > was)
            forwarded = ["Diversion: <sip:+33199000002@x.test>;reason=unconditional"] * diversions
            answer = await source.ask(platform, source.request("INVITE", "sip:+442079460102@127.0.0.1", *forwarded))
    finally:
        platform.sql(set_bob, False)
        source.transport.close()
    assert answer.startswith(f"SIP/2.0 {status}")
    await in_force(platform)


@pytest.mark.parametrize(
    ("answer", "status"),
    [(CHALLENGE, 503), ("302 Moved|Contact: <sip:x@192.0.2.1>\r\n", 480), ("603 Decline", 603), ("500 Oops", 503)],
)
async def test_what_the_caller_hears_of_a_carriers_no(platform: Platform, answer: str, status: int) -> None:
    async with carrier(platform) as gateway, platform.phone("alice") as alice:
        gateway.answers = [answer]
        assert await status_of(alice, "01632960001") == status


async def test_a_new_gateway_address_is_believed_within_a_second(platform: Platform) -> None:
    account = Account("+33199000001", "127.0.0.1")

    async def busy(call: IncomingCall) -> None:
        call.reject(486, "Busy Here")

    # an address of its own: who asks from 127.0.0.1 for domains that nobody has may be ignored since another test
    stranger = UserAgent(account, platform.proxy, host="127.0.0.8")
    async with stranger as network, platform.phone("alice", on_call=busy) as alice:
        await alice.register()
        target = f"sip:+442079460101@127.0.0.1:{platform.config.ports.sip}"
        assert await status_of(network, target) in (404, 407)
        own = network.contact.strip("<>").rpartition("@")[2]
        with changed(platform, "Demo carrier B", "source_addresses", [own]):
            began = asyncio.get_running_loop().time()
            while not alice.calls:
                call = await network.call(target)
                await eventually(lambda: call.is_over or alice.calls)  # noqa: B023 - awaited in this turn
                assert asyncio.get_running_loop().time() - began < 1.5
            await eventually(lambda: call.is_over)
        await alice.register(0)


@pytest.mark.parametrize("fault", ["frozen", "dead"])
async def test_emergency_call_without_control_takes_the_static_route(platform: Platform, fault: str) -> None:
    async with platform.phone("alice") as alice:
        await alice.register()
        with without_control(platform, fault):
            call = await alice.call("999")
            await call.answered()
            await call.hang_up()
            assert await status_of(alice, "01632960486") == 503
        await alice.register(0)
    await has_one_free_cdr_to_come(platform, call.call_id)


async def test_emergency_call_without_database_is_written_down_later(platform: Platform) -> None:
    async with platform.phone("alice") as alice:
        await alice.register()
        assert await status_of(alice, "01632960486") == 486  # all that the decision needs is in memory now
        platform.freeze_database()
        try:
            call = await alice.call("999")
            await call.answered()
            await call.hang_up()
        finally:
            platform.freeze_database(is_frozen=False)
        await alice.register(0)
    await has_one_free_cdr_to_come(platform, call.call_id)


async def has_one_free_cdr_to_come(platform: Platform, sip_call_id: str) -> None:
    """The call is in the database with what happened to it, ready to be rated, and costs nothing."""
    query = (
        "select direction, state, answered_at < ended_at, due_at <= now(), (select count(*) from billing_hold h"
        " where h.call_id = c.id) from calls_call c where sip_call_id = %s"
    )
    wanted = [("emergency", "ended", True, True, 0)]
    await eventually(lambda: platform.sql(query, sip_call_id) == wanted, 25)
    events = [kind for kind, _ in platform.events(sip_call_id)]
    assert [kind for kind in events if kind != "progress"] == ["applied", "answered", "ended"]


@contextmanager
def without_control(platform: Platform, fault: str) -> Iterator[None]:
    if fault == "frozen":
        platform.freeze("control")
        yield
        platform.freeze("control", is_frozen=False)
    else:
        platform.stop("control")
        yield
        platform.start("control")


async def test_edge_registers_at_a_carrier_that_wants_it(platform: Platform) -> None:
    ha1 = hashlib.md5(b"gwuser:r:gwpass", usedforsecurity=False).hexdigest()
    async with carrier(platform) as gateway:
        asks = MD5.replace("Proxy-", "WWW-")
        better = asks.replace('"auth"', '"auth", algorithm=SHA-256')  # which the edge's registrations can't answer
        gateway.answers = [f"401 Unauthorized|{better}{asks}"]
        with (
            changed(platform, "Demo carrier A", "auth_realm", "r"),
            changed(platform, "Demo carrier A", "auth_username", "gwuser"),
            changed(platform, "Demo carrier A", "auth_ha1", ha1),
            changed(platform, "Demo carrier A", "mode", "registration"),
        ):
            authorised = await eventually(lambda: [m for m in gateway.got if "Authorization:" in m], 25)
    values = dict(re.findall(r'(\w+)="?([^",\r]+)', re.findall("Authorization: Digest (.*)", authorised[0])[0]))
    ha2 = hashlib.md5(f"REGISTER:{values['uri']}".encode(), usedforsecurity=False).hexdigest()
    parts = [ha1, values["nonce"], values["nc"], values["cnonce"], values["qop"], ha2]
    assert values["response"] == hashlib.md5(":".join(parts).encode(), usedforsecurity=False).hexdigest()


async def test_carrier_is_told_the_caller_and_offered_codecs_as_it_wants(platform: Platform) -> None:
    async with carrier(platform) as gateway, platform.phone("alice") as alice:
        with (
            changed(platform, "Demo carrier A", "caller_header", "rpid"),
            changed(platform, "Demo carrier A", "caller_format", "plain"),
            changed(platform, "Demo carrier A", "from_domain", "us.test"),
            changed(platform, "Demo carrier A", "codecs", ["PCMU"]),
        ):
            await in_force(platform)
            for prefix in ("", "*67"):
                assert await status_of(alice, f"{prefix}01632960001") == 486
    shown, hidden = gateway.got[0], gateway.got[-1]
    assert "<sip:442079460101@us.test>" in re.findall("From:.*", shown)[0]
    assert "Remote-Party-ID: <sip:442079460101@us.test>;party=calling;screen=yes;privacy=off" in shown
    assert re.findall(r"m=audio \d+ RTP/AVP (.*)\r", shown) == ["0"]
    assert "<sip:anonymous@anonymous.invalid>" in re.findall("From:.*", hidden)[0]
    assert "Remote-Party-ID: <sip:442079460101@us.test>;party=calling;screen=yes;privacy=full" in hidden
    assert "P-Asserted-Identity" not in shown + hidden


async def test_called_phone_does_not_learn_a_withheld_number(platform: Platform) -> None:
    async def busy(call: IncomingCall) -> None:
        call.reject(486, "Busy Here")

    async with platform.phone("alice") as alice, platform.phone("bob", on_call=busy) as bob:
        await bob.register()
        assert await status_of(alice, "sip:*67102@northwind.test") == 486
        await bob.register(0)
    invite = next(message.raw.decode() for message in bob.messages if message.first_line.startswith("INVITE"))
    assert "anonymous@anonymous.invalid" in invite
    assert not any(known in invite for known in ("alice", "sip:101@", "442079460101", "P-Asserted"))
