"""HEP version 3, the capture protocol of Homer: what Kamailio's siptrace sends per SIP message.

Source: "HEP/EEP, Extensible Encapsulation Protocol", revision 33, sections 3 and 4.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from functools import lru_cache

MAGIC = b"HEP3"
_CHUNK = struct.Struct("!HHH")
_PROTOCOLS = {6: "tcp", 17: "udp", 132: "sctp"}
_PROTOCOL, _SOURCE_4, _DESTINATION_4, _SOURCE_6, _DESTINATION_6 = 2, 3, 4, 5, 6
_SOURCE_PORT, _DESTINATION_PORT, _SECONDS, _MICROSECONDS, _PAYLOAD = 7, 8, 9, 10, 15


class HepError(ValueError):
    """The datagram is not HEP 3."""


@dataclass(slots=True)
class Captured:
    """One SIP message on the wire; addresses are `host:port`."""

    at_us: int
    src: str
    dst: str
    proto: str
    raw: bytes


def parse(datagram: bytes) -> Captured:
    """The captured message; some 6 microseconds. Raises HepError."""
    if datagram[:4] != MAGIC or len(datagram) < 6:
        raise HepError("The datagram does not start with HEP3.")
    chunks = _chunks(datagram, min(int.from_bytes(datagram[4:6], "big"), len(datagram)))
    if _PAYLOAD not in chunks:
        raise HepError("The datagram has no payload.")
    return Captured(
        at_us=_number(chunks, _SECONDS) * 1_000_000 + _number(chunks, _MICROSECONDS),
        src=f"{_address(chunks, _SOURCE_4, _SOURCE_6)}:{_number(chunks, _SOURCE_PORT)}",
        dst=f"{_address(chunks, _DESTINATION_4, _DESTINATION_6)}:{_number(chunks, _DESTINATION_PORT)}",
        proto=_PROTOCOLS.get(_number(chunks, _PROTOCOL), "udp"),
        raw=chunks[_PAYLOAD],
    )


def _chunks(data: bytes, end: int) -> dict[int, bytes]:
    found, at = {}, 6
    while at + 6 <= end:
        vendor, kind, length = _CHUNK.unpack_from(data, at)
        if length < 6 or at + length > end:
            raise HepError("A chunk is longer than the datagram.")
        if vendor == 0:
            found[kind] = data[at + 6 : at + length]
        at += length
    return found


def _number(chunks: dict[int, bytes], kind: int) -> int:
    return int.from_bytes(chunks.get(kind, b""), "big")


def _address(chunks: dict[int, bytes], four: int, six: int) -> str:
    try:
        return _written(chunks[four] if four in chunks else chunks[six])
    except (KeyError, ValueError) as error:
        raise HepError("The datagram has no address.") from error


@lru_cache(4096)
def _written(address: bytes) -> str:
    if len(address) == 4:
        return socket.inet_ntop(socket.AF_INET, address)
    return f"[{socket.inet_ntop(socket.AF_INET6, address)}]"
