"""SIP messages: parse and build (RFC 3261, section 7).

Only what a user agent needs: header order is kept, compact names are expanded, folded lines are joined. URIs stay text;
the functions below pick parts out of them.
"""

from __future__ import annotations

import ipaddress
import re
import secrets
from dataclasses import dataclass, field

BRANCH_COOKIE = "z9hG4bK"
_COMPACT = {
    "v": "Via",
    "f": "From",
    "t": "To",
    "i": "Call-ID",
    "m": "Contact",
    "l": "Content-Length",
    "c": "Content-Type",
    "k": "Supported",
    "s": "Subject",
    "e": "Content-Encoding",
    "r": "Refer-To",
}
_REQUEST_LINE = re.compile(r"([A-Z]+) (\S+) SIP/2\.0")
_STATUS_LINE = re.compile(r"SIP/2\.0 ([1-6]\d\d) ?(.*)")


class MalformedMessage(ValueError):
    """The bytes are not a SIP message; the text says what is wrong with them."""


@dataclass(slots=True)
class Message:
    """A request (`method` and `uri` set) or a response (`status` set)."""

    method: str = ""
    uri: str = ""
    status: int = 0
    reason: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    @property
    def is_request(self) -> bool:
        return bool(self.method)

    @property
    def call_id(self) -> str:
        return self.get("Call-ID")

    @property
    def cseq(self) -> tuple[int, str]:
        """Number and method of CSeq; `(0, "")` when it is missing or garbage."""
        number, _, method = self.get("CSeq").strip().partition(" ")
        return (int(number), method.strip()) if number.isdigit() else (0, "")

    @property
    def branch(self) -> str:
        """The branch parameter of the topmost Via: the transaction's name."""
        vias = self.all("Via")
        return parameter(vias[0], "branch") if vias else ""

    def get(self, name: str) -> str:
        """The first value of a header, or an empty string."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), "")

    def all(self, name: str) -> list[str]:
        """All values of a header that may repeat or hold a comma-separated list, in order."""
        wanted = name.lower()
        return [part for key, value in self.headers if key.lower() == wanted for part in split_list(value)]

    def add(self, name: str, value: str) -> None:
        self.headers.append((name, value))

    def replace(self, name: str, value: str) -> None:
        """Set a header that occurs once, in its old place when it was there."""
        wanted = name.lower()
        for position, (key, _) in enumerate(self.headers):
            if key.lower() == wanted:
                self.headers[position] = (name, value)
                return
        self.add(name, value)

    def remove(self, name: str) -> None:
        wanted = name.lower()
        self.headers = [header for header in self.headers if header[0].lower() != wanted]

    def copy(self) -> Message:
        return Message(self.method, self.uri, self.status, self.reason, list(self.headers), self.body)

    def first_line(self) -> str:
        return f"{self.method} {self.uri} SIP/2.0" if self.is_request else f"SIP/2.0 {self.status} {self.reason}"

    def build(self) -> bytes:
        """The message as it goes over the wire, Content-Length counted."""
        lines = [self.first_line()]
        lines += [f"{name}: {value}" for name, value in self.headers if name.lower() != "content-length"]
        lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + self.body


def parse(data: bytes) -> Message:
    """A received datagram as a message. Raises MalformedMessage."""
    head, separator, body = data.lstrip(b"\r\n").partition(b"\r\n\r\n")
    if not separator:
        raise MalformedMessage("The header block does not end with an empty line.")
    lines = re.sub(r"\r\n[ \t]+", " ", head.decode("utf-8", "surrogateescape")).split("\r\n")
    message = _first_line(lines[0])
    message.headers = [_header(line) for line in lines[1:]]
    length = message.get("Content-Length").strip()
    message.body = body[: int(length)] if length.isdigit() else body
    return message


def _first_line(line: str) -> Message:
    if matched := _REQUEST_LINE.fullmatch(line):
        return Message(method=matched[1], uri=matched[2])
    if matched := _STATUS_LINE.fullmatch(line):
        return Message(status=int(matched[1]), reason=matched[2])
    raise MalformedMessage(f"This is neither a SIP request line nor a status line: {line[:80]!r}.")


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not name.strip():
        raise MalformedMessage(f"This header line has no name and colon: {line[:80]!r}.")
    return _COMPACT.get(name.strip().lower(), name.strip()), value.strip()


def split_list(value: str) -> list[str]:
    """Split a header value at commas that are neither quoted nor inside angle brackets."""
    parts, start, quoted, angle = [], 0, False, 0
    for position, character in enumerate(value):
        if character == '"' and value[position - 1 : position] != "\\":
            quoted = not quoted
        elif not quoted and character in "<>":
            angle += 1 if character == "<" else -1
        elif character == "," and not quoted and angle == 0:
            parts.append(value[start:position].strip())
            start = position + 1
    return [part for part in [*parts, value[start:].strip()] if part]


def parameter(value: str, name: str) -> str:
    """A `;name=value` parameter of a header outside its angle brackets, or an empty string."""
    outside = value.rpartition(">")[2] if "<" in value else value
    matched = re.search(rf";\s*{re.escape(name)}\s*=\s*\"?([^;,\"\s]+)", outside, re.IGNORECASE)
    return matched[1] if matched else ""


def uri_of(value: str) -> str:
    """The URI of a From, To, Contact, Route or Record-Route value."""
    matched = re.search(r"<([^>]*)>", value)
    return matched[1] if matched else value.partition(";")[0].strip()


def user_of(uri: str) -> str:
    """The user part of a SIP URI, or an empty string."""
    rest = uri_of(uri).partition(":")[2]
    return rest.rpartition("@")[0].partition(";")[0] if "@" in rest else ""


def address_of(uri: str) -> tuple[str, int] | None:
    """Host and port to send to when the URI names an IPv4 address, else None (the caller uses its proxy)."""
    host_port = uri.partition(":")[2].rpartition("@")[2]
    host, _, port = re.split(r"[;?>]", host_port)[0].partition(":")
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return None
    return host, int(port) if port.isdigit() else 5060


def new_branch() -> str:
    return BRANCH_COOKIE + secrets.token_hex(8)


def new_tag() -> str:
    return secrets.token_hex(6)


def response_to(request: Message, status: int, reason: str, *, to_tag: str = "") -> Message:
    """A response with the headers RFC 3261 section 8.2.6 copies from the request."""
    response = Message(status=status, reason=reason)
    for name in ("Via", "Record-Route", "From", "To", "Call-ID", "CSeq"):
        for value in request.all(name) if name in ("Via", "Record-Route") else [request.get(name)]:
            if name == "To" and to_tag and not parameter(value, "tag"):
                value = f"{value};tag={to_tag}"
            response.add(name, value)
    return response
