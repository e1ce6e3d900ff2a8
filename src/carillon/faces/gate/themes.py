"""How a web product's own pages look: its colours as a style sheet, its logo, its legal texts."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from carillon.business.brands.models import ACCENT
from carillon.business.brands.queries import Theme, public_logo, theme
from carillon.logic.contrast import is_colour, shades_of

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


def themed(request: HttpRequest) -> dict[str, Any]:
    """Context of every page of the gate: the theme and its legal texts; nothing on the portal's hostnames."""
    found = theme_of(request)
    return {"theme": found, "legal": [(name, TEXTS[name]) for name in found.texts]} if found else {}


@require_safe
def style_sheet(request: HttpRequest) -> HttpResponse:
    """The colours of one brand, of parameter `accent`; `scheme` light or dark leaves the other out (for previews)."""
    accent = request.GET.get("accent", "").lower()
    shades = shades_of(accent if is_colour(accent) else ACCENT)
    scheme = request.GET.get("scheme", "")
    context = {"shades": shades, "scheme": scheme if scheme in SCHEMES else ""}
    answer = render(request, "gate/theme.css", context, content_type="text/css; charset=utf-8")
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
def legal_text(request: HttpRequest, name: str) -> HttpResponse:
    """Imprint, terms or privacy of the web product."""
    found = theme_of(request)
    if found is None or name not in found.texts:
        raise Http404
    return render(request, "gate/legal.html", {"title": TEXTS[name], "text": getattr(found, name)})
