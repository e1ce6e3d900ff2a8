"""Northwind's face of the portal: a name, a colour and pictures, drawn here so that no file need be kept."""

from __future__ import annotations

from collections import Counter
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

from carillon.base.actor import Actor
from carillon.business.brands.choices import PicturePlace
from carillon.business.brands.models import PortalBrand
from carillon.business.brands.portal import set_portal_picture
from carillon.demo.cast.owner import own_partner
from carillon.usecases.brand_portal import PortalBrandPlan, open_portal_brand

NAME, ACCENT, HOSTNAME = "Northwind Telecom", "#0f766e", "portal.northwind.localhost"
FINE = 4  # drawn this many times larger, then made smaller: smooth edges
SIDE, WORDS = 48, 260  # pixels


def load_portal_brand(actor: Actor, made: Counter[str]) -> None:
    """Give the actor's partner the brand, unless it has one."""
    if PortalBrand.objects.visible_to(actor).filter(partner_id=own_partner(actor)).exists():
        return
    brand = open_portal_brand(actor, PortalBrandPlan(name=NAME, accent=ACCENT, hostname=HOSTNAME))
    for place, ink in ((PicturePlace.LIGHT, "#12302d"), (PicturePlace.DARK, "#ffffff"), (PicturePlace.ICON, "")):
        set_portal_picture(actor, brand, place, _logo(ink))
    made["portal brands"] += 1


def _logo(ink: str) -> bytes:
    """The mark, a sail in the wind, with the name in `ink` beside it when there is any."""
    picture = Image.new("RGBA", ((SIDE + (WORDS if ink else 0)) * FINE, SIDE * FINE))
    pen, unit = ImageDraw.Draw(picture), SIDE * FINE / 48
    pen.rounded_rectangle((0, 0, 48 * unit, 48 * unit), 11 * unit, fill=ACCENT)
    pen.polygon([(x * unit, y * unit) for x, y in ((25, 8), (39, 31), (25, 31))], fill="#ffffff")
    pen.polygon([(x * unit, y * unit) for x, y in ((22, 14), (22, 31), (10, 31))], fill="#8fe3d8")
    pen.rounded_rectangle((9 * unit, 35 * unit, 39 * unit, 39 * unit), 2 * unit, fill="#ffffff")
    if ink:
        font = ImageFont.load_default(25 * FINE)
        pen.text((60 * unit, 24 * unit), NAME, fill=ink, font=font, anchor="lm")
    kept = BytesIO()
    picture.resize((picture.width // FINE, picture.height // FINE)).save(kept, "PNG", optimize=True)
    return kept.getvalue()
