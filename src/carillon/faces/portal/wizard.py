"""The Web Products wizard: the panel's form in steps, and beside it the front page as it will look."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_GET, require_http_methods

from carillon.base.pictures import MOST_BYTES
from carillon.business.brands import actions
from carillon.business.brands.models import ACCENT, WebProduct
from carillon.business.brands.queries import Theme, logo_of
from carillon.faces.gate.themes import SCHEMES, TEXTS
from carillon.faces.portal.access import actor_of, staff_only
from carillon.faces.portal.brands import WEB_PRODUCTS
from carillon.faces.portal.formpages import FormPage, answer
from carillon.faces.portal.shell import page
from carillon.logic.contrast import contrast, is_colour, shades_of
from carillon.panels.changes import find_row, require

SHOWN_TEXT = 300


@require_http_methods(["GET", "POST"])
@staff_only
def wizard(request: HttpRequest, key: str = "") -> HttpResponse:
    """Set a web product up, or change one, step by step."""
    return answer(WIZARD, request, key)


def _keep_logo(request: HttpRequest, saved: WebProduct) -> None:
    file, actor = request.FILES.get("logo"), actor_of(request)
    if file:
        actions.set_logo(actor, saved, file.read(MOST_BYTES + 1))
    elif request.POST.get("removes_logo"):
        actions.remove_logo(actor, saved)


def _shown(request: HttpRequest, row: WebProduct | None, form: Any, logo_error: str, status: int) -> HttpResponse:
    actor = actor_of(request)
    context = {
        "row": row,
        "form": form,
        "logo": logo_of(actor, row) if row else None,
        "logo_error": logo_error,
        "is_saved": "saved" in request.GET,
        "preview": reverse("portal:preview", args=[row.pk]) if row else reverse("portal:preview"),
    }
    return page(request, "portal/brands/wizard.html", WEB_PRODUCTS, context, status=status)


WIZARD = FormPage(panel=WEB_PRODUCTS, address="portal:wizard", faulty="logo", keep_files=_keep_logo, show=_shown)


@require_GET
@xframe_options_sameorigin
@staff_only
def preview(request: HttpRequest, key: str = "") -> HttpResponse:
    """The front page as it would look with the address's parameters, for a frame of the wizard; nothing is saved."""
    actor, given = actor_of(request), request.GET
    row: WebProduct | None = find_row(WEB_PRODUCTS, actor, key) if key else None
    require(WEB_PRODUCTS, actor, "view")
    accent = given.get("accent", "").lower()
    drawn = Theme(
        name=given.get("name", "")[:100],
        accent=accent if is_colour(accent) else ACCENT,
        headline=given.get("headline", "")[:100],
        tagline=given.get("tagline", "")[:SHOWN_TEXT],
        mail_name="",
        logo="",
        **{name: "yes" * bool(given.get(name)) for name in TEXTS},
    )
    logo = logo_of(actor, row) if row and not given.get("removes_logo") else None
    scheme = given.get("scheme", "")
    context = {
        "theme": drawn,
        "scheme": scheme if scheme in SCHEMES else SCHEMES[0],
        "legal": [(name, TEXTS[name]) for name in drawn.texts],
        "logo": f"data:{logo.media_type};base64,{b64encode(bytes(logo.content)).decode()}" if logo else "",
        "is_preview": True,
    }
    return render(request, "portal/brands/preview.html", context)


@require_GET
@staff_only
def colours(request: HttpRequest) -> HttpResponse:
    """How well a colour reads: what the wizard shows under it."""
    accent = request.GET.get("accent", "").lower()
    shades = shades_of(accent) if is_colour(accent) else None
    context = {"shades": shades}
    if shades:
        context["pairs"] = [
            ("button", contrast(shades.fill, shades.on_fill)),
            ("light", contrast(shades.light_link, "#ffffff")),
            ("dark", contrast(shades.dark_link, "#19232f")),
        ]  # type: ignore[assignment]
        context["is_shifted"] = accent != shades.light_link or accent != shades.dark_link  # type: ignore[assignment]
    return render(request, "portal/brands/colours.html", context)
