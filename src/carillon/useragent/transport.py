"""SIP over one UDP socket, or one connection by TCP or TLS, with everything it sent and received on record."""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Recorded:
    """One message on the wire: time in microseconds of the Unix epoch, and where from and to."""

    at_us: int
    source: Address
    destination: Address
    raw: bytes

    @property
    def first_line(self) -> str:
        return self.raw.split(b"\r\n", 1)[0].decode("utf-8", "replace")


@dataclass
class Wire:
    """What both kinds of transport share; `on_message(data, source)` is called for each message that arrives."""

    on_message: Callable[[bytes, Address], None]
    messages: list[Recorded] = field(default_factory=list)
    is_recording: bool = True
    address: Address = ("", 0)

    def record(self, source: Address, destination: Address, data: bytes) -> None:
        if self.is_recording:
            self.messages.append(Recorded(time.time_ns() // 1000, source, destination, data))


@dataclass
class Transport(Wire, asyncio.DatagramProtocol):
    """Datagrams."""

    name = "udp"
    _socket: asyncio.DatagramTransport | None = None

    async def open(self, bind: Address) -> None:
        """Bind the socket (port 0: any free one). Raises OSError when the port is taken."""
        loop = asyncio.get_running_loop()
        self._socket, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=bind)
        host, port = self._socket.get_extra_info("sockname")[:2]
        self.address = (host, port)

    def send(self, data: bytes, destination: Address) -> None:
        if self._socket is None or self._socket.is_closing():
            return
        self.record(self.address, destination, data)
        self._socket.sendto(data, destination)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        if not data.strip(b"\r\n\0 "):  # keep-alive of a NAT binding
            return
        source = (str(addr[0]), addr[1])  # IPv6 has two values more
        self.record(source, self.address, data)
        self.on_message(data, source)

    def error_received(self, exc: Exception) -> None:
        """Nobody listens there: retransmission and time-out deal with it."""

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()


@dataclass
class Connection(Wire, asyncio.Protocol):
    """One connection to `proxy`, by TLS when `tls` says how; all requests of both sides go through it (RFC 5626)."""

    proxy: Address = ("", 0)
    tls: ssl.SSLContext | None = None
    server_name: str = ""  # whose certificate is expected (SNI)
    _socket: asyncio.Transport | None = None
    _read: bytearray = field(default_factory=bytearray)

    @property
    def name(self) -> str:
        return "tls" if self.tls else "tcp"

    async def open(self, bind: Address) -> None:
        """Connect. Raises OSError when nobody listens, ssl.SSLError when the other side is not whom we expect."""
        loop = asyncio.get_running_loop()
        self._socket, _ = await loop.create_connection(
            lambda: self,
            *self.proxy,
            ssl=self.tls,
            server_hostname=self.server_name if self.tls else None,
            local_addr=bind,
        )
        host, port = self._socket.get_extra_info("sockname")[:2]
        self.address = (host, port)

    def send(self, data: bytes, destination: Address) -> None:
        """There is one place to send to, whatever the destination."""
        if self._socket is not None and not self._socket.is_closing():
            self.record(self.address, self.proxy, data)
            self._socket.write(data)

    def data_received(self, data: bytes) -> None:
        self._read += data
        while message := self._next():
            self.record(self.proxy, self.address, message)
            self.on_message(message, self.proxy)

    def _next(self) -> bytes:
        """The next whole message (RFC 3261, 18.3), taken from what was read; b"" when there is none yet."""
        del self._read[: len(self._read) - len(self._read.lstrip(b"\r\n"))]  # keep-alive
        head, gap, _ = self._read.partition(b"\r\n\r\n")
        if not gap:
            return b""
        length = re.search(rb"(?im)^(?:Content-Length|l)[ \t]*:[ \t]*(\d+)", head)
        end = len(head) + len(gap) + (int(length[1]) if length else 0)
        if len(self._read) < end:
            return b""
        message = bytes(self._read[:end])
        del self._read[:end]
        return message

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()


def bracketed(host: str) -> str:
    """The host as URIs and Via write it: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host
