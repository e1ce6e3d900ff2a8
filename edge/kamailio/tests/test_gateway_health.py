"""A carrier that answers OPTIONS, falls silent and comes back: what becomes of calls, also when control is killed."""

from __future__ import annotations

import asyncio
import re
import signal
from typing import Any

import pytest
from tests.support.gateways import changed, in_force
from tests.support.platform import Platform, eventually

from carillon.useragent import UserAgent

pytestmark = pytest.mark.engines

A, B = "Demo carrier A", "Demo carrier B"


class Peer(asyncio.DatagramProtocol):
    """A carrier that answers everything with one status, or nothing."""

    def __init__(self) -> None:
        self.status = ""
        self.asked: list[str] = []

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        message = data.decode()
        method = message.partition(" ")[0]
        if method.startswith("SIP/") or method == "ACK":
            return
        self.asked.append(message)
        if not self.status:
            return
        copied = "".join(re.findall(r"(?im)^(?:Via|From|Call-ID|CSeq|Record-Route): .*\r\n", message))
        to = re.findall(r"(?im)^To: .*", message)[0].strip()
        answer = f"SIP/2.0 {self.status}\r\n{copied}{to};tag=p\r\nContent-Length: 0\r\n\r\n"
        self.transport.sendto(answer.encode(), address)


def known(platform: Platform) -> tuple[Any, ...]:
    """What PostgreSQL has of gateway A: presence, status and time of its last reply."""
    rows = platform.sql(
        "select h.presence, h.sip_code, h.round_trip_ms from routing_gatewayhealth h"
        " join routing_gateway g on g.id = h.gateway_id where g.name = %s",
        A,
    )
    return rows[0] if rows else ("", None, None)


async def tried(platform: Platform, phone: UserAgent) -> list[str]:
    """The carriers of a new call's decision, in the order to try; carrier B says busy."""
    call = await phone.call("01632960486")
    await eventually(lambda: call.is_over)
    asked = "select decision from calls_call where sip_call_id = %s"
    rows = await eventually(lambda: platform.sql(asked, call.call_id))
    return [target["carrier"]["gateway"] for target in rows[0][0]["targets"]]


async def test_a_silent_gateway_is_tried_last_until_it_answers_again(platform: Platform) -> None:
    transport, peer = await asyncio.get_running_loop().create_datagram_endpoint(Peer, ("127.0.0.1", 0))
    peer.status = "405 Method Not Allowed"
    port = transport.get_extra_info("sockname")[1]
    with (
        changed(platform, A, "port", port),
        changed(platform, A, "reply_timeout_ms", 300),
        changed(platform, A, "probe_interval_s", 1),
        changed(platform, A, "is_probed", True),
    ):
        await in_force(platform)
        async with platform.phone("alice") as alice:
            await eventually(lambda: known(platform)[:2] == ("alive", 405))
            round_trip_ms = known(platform)[2]
            assert 0 <= round_trip_ms < 4000
            assert peer.asked[0].startswith(f"OPTIONS sip:127.0.0.1:{port} SIP/2.0")
            peer.status = "486 Busy Here"
            assert await tried(platform, alice) == [A, B]

            peer.status = ""
            assert await tried(platform, alice) == [A, B]
            await eventually(lambda: known(platform)[0] == "away")
            assert await tried(platform, alice) == [B, A]
            await asyncio.to_thread(platform.stop, "control", signal.SIGKILL)
            await asyncio.to_thread(platform.start, "control")
            await eventually(platform.decides)
            assert await tried(platform, alice) == [B, A]

            peer.status = "486 Busy Here"
            await eventually(lambda: known(platform)[0] == "alive")
            assert await tried(platform, alice) == [A, B]
    await in_force(platform)
    transport.close()


async def test_a_calls_silence_counts_at_once_and_its_calls_are_counted(platform: Platform) -> None:
    """Asked once an hour only: three calls without a reply are enough."""
    transport, peer = await asyncio.get_running_loop().create_datagram_endpoint(Peer, ("127.0.0.1", 0))
    peer.status = "404 Not Found"  # of no other test
    with (
        changed(platform, A, "port", transport.get_extra_info("sockname")[1]),
        changed(platform, A, "reply_timeout_ms", 300),
        changed(platform, A, "probe_interval_s", 3600),
        changed(platform, A, "is_probed", True),
    ):
        await in_force(platform)
        async with platform.phone("alice") as alice:
            await eventually(lambda: known(platform)[:2] == ("alive", 404))
            peer.status = ""
            for _ in range(3):
                assert await tried(platform, alice) == [A, B]
            await eventually(lambda: known(platform)[0] == "away")
            assert await tried(platform, alice) == [B, A]
            (quarters,) = platform.sql(
                "select quarters from routing_gatewayhealth h join routing_gateway g on g.id = h.gateway_id"
                " where g.name = %s",
                A,
            )[0]
            assert sum(quarter[4] for quarter in quarters) >= 3
    await in_force(platform)
    transport.close()
