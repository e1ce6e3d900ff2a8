"""Bencode, the language of rtpengine's ng protocol (BEP 3): integers, byte strings, lists, dictionaries."""

from __future__ import annotations

from typing import Any


class BencodeError(ValueError):
    """Bytes that are not bencode."""


def encode(value: Any) -> bytes:
    """The value as bencode; text becomes UTF-8. Raises TypeError for what bencode has no word for."""
    match value:
        case bytes():
            return b"%d:%s" % (len(value), value)
        case str():
            return encode(value.encode())
        case int():
            return b"i%de" % value
        case list() | tuple():
            return b"l%se" % b"".join(map(encode, value))
        case dict():
            return b"d%se" % b"".join(encode(key) + encode(item) for key, item in sorted(value.items()))
        case _:
            raise TypeError(f"bencode has no {type(value).__name__}")


def decode(data: bytes) -> Any:
    """The value of a whole message; strings as text, bytes that are no UTF-8 replaced. Raises BencodeError."""
    try:
        value, end = _decode(data, 0)
    except (IndexError, ValueError, RecursionError) as error:
        raise BencodeError(f"not bencode: {data[:40]!r}") from error
    if end != len(data):
        raise BencodeError(f"something follows the message: {data[end : end + 40]!r}")
    return value


def _decode(data: bytes, at: int) -> tuple[Any, int]:
    kind = data[at : at + 1]
    if kind == b"i":
        end = data.index(b"e", at)
        return int(data[at + 1 : end]), end + 1
    if kind in (b"l", b"d"):
        return _decode_many(data, at)
    colon = data.index(b":", at)
    end = colon + 1 + int(data[at:colon])
    if end > len(data):
        raise ValueError("cut short")
    return data[colon + 1 : end].decode(errors="replace"), end


def _decode_many(data: bytes, at: int) -> tuple[Any, int]:
    items = []
    position = at + 1
    while data[position] != ord("e"):
        item, position = _decode(data, position)
        items.append(item)
    if data[at : at + 1] == b"l":
        return items, position + 1
    return dict(zip(items[::2], items[1::2], strict=True)), position + 1
