"""HEP version 3, the capture protocol of Homer: what Kamailio's siptrace sends per SIP message.

Source: "HEP/EEP, Extensible Encapsulation Protocol", revision 33, sections 3 and 4.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

_CHUNK = struct.Struct("!HHH")
_PROTOCOLS = {6: "tcp", 17: "udp", 132: "sctp"}
_PROTOCOL, _SOURCE_4, _DESTINATION_4, _SOURCE_6, _DESTINATION_6 = 2, 3, 4, 5, 6
_SOURCE_PORT, _DESTINATION_PORT, _SECONDS, _MICROSECONDS, _PAYLOAD = 7, 8, 9, 10, 15


class HepError(ValueError):
    """The datagram is not HEP 3."""


@dataclass(frozen=True, slots=True)
class Captured:
    """One SIP message on the wire; addresses are `host:port`."""

    at_us: int
    src: str
    dst: str
    proto: str
    raw: bytes


def parse(datagram: bytes) -> Captured:
    """The captured message. Raises HepError."""
    if datagram[:4] != b"HEP3" or len(datagram) < 6:
        raise HepError("The datagram does not start with HEP3.")
    chunks = dict(_chunks(datagram[6 : int.from_bytes(datagram[4:6], "big")]))
    if _PAYLOAD not in chunks:
        raise HepError("The datagram has no payload.")
    seconds, micros = (_number(chunks, kind) for kind in (_SECONDS, _MICROSECONDS))
    return Captured(
        at_us=seconds * 1_000_000 + micros,
        src=f"{_address(chunks, _SOURCE_4, _SOURCE_6)}:{_number(chunks, _SOURCE_PORT)}",
        dst=f"{_address(chunks, _DESTINATION_4, _DESTINATION_6)}:{_number(chunks, _DESTINATION_PORT)}",
        proto=_PROTOCOLS.get(_number(chunks, _PROTOCOL), "udp"),
        raw=chunks[_PAYLOAD],
    )


def _chunks(data: bytes) -> list[tuple[int, bytes]]:
    found, at = [], 0
    while at + _CHUNK.size <= len(data):
        vendor, kind, length = _CHUNK.unpack_from(data, at)
        if length < _CHUNK.size or at + length > len(data):
            raise HepError("A chunk is longer than the datagram.")
        if vendor == 0:
            found.append((kind, data[at + _CHUNK.size : at + length]))
        at += length
    return found


def _number(chunks: dict[int, bytes], kind: int) -> int:
    return int.from_bytes(chunks.get(kind, b""), "big")


def _address(chunks: dict[int, bytes], four: int, six: int) -> str:
    try:
        if four in chunks:
            return socket.inet_ntop(socket.AF_INET, chunks[four])
        return f"[{socket.inet_ntop(socket.AF_INET6, chunks[six])}]"
    except (KeyError, ValueError) as error:
        raise HepError("The datagram has no address.") from error
