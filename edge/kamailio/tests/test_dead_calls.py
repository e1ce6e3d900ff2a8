"""Calls in which nobody is left: silence, phones that vanish, sessions that nobody refreshes (RFC 4028)."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.support.platform import Platform, eventually
from tests.support.telephony import pick_up

from carillon.useragent import CallRefused, IncomingCall, OutgoingCall, UserAgent
from carillon.useragent.message import Message, parse

pytestmark = pytest.mark.engines

Answer = Callable[[IncomingCall], Awaitable[None]]


async def end_of(platform: Platform, call: OutgoingCall) -> tuple[int, dict[str, Any]]:
    """When and how the call ended, as it was written down."""
    query = (
        "select e.at_ms, e.detail from calls_callevent e join calls_call c on c.id = e.call_id"
        " where c.sip_call_id = %s and e.kind = 'ended'"
    )
    at_ms, detail = (await eventually(lambda: platform.sql(query, call.call_id), 60))[0]
    return int(at_ms), detail


def of_call(phone: UserAgent, call: OutgoingCall, start: str) -> list[Message]:
    """The messages of a call that came to a phone and begin so."""
    came = [parse(message.raw) for message in phone.messages if message.first_line.startswith(start)]
    return [message for message in came if message.call_id == call.call_id]


async def test_silent_call_is_charged_to_its_last_packet_while_a_held_one_goes_on(platform: Platform) -> None:
    async with platform.phone("alice") as alice, platform.phone("bob", on_call=pick_up, tone_hz=600) as bob:
        await bob.register()
        held, silent = await alice.call("102"), await alice.call("102")
        for call in (held, silent):
            await call.answered()
            await call.hears(600)
        assert (await held.reinvite("sendonly")).status == 200
        for each in (*alice.calls, *bob.calls):
            each.stream.fall_silent()
        silent_ms = time.time() * 1000
        await silent.ended(60)
        assert not held.is_over
        await held.reinvite("sendrecv")
        await held.hears(600)
        await held.hang_up()
        await bob.register(0)
    ended_ms, detail = await end_of(platform, silent)
    assert (detail["by"], detail["charged_to"]) == ("media-timeout", "last-packet")
    assert abs(ended_ms - silent_ms) < 3_000
    assert (await end_of(platform, held))[1]["by"] == "caller"


async def test_vanished_phone_ends_the_call_charged_to_its_last_packet(platform: Platform) -> None:
    """And what we send inside the call ourselves tells no more of who is calling than the call did."""
    async with platform.phone("bob", on_call=pick_up, tone_hz=600) as bob:
        await bob.register()
        async with platform.phone("alice") as alice:
            call = await alice.call("sip:*67102@northwind.test")
            await call.answered()
            await call.hears(600)
        vanished_ms = time.time() * 1000
        await bob.calls[0].ended(90)
        await bob.register(0)
    ended_ms, detail = await end_of(platform, call)
    ours = [parse(each.raw) for each in bob.messages if each.first_line.startswith(("OPTIONS", "BYE"))]
    assert {message.method for message in ours} == {"OPTIONS", "BYE"}
    assert {message.get("From").split(";")[0] for message in ours} == {'"Anonymous" <sip:anonymous@anonymous.invalid>'}
    assert (detail["by"], detail["charged_to"]) == ("timeout", "last-packet")
    assert abs(ended_ms - vanished_ms) < 3_000


async def test_session_timer_of_the_caller_reaches_the_called_and_is_answered_for_it(platform: Platform) -> None:
    wish = [("Supported", "timer"), ("Session-Expires", "1200"), ("Min-SE", "300")]
    async with platform.phone("alice") as alice, platform.phone("bob", on_call=pick_up) as bob:
        await bob.register()
        call = await alice.call("102", headers=wish)
        await call.answered()
        await call.hang_up()
        await bob.register(0)
    (invite,) = of_call(bob, call, "INVITE")
    assert (invite.get("Session-Expires"), invite.get("Min-SE")) == ("1200", "300")
    answer = of_call(alice, call, "SIP/2.0 200")[0]
    assert (answer.get("Session-Expires"), answer.get("Require")) == ("1200;refresher=uac", "timer")


async def test_session_that_nobody_refreshes_is_ended_and_one_that_is_goes_on(platform: Platform) -> None:
    async def answer(call: IncomingCall) -> None:
        call.answer([("Session-Expires", "1;refresher=uas")])

    async with platform.phone("alice") as alice, platform.phone("bob", on_call=answer) as bob:
        await bob.register()
        neglected, kept = await alice.call("102"), await alice.call("102")
        for call in (neglected, kept):
            await call.answered()
        async with asyncio.timeout(60):
            while not neglected.is_over:
                assert (await refreshed(alice, kept)).status == 200
                with contextlib.suppress(TimeoutError):
                    await neglected.ended(0.5)
        assert not kept.is_over
        await kept.hang_up()
        await bob.register(0)
    assert (await end_of(platform, neglected))[1]["by"] == "session-timer"
    assert (await end_of(platform, kept))[1]["by"] == "caller"


async def refreshed(phone: UserAgent, call: OutgoingCall) -> Message:
    """The answer to an UPDATE that asks for two more seconds."""
    assert call.dialog is not None
    update = call.dialog.request("UPDATE")
    update.add("Supported", "timer")
    update.add("Session-Expires", "2;refresher=uac")
    return await phone.transact(update, call.dialog.next_hop())


def picky(least_s: int) -> Answer:
    async def answer(call: IncomingCall) -> None:
        if int(call.invite.get("Session-Expires")) < least_s:
            call.reject(422, "Session Interval Too Small", [("Min-SE", str(least_s))])
        else:
            call.answer()

    return answer


async def test_session_timer_too_short_for_the_called_is_made_longer_when_it_was_ours(platform: Platform) -> None:
    async with platform.phone("alice") as alice, platform.phone("bob", on_call=picky(3600)) as bob:
        await bob.register()
        call = await alice.call("102")
        await call.answered()
        await call.hang_up()
        await bob.register(0)
    first, second = of_call(bob, call, "INVITE")
    assert (first.get("Session-Expires"), second.get("Session-Expires")) == ("1800", "3600")
    assert [second.cseq[0], of_call(bob, call, "BYE")[0].cseq[0]] == [first.cseq[0] + 1, first.cseq[0] + 2]


async def test_session_timer_too_short_is_told_to_the_caller_who_asked_for_it(platform: Platform) -> None:
    async with platform.phone("alice") as alice, platform.phone("bob", on_call=picky(3600)) as bob:
        await bob.register()
        call = await alice.call("102", headers=[("Supported", "timer"), ("Session-Expires", "90")])
        with pytest.raises(CallRefused) as refusal:
            await call.answered()
        await bob.register(0)
    assert refusal.value.status == 422
    assert of_call(alice, call, "SIP/2.0 422")[0].get("Min-SE") == "3600"


async def test_both_sides_hear_of_an_end_that_neither_caused(platform: Platform) -> None:
    """However fast the first one is with its answer."""
    async with platform.phone("alice") as alice, platform.phone("bob", on_call=pick_up) as bob:
        await bob.register()
        for _ in range(4):
            calls = [await alice.call("102") for _ in range(4)]
            for call in calls:
                await call.answered()
            ids = [str((await eventually(lambda call=call: platform.call_of(call.call_id)))[0]) for call in calls]
            ending = (asyncio.to_thread(platform.status, f"/calls/{each}/hangup", method="POST") for each in ids)
            assert [status for status, _ in await asyncio.gather(*ending)] == [200] * len(calls)
            for each in (*alice.calls, *bob.calls):
                await each.ended(5)
        await bob.register(0)
