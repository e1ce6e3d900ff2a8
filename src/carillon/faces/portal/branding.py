"""The panel of portals' brands, its form with the sign-in page and the portal beside it as they will look."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_GET, require_http_methods

from carillon.base.actor import Actor
from carillon.base.pictures import MEDIA_TYPE, MOST_BYTES
from carillon.business.brands import portal as actions
from carillon.business.brands import queries
from carillon.business.brands.choices import PicturePlace
from carillon.business.brands.models import ACCENT, PortalBrand
from carillon.faces.gate.themes import SCHEMES
from carillon.faces.portal.access import actor_of, staff_only
from carillon.faces.portal.formpages import FormPage, answer
from carillon.faces.portal.shell import page
from carillon.logic.contrast import is_colour
from carillon.panels.changes import find_row, require
from carillon.panels.declaration import Column, Field, Filter, Panel, RowAction, Upload
from carillon.usecases.brand_portal import PortalBrandPlan, change_portal_brand, open_portal_brand

PICTURE_HELP = _("PNG, JPEG, GIF or WebP, at most 256 KB and 4 million pixels; SVG can hold scripts. Icons are square.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """The dialog that brings a picture."""

    place: PicturePlace
    picture: Upload


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The dialog that takes a picture away."""

    place: PicturePlace


def set_picture(actor: Actor, brand: PortalBrand, data: Picture) -> PortalBrand:
    """Put the picture that the dialog brought into its place."""
    return actions.set_portal_picture(actor, brand, data.place, data.picture.content).brand


def remove_picture(actor: Actor, brand: PortalBrand, data: Place) -> None:
    """Take the picture of a place away."""
    actions.remove_portal_picture(actor, brand, data.place)


set_picture.permission = remove_picture.permission = "portal_brands.change"  # type: ignore[attr-defined]


def plan_of(brand: PortalBrand) -> Mapping[str, Any]:
    """What the form of a brand starts with."""
    own = {name: getattr(brand, name) for name in ("name", "accent", "partner_id")}
    return own | {"hostname": brand.partner.portal_hostname or ""}


def _places(brand: PortalBrand) -> list[str]:
    return sorted(one.place for one in brand.pictures.all())


PORTAL_BRANDS = Panel(
    slug="portal-brands",
    title=_("Portal brand"),
    name=_("brand"),
    section="settings",
    icon="template",
    model=PortalBrand,
    rows=queries.portal_brands_of,
    columns=(
        Column("name", _("Name"), width=180, grow=2),
        Column("hostname", _("Hostname"), kind="code", value=lambda row: row.partner.portal_hostname or "", width=200),
        Column("accent", _("Colour"), kind="code", width=90),
        Column("pictures", _("Pictures"), kind="list", value=_places, width=130),
        Column("partner", _("Partner"), value="partner.name", width=160),
    ),
    api=(Column("partner_id", _("Partner"), kind="integer"), Column("created_at", _("Created"), kind="datetime")),
    filters=(
        Filter("name", _("Name"), lookup="istartswith"),
        Filter("hostname", _("Hostname"), field="partner__portal_hostname", lookup="istartswith"),
        Filter("partner_id", _("Partner"), kind="integer"),
    ),
    order=("name", "-id"),
    data=PortalBrandPlan,
    fields=(
        Field("name", _("Name"), max_length=60, help=_("On pages, in the browser's tab and in mails to your people.")),
        Field(
            "partner_id", _("Partner"), lookup="partners", only="create", help=_("Leave empty for your own company.")
        ),
        Field(
            "hostname",
            _("Hostname"),
            kind="code",
            max_length=253,
            placeholder="portal.example.com",
            help=_("Where your staff and your sub-partners sign in. Point its DNS record at the platform first."),
        ),
        Field("accent", _("Colour"), kind="code", max_length=7, placeholder="#0b5cad"),
    ),
    initial=plan_of,
    create=open_portal_brand,
    update=change_portal_brand,
    remove=actions.remove_portal_brand,
    actions=(
        RowAction(
            "picture",
            _("Picture"),
            set_picture,
            data=Picture,
            fields=(Field("place", _("Place")), Field("picture", _("Picture"), help=PICTURE_HELP)),
            icon="upload",
        ),
        RowAction(
            "remove-picture",
            _("Take a picture away"),
            remove_picture,
            data=Place,
            fields=(Field("place", _("Place")),),
            icon="x",
            applies=lambda row: bool(_places(row)),
        ),
    ),
    wizard="portal:brand-form",
    help=_(
        "The portal as your own: name, logo, icon, colour and hostname for your staff and for sub-partners that have no"
        " brand of their own."
    ),
    empty=_("No brand yet. Add one: your staff and your sub-partners then meet your name and logo here, not ours."),
)


@require_http_methods(["GET", "POST"])
@staff_only
def form(request: HttpRequest, key: str = "") -> HttpResponse:
    """Set a brand up, or change one, with a preview."""
    return answer(BRAND_FORM, request, key)


def _keep_pictures(request: HttpRequest, saved: PortalBrand) -> None:
    actor = actor_of(request)
    for place in PicturePlace:
        file = request.FILES.get(place.value)
        if file:
            actions.set_portal_picture(actor, saved, place, file.read(MOST_BYTES + 1))
        elif request.POST.get(f"removes_{place.value}"):
            actions.remove_portal_picture(actor, saved, place)


def _shown(request: HttpRequest, row: PortalBrand | None, form: Any, picture_error: str, status: int) -> HttpResponse:
    held = set(_places(row)) if row else set()
    context = {
        "row": row,
        "form": form,
        "places": [(place.value, place.label, place.value in held) for place in PicturePlace],
        "picture_error": picture_error,
        "picture_help": PICTURE_HELP,
        "is_saved": "saved" in request.GET,
        "preview": reverse("portal:brand-preview", args=[row.pk]) if row else reverse("portal:brand-preview"),
    }
    return page(request, "portal/brands/portal_brand.html", PORTAL_BRANDS, context, status=status)


BRAND_FORM = FormPage(
    panel=PORTAL_BRANDS, address="portal:brand-form", faulty="picture", keep_files=_keep_pictures, show=_shown
)


@require_GET
@xframe_options_sameorigin
@staff_only
def preview(request: HttpRequest, key: str = "") -> HttpResponse:
    """The sign-in page (`view` portal: the frame of the portal) as it would look; nothing is saved."""
    actor, given = actor_of(request), request.GET
    row: PortalBrand | None = find_row(PORTAL_BRANDS, actor, key) if key else None
    require(PORTAL_BRANDS, actor, "view")
    accent, scheme = given.get("accent", "").lower(), given.get("scheme", "")
    shown = {one.place: one.content for one in row.pictures.all()} if row else {}
    pictures = {
        place: f"data:{MEDIA_TYPE};base64,{b64encode(bytes(content)).decode()}"
        for place, content in shown.items()
        if not given.get(f"removes_{place}")
    }
    scheme = scheme if scheme in SCHEMES else SCHEMES[0]
    light, dark = pictures.get("light", ""), pictures.get("dark", "")
    context = {
        "name": given.get("name", "")[:60],
        "accent": accent if is_colour(accent) else ACCENT,
        "scheme": scheme,
        "logo": (dark or light) if scheme == "dark" else (light or dark),
        "side_logo": dark or light,
        "is_side_light": not dark,
        "icon": pictures.get("icon", ""),
    }
    template = "portal_preview" if given.get("view") == "portal" else "sign_in_preview"
    return render(request, f"portal/brands/{template}.html", context)


PANELS = (PORTAL_BRANDS,)
