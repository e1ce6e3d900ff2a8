"""JSON as calls have it, in C: of Kamailio and rtpengine, in traces, and PostgreSQL's json and jsonb."""

from __future__ import annotations

import json
from typing import Any

import msgspec

_ENCODER, _DECODER = msgspec.json.Encoder(), msgspec.json.Decoder()


def encode(value: Any) -> bytes:
    """UTF-8 without blanks. Raises TypeError for what JSON has no word for, ValueError for half a surrogate pair."""
    return _ENCODER.encode(value)


def decode(text: bytes | str) -> Any:
    """The value of a text or of UTF-8, whole numbers of any size exactly. Raises ValueError.

    Phones choose texts: bytes that are no UTF-8 are replaced, half a surrogate pair is kept.
    """
    try:
        return _DECODER.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return json.loads(text if isinstance(text, str) else text.decode(errors="replace"))
