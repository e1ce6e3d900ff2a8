"""Call ids: UUID version 7 (RFC 9562, 5.7), so that the start of a call can be read from its id."""

from __future__ import annotations

import secrets
from uuid import UUID

_VERSION = 0x7 << 76
_VARIANT = 0b10 << 62


def new_call_id(now_ms: int) -> UUID:
    """A fresh id for a call that starts at `now_ms` (Unix epoch)."""
    random = secrets.randbits(74)
    high, low = random >> 62, random & ((1 << 62) - 1)
    return UUID(int=(now_ms & ((1 << 48) - 1)) << 80 | _VERSION | high << 64 | _VARIANT | low)


def started_ms(call_id: UUID) -> int:
    """When the call started, milliseconds of the Unix epoch."""
    return call_id.int >> 80
