"""The demo carriers do what their numbers promise, over real SIP, and obey their control."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from carillon.demo.carrier.behaviour import Mode, behaviour_of
from carillon.demo.carrier.control import serve
from carillon.demo.carrier.exchange import Exchange, Place
from carillon.demo.carrier.password import PASSWORD, USERNAME
from carillon.useragent import Account, CallRefused, IncomingCall, PortRange, UserAgent


@pytest.fixture
async def edge() -> AsyncIterator[UserAgent]:
    """A phone that stands where the platform's SIP edge would."""
    async with UserAgent(Account("alice", "northwind.test"), ("127.0.0.1", 9)) as agent:
        yield agent


@pytest.fixture
async def carrier(edge: UserAgent) -> AsyncIterator[Exchange]:
    exchange = Exchange("a", Place("127.0.0.1", 0, PortRange(), ("127.0.0.1", edge.port)))
    async with exchange.agent as agent:
        edge.proxy = ("127.0.0.1", agent.port)
        yield exchange


async def test_an_ordinary_number_answers_with_the_carriers_tone(edge: UserAgent, carrier: Exchange) -> None:
    call = await edge.call("+442071230001")
    await call.answered()
    await call.hears(carrier.tone_hz)
    await carrier.agent.calls[0].hears(edge.tone_hz)
    assert [item["called"] for item in carrier.live()] == ["+442071230001"]
    await call.hang_up()
    await call.until(lambda: bool(carrier.recent()))
    assert carrier.recent()[0]["ended_by"] == "them"


@pytest.mark.parametrize(("suffix", "status"), [("486", 486), ("404", 404), ("503", 503)])
async def test_numbers_refuse_as_their_last_digits_say(
    edge: UserAgent, carrier: Exchange, suffix: str, status: int
) -> None:
    call = await edge.call(f"+442071230{suffix}")
    with pytest.raises(CallRefused, match=str(status)):
        await call.answered()


async def test_a_silent_number_gets_not_even_trying(edge: UserAgent, carrier: Exchange) -> None:
    call = await edge.call("+442071230000")
    await call.until(lambda: carrier.calls_taken == 1 and len(edge.messages) >= 2)
    assert call.provisional == []


async def test_a_number_that_never_answers_rings_until_the_caller_gives_up(edge: UserAgent, carrier: Exchange) -> None:
    call = await edge.call("+442071230408")
    await call.ringing()
    call.cancel()
    await call.ended()
    assert call.status == 487


@pytest.mark.parametrize(("password", "status"), [(PASSWORD, 486), ("guessed", 407)])
async def test_an_asking_carrier_takes_calls_with_its_password(carrier: Exchange, password: str, status: int) -> None:
    carrier.mode = Mode.ASKING
    async with UserAgent(Account(USERNAME, "northwind.test", password), ("127.0.0.1", carrier.agent.port)) as caller:
        call = await caller.call("+442071230486")
        with pytest.raises(CallRefused, match=str(status)):
            await call.answered()
    assert "algorithm=SHA-256" in caller.last_authorization


@pytest.mark.parametrize(
    ("carrier", "mode", "nth", "fail_every", "expected"),
    [
        ("b", Mode.NORMAL, 1, 0, None),
        ("a", Mode.NORMAL, 2, 3, (503, "Service Unavailable")),
        ("a", Mode.FAILING, 1, 0, (503, "Service Unavailable")),
        ("b", Mode.NORMAL, 3, 3, (503, "Service Unavailable")),
    ],
)
def test_only_carrier_a_fails_for_503(
    carrier: str, mode: Mode, nth: int, fail_every: int, expected: tuple[int, str] | None
) -> None:
    assert behaviour_of("+442071230503", carrier, mode, nth, fail_every).refusal == expected


async def test_control_places_a_call_and_switches_the_mode(edge: UserAgent, carrier: Exchange) -> None:
    async def answer(call: IncomingCall) -> None:
        call.answer()

    edge.on_call = answer
    server = await serve(carrier, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    result = await _post(port, "/call", {"to": "+442071234567", "from": "+33142345678", "seconds": 0.7})
    assert (result["status"], result["caller"], result["ended_by"]) == (200, "+33142345678", "us")
    audio = result["audio"]
    assert isinstance(audio, dict)
    assert abs(audio["frequency_hz"] - edge.tone_hz) <= 20
    assert (await _post(port, "/mode", {"mode": "silent"}))["mode"] == "silent"
    assert "error" in await _post(port, "/mode", {"mode": "angry"})
    assert "error" in await _post(port, "/call", {"to": "sip:x@y"})
    server.close()


async def _post(port: int, path: str, body: dict[str, object]) -> dict[str, object]:
    data = json.dumps(body).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(data)}"
    writer.write(head.encode() + b"\r\n\r\n" + data)
    answer = await reader.read()
    writer.close()
    result = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert isinstance(result, dict)
    return result
