"""A bare UDP socket for requests that no user agent would send."""

from __future__ import annotations

import asyncio
import re
import secrets

import pytest

from carillon.useragent import CallRefused, OutgoingCall, UserAgent
from tests.support.platform import Platform, eventually


class Wire(asyncio.DatagramProtocol):
    """A socket that sends exactly what it is told and keeps what comes back."""

    def __init__(self) -> None:
        self.received: list[str] = []

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport
        self.host, self.port = transport.get_extra_info("sockname")

    def datagram_received(self, data: bytes, _address: object) -> None:
        self.received.append(data.decode(errors="replace"))

    def request(self, method: str, uri: str, *headers: str, call_id: str = "", to_tag: str = "") -> str:
        """A well-formed request but for what the test puts into it."""
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.host}:{self.port};branch=z9hG4bK{secrets.token_hex(8)}",
            "From: <sip:alice@northwind.test>;tag=" + secrets.token_hex(4),
            f"To: <{uri}>{';tag=' + to_tag if to_tag else ''}",
            f"Call-ID: {call_id or secrets.token_hex(8)}",
            f"CSeq: 1 {method}",
            f"Contact: <sip:alice@{self.host}:{self.port}>",
            "Max-Forwards: 70",
            *headers,
            "Content-Length: 0",
        ]
        return "\r\n".join(lines) + "\r\n\r\n"

    async def ask(self, platform: Platform, request: str, timeout_s: float = 3.0) -> str:
        """Status line of the final response."""
        self.received.clear()
        self.transport.sendto(request.encode(), platform.proxy)
        return str(await eventually(self._final, timeout_s))

    def _final(self) -> str:
        return next((m.split("\r\n")[0] for m in self.received if re.match(r"SIP/2.0 [2-6]", m)), "")


async def wire(host: str = "127.0.0.1", port: int = 0) -> Wire:
    """A socket on a port (0: any free one) of `host`: any address of 127.0.0.0/8 is another stranger."""
    _, protocol = await asyncio.get_running_loop().create_datagram_endpoint(Wire, (host, port))
    return protocol


async def failed(phone: UserAgent, target: str, **options: object) -> OutgoingCall:
    """A call that must be refused, once it was."""
    call = await phone.call(target, **options)  # type: ignore[arg-type]
    with pytest.raises(CallRefused):
        await call.answered()
    return call
