"""Pictures that people send: decoded by a library, kept as PNG that we have drawn ourselves.

What is kept holds nothing but pixels: no scripts, places or other files hide in it. SVG is refused: it can hold scripts
and fetch other addresses, and a library that cleans it must know them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

from django.utils.translation import gettext as _
from PIL import Image, ImageOps

from carillon.base.errors import InvalidInput

MOST_BYTES = 256 * 1024
MOST_PIXELS = 4_000_000  # 16 MB while it is drawn; a small file can say that it is a million by a million
FORMATS = ("PNG", "JPEG", "GIF", "WEBP")
MEDIA_TYPE = "image/png"


@dataclass(frozen=True, slots=True)
class Frame:
    """What a picture is drawn into: pixels at most, and whether it must be as wide as high."""

    width: int
    height: int
    is_square: bool = False


LOGO = Frame(640, 256)
ICON = Frame(192, 192, is_square=True)


def redrawn(content: bytes, field: str, frame: Frame) -> bytes:
    """Return a picture as PNG, made smaller where it does not fit into `frame`; of several pictures the first.

    Raises:
        InvalidInput: on `field`, when it is too large, no picture, or not square where it must be.
    """
    if len(content) > MOST_BYTES:
        raise _refused(field, _("A picture has at most %(size)d KB.") % {"size": MOST_BYTES // 1024})
    try:
        with Image.open(BytesIO(content), formats=FORMATS) as picture:
            fault = _fault_of(picture.size, frame)
            drawn = b"" if fault else _drawn(picture, frame)
    except Exception:  # a decoder may fail in any way on bytes that were made to harm it
        raise _refused(field, _("This is no PNG, JPEG, GIF or WebP picture. SVG can hold scripts.")) from None
    if fault:
        raise _refused(field, fault)
    return drawn


def _fault_of(size: tuple[int, int], frame: Frame) -> str:
    """What is wrong with the size that the picture says it has; nothing of it has been decoded yet."""
    if size[0] * size[1] > MOST_PIXELS:
        return _("A picture has at most %(count)d million pixels.") % {"count": MOST_PIXELS // 1_000_000}
    if frame.is_square and size[0] != size[1]:
        return _("An icon must be as wide as high.")
    return ""


def _drawn(picture: Image.Image, frame: Frame) -> bytes:
    upright = ImageOps.exif_transpose(picture).convert("RGBA")
    upright.thumbnail((frame.width, frame.height))
    kept = BytesIO()
    upright.save(kept, "PNG", optimize=True)
    return kept.getvalue()


def _refused(field: str, sentence: str) -> InvalidInput:
    return InvalidInput(sentence, fields={field: sentence})
