"""Changes to how the Partner Portal looks: its name, colour and pictures for a partner and those below it."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from django.utils.translation import gettext as _

from carillon.base.actor import Actor
from carillon.base.changes import action, audited
from carillon.base.pictures import ICON, LOGO, redrawn
from carillon.base.places import Faults
from carillon.base.rows import check_values, locked, once
from carillon.business.brands.choices import PicturePlace
from carillon.business.brands.models import ACCENT, PortalBrand, PortalPicture
from carillon.business.partners.queries import chosen_partner
from carillon.logic.contrast import is_colour


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalBrandData:
    """What is said about a portal's brand. `partner_id` (None: the actor's own partner) stays once created."""

    name: str
    accent: str = ACCENT  # "#rrggbb"
    partner_id: int | None = None


@action("portal_brands.add")
def create_portal_brand(actor: Actor, data: PortalBrandData) -> PortalBrand:
    """Give a partner's portal a name and a colour of its own.

    Raises:
        InvalidInput: a value is wrong, or the partner has a brand already.
    """
    brand = PortalBrand(partner=chosen_partner(actor, data.partner_id))
    _fill(brand, data)
    clashes = {"portal_brand_once_per_partner": ("partner_id", _("This partner's portal has a brand already."))}
    with once(clashes), audited(actor, brand, "create"):
        brand.save(force_insert=True)
    return brand


@action("portal_brands.change")
def update_portal_brand(actor: Actor, brand: PortalBrand, data: PortalBrandData) -> PortalBrand:
    """Change name and colour.

    Raises:
        InvalidInput: a value is wrong, or the partner differs from before.
        NotFound
    """
    brand = locked(PortalBrand.objects, actor, brand.pk)
    faults = Faults()
    faults.unless(data.partner_id in (None, brand.partner_id), "partner_id", _("A brand stays with its partner."))
    faults.stop()
    with audited(actor, brand, "update"):
        _fill(brand, data)
        brand.save()
    return brand


@action("portal_brands.delete")
def remove_portal_brand(actor: Actor, brand: PortalBrand) -> None:
    """Let the portal look as that of whoever the partner buys from. Its hostname stays. Raises NotFound."""
    brand = locked(PortalBrand.objects, actor, brand.pk)
    with audited(actor, brand, "remove"):
        brand.delete()


@action("portal_brands.change")
def set_portal_picture(actor: Actor, brand: PortalBrand, place: PicturePlace, content: bytes) -> PortalPicture:
    """Put a picture in its place; `base.pictures` says which are taken.

    Raises:
        InvalidInput: on "picture".
        NotFound
    """
    brand = locked(PortalBrand.objects, actor, brand.pk)
    drawn = redrawn(content, "picture", ICON if place == PicturePlace.ICON else LOGO)
    picture = brand.pictures.filter(place=place).first() or PortalPicture(brand=brand, place=place)
    with audited(actor, picture, "set"):
        picture.partner_id, picture.content = brand.partner_id, drawn
        picture.digest = sha256(drawn).hexdigest()[:16]
        picture.save()
    return picture


@action("portal_brands.change")
def remove_portal_picture(actor: Actor, brand: PortalBrand, place: PicturePlace) -> None:
    """Take a picture away, if there is one. Raises NotFound."""
    brand = locked(PortalBrand.objects, actor, brand.pk)
    for picture in brand.pictures.filter(place=place):
        with audited(actor, picture, "remove"):
            picture.delete()


def _fill(brand: PortalBrand, data: PortalBrandData) -> None:
    accent = data.accent.strip().lower()
    faults = Faults()
    faults.unless(is_colour(accent), "accent", _("This is no colour: give one such as #0b5cad."))
    faults.unless(data.name.isprintable(), "name", _("A name is one line."))
    faults.stop()
    brand.name, brand.accent = data.name, accent
    check_values(brand)
