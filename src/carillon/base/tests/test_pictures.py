"""Pictures that people send, good and hostile."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import pytest
from PIL import Image

from carillon.base.errors import InvalidInput
from carillon.base.pictures import ICON, LOGO, MOST_BYTES, redrawn


def picture(width: int, height: int, kind: str = "PNG", **more: object) -> bytes:
    kept = BytesIO()
    Image.new("RGB", (width, height), "#0b5cad").save(kept, kind, **more)
    return kept.getvalue()


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it has this size."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 9)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_pictures_become_png_that_fits(kind: str) -> None:
    drawn = Image.open(BytesIO(redrawn(picture(1280, 64, kind), "logo", LOGO)))
    assert (drawn.format, drawn.size) == ("PNG", (640, 32))


def test_nothing_but_pixels_is_kept() -> None:
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    hidden = picture(64, 64, "JPEG", exif=exif) + b"<script>alert(1)</script>"
    assert b"taken at home" in hidden
    drawn = redrawn(hidden, "icon", ICON)
    assert b"script" not in drawn and b"home" not in drawn


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"\x89PNG\r\n\x1a\n" + b"\0" * 40,  # the beginning of one is not one
        picture(300, 300)[:-40],
        bomb(30, 30),
        bomb(100_000, 100_000),
        bomb(2**31 - 1, 2**31 - 1),
        picture(3000, 2000),
        picture(300, 300, "BMP"),
        picture(64, 64) + b"\0" * MOST_BYTES,
    ],
    ids=["empty", "svg", "head", "cut", "short", "bomb", "huge", "pixels", "bmp", "bytes"],
)
def test_what_is_none_or_too_large_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidInput) as refusal:
        redrawn(content, "logo", LOGO)
    assert set(refusal.value.fields) == {"logo"}


def test_icons_are_square() -> None:
    with pytest.raises(InvalidInput):
        redrawn(picture(64, 32), "icon", ICON)
