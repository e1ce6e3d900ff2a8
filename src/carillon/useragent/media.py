"""RTP audio of one call (RFC 3550, G.711 by RFC 3551): plays a tone in real time and measures what it hears."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import struct
from collections import deque
from dataclasses import dataclass, field, replace

from carillon.useragent import g711, rtcp
from carillon.useragent.transport import Address

PACKET_S, PACKET_BYTES = 0.02, 160
REPORT_S = 0.5  # RFC 3550 asks for 5 s on average; demonstrations and tests are shorter than that
ANY_PORT_TRIES = 50  # until an even port is found whose next one is free
_WINDOW_PACKETS = 20  # 0.4 s: fine enough for 2 Hz, short enough to mean "now"
_HEADER = struct.Struct("!BBHII")


@dataclass(frozen=True, slots=True)
class PortRange:
    """UDP ports audio may use, both ends included; (0, 0) means any free port."""

    first: int = 0
    last: int = 0


@dataclass(frozen=True, slots=True)
class AudioReport:
    """What one side sent and heard.

    `frequency_hz` is the strongest frequency of the last 0.4 s heard and `purity` its share of the power (0 to 1).
    """

    packets_sent: int
    packets_received: int
    frequency_hz: float
    purity: float
    level_dbov: float

    def hears(self, frequency_hz: float) -> bool:
        """Whether the other side's tone arrived: within 20 Hz, clearly the strongest, loud enough to hear."""
        return abs(self.frequency_hz - frequency_hz) <= 20 and self.purity > 0.5 and self.level_dbov > -40


@dataclass(eq=False)
class RtpStream(asyncio.DatagramProtocol):
    """Two sockets for one call's audio: RTP and, on the next port, RTCP (RFC 3550, section 11).

    Open, then `play` towards an address; `report` at any time. A bad line on purpose: of `loses_every` packets one is
    not sent, `is_mute` sends none. `reports_every_s` 0: no RTCP, as of phones that have none.
    """

    tone_hz: int = 440
    reports_every_s: float = REPORT_S
    loses_every: int = 0
    is_mute: bool = False
    port: int = 0
    packets_sent: int = 0
    packets_received: int = 0
    _remote: Address | None = None
    _payload_type: int = g711.PCMA
    _is_sending: bool = True
    _is_silent: bool = False
    _heard: deque[tuple[int, bytes]] = field(default_factory=lambda: deque(maxlen=_WINDOW_PACKETS))
    _socket: asyncio.DatagramTransport | None = None
    _reports: asyncio.DatagramTransport | None = None
    _hearing: rtcp.Hearing = field(default_factory=rtcp.Hearing)
    _player: asyncio.Task[None] | None = None
    _report_of: tuple[int, int] = (0, 0)  # how much the last report is of
    _last_report: AudioReport = AudioReport(0, 0, 0.0, 0.0, -127.0)

    @property
    def reports_received(self) -> int:
        """RTCP reports of the other side."""
        return self._hearing.reports

    async def open(self, host: str, ports: PortRange) -> None:
        """Bind an even port of the range whose next one is free for RTCP (RFC 3550, 11). Raises OSError without one."""
        loop = asyncio.get_running_loop()
        choices = range(ports.first + ports.first % 2, ports.last + 1, 2) if ports.first else (0,) * ANY_PORT_TRIES
        for port in choices:
            with contextlib.suppress(OSError):
                self._socket, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(host, port))
                self.port = self._socket.get_extra_info("sockname")[1]
                if self.port % 2 == 0 and _is_free(host, self.port + 1):
                    return
                self._socket.close()
        raise OSError(f"No pair of UDP ports between {ports.first} and {ports.last} is free for audio.")

    async def _open_reports(self, host: str) -> None:
        """The port for RTCP; when somebody has taken it meanwhile, this phone sends none."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):
            self._reports, _ = await loop.create_datagram_endpoint(
                lambda: _Reports(self._hearing), local_addr=(host, self.port + 1)
            )

    def play(self, remote: Address, payload_type: int, *, is_sending: bool = True) -> None:
        """Send the tone there from now on; a second call moves the stream (re-INVITE) or pauses it (hold)."""
        self._remote, self._payload_type, self._is_sending = remote, payload_type, is_sending
        self._is_silent = False
        if self._player is None:
            self._player = asyncio.create_task(self._play())

    def fall_silent(self) -> None:
        """Send nothing any more, neither sound nor reports, until `play` is called again."""
        self._is_silent = True

    def listen_afresh(self) -> None:
        """Forget what was heard so far; the packet counters go on."""
        self._heard.clear()

    def report(self) -> AudioReport:
        """What was sent and heard so far. Costs about 20 ms of computing when anything has come since the last time."""
        heard = (self.packets_received, len(self._heard))
        if self._report_of == heard:
            return replace(self._last_report, packets_sent=self.packets_sent)
        self._report_of, self._last_report = heard, self._listen()
        return self._last_report

    def _listen(self) -> AudioReport:
        samples = [sample for kind, payload in self._heard for sample in g711.decode(payload, kind)]
        frequency, purity = g711.loudest(samples)
        return AudioReport(
            self.packets_sent,
            self.packets_received,
            frequency,
            round(purity, 3),
            round(g711.level_dbov(samples), 1),
        )

    def close(self) -> None:
        if self._player is not None:
            self._player.cancel()
        for each in (self._socket, self._reports):
            if each is not None:
                each.close()

    def datagram_received(self, data: bytes, addr: Address) -> None:
        payload_type = data[1] & 0x7F if len(data) > _HEADER.size and data[0] >> 6 == 2 else -1
        if payload_type not in g711.TABLES:
            return
        self.packets_received += 1
        self._hearing.hear(data, asyncio.get_running_loop().time())
        self._heard.append((payload_type, data[_HEADER.size :]))

    def error_received(self, exc: Exception) -> None:
        """The other side closed its port first: the call's end is on its way."""

    async def _play(self) -> None:
        clock = asyncio.get_running_loop().time
        sent = rtcp.Sent(secrets.randbits(32), secrets.randbelow(1 << 31), 0, 0)
        sequence, offset, due = secrets.randbelow(1 << 15), 0, clock()
        report_due = due + self.reports_every_s
        if self.reports_every_s and self._socket is not None:
            await self._open_reports(self._socket.get_extra_info("sockname")[0])
        while True:
            if self._is_sending and not self.is_mute and not self._is_silent:
                sound = g711.tone(self.tone_hz, self._payload_type)
                header = _HEADER.pack(0x80, self._payload_type, sequence & 0xFFFF, sent.timestamp, sent.source)
                self._send(header + sound[offset : offset + PACKET_BYTES])
            if self.reports_every_s and clock() >= report_due and not self._is_silent:
                report_due = clock() + self.reports_every_s
                self._report(replace(sent, packets=self.packets_sent, octets=self.packets_sent * PACKET_BYTES))
            sequence, sent = sequence + 1, replace(sent, timestamp=(sent.timestamp + PACKET_BYTES) & 0xFFFFFFFF)
            offset = (offset + PACKET_BYTES) % g711.SAMPLE_RATE
            due += PACKET_S
            await asyncio.sleep(max(0.0, due - clock()))

    def _send(self, packet: bytes) -> None:
        if self._socket is None or self._remote is None:
            return
        self.packets_sent += 1
        if not (self.loses_every and self.packets_sent % self.loses_every == 0):
            self._socket.sendto(packet, self._remote)

    def _report(self, sent: rtcp.Sent) -> None:
        if self._reports is not None and self._remote is not None:
            told = rtcp.report(sent, self._hearing, asyncio.get_running_loop().time(), name=f"demo-{self.port}")
            self._reports.sendto(told, (self._remote[0], self._remote[1] + 1))


def _is_free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, port))
        except (OSError, OverflowError):  # the last port has no next
            return False
        return True


class _Reports(asyncio.DatagramProtocol):
    """The RTCP port."""

    def __init__(self, hearing: rtcp.Hearing) -> None:
        self._hearing = hearing

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._hearing.hear_report(data, asyncio.get_running_loop().time())

    def error_received(self, exc: Exception) -> None:
        """Nobody listens for reports there: that is allowed."""
