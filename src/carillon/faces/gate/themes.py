"""How pages look: a web product's colours, logo and legal texts; the portal's for a partner's people."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from carillon.base.pictures import MEDIA_TYPE
from carillon.business.brands.models import ACCENT
from carillon.business.brands.queries import PortalFace, Theme, portal_face, portal_picture, public_logo, theme
from carillon.logic.contrast import is_colour, portal_shades_of, shades_of

KEPT = "public, max-age=31536000, immutable"  # the addresses change with what is there
TEXTS = {"imprint": _("Imprint"), "terms": _("Terms"), "privacy": _("Privacy")}
SCHEMES = ("light", "dark")


def theme_of(request: HttpRequest) -> Theme | None:
    """Return the theme of the web product that the request came to; at most one query a request."""
    host = getattr(request, "host", None)
    if host is None or host.web_product_id is None:
        return None
    if not hasattr(request, "_theme"):
        request._theme = theme(host.web_product_id)  # type: ignore[attr-defined]
    found: Theme | None = request._theme  # type: ignore[attr-defined]
    return found


def face_of(request: HttpRequest) -> PortalFace:
    """Return how the portal looks: for who is signed in as their partner's, for others as the hostname's.

    At most one query a request.
    """
    if not hasattr(request, "_face"):
        actor, host = getattr(request, "actor", None), getattr(request, "host", None)
        own = actor.partner_id if actor is not None and actor.login_id is not None else None
        request._face = portal_face(own or (host.partner_id if host else None))  # type: ignore[attr-defined]
    found: PortalFace = request._face  # type: ignore[attr-defined]
    return found


def site_name(request: HttpRequest) -> str:
    """Return what the website calls itself that a request came to; at most one query a request."""
    found = theme_of(request)
    return found.name if found else face_of(request).name


def themed(request: HttpRequest) -> dict[str, Any]:
    """Context of every page: on a web product's hostname its theme and legal texts, on a portal's its face."""
    found = theme_of(request)
    if found:
        return {"theme": found, "legal": [(name, TEXTS[name]) for name in found.texts]}
    host = getattr(request, "host", None)
    return {"face": SimpleLazyObject(lambda: face_of(request))} if host and host.web_product_id is None else {}


@require_safe
def style_sheet(request: HttpRequest) -> HttpResponse:
    """The colours of one brand, of parameter `accent`; with `portal`: for the portal's pages.

    `scheme` light or dark leaves the other out (for previews).
    """
    accent = request.GET.get("accent", "").lower()
    accent = accent if is_colour(accent) else ACCENT
    is_portal = "portal" in request.GET
    shades = portal_shades_of(accent) if is_portal else shades_of(accent)
    scheme = request.GET.get("scheme", "")
    context = {"shades": shades, "scheme": scheme if scheme in SCHEMES else ""}
    template = "gate/portal.css" if is_portal else "gate/theme.css"
    answer = render(request, template, context, content_type="text/css; charset=utf-8")
    answer["Cache-Control"] = KEPT
    return answer


@require_safe
def logo(request: HttpRequest) -> HttpResponse:
    """The web product's logo."""
    host = request.host  # type: ignore[attr-defined]
    found = public_logo(host.web_product_id)
    if found is None:
        raise Http404
    answer = HttpResponse(found[1], content_type=found[0])
    answer["Cache-Control"] = KEPT
    return answer


@require_safe
def picture(request: HttpRequest, digest: str) -> HttpResponse:
    """A picture of the portal's brand that the request meets."""
    owner = face_of(request).owner_id
    found = portal_picture(owner, digest) if owner else None
    if found is None:
        raise Http404
    answer = HttpResponse(found, content_type=MEDIA_TYPE)
    answer["Cache-Control"] = KEPT
    answer["Cross-Origin-Resource-Policy"] = "same-origin"
    return answer


@require_safe
def legal_text(request: HttpRequest, name: str) -> HttpResponse:
    """Imprint, terms or privacy of the web product."""
    found = theme_of(request)
    if found is None or name not in found.texts:
        raise Http404
    return render(request, "gate/legal.html", {"title": TEXTS[name], "text": getattr(found, name)})
