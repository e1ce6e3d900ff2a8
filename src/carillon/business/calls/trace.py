"""A call's SIP trace as a ladder: who sent what to whom, leg by leg. Pure."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, replace
from typing import Any

MOST_BYTES = 8 * 1024 * 1024  # unpacked; more than any honest call sends


# RFC 3551, section 6: payload types that need no rtpmap
_STATIC = {"0": "PCMU", "3": "GSM", "4": "G723", "8": "PCMA", "9": "G722", "18": "G729"}
_WAYS = ("sendrecv", "sendonly", "recvonly", "inactive")


@dataclass(frozen=True, slots=True)
class MediaLine:
    """One medium of a session description (RFC 4566): where it should be sent, in which codecs, which way it goes.

    Port 0: refused. `direction` is from the sender's point of view.
    """

    kind: str  # audio, video, image
    host: str
    port: int
    protocol: str
    codecs: tuple[str, ...]
    direction: str = "sendrecv"


@dataclass(frozen=True, slots=True)
class TraceMessage:
    """One SIP message. `leg` counts the dialogs' Call-IDs in order of appearance, 0 is the caller's."""

    at_us: int
    offset_ms: float
    source: str
    target: str
    transport: str
    first_line: str
    summary: str  # "INVITE" or "180 Ringing"
    sip_call_id: str
    leg: int
    raw: str

    @property
    def sdp(self) -> tuple[MediaLine, ...]:
        """What its session description says, when it has one."""
        return media_lines(self.raw)


@dataclass(frozen=True, slots=True)
class Ladder:
    """The parties in order of appearance and the messages between them in order of time."""

    parties: tuple[str, ...]
    messages: tuple[TraceMessage, ...]


def ladder_of(packed: bytes) -> Ladder:
    """Decode `CallTrace.messages`: zlib-compressed JSON lines `{"at_us","src","dst","proto","raw"}`.

    Lines that can't be read are left out: a trace is for looking at, and half of one still helps. A broken archive
    gives an empty ladder.
    """
    rows = sorted(_rows(packed), key=lambda row: int(row["at_us"]))
    start = int(rows[0]["at_us"]) if rows else 0
    legs: dict[str, int] = {}
    parties: dict[str, None] = {}
    messages = []
    for row in rows:
        raw = str(row["raw"])
        call_id = _header(raw, "call-id", "i")
        leg = legs.setdefault(call_id, len(legs))
        parties.setdefault(str(row["src"]))
        parties.setdefault(str(row["dst"]))
        first = raw.split("\r\n", 1)[0].split("\n", 1)[0][:300]
        messages.append(
            TraceMessage(
                at_us=int(row["at_us"]),
                offset_ms=(int(row["at_us"]) - start) / 1000,
                source=str(row["src"]),
                target=str(row["dst"]),
                transport=str(row.get("proto", "")),
                first_line=first,
                summary=_summary(first),
                sip_call_id=call_id,
                leg=leg,
                raw=raw,
            )
        )
    return Ladder(tuple(parties), tuple(messages))


def media_lines(raw: str) -> tuple[MediaLine, ...]:
    """The media of the session description in a message; empty when there is none. What can't be read is left out."""
    found: list[MediaLine] = []
    host, direction = "", "sendrecv"
    _, _, body = raw.replace("\r\n", "\n").partition("\n\n")
    for line in body.split("\n"):
        kind, _, value = line.strip().partition("=")
        if kind == "m" and (medium := _medium(value, host, direction)):
            found.append(medium)
        elif kind == "c" and len(value.split()) == 3:
            address = value.split()[2]
            host = host or address
            found[-1:] = [replace(each, host=address) for each in found[-1:]]
        elif kind == "a" and value in _WAYS:
            direction = direction if found else value
            found[-1:] = [replace(each, direction=value) for each in found[-1:]]
        elif kind == "a" and value.startswith("rtpmap:"):
            payload, _, name = value[len("rtpmap:") :].partition(" ")
            found[-1:] = [_named(each, payload, name.split("/")[0]) for each in found[-1:]]
    return tuple(found)


def _medium(value: str, host: str, direction: str) -> MediaLine | None:
    fields = value.split()
    port = fields[1].split("/")[0] if len(fields) > 2 else ""
    if not port.isdecimal():
        return None
    codecs = tuple(_STATIC.get(payload, payload) for payload in fields[3:])
    return MediaLine(fields[0], host, int(port), fields[2], codecs, direction)


def _named(medium: MediaLine, payload: str, name: str) -> MediaLine:
    known = {payload, _STATIC.get(payload, payload)}
    return replace(medium, codecs=tuple(name if codec in known else codec for codec in medium.codecs))


def _rows(packed: bytes) -> list[dict[str, Any]]:
    try:
        unpacked = zlib.decompressobj().decompress(packed, MOST_BYTES)
    except zlib.error:
        return []
    rows = []
    for line in unpacked.splitlines():
        try:
            row = json.loads(line)
            int(row["at_us"])
            str(row["src"]), str(row["dst"]), str(row["raw"])
        except (ValueError, TypeError, KeyError):
            continue
        rows.append(row)
    return rows


def _header(raw: str, *names: str) -> str:
    for line in raw.replace("\r\n", "\n").split("\n")[1:]:
        if not line:
            return ""
        name, colon, value = line.partition(":")
        if colon and name.strip().lower() in names:
            return value.strip()
    return ""


def _summary(first: str) -> str:
    if first.upper().startswith("SIP/2.0 "):
        return first[8:]
    return first.split(" ", 1)[0]
