"""One UDP socket for SIP, with everything it sent and received on record."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

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
class Transport(asyncio.DatagramProtocol):
    """Sends and receives datagrams; `on_datagram(data, source)` is called for each that arrives."""

    on_datagram: Callable[[bytes, Address], None]
    messages: list[Recorded] = field(default_factory=list)
    is_recording: bool = True
    address: Address = ("", 0)
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
        self._record(self.address, destination, data)
        self._socket.sendto(data, destination)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        if not data.strip(b"\r\n\0 "):  # keep-alive of a NAT binding
            return
        self._record(addr, self.address, data)
        self.on_datagram(data, addr)

    def error_received(self, exc: Exception) -> None:
        """Nobody listens there: retransmission and time-out deal with it."""

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()

    def _record(self, source: Address, destination: Address, data: bytes) -> None:
        if self.is_recording:
            self.messages.append(Recorded(time.time_ns() // 1000, source, destination, data))
