"""Phones and carriers over UDP, TCP and TLS, IPv4 and IPv6, in every mixture that rings."""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from tests.support.gateways import changed, in_force, status_of
from tests.support.platform import Platform, eventually
from tests.support.telephony import pick_up
from tests.support.trunks import trunk

from carillon.callpath.control.certificates import Certificates, Pair
from carillon.useragent import Account, UserAgent
from carillon.useragent.transport import Address

pytestmark = pytest.mark.engines


def trusting(platform: Platform, domain: str) -> ssl.SSLContext:
    """A phone's view: it believes the domain's present certificate and nothing else, and checks the name."""
    return ssl.create_default_context(cafile=str(made(platform, domain).certificate))


def made(platform: Platform, domain: str) -> Pair:
    return Pair.of(platform.config.home / "tls" / "made" / domain)


def proxy(platform: Platform, transport: str, host: str = "127.0.0.1") -> Address:
    return host, platform.config.ports.sip_tls if transport == "tls" else platform.config.ports.sip


def phone(platform: Platform, user: str, transport: str, host: str = "127.0.0.1", **options: Any) -> UserAgent:
    domain = "northwind.test"
    tls = trusting(platform, domain) if transport == "tls" else None
    account = platform.phone(user).account
    return UserAgent(account, proxy(platform, transport, host), host=host, transport=transport, tls=tls, **options)


@pytest.mark.parametrize("called", ["udp", "tcp", "tls"])
@pytest.mark.parametrize("caller", ["tcp", "tls"])
async def test_phones_on_different_transports_talk(platform: Platform, caller: str, called: str) -> None:
    async with (
        phone(platform, "alice", caller) as alice,
        phone(platform, "bob", called, on_call=pick_up, tone_hz=600) as bob,
    ):
        assert (await alice.register()).status == 200
        assert (await bob.register()).status == 200
        call = await alice.call("102")
        await call.answered()
        await call.hears(600)
        await bob.calls[0].hears(440)
        assert (await call.reinvite()).status == 200
        await bob.calls[0].hang_up()
        await call.ended()
        await alice.register(0)
        await bob.register(0)


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_phone_on_ipv6_talks_with_one_on_ipv4_in_both_directions(platform: Platform, transport: str) -> None:
    async with (
        phone(platform, "alice", transport, "::1", on_call=pick_up) as alice,
        phone(platform, "bob", "udp", on_call=pick_up, tone_hz=600) as bob,
    ):
        await alice.register()
        await bob.register()
        call = await alice.call("102")
        await call.answered()
        await call.hears(600)
        await bob.calls[0].hears(440)
        assert call.remote_session is not None
        assert bob.calls[0].remote_session is not None
        assert (call.remote_session.host, bob.calls[0].remote_session.host) == ("::1", "127.0.0.1")
        assert (await call.reinvite()).status == 200
        await call.hang_up()
        back = await bob.call("101")
        await back.answered()
        await back.hears(440)
        assert (await back.reinvite()).status == 200
        await alice.calls[-1].hang_up()
        await back.ended()
        await alice.register(0)
        await bob.register(0)


async def test_each_sip_domain_has_its_own_certificate(platform: Platform) -> None:
    for domain in ("northwind.test", "hello.test"):
        assert presented(platform, domain) == made(platform, domain).certificate.read_text()
    assert presented(platform, "nobody.test") == made(platform, "default").certificate.read_text()


async def test_own_certificate_is_taken_up_without_a_restart_and_a_broken_one_is_not(platform: Platform) -> None:
    own = Certificates(platform.config.home / "elsewhere", platform.config.runtime / "elsewhere", "127.0.0.1")
    own.config.parent.mkdir()
    own.write(["hello.test"])
    brought = platform.config.home / "tls" / "hello.test"
    shutil.copytree(platform.config.home / "elsewhere" / "tls" / "made" / "hello.test", brought)
    wanted = (brought / "fullchain.pem").read_text()
    try:
        async with phone(platform, "alice", "tls") as alice:
            await alice.register()
            await eventually(lambda: presented(platform, "hello.test") == wanted)
            assert (await alice.options()).status == 200  # on the connection from before
            (brought / "privkey.pem").write_text("not a key")
            stand_in = made(platform, "hello.test").certificate.read_text()
            await eventually(lambda: presented(platform, "hello.test") == stand_in)
            await alice.register(0)
    finally:
        shutil.rmtree(brought)


def presented(platform: Platform, domain: str) -> str:
    """The certificate that a phone of the domain is shown."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(proxy(platform, "tls"), 5) as plain,
        context.wrap_socket(plain, server_hostname=domain) as secured,
    ):
        return ssl.DER_cert_to_PEM_cert(secured.getpeercert(binary_form=True) or b"")


async def test_carrier_over_tls_is_called_when_its_certificate_is_believed(platform: Platform) -> None:
    """A stranger in the carrier's place, with a certificate of nobody's, gets no call."""
    pair = made(platform, "default")
    async with busy_over_tls(pair) as port, platform.phone("alice") as alice:
        with (
            changed(platform, "Demo carrier A", "transport", "tls"),
            changed(platform, "Demo carrier A", "port", port),
            changed(platform, "Demo carrier B", "port", 1),
        ):
            await in_force(platform)
            await hears(alice, "01632960001", 503)
            with believed(platform, pair):
                await hears(alice, "01632960001", 486)
    await in_force(platform)


async def test_telephone_system_over_tls_is_called_when_its_certificate_is_believed(platform: Platform) -> None:
    pair = made(platform, "default")
    async with (
        busy_over_tls(pair) as port,
        platform.phone("alice") as alice,
        trunk(platform, "bob", fixed_address=f"127.0.0.1:{port}", transport="tls"),
    ):
        await hears(alice, "102", 480)
        with believed(platform, pair):
            await hears(alice, "102", 486)


async def hears(phone: UserAgent, target: str, status: int) -> None:
    """Until calls end so: whom to believe is looked at every few seconds."""
    async with asyncio.timeout(60):
        while await status_of(phone, target) != status:
            pass


@contextmanager
def believed(platform: Platform, pair: Pair) -> Iterator[None]:
    """The edge believes this certificate of those that it calls over TLS."""
    trusted = platform.config.home / "tls" / "ca.pem"
    trusted.write_text(pair.certificate.read_text())
    try:
        yield
    finally:
        trusted.unlink()


@asynccontextmanager
async def busy_over_tls(pair: Pair) -> AsyncIterator[int]:
    """A carrier that is always busy, on a port of its own."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := (await reader.readuntil(b"\r\n\r\n")).decode():
            length = int(re.findall(r"(?im)^Content-Length: *(\d+)", head)[0])
            await reader.readexactly(length)
            if not head.startswith("ACK"):
                kept = "".join(re.findall(r"(?im)^(?:Via|From|To|Call-ID|CSeq): .*\r\n", head))
                writer.write(f"SIP/2.0 486 Busy Here\r\n{kept}Content-Length: 0\r\n\r\n".encode())

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    yield server.sockets[0].getsockname()[1]
    server.close()


async def test_carrier_on_ipv6_is_known_by_its_address(platform: Platform) -> None:
    account = Account("+33199000001", "127.0.0.1")
    async with (
        UserAgent(account, proxy(platform, "udp", "::1"), host="::1") as network,
        phone(platform, "bob", "udp", on_call=pick_up) as bob,
    ):
        await bob.register()
        with changed(platform, "Demo carrier B", "source_addresses", [f"[::1]:{network.port}"]):
            await in_force(platform)
            call = await network.call("sip:+442079460102@[::1]")
            await eventually(lambda: call.is_over or bob.calls)
            if not bob.calls:  # control knew the address a moment before the edge
                call = await network.call("sip:+442079460102@[::1]")
            await call.answered()
            await call.hears(440)
            await call.hang_up()
        await bob.register(0)
    await in_force(platform)
