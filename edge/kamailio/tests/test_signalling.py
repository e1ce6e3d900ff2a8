"""What phones do inside and around a call: PRACK, UPDATE, early media, late offer, glare, and what nobody may see."""

from __future__ import annotations

import asyncio
import re
import time

import pytest
from tests.support.gateways import changed, in_force
from tests.support.platform import Platform
from tests.support.telephony import pick_up

from carillon.useragent import Account, CallRefused, IncomingCall, UserAgent
from carillon.useragent.message import Message

pytestmark = pytest.mark.engines


async def test_prack_and_update_reach_the_other_side_and_come_back(platform: Platform) -> None:
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
        prack = call.dialog.request("PRACK")
        prack.add("RAck", "1 1 INVITE")
        pracked = await alice.transact(prack, call.dialog.next_hop())
        await call.hang_up()
        await bob.register(0)
    assert updated.status == 200
    assert updated.get("Session-Expires") == "900;refresher=uac"  # for bob, who knows no timers (RFC 4028, 8.2)
    assert pracked.status == 501  # the demo phone's own answer: it came through to it
    assert any(message.first_line.startswith("PRACK") for message in bob.messages)


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


async def test_phone_behind_nat_is_called_where_its_registration_came_from(platform: Platform) -> None:
    account = platform.phone("bob").account

    class Behind(UserAgent):
        @property
        def contact(self) -> str:
            return f"<sip:{self.account.username}@10.1.2.3:5060>"

    behind = Behind(Account(account.username, account.domain, account.password), platform.proxy, on_call=pick_up)
    async with platform.phone("alice") as alice, behind as bob:
        await bob.register()
        call = await alice.call("102")
        await call.answered()
        await call.hears(440)
        await call.hang_up()
        await bob.calls[0].ended()
        await bob.register(0)
