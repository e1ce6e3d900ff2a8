"""Phones and telephone systems that are not ours: baresip and sipp, over UDP, TCP and TLS."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from bench.sipp import Load, Sipp, write_accounts
from tests.support.platform import Platform, eventually
from tests.support.telephony import CALLER_HZ, PATIENCE_S, pick_up
from tests.support.trunks import trunk

from carillon.callpath.control.certificates import Pair
from carillon.demo.baresip import Baresip
from carillon.server.throwaway import spare_ports
from carillon.useragent import Account, Call

pytestmark = pytest.mark.engines


DOMAIN = "northwind.test"


def baresip(platform: Platform, folder: Path, transport: str) -> Baresip:
    """Bob's phone."""
    port = platform.config.ports.sip_tls if transport == "tls" else platform.config.ports.sip
    account = Account("bob", DOMAIN, platform.password("bob", DOMAIN))
    return Baresip(account, ("127.0.0.1", port), folder, transport=transport)


def registered_over(platform: Platform) -> list[str]:
    """How each registration of Bob's came to us."""
    query = "select split_part(socket, ':', 1) from edge.location where username = 'bob' and domain = %s"
    return [transport for (transport,) in platform.sql(query, DOMAIN)]


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_baresip_registers_calls_and_is_called(platform: Platform, transport: str, tmp_path: Path) -> None:
    async with (
        baresip(platform, tmp_path, transport) as bob,
        platform.phone("alice", on_call=pick_up, tone_hz=CALLER_HZ) as alice,
    ):
        await bob.registered()
        await eventually(lambda: registered_over(platform) == [transport])
        await alice.register()
        call = await alice.call("102")
        await call.answered(PATIENCE_S)
        await both_hear(call, bob)
        await call.hang_up()

        await bob.order("dial", f"sip:101@{DOMAIN}")
        await eventually(lambda: alice.calls[-1] is not call)
        back = alice.calls[-1]
        await back.answered(PATIENCE_S)
        await both_hear(back, bob)
        await bob.order("hangup")
        await back.ended()
        await alice.register(0)
    await eventually(lambda: not registered_over(platform))


async def both_hear(call: Call, bob: Baresip) -> None:
    await call.hears(bob.tone_hz, timeout=PATIENCE_S)
    await bob.hears(CALLER_HZ)


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_sipp_calls_as_a_phone(platform: Platform, transport: str, tmp_path: Path) -> None:
    accounts = write_accounts(tmp_path / "accounts", ["reception"], platform.password("reception", "fjord.test"))
    async with way_in(platform, transport) as port:
        own = "udp" if transport == "udp" else "tcp"
        load = Load("call", spare_ports()[-1], f"127.0.0.1:{port}", 2, 4, 500, accounts=accounts, transport=own)
        outcome = await asyncio.to_thread(Sipp(load, tmp_path / "phone").wait)
    assert (outcome.done, outcome.failed) == (4, 0)
    came = (
        "select decision->'request'->>'transport' from calls_call where decision->'request'->>'auth_user' = 'reception'"
        " order by started_at desc limit 4"
    )
    assert platform.sql(came) == [(transport,)] * 4


@asynccontextmanager
async def way_in(platform: Platform, transport: str) -> AsyncIterator[int]:
    """The port for sipp: Debian's speaks no TLS, a tunnel does it for it, as for old telephone systems."""
    ports = platform.config.ports
    if transport != "tls":
        yield ports.sip
        return
    certificate = platform.config.home / "tls" / "made" / "fjord.test"
    trusting = ssl.create_default_context(cafile=str(Pair.of(certificate).certificate))

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        edge = await asyncio.open_connection("127.0.0.1", ports.sip_tls, ssl=trusting, server_hostname="fjord.test")
        await asyncio.gather(pour(reader, edge[1]), pour(edge[0], writer))

    async with await asyncio.start_server(carry, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def pour(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Everything from one connection into the other, and its end."""
    with contextlib.closing(sink):
        while data := await source.read(65_536):
            sink.write(data)
            await sink.drain()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_sipp_is_called_as_a_telephone_system(platform: Platform, transport: str, tmp_path: Path) -> None:
    """It sends back what it hears, and it hears of the end."""
    port, echo_port = spare_ports()[-1], spare_ports()[-4]  # and two above that one: sipp takes it for video
    system = Sipp(Load("answer", port, "127.0.0.1", 0, 0, echo_port=echo_port, transport=transport), tmp_path / "pbx")
    try:
        await eventually(lambda: f":{port:04X} " in Path(f"/proc/net/{transport}").read_text())
        async with (
            trunk(platform, "bob", fixed_address=f"127.0.0.1:{port}", transport=transport),
            platform.phone("alice", tone_hz=CALLER_HZ) as alice,
        ):
            call = await alice.call("102")
            await call.answered(PATIENCE_S)
            await call.hears(CALLER_HZ, timeout=PATIENCE_S)
            await call.hang_up()
        outcome = await asyncio.to_thread(system.finish)
    finally:
        system.stop()
    assert (outcome.done, outcome.failed) == (1, 0)
