"""Customers whose calls go on while strangers attack, and what strangers must not leave behind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from carillon.useragent import OutgoingCall, UserAgent
from tests.support.platform import Platform, eventually
from tests.support.telephony import pick_up
from tests.support.wire import failed

QUIET_CALL_PACKETS = 40  # eight tenths of a second
LOST_AT_MOST = 0.02
IS_A_TONE = 0.5  # share of the power


@asynccontextmanager
async def undisturbed(platform: Platform) -> AsyncIterator[UserAgent]:
    """Alice and Bob talk meanwhile: both hear each other all the time, and Alice can make another call at the end."""
    edge = platform.running["kamailio"].pid
    async with platform.phone("alice") as alice, platform.phone("bob", on_call=pick_up) as bob:
        assert (await bob.register()).status == 200
        call = await alice.call("102")
        await call.answered()
        await eventually(lambda: call.stream.report().packets_received > QUIET_CALL_PACKETS)
        before = call.stream.report()
        yield alice
        await hears_on(call, before.packets_received, before.packets_sent)
        assert (await failed(alice, "01632960486")).status == 486
        await call.hang_up()
        assert (await bob.register(0)).status == 200
    assert platform.running["kamailio"].pid == edge
    assert platform.running["kamailio"].poll() is None
    assert "core dumped" not in platform.log("kamailio")


async def hears_on(call: OutgoingCall, received: int, sent: int) -> None:
    """What came in meanwhile is what went out, and it is still the other side's tone."""
    call.stream.listen_afresh()
    await eventually(lambda: call.stream.report().purity > IS_A_TONE)
    now = call.stream.report()
    assert now.packets_received - received >= (1 - LOST_AT_MOST) * (now.packets_sent - sent) - 5


def entries(platform: Platform, source: str) -> list[tuple[object, ...]]:
    """Registrations and calls that came from an address."""
    return platform.sql(
        "select contact from edge.location where contact like %s or received like %s union all"
        " select sip_call_id from calls_call where decision->'request'->>'source_address' = %s",
        *(f"%{source}:%", f"%{source}:%", source),
    )
