"""RTCP (RFC 3550, section 6): what two phones tell each other, and the relay between them, about what they hear."""

from __future__ import annotations

import struct
import time
from dataclasses import dataclass

SENDER_REPORT, RECEIVER_REPORT, DESCRIPTION = 200, 201, 202
_NTP_EPOCH_S = 2_208_988_800  # 1900 to 1970
_HEADER = struct.Struct("!BBH")
_SENDER = struct.Struct("!QIII")
_BLOCK = struct.Struct("!I4sIIII")


@dataclass(slots=True)
class Hearing:
    """What came of the other side's stream, counted as appendix A.3 and A.8 of the RFC do. `clock_hz`: of its codec."""

    clock_hz: int = 8000
    source: int = 0
    jitter: float = 0.0  # in ticks of the clock
    reports: int = 0  # that came
    _first: int = -1
    _highest: int = 0  # sequence number with its cycles
    _received: int = 0
    _told_expected: int = 0
    _told_received: int = 0
    _transit: float = 0.0
    _report: int = 0  # middle of the NTP time of the other side's last report, and when it came
    _report_at_s: float = 0.0

    def hear(self, packet: bytes, at_s: float) -> None:
        """Count an RTP packet that arrived at `at_s` of a steady clock."""
        sequence, timestamp, source = struct.unpack_from("!HII", packet, 2)
        if self._first < 0 or source != self.source:
            self.source, self._first, self._highest = source, sequence, sequence
            self._received = self._told_expected = self._told_received = 0
            self._transit = at_s * self.clock_hz - timestamp
        ahead = (sequence - self._highest) & 0xFFFF
        if ahead < 0x8000:
            self._highest += ahead
        self._received += 1
        transit = at_s * self.clock_hz - timestamp
        self.jitter += (abs(transit - self._transit) - self.jitter) / 16
        self._transit = transit

    def hear_report(self, packet: bytes, at_s: float) -> None:
        """Note an RTCP packet: the answer to a sender's report lets its sender measure the round trip."""
        if len(packet) >= 28 and packet[1] == SENDER_REPORT:
            self.reports += 1
            self._report = int.from_bytes(packet[10:14], "big")
            self._report_at_s = at_s

    def block(self, at_s: float) -> bytes:
        """The report block about the stream; empty when nothing came yet."""
        if self._first < 0:
            return b""
        expected = self._highest - self._first + 1
        lost = max(min(expected - self._received, 0x7FFFFF), 0)
        since, came = expected - self._told_expected, self._received - self._told_received
        self._told_expected, self._told_received = expected, self._received
        fraction = min(max(since - came, 0) * 256 // since, 255) if since > 0 else 0
        waited = int((at_s - self._report_at_s) * 65536) if self._report else 0
        counts = bytes([fraction]) + lost.to_bytes(3, "big")
        return _BLOCK.pack(self.source, counts, self._highest, int(self.jitter), self._report, waited & 0xFFFFFFFF)


@dataclass(frozen=True, slots=True)
class Sent:
    """What one side has sent so far. `timestamp`: of the RTP packet that is due now."""

    source: int
    timestamp: int
    packets: int
    octets: int


def report(sent: Sent, hearing: Hearing, at_s: float, *, name: str) -> bytes:
    """A compound packet: a sender's report with what was heard, and who says it."""
    block = hearing.block(at_s)
    ntp = int((time.time() + _NTP_EPOCH_S) * 2**32) & 0xFFFFFFFFFFFFFFFF
    info = _SENDER.pack(ntp, sent.timestamp & 0xFFFFFFFF, sent.packets, sent.octets)
    body = sent.source.to_bytes(4, "big") + info + block
    return _packet(SENDER_REPORT, 1 if block else 0, body) + _packet(DESCRIPTION, 1, _described(sent.source, name))


def _described(source: int, name: str) -> bytes:
    text = name.encode()[:255]
    item = source.to_bytes(4, "big") + bytes([1, len(text)]) + text + b"\0"
    return item + b"\0" * (-len(item) % 4)


def _packet(kind: int, count: int, body: bytes) -> bytes:
    return _HEADER.pack(0x80 | count, kind, len(body) // 4) + body
