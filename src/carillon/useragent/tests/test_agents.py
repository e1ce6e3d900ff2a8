"""Two user agents call each other over loopback, audio included."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from carillon.useragent import Account, CallRefused, IncomingCall, PortRange, State, Timers, UserAgent

FAST = Timers(t1=0.05, t2=0.2)


@pytest.fixture
async def bob() -> AsyncIterator[UserAgent]:
    async with UserAgent(Account("bob", "b.test"), ("127.0.0.1", 9), tone_hz=880, timers=FAST) as agent:
        yield agent


@pytest.fixture
async def alice(bob: UserAgent) -> AsyncIterator[UserAgent]:
    async with UserAgent(Account("alice", "a.test"), ("127.0.0.1", bob.port), tone_hz=440, timers=FAST) as agent:
        yield agent


async def _answer(call: IncomingCall) -> None:
    call.ring()
    call.answer()


async def test_audio_flows_both_ways_until_the_caller_hangs_up(alice: UserAgent, bob: UserAgent) -> None:
    bob.on_call = _answer
    call = await alice.call("102")
    await call.answered()
    other = bob.calls[0]
    assert (await call.hears(880)).packets_sent > 0
    assert (await other.hears(440)).level_dbov > -20
    await call.hang_up()
    await other.ended()
    assert (call.ended_by, other.ended_by) == ("us", "them")
    assert call.provisional == [100, 180]
    assert alice.messages[0].first_line == "INVITE sip:102@a.test SIP/2.0"


async def test_who_offers_no_session_answers_that_of_the_called(alice: UserAgent, bob: UserAgent) -> None:
    bob.on_call = _answer
    call = await alice.call("102", offers=False)
    await call.answered()
    await call.hears(880)
    await bob.calls[0].hears(440)
    await call.hang_up()


async def test_the_called_side_can_hold_move_and_hang_up(alice: UserAgent, bob: UserAgent) -> None:
    bob.on_call = _answer
    call = await alice.call("102")
    await call.answered()
    other = bob.calls[0]
    assert (await other.reinvite("sendonly")).status == 200
    await call.until(lambda: call.remote_session is not None and call.remote_session.direction == "sendonly")
    assert (await other.reinvite()).status == 200
    await other.hears(440)
    await other.hang_up()
    await call.ended()
    assert call.ended_by == "them"


async def test_early_media_is_heard_before_a_refusal(alice: UserAgent, bob: UserAgent) -> None:
    async def announce(call: IncomingCall) -> None:
        call.progress()
        await call.until(lambda: call.stream.packets_sent > 40)
        call.reject(404, "Not Found")

    bob.on_call = announce
    call = await alice.call("102")
    await call.hears(880)
    with pytest.raises(CallRefused, match="404"):
        await call.answered()
    assert call.provisional == [100, 183]


async def test_a_cancelled_call_ends_with_487_on_both_sides(alice: UserAgent, bob: UserAgent) -> None:
    async def ring(call: IncomingCall) -> None:
        call.ring()

    bob.on_call = ring
    call = await alice.call("102")
    await call.ringing()
    call.cancel()
    await call.ended()
    assert (call.status, bob.calls[0].status, bob.calls[0].state) == (487, 487, State.REFUSED)


async def test_an_answer_that_crosses_the_cancel_is_hung_up(alice: UserAgent, bob: UserAgent) -> None:
    is_answered = asyncio.Event()

    async def hurry(call: IncomingCall) -> None:
        call.ring()
        call.answer()
        is_answered.set()

    bob.on_call = hurry
    call = await alice.call("102")
    await is_answered.wait()  # both responses are on their way
    call.cancel()
    await call.ended()
    await bob.calls[0].ended()
    assert (call.status, call.ended_by, bob.calls[0].ended_by) == (200, "us", "them")


async def test_a_cancel_that_outruns_the_ringing_is_kept(alice: UserAgent, bob: UserAgent) -> None:
    bob.on_call = _answer
    deliver = bob._transactions._receive

    def with_cancel(data: bytes, source: tuple[str, int]) -> None:
        deliver(data, source)
        if data.startswith(b"INVITE") and call.transaction is not None:
            deliver(call.transaction.cancel().build(), source)

    bob._transactions.transport.on_message = with_cancel
    call = await alice.call("102")
    with pytest.raises(CallRefused, match="487"):
        await call.answered()


async def test_lost_datagrams_are_sent_again(alice: UserAgent, bob: UserAgent) -> None:
    bob.on_call = _answer
    deliver, seen = bob._transactions._receive, []

    def lossy(data: bytes, source: tuple[str, int]) -> None:
        seen.append(data)
        if len(seen) > 1:
            deliver(data, source)

    bob._transactions.transport.on_message = lossy
    call = await alice.call("102")
    await call.answered()
    assert seen[0] == seen[1]


async def test_a_caller_that_acknowledges_nothing_is_hung_up_on(alice: UserAgent, bob: UserAgent) -> None:
    bob.on_call = _answer
    deliver = bob._transactions._receive

    def without_ack(data: bytes, source: tuple[str, int]) -> None:
        if not data.startswith(b"ACK"):
            deliver(data, source)

    bob._transactions.transport.on_message = without_ack
    call = await alice.call("102")
    await call.answered()
    await call.ended(10 * FAST.give_up)
    assert call.ended_by == "them"


async def test_nobody_there_is_a_408_of_our_own() -> None:
    async with UserAgent(Account("alice", "a.test"), ("127.0.0.1", 9), timers=Timers(t1=0.01, t2=0.05)) as alone:
        call = await alone.call("102")
        with pytest.raises(CallRefused, match="408"):
            await call.answered()
        assert (await alone.register()).status == 408


async def test_an_agent_without_handler_is_unavailable_and_answers_options(alice: UserAgent, bob: UserAgent) -> None:
    call = await alice.call("102")
    with pytest.raises(CallRefused, match="480"):
        await call.answered()
    assert (await alice.options()).status == 200
    assert not bob.calls


async def test_two_calls_at_once_keep_apart(alice: UserAgent, bob: UserAgent) -> None:
    bob.on_call = _answer
    calls = await asyncio.gather(alice.call("102"), alice.call("103"))
    await asyncio.gather(*(call.answered() for call in calls))
    await calls[0].hang_up()
    await calls[1].hears(880)
    assert [call.state for call in calls] == [State.ENDED, State.ANSWERED]
    await calls[1].hang_up()


async def test_a_phone_without_a_port_for_audio_refuses(alice: UserAgent, bob: UserAgent) -> None:
    bob.on_call = _answer
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((bob.host, 0))
        port = taken.getsockname()[1]
        bob._rtp = PortRange(port - port % 2, port - port % 2 + 1)
        call = await alice.call("102")
        with pytest.raises(CallRefused, match="503"):
            await call.answered()
