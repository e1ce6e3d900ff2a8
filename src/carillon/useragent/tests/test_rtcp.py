"""What phones report about each other's audio."""

from __future__ import annotations

import socket
import struct

from carillon.useragent import rtcp
from carillon.useragent.media import PortRange, RtpStream


def packet(sequence: int, timestamp: int, source: int = 7) -> bytes:
    return struct.pack("!BBHII", 0x80, 8, sequence & 0xFFFF, timestamp, source) + b"\xd5" * 160


def heard(hearing: rtcp.Hearing) -> tuple[int, int, int, int]:
    """Fraction lost (of 256), packets lost, highest sequence number and jitter of the next block."""
    _, counts, highest, jitter, _, _ = struct.unpack("!I4sIIII", hearing.block(10.0))
    return counts[0], int.from_bytes(counts[1:], "big"), highest, jitter


def test_a_stream_without_faults_has_no_loss_and_no_jitter() -> None:
    hearing = rtcp.Hearing()
    for index in range(100):
        hearing.hear(packet(65_500 + index, index * 160), index * 0.02)
    assert heard(hearing) == (0, 0, 65_599, 0)


def test_every_fourth_packet_missing_is_a_quarter_lost() -> None:
    hearing = rtcp.Hearing()
    for index in range(101):
        if index % 4 != 1:
            hearing.hear(packet(index, index * 160), index * 0.02)
    fraction, lost, _, _ = heard(hearing)
    assert (fraction, lost) == (63, 25)
    assert heard(hearing)[0] == 0  # nothing since


def test_packets_that_come_late_are_jitter() -> None:
    hearing = rtcp.Hearing()
    for index in range(200):
        hearing.hear(packet(index, index * 160), index * 0.02 + (0.005 if index % 2 else 0.0))
    assert 35 <= heard(hearing)[3] <= 40  # 5 ms of 8000 Hz


def test_a_report_answers_the_last_one_of_the_other_side() -> None:
    first, second = rtcp.Hearing(), rtcp.Hearing()
    first.hear(packet(1, 160), 0.0)
    told = rtcp.report(rtcp.Sent(7, 160, 1, 160), second, 1.0, name="demo")
    assert (told[1], len(told) % 4) == (rtcp.SENDER_REPORT, 0)
    first.hear_report(told, 1.0)
    *_, last, waited = struct.unpack("!I4sIIII", first.block(1.5))
    assert last == int.from_bytes(told[10:14], "big")
    assert waited == 32_768  # half a second
    assert first.reports == 1


def odd_port() -> socket.socket:
    """A socket on a port that is the second one of a pair."""
    while True:
        taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        taken.bind(("127.0.0.1", 0))
        if taken.getsockname()[1] % 2:
            return taken
        taken.close()


async def test_a_pair_of_ports_of_which_the_second_is_taken_is_passed_over() -> None:
    """Without it a phone would hear nothing of how it is heard."""
    with odd_port() as taken:
        port = taken.getsockname()[1]
        stream = RtpStream()
        await stream.open("127.0.0.1", PortRange(port - 1, port + 40))
        stream.close()
    assert stream.port > port
