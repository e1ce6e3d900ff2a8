"""People with an account who try for more: carriers through us, orders to other people's phones, our insides."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.support.platform import Platform, eventually
from tests.support.telephony import pick_up
from tests.support.wire import Wire, failed, wire

from carillon.useragent import Account, IncomingCall, OutgoingCall, UserAgent
from carillon.useragent.sdp import Session

pytestmark = pytest.mark.engines


class Liar(UserAgent):
    """A phone whose Contact is what the test says."""

    claims = ""

    @property
    def contact(self) -> str:
        return self.claims or super().contact


def liar(platform: Platform, username: str, claims: str) -> Liar:
    phone = Liar(Account(username, "northwind.test", platform.password(username, "northwind.test")), platform.proxy)
    phone.claims = claims
    return phone


async def busy(call: IncomingCall) -> None:
    call.reject(486, "Busy Here")


@asynccontextmanager
async def talking(platform: Platform) -> AsyncIterator[tuple[UserAgent, OutgoingCall, UserAgent]]:
    """Alice and Bob in a call: her phone, the call, his phone."""
    async with platform.phone("alice") as alice, platform.phone("bob", on_call=pick_up) as bob:
        await bob.register()
        call = await alice.call("102")
        await call.answered()
        yield alice, call, bob
        await call.hang_up()
        await bob.register(0)


def requests(phone: UserAgent, method: str) -> list[str]:
    """Requests of a method that came to a phone."""
    return [m.raw.decode(errors="replace") for m in phone.messages if m.raw.startswith(f"{method} ".encode())]


# ------------------------------------------------------------------ registrations


@pytest.mark.parametrize("where", ["a carrier", "us"])
async def test_a_phone_is_rung_where_it_is_whatever_its_contact_says(platform: Platform, where: str) -> None:
    sink = await wire()
    port = sink.port if where == "a carrier" else platform.config.ports.sip
    async with liar(platform, "bob", f"<sip:+33899000001@127.0.0.1:{port}>") as bob, platform.phone("alice") as alice:
        bob.on_call = busy
        assert (await bob.register()).status == 200
        call = await failed(alice, "102")
        await bob.register(0)
    assert call.status == 486
    assert sink.received == []


@pytest.mark.parametrize(
    "contact",
    [
        "<tel:+33899000001>",
        "<http://192.0.2.1>",
        "*",
        '<sip:x@192.0.2.1>;received="sip:192.0.2.1"',
        '<sip:x@192.0.2.1>, <sip:y@192.0.2.1> ; Received = "sip:192.0.2.1"',
        "<sip:" + "y" * 600 + "@192.0.2.1>",
    ],
)
async def test_contacts_that_can_only_be_wrong_are_refused(platform: Platform, contact: str) -> None:
    async with liar(platform, "bob", contact) as bob:
        assert (await bob.register()).status == 400
        assert len([m for m in bob.messages if m.raw.startswith(b"SIP/2.0 [45]")]) <= 1
    # the edge writes and deletes rows every five seconds: another test's may still be there
    await eventually(lambda: not platform.sql("select contact from edge.location where username = 'bob'"))


# ------------------------------------------------------------------ inside a call


@pytest.mark.parametrize("method", ["INVITE", "INFO"])
async def test_request_inside_a_call_reaches_the_other_side_only(platform: Platform, method: str) -> None:
    sink = await wire()
    async with talking(platform) as (alice, call, bob):
        assert call.dialog is not None
        request = call.dialog.request(method)
        request.uri = f"sip:+33899000001@127.0.0.1:{sink.port};alias=127.0.0.1~{sink.port}~1"
        request.add("Route", f"<sip:127.0.0.1:{sink.port};lr>")
        alice.describe(request, Session("127.0.0.1", call.stream.port).build() if method == "INVITE" else b"")
        final = await alice.transact(request, platform.proxy)
        if method == "INVITE":
            call.acknowledge(final)
        arrived = requests(bob, method)[-1]
    assert final.status == 200
    assert arrived.startswith(f"{method} sip:bob@127.0.0.1:{bob.port} ")
    assert sink.received == []


async def test_a_new_contact_inside_a_call_is_followed(platform: Platform) -> None:
    bob = liar(platform, "bob", "")
    bob.on_call = pick_up
    async with platform.phone("alice") as alice, bob:
        await bob.register()
        call = await alice.call("102")
        await call.answered()
        bob.claims = f"<sip:bob-moved@127.0.0.1:{bob.port}>"
        assert (await bob.calls[0].reinvite()).status == 200
        await call.hang_up()
        bob.claims = ""
        await bob.register(0)
    assert requests(bob, "BYE")[0].startswith("BYE sip:bob-moved@")


@pytest.mark.parametrize("part", ["local", "remote"])
async def test_guessed_tags_end_no_call(platform: Platform, part: str) -> None:
    raw = await wire()
    async with talking(platform) as (_, call, bob):
        assert call.dialog is not None
        dialog = call.dialog
        tags = {"local": ("forged", dialog.remote_tag), "remote": (dialog.local_tag, "forged")}[part]
        forged = raw.request("BYE", dialog.remote_target, *(f"Route: {route}" for route in dialog.route_set))
        forged = re.sub("From: .*\r\n", f"From: <sip:alice@northwind.test>;tag={tags[0]}\r\n", forged)
        forged = re.sub("To: .*\r\n", f"To: <sip:102@northwind.test>;tag={tags[1]}\r\n", forged)
        forged = re.sub("Call-ID: .*\r\n", f"Call-ID: {dialog.call_id}\r\n", forged)
        assert " 481 " in await raw.ask(platform, forged)
        assert not bob.calls[0].is_over


async def test_forged_ack_is_not_relayed(platform: Platform) -> None:
    raw, sink = await wire(), await wire()
    route = f"Route: <sip:127.0.0.1:{platform.config.ports.sip};lr>"
    uri = f"sip:x@127.0.0.1:{sink.port}"
    for _ in range(50):
        raw.transport.sendto(raw.request("ACK", uri, route, to_tag="forged").encode(), platform.proxy)
    assert " 200 " in await raw.ask(platform, raw.request("OPTIONS", "sip:northwind.test"))
    assert sink.received == []


async def test_cancel_of_nothing_is_481(platform: Platform) -> None:
    raw = await wire()
    assert " 481 " in await raw.ask(platform, raw.request("CANCEL", "sip:101@northwind.test"))


# ------------------------------------------------------------------ a new call


HOSTILE = {
    "Alert-Info": "<http://192.0.2.1/x>;info=alert-autoanswer",
    "Answer-Mode": "Auto",
    "Authorization": 'Digest username="alice"',
    "Call-Info": "<sip:192.0.2.1>;answer-after=0",
    "Identity": "forged",
    "Organization": "Internal",
    "P-Access-Network-Info": "internal",
    "Record-Route": "<sip:192.0.2.66;lr>",
    "Replaces": "1;to-tag=2;from-tag=3",
    "Resource-Priority": "dsn.flash",
    "Warning": '399 internal "x"',
    "X-Internal": "1",
}


async def test_orders_and_internals_do_not_pass_from_phone_to_phone(platform: Platform) -> None:
    sink = await wire()
    async with platform.phone("alice") as alice, platform.phone("bob", on_call=busy) as bob:
        await bob.register()
        route = ("Route", f"<sip:127.0.0.1:{sink.port};lr>")
        call = await failed(alice, "102", headers=[*HOSTILE.items(), route, ("Supported", "timer")])
        arrived = requests(bob, "INVITE")[0]
        await bob.register(0)
    assert call.status == 486
    assert [name for name in HOSTILE if f"\r\n{name}: {HOSTILE[name]}" in arrived] == []
    assert "192.0.2.66" not in arrived
    assert "\r\nSupported: timer\r\n" in arrived
    assert sink.received == []


async def test_our_own_mark_is_not_for_phones(platform: Platform) -> None:
    async with platform.phone("alice") as alice:
        assert (await failed(alice, "102", headers=[("TH", "dur")])).status == 400


async def test_digest_is_for_the_number_that_is_called(platform: Platform) -> None:
    async with platform.phone("alice") as alice:
        alice.credentials = lambda challenged, request: UserAgent.credentials(  # type: ignore[method-assign]
            alice, challenged, type(request)(method=request.method, uri="sip:101@northwind.test")
        )
        call = await failed(alice, "01632960486")
    assert call.status == 400
    assert platform.call_of(call.call_id) is None


@pytest.mark.parametrize(
    ("uri", "status"),
    [
        ("sip:01632960486@127.0.0.1:{carrier}", 486),  # a carrier's address is not a way past us
        ("sip:01632960486@northwind.test;maddr=192.0.2.7", 486),
        ("sip:+441632960486;phone-context=+44@northwind.test", 486),
        ("sip:%301632960486@northwind.test", 486),
        ("sip:01632960486@evil.example", 404),
        ("sip:@northwind.test", 400),
        ("sip:" + "9" * 300 + "@northwind.test", 414),
        ("sip:" + "9" * 200 + "@northwind.test", 484),
        ("sip:1%0000@northwind.test", 484),
        ("sip:Zoë@northwind.test", 484),
        ("sip:-1@northwind.test", 484),
        ("sip:northwind.test", 484),
    ],
)
async def test_numbers(platform: Platform, uri: str, status: int) -> None:
    async with platform.phone("alice") as alice:
        call = await failed(alice, uri.format(carrier=platform.config.ports.carrier_a))
    assert call.status == status
    assert call.reason
    await eventually(lambda: (platform.call_of(call.call_id) or (0, 0, None))[2] is None)


async def test_tel_uri_is_a_number(platform: Platform) -> None:
    async with platform.phone("alice") as alice:
        call = await alice.call("102")  # for its headers and its digest
        await eventually(lambda: call.is_over)
        invite = call.invite.copy()
        invite.uri, invite.headers = "tel:+441632960486", [h for h in invite.headers if "Auth" not in h[0]]
        invite.remove("Via")
        invite.replace("Call-ID", f"tel-{invite.call_id}")
        answer_to = alice.credentials(await alice.transact(invite, platform.proxy), invite)
        assert answer_to is not None
        invite.replace("CSeq", "9 INVITE")
        invite.remove("Via")
        invite.add(*answer_to)
        final = await alice.transact(invite, platform.proxy)
    assert final.status == 486


# ------------------------------------------------------------------ silence


async def test_nobody_is_silenced_in_another_name(platform: Platform) -> None:
    """Unknown domains can be asked for with anybody's address: only that answer stops."""
    raw = await wire()
    flood = Wire.request(raw, "REGISTER", "sip:nowhere.test").replace("northwind.test", "nowhere.test")
    for number in range(70):
        raw.transport.sendto(flood.replace("branch=z9hG4bK", f"branch=z9hG4bK{number}").encode(), platform.proxy)
    async with platform.phone("alice") as alice:
        assert (await alice.register()).status == 200
        await alice.register(0)
