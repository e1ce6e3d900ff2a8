"""Forwarding at the edge: what the next one is told, who ends the wait, and that money ends calls without control."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
from tests.support.books import books
from tests.support.forwarding import bob_forwards, forwarding
from tests.support.platform import Platform, eventually
from tests.support.telephony import do_otherwise, pick_up
from tests.support.waiting import wait_until

from carillon.useragent import CallRefused, OutgoingCall, State, UserAgent
from carillon.useragent.agent import CallHandler
from carillon.useragent.message import Message, parse

pytestmark = pytest.mark.engines
__all__ = ["bob_forwards", "books"]

OUTSIDE = "01632960001"
busy = partial(do_otherwise, does="486")


@asynccontextmanager
async def registered(platform: Platform, name: str, on_call: CallHandler | None = None) -> AsyncIterator[UserAgent]:
    """A phone that can be called, and is forgotten whatever happens."""
    async with platform.phone(name, on_call=on_call) as phone:
        await phone.register()
        try:
            yield phone
        finally:
            await phone.register(0)


async def sent_to(platform: Platform, call: OutgoingCall, port: int) -> Message:
    """The first INVITE of the call that went to a port."""
    messages = await platform.trace(call.call_id)
    raw = next(m["raw"] for m in messages if m["dst"].endswith(f":{port}") and m["raw"].startswith("INVITE"))
    return parse(raw.encode())


def held(platform: Platform) -> int:
    return int(platform.sql("select count(*) from billing_hold where state = 'open'")[0][0])


@forwarding(busy=OUTSIDE)
async def test_carrier_is_told_who_forwarded_and_nothing_that_a_phone_claims(
    platform: Platform, bob_forwards: None
) -> None:
    claims = [("Diversion", "<sip:+33199000002@x.test>"), ("History-Info", "<sip:+33199000002@x.test>;index=1")]
    async with platform.phone("alice") as alice, registered(platform, "bob", busy):
        call = await alice.call("sip:102@northwind.test", headers=claims)
        await call.answered()
        await call.hang_up()
    invite = await sent_to(platform, call, platform.config.ports.carrier_a)
    assert invite.get("Diversion") == "<sip:+442079460102@127.0.0.1>;reason=user-busy;counter=1"
    assert invite.all("History-Info") == [
        "<sip:+442079460102@127.0.0.1?Reason=SIP%3Bcause%3D486>;index=1",
        "<sip:+441632960001@127.0.0.1;cause=486>;index=1.1;mp=1",
    ]
    assert "33199" not in str(invite.headers)


@forwarding(always="100")
async def test_phone_is_told_who_forwarded(platform: Platform, bob_forwards: None) -> None:
    async with platform.phone("alice") as alice, registered(platform, "carla", pick_up) as carla:
        call = await alice.call("sip:102@northwind.test")
        await call.answered()
        await call.hang_up()
        invite = next(parse(m.raw) for m in carla.messages if m.raw.startswith(b"INVITE"))
    assert invite.get("Diversion") == "<sip:+442079460102@northwind.test>;reason=unconditional;counter=1"


@forwarding(no_answer=OUTSIDE, no_answer_s="5")
async def test_silent_control_gives_the_caller_what_came_of_the_attempt(platform: Platform, bob_forwards: None) -> None:
    async with (
        platform.phone("alice") as alice,
        registered(platform, "bob", partial(do_otherwise, does="ring")),
    ):
        call = await alice.call("sip:102@northwind.test")
        await call.ringing()
        platform.freeze("control")
        try:
            with pytest.raises(CallRefused):
                await call.answered()
        finally:
            platform.freeze("control", is_frozen=False)
    assert call.status == 480
    await eventually(lambda: not held(platform))


@forwarding(busy=OUTSIDE)
async def test_caller_who_gives_up_while_control_thinks_is_let_go(platform: Platform, bob_forwards: None) -> None:
    async with platform.phone("alice") as alice, registered(platform, "bob") as bob:

        async def freeze_and_refuse(call: Any) -> None:
            call.ring()
            platform.freeze("control")
            call.reject(486, "Busy Here")

        bob.on_call = freeze_and_refuse
        call = await alice.call("sip:102@northwind.test")
        try:
            await eventually(lambda: "attempt" in [kind for kind, _ in platform.events(call.call_id)])
            call.cancel()
            with pytest.raises(CallRefused):
                await call.answered()
        finally:
            platform.freeze("control", is_frozen=False)
    assert call.status in (487, 486)  # 486 when this machine was slower than the wait
    await eventually(lambda: "failed" in [kind for kind, _ in platform.events(call.call_id)])
    await eventually(lambda: not held(platform))


@forwarding(busy="01632960408")
async def test_caller_who_gives_up_while_it_rings_elsewhere_costs_nobody_anything(
    platform: Platform, bob_forwards: None
) -> None:
    async with platform.phone("alice") as alice, registered(platform, "bob", busy):
        call = await alice.call("sip:102@northwind.test")
        await call.ringing()
        assert held(platform) == 1
        call.cancel()
        with pytest.raises(CallRefused):
            await call.answered()
    assert call.status == 487
    await eventually(lambda: not held(platform))


@forwarding()
async def test_transfer_is_not_implemented(platform: Platform, bob_forwards: None) -> None:
    async with platform.phone("alice") as alice, registered(platform, "bob", pick_up):
        call = await alice.call("sip:102@northwind.test")
        await call.answered()
        assert call.dialog is not None
        refer = call.dialog.request("REFER")
        refer.add("Refer-To", "<sip:+442079460100@northwind.test>")
        inside = await alice.transact(refer, alice.proxy)
        await call.hang_up()
        outside = Message(method="REFER", uri="sip:102@northwind.test")
        outside.add("Max-Forwards", "70")
        outside.add("From", f"<{alice.account.uri}>;tag=1")
        outside.add("To", "<sip:102@northwind.test>")
        outside.add("Call-ID", "transfer-out-of-the-blue")
        outside.add("CSeq", "1 REFER")
        blind = await alice.transact(outside, alice.proxy)
    assert (inside.status, blind.status) == (501, 501)


@forwarding(busy="004930231250001")
async def test_forwarded_call_never_outlives_its_money_when_control_is_dead(
    platform: Platform, bob_forwards: None
) -> None:
    try:
        async with platform.phone("alice") as alice, registered(platform, "bob", busy):
            call = await alice.call("sip:102@northwind.test")
            await call.answered()
            platform.stop("control", signal.SIGKILL)
            await call.ended(20)
    finally:
        platform.start("control")
        wait_until(platform.decides)
    assert call.state == State.ENDED
    assert call.answered_s <= 7 + 2.5  # seven seconds were held; timers have slack
