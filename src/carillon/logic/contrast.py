"""Colours that can be read: contrast by WCAG 2.2 (1.4.3, 1.4.11), and the shades of a brand's colour that reach it.

A brand has one colour. Text on it is white or black, whichever reads better; as the colour of links it is darkened on
light ground and lightened on dark ground until it reaches 4.5 : 1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

READABLE = 4.5
LIGHT_GROUND, DARK_GROUND = "#ffffff", "#19232f"
_LIGHT_GROUNDS, _DARK_GROUNDS = (LIGHT_GROUND, "#f5f7fa"), (DARK_GROUND, "#121a24")  # of the portal: paper, page
_SOFT = 0.88  # how much of the ground is in a soft shade
_HEX = re.compile(r"#[0-9a-f]{6}")
_STEPS = 100


@dataclass(frozen=True, slots=True)
class Shades:
    """What a page draws with: the colour itself, text on it, and links on light and on dark ground."""

    fill: str
    on_fill: str
    light_link: str
    dark_link: str


@dataclass(frozen=True, slots=True)
class PortalShades(Shades):
    """What the portal draws with beside: soft grounds (chosen rows, tabs), on which the links read as well."""

    light_soft: str
    dark_soft: str


def is_colour(text: str) -> bool:
    """Tell whether `text` is a colour as `#rrggbb` in lower case."""
    return bool(_HEX.fullmatch(text))


def contrast(one: str, other: str) -> float:
    """The contrast of two colours (`#rrggbb`), 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def shades_of(colour: str) -> Shades:
    """The shades of a brand's colour (`#rrggbb`)."""
    white, black = contrast(colour, "#ffffff"), contrast(colour, "#000000")
    return Shades(
        fill=colour,
        on_fill="#ffffff" if white >= READABLE or white >= black else "#000000",
        light_link=_readable(colour, (LIGHT_GROUND,), "#000000"),
        dark_link=_readable(colour, (DARK_GROUND,), "#ffffff"),
    )


def portal_shades_of(colour: str) -> PortalShades:
    """The shades of a brand's colour (`#rrggbb`) in the portal, where links stand on several grounds."""
    plain = shades_of(colour)
    light_soft, dark_soft = _mix(colour, LIGHT_GROUND, _SOFT), _mix(colour, DARK_GROUND, _SOFT)
    return PortalShades(
        fill=plain.fill,
        on_fill=plain.on_fill,
        light_link=_readable(colour, (*_LIGHT_GROUNDS, light_soft), "#000000"),
        dark_link=_readable(colour, (*_DARK_GROUNDS, dark_soft), "#ffffff"),
        light_soft=light_soft,
        dark_soft=dark_soft,
    )


def _readable(colour: str, grounds: tuple[str, ...], towards: str) -> str:
    """The first mix of `colour` with `towards` that reads on each of `grounds`."""
    mixes = (_mix(colour, towards, step / _STEPS) for step in range(_STEPS + 1))
    return next(mixed for mixed in mixes if all(contrast(mixed, ground) >= READABLE for ground in grounds))


def _mix(one: str, other: str, share: float) -> str:
    parts = (round(a + (b - a) * share) for a, b in zip(_bytes(one), _bytes(other), strict=True))
    return "#" + "".join(f"{part:02x}" for part in parts)


def _bytes(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour[1:]))


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(part / 255) for part in _bytes(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)
