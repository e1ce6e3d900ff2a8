"""What phones do inside and around a call: PRACK, UPDATE, early media, late offer, glare, and what nobody may see."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any

import pytest
from tests.support.gateways import changed, in_force
from tests.support.platform import Platform
from tests.support.telephony import pick_up

from carillon.useragent import Account, CallRefused, IncomingCall, UserAgent
from carillon.useragent.dialog import as_caller
from carillon.useragent.message import Message, parse
from carillon.useragent.transaction import ServerTransaction

pytestmark = pytest.mark.engines


async def test_update_reaches_the_other_side_and_comes_back(platform: Platform) -> None:
    async with platform.phone("alice") as alice, platform.phone("bob", on_call=pick_up, tone_hz=600) as bob:
        await bob.register()
        call = await alice.call("102")
        await call.answered()
        assert call.dialog is not None
        update = call.dialog.request("UPDATE")
        update.add("Contact", alice.contact)
        update.add("Supported", "timer")
        update.add("Session-Expires", "900;refresher=uac")
        updated = await alice.transact(update, call.dialog.next_hop())
        await call.hang_up()
        await bob.register(0)
    assert updated.status == 200
    assert updated.get("Session-Expires") == "900;refresher=uac"  # for bob, who knows no timers (RFC 4028, 8.2)


@pytest.mark.parametrize("target", ["01632960486", "01632999999999999"], ids=["by a carrier", "by us"])
async def test_a_refusal_is_repeated_until_the_phone_has_it(platform: Platform, target: str) -> None:
    """A network that loses every refusal for five seconds: the fourth repetition is heard (RFC 3261, 17.2.1)."""
    async with platform.phone("alice") as alice:
        hears_from = time.monotonic() + 5
        hear = alice._transactions.transport.on_message

        def lose(data: bytes, source: tuple[str, int]) -> None:
            if time.monotonic() > hears_from or data.startswith((b"SIP/2.0 1", b"SIP/2.0 407")):
                hear(data, source)

        alice._transactions.transport.on_message = lose
        call = await alice.call(target)
        with pytest.raises(CallRefused):
            await call.answered(30)
    assert time.monotonic() > hears_from


async def test_early_media_is_heard_before_the_answer(platform: Platform) -> None:
    async def announce(call: IncomingCall) -> None:
        call.progress()

    async with platform.phone("alice") as alice, platform.phone("bob", on_call=announce, tone_hz=600) as bob:
        await bob.register()
        call = await alice.call("102")
        await call.hears(600)
        assert 183 in call.provisional
        bob.calls[0].answer()  # type: ignore[attr-defined]
        await call.answered()
        await call.hang_up()
        await bob.register(0)


async def test_provisional_replies_are_acknowledged_and_the_session_updated_before_the_answer(
    platform: Platform,
) -> None:
    """RFC 3262 and RFC 3311: Bob answers only after Alice's PRACK and UPDATE, both inside the early dialog."""

    async def reliably(call: IncomingCall) -> None:
        usual = call.receive

        def receive(transaction: ServerTransaction) -> None:
            if transaction.request.method == "PRACK":
                transaction.reply(200, "OK")
            else:
                usual(transaction)
            if transaction.request.method == "UPDATE":
                call.answer()

        call.receive = receive  # type: ignore[method-assign]
        call._respond(183, "Session Progress", call._session(), [("Require", "100rel"), ("RSeq", "1")])

    async with platform.phone("alice") as alice, platform.phone("bob", on_call=reliably, tone_hz=600) as bob:
        await bob.register()
        call = await alice.call("102", headers=[("Supported", "100rel")])
        await call.hears(600)
        ringing = next(parse(m.raw) for m in alice.messages if m.first_line.startswith("SIP/2.0 183"))
        early = as_caller(call.invite, ringing, alice.proxy)
        prack = early.request("PRACK")
        prack.add("RAck", f"{ringing.get('RSeq')} {call.invite.cseq[0]} INVITE")
        pracked = await alice.transact(prack, early.next_hop())
        updated = await alice.transact(early.request("UPDATE"), early.next_hop())
        await call.answered()
        assert call.dialog is not None
        call.dialog.local_cseq = early.local_cseq
        await bob.calls[0].hears(440)
        await call.hang_up()
        await bob.register(0)
    assert (pracked.status, updated.status) == (200, 200)
    assert ringing.get("Require") == "100rel"
    inside = [parse(m.raw) for m in bob.messages if m.first_line.startswith(("PRACK", "UPDATE"))]
    assert [request.method for request in inside] == ["PRACK", "UPDATE"]
    assert inside[0].get("RAck") == f"1 {call.invite.cseq[0]} INVITE"


async def test_late_offer_is_answered_with_the_ack_and_both_hear_each_other(platform: Platform) -> None:
    """Whoever is called makes the offer (RFC 3264); both descriptions name the relay, and neither the other phone."""
    async with platform.phone("alice") as alice, platform.phone("bob", on_call=pick_up, tone_hz=600) as bob:
        await bob.register()
        call = await alice.call("102", offers=False)
        await call.answered()
        await call.hears(600)
        await bob.calls[0].hears(440)
        relay = range(platform.config.ports.rtp_min, platform.config.ports.rtp_max + 1)
        for each in (call, bob.calls[0]):
            assert each.remote_session is not None
            assert each.remote_session.port in relay
        await call.hang_up()
        await bob.register(0)
    assert not any(b"m=audio" in m.raw for m in bob.messages if m.first_line.startswith("INVITE"))


async def test_no_other_carrier_is_tried_once_one_has_rung(platform: Platform) -> None:
    """The caller has heard it ring: a second phone must not start to."""

    async def ring(call: IncomingCall) -> None:
        call.ring()

    network = UserAgent(Account("carrier", "127.0.0.1"), platform.proxy, on_call=ring)
    async with network as carrier, platform.phone("alice") as alice:
        with changed(platform, "Demo carrier A", "port", carrier.port):
            await in_force(platform)
            call = await alice.call("01632960001")  # carrier B would answer it
            await call.ringing()
            carrier.calls[0].reject(503, "Service Unavailable")  # type: ignore[attr-defined]
            with pytest.raises(CallRefused) as refusal:
                await call.answered()
    assert refusal.value.status == 500  # what a proxy makes of another's 503 (RFC 3261, 16.7)
    assert len(carrier.calls) == 1
    await in_force(platform)


async def test_a_second_change_before_the_first_is_answered_is_491(platform: Platform) -> None:
    """Before the answer the caller's offer is still open (RFC 3261, 14.1)."""

    async def ring(call: IncomingCall) -> None:
        call.ring()

    async with platform.phone("alice") as alice, platform.phone("bob", on_call=ring) as bob:
        await bob.register()
        call = await alice.call("102")
        await call.ringing()
        ringing = next(m for m in alice.messages if m.first_line.startswith("SIP/2.0 180"))
        to = re.findall(r"(?im)^To: (.*)\r$", ringing.raw.decode())[0]
        routes = re.findall(r"(?im)^Record-Route: (.*)\r$", ringing.raw.decode())[::-1]
        again = Message(method="INVITE", uri=call.invite.uri)
        again.add("Max-Forwards", "70")
        for route in routes:
            again.add("Route", route)
        again.add("From", call.invite.get("From"))
        again.add("To", to)
        again.add("Call-ID", call.call_id)
        again.add("CSeq", f"{call.invite.cseq[0] + 1} INVITE")
        alice.describe(again, b"")
        answer = await alice.transact(again, alice.proxy)
        call.cancel()
        await call.until(lambda: call.is_over)
        await bob.register(0)
    assert answer.status == 491


async def test_two_changes_that_cross_are_both_refused_and_the_call_goes_on(platform: Platform) -> None:
    """Glare (RFC 3261, 14.2): each side has its own change pending, both wait and one tries again."""

    async def answer(call: IncomingCall) -> None:
        call.answer()

    async with platform.phone("alice") as alice, platform.phone("bob", on_call=answer, tone_hz=600) as bob:
        await bob.register()
        call = await alice.call("102")
        await call.answered()
        await call.hears(600)
        other = bob.calls[0]
        async with asyncio.timeout(30):
            crossed: list[int] = []
            while crossed != [491, 491]:  # the first 491 may overtake the other change: that one is in force then
                answers = await asyncio.gather(call.reinvite("sendonly"), other.reinvite("sendonly"))
                crossed = [answer.status for answer in answers]
                assert 491 in crossed
        assert (await other.reinvite("sendonly")).status == 200  # the owner of the Call-ID waits longer
        assert (await call.reinvite("sendrecv")).status == 200
        await call.hears(600)
        await call.hang_up()
        await other.ended()
        await bob.register(0)


async def test_neither_side_sees_where_the_other_is(platform: Platform) -> None:
    async with platform.phone("alice") as alice, platform.phone("bob", on_call=pick_up) as bob:
        await bob.register()
        call = await alice.call("102")
        await call.answered()
        await call.hang_up()
        await bob.register(0)
    for phone, other in ((alice, bob), (bob, alice)):
        received = [m.raw.decode() for m in phone.messages if m.destination == (phone.host, phone.port)]
        assert received
        assert not any(f":{other.port}" in message for message in received)


class Behind(UserAgent):
    """A phone behind a router: what it says of itself names its private address, in Contact and in its session."""

    @property
    def contact(self) -> str:
        return f"<sip:{self.account.username}@10.1.2.3:5060>"

    def describe(self, message: Message, body: bytes) -> None:
        super().describe(message, body.replace(self.host.encode(), b"10.1.2.3"))


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_phones_behind_nat_are_reached_where_their_messages_and_sound_come_from(
    platform: Platform, transport: str
) -> None:
    def behind(username: str, **options: Any) -> Behind:
        return Behind(platform.phone(username).account, platform.proxy, transport=transport, **options)

    async with behind("alice") as alice, behind("bob", on_call=pick_up, tone_hz=600) as bob:
        await bob.register()
        call = await alice.call("102")
        await call.answered()
        await call.hears(600)
        await bob.calls[0].hears(440)
        await bob.calls[0].hang_up()
        await call.ended()
        await bob.register(0)
