"""Session descriptions for one G.711 audio stream (RFC 4566, offer and answer of RFC 3264)."""

from __future__ import annotations

from dataclasses import dataclass, replace

CODECS = {8: "PCMA", 0: "PCMU"}  # RTP payload type -> name (RFC 3551)


@dataclass(frozen=True, slots=True)
class Session:
    """Where one side wants its audio, and how. `payloads` in order of preference."""

    host: str
    port: int
    payloads: tuple[int, ...] = (8, 0)
    direction: str = "sendrecv"

    def build(self, *, version: int = 1) -> bytes:
        """The description as a message body; `version` rises with each change inside a dialog."""
        family = "IP6" if ":" in self.host else "IP4"
        lines = [
            "v=0",
            f"o=- {self.port} {version} IN {family} {self.host}",
            "s=-",
            f"c=IN {family} {self.host}",
            "t=0 0",
            f"m=audio {self.port} RTP/AVP {' '.join(str(payload) for payload in self.payloads)}",
            *(f"a=rtpmap:{payload} {CODECS[payload]}/8000" for payload in self.payloads),
            "a=ptime:20",
            f"a={self.direction}",
        ]
        return ("\r\n".join(lines) + "\r\n").encode()


def parse(body: bytes) -> Session | None:
    """The first audio stream of a description with a codec we speak; None when there is none."""
    host, session = "", None
    direction = "sendrecv"
    for line in body.decode("utf-8", "replace").splitlines():
        kind, _, value = line.partition("=")
        fields = value.split()
        if kind == "m" and session is not None:
            break
        if kind == "m" and fields[:1] == ["audio"] and len(fields) >= 4:
            known = tuple(int(item) for item in fields[3:] if item.isdigit() and int(item) in CODECS)
            session = Session(host, int(fields[1]), known) if known and fields[1].isdigit() else None
        elif kind == "c" and len(fields) == 3:
            host = fields[2]
        elif kind == "a" and value in ("sendrecv", "sendonly", "recvonly", "inactive"):
            direction = value
    return replace(session, host=host, direction=direction) if session else None


def answer(offer: Session, host: str, port: int) -> Session:
    """Our answer: the offer's first codec, and the other side of its direction."""
    mirrored = {"sendonly": "recvonly", "recvonly": "sendonly"}.get(offer.direction, offer.direction)
    return Session(host, port, offer.payloads[:1], mirrored)
