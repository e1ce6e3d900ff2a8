"""Netstrings: `<length>:<bytes>,`, the framing of Kamailio's evapi."""

from __future__ import annotations

MAX_BYTES = 1_000_000
_MAX_DIGITS = 8


class FramingError(ValueError):
    """The stream is not netstrings any more; the connection must be closed."""


def encode(payload: bytes) -> bytes:
    """The payload as a netstring."""
    return b"%d:%b," % (len(payload), payload)


class Decoder:
    """Cuts a byte stream into payloads; keeps what is incomplete."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Payloads completed by `data`, in order. Raises FramingError."""
        self._rest += data
        payloads = []
        while (payload := self._next()) is not None:
            payloads.append(payload)
        return payloads

    def _next(self) -> bytes | None:
        colon = self._rest.find(b":", 0, _MAX_DIGITS + 1)
        if colon < 0:
            if len(self._rest) > _MAX_DIGITS:
                raise FramingError("A netstring has no length.")
            return None
        size = _length(self._rest[:colon])
        end = colon + 1 + size
        if len(self._rest) <= end:
            return None
        if self._rest[end : end + 1] != b",":
            raise FramingError("A netstring does not end with a comma.")
        payload = self._rest[colon + 1 : end]
        self._rest = self._rest[end + 1 :]
        return payload


def _length(digits: bytes) -> int:
    if not digits.isdigit() or int(digits) > MAX_BYTES:
        raise FramingError(f"A netstring has the length {digits!r}.")
    return int(digits)
