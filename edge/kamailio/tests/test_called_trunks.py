"""Calls to a customer's telephone system at its address, where it never registers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from functools import partial

import pytest
from tests.support.books import books
from tests.support.forwarding import bob_forwards, forwarding
from tests.support.gateways import in_force, status_of
from tests.support.platform import Platform, eventually
from tests.support.telephony import CALLED_HZ, CALLER_HZ, do_otherwise, pick_up
from tests.support.trunks import trunk

from carillon.demo.carrier.exchange import TONES_HZ
from carillon.useragent import Account, IncomingCall, UserAgent
from carillon.useragent.agent import CallHandler

pytestmark = pytest.mark.engines
__all__ = ["bob_forwards", "books"]

BOBS_NUMBER = "+442079460102"
OUTSIDE = "01632960001"
PBX = Account("pbx", "pbx.invalid")


def called_at(platform: Platform, address: str, transport: str = "udp") -> AbstractAsyncContextManager[None]:
    """Bob's account is called at this address for a while."""
    return trunk(platform, "bob", fixed_address=address, transport=transport)


@asynccontextmanager
async def telephone_system(platform: Platform, on_call: CallHandler = pick_up) -> AsyncIterator[UserAgent]:
    """One that is called at its address over UDP, by itself in the place of Bob's phone."""
    async with (
        UserAgent(PBX, platform.proxy, on_call=on_call, tone_hz=CALLED_HZ) as pbx,
        called_at(platform, f"127.0.0.1:{pbx.port}"),
    ):
        yield pbx


@contextmanager
def nobody_there(kind: socket.SocketKind) -> Iterator[str]:
    """An address where nobody answers: a port that is taken and not heard."""
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


@pytest.mark.parametrize("hangs_up", ["caller", "called"])
async def test_telephone_system_is_called_at_its_address_with_the_dialled_number(
    platform: Platform, hangs_up: str
) -> None:
    async with telephone_system(platform) as pbx, platform.phone("alice", tone_hz=CALLER_HZ) as alice:
        call = await alice.call("02079460102")
        await call.answered()
        (theirs,) = pbx.calls
        assert isinstance(theirs, IncomingCall)
        assert (theirs.called, theirs.caller) == (BOBS_NUMBER, "+442079460101")
        await call.hears(CALLED_HZ)
        await theirs.hears(CALLER_HZ)
        assert (await theirs.reinvite()).status == 200
        await (call if hangs_up == "caller" else theirs).hang_up()
        await call.ended()
        await theirs.ended()
    await eventually(lambda: "ended" in [kind for kind, _ in platform.events(call.call_id)])


async def test_neither_side_learns_where_the_other_one_is(platform: Platform) -> None:
    async with telephone_system(platform) as pbx, platform.phone("alice") as alice:
        call = await alice.call("102")
        await call.answered()
        await pbx.calls[0].hang_up()
        await call.ended()
        for agent, other in ((alice, pbx), (pbx, alice)):
            assert not [message.raw for message in agent.messages if f":{other.port}".encode() in message.raw]


async def test_phone_and_telephone_system_of_one_user_ring_together(platform: Platform) -> None:
    """The phone's way, a connection, is not the telephone system's: whoever answers, the other one is cancelled."""
    async with telephone_system(platform) as pbx, phone_of_bob(platform) as desk, platform.phone("alice") as alice:
        for answers, rings in ((desk, pbx), (pbx, desk)):
            answers.on_call, rings.on_call = pick_up, partial(do_otherwise, does="ring")
            call = await alice.call("102")
            await call.answered()
            await rings.calls[-1].ended()
            assert rings.calls[-1].status == 487
            await call.hang_up()
            await answers.calls[-1].ended()


@asynccontextmanager
async def phone_of_bob(platform: Platform) -> AsyncIterator[UserAgent]:
    """One more device of his, registered over TCP: Carla's phone for a while."""
    give = "update endpoints_endpoint set user_id = (select id from customers_user where name = %s) where username = %s"
    try:
        platform.sql(f"{give} returning id", "Bob", "carla")
        await in_force(platform, "endpoint", "user")
        async with platform.phone("carla", transport="tcp") as desk:
            await desk.register()
            yield desk
            await desk.register(0)
    finally:
        platform.sql(f"{give} returning id", "Carla", "carla")
        await in_force(platform, "endpoint", "user")


away = pytest.mark.parametrize(
    ("kind", "transport"), [(socket.SOCK_DGRAM, "udp"), (socket.SOCK_STREAM, "tcp")], ids=["udp", "tcp"]
)


@away
async def test_telephone_system_that_is_away_is_like_a_phone_that_is(
    platform: Platform, kind: socket.SocketKind, transport: str
) -> None:
    with nobody_there(kind) as address:
        async with called_at(platform, address, transport), platform.phone("alice") as alice:
            assert await status_of(alice, "102") == 480


@away
@forwarding(unreachable=OUTSIDE)
async def test_calls_to_one_that_is_away_go_where_its_user_wants(
    platform: Platform, bob_forwards: None, kind: socket.SocketKind, transport: str
) -> None:
    with nobody_there(kind) as address:
        async with called_at(platform, address, transport), platform.phone("alice") as alice:
            await is_answered_outside(platform, alice)


@forwarding(busy=OUTSIDE)
async def test_busy_telephone_systems_calls_go_on(platform: Platform, bob_forwards: None) -> None:
    async with telephone_system(platform, partial(do_otherwise, does="486")), platform.phone("alice") as alice:
        await is_answered_outside(platform, alice)


@forwarding(no_answer=OUTSIDE, no_answer_s="5")
async def test_calls_that_a_telephone_system_does_not_answer_go_on(platform: Platform, bob_forwards: None) -> None:
    async with telephone_system(platform, partial(do_otherwise, does="ring")), platform.phone("alice") as alice:
        await is_answered_outside(platform, alice)


async def is_answered_outside(platform: Platform, alice: UserAgent) -> None:
    call = await alice.call("102")
    await call.answered(30)
    await eventually(lambda: ("answered", {"target": 1}) in platform.events(call.call_id))
    await call.hang_up()


async def test_carriers_calls_reach_a_telephone_system_on_ipv6(platform: Platform) -> None:
    async with (
        UserAgent(PBX, platform.proxy, host="::1", on_call=pick_up, tone_hz=CALLED_HZ) as pbx,
        called_at(platform, f"[::1]:{pbx.port}"),
    ):
        placed = await asyncio.to_thread(
            platform.carrier, "a", "/call", {"to": BOBS_NUMBER, "from": "+33199000123", "seconds": 1.5}
        )
        assert placed["status"] == 200
        (call,) = pbx.calls
        assert isinstance(call, IncomingCall)
        assert (call.called, call.caller) == (BOBS_NUMBER, "+33199000123")
        assert call.audio().hears(TONES_HZ["a"])
        assert abs(placed["audio"]["frequency_hz"] - CALLED_HZ) <= 20
