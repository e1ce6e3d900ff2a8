"""Who gets into the portal, and how a refusal looks: as a page, inside a dialog, or as JSON for the grid."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, cast

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from carillon.base.actor import Actor
from carillon.base.errors import CarillonError, NotFound
from carillon.faces.portal.catalogue import page as find_page
from carillon.faces.portal.catalogue import panel as find_panel
from carillon.panels.changes import require
from carillon.panels.declaration import Panel

P = ParamSpec("P")


def actor_of(request: HttpRequest) -> Actor:
    """Return the request's actor, put there by the gate."""
    return cast(Actor, request.actor)  # type: ignore[attr-defined]


def staff_only(
    view: Callable[Concatenate[HttpRequest, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Let staff in; ask everybody else to sign in; show errors in the shape the browser asked for."""

    @functools.wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        actor = actor_of(request)
        if actor.login_id is None:
            return _sign_in(request)
        try:
            if actor.customer_id is not None or actor.partner_id is None:
                raise NotFound
            return view(request, *args, **kwargs)
        except CarillonError as error:
            return refusal(request, error)

    return guarded


def for_page(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Turn the address's slug into a Page that the actor may see, else answer 404."""

    @functools.wraps(view)
    def found(request: HttpRequest, slug: str, **kwargs: Any) -> HttpResponse:
        page = find_page(slug)
        if page is None or not page.may(actor_of(request)):
            raise NotFound(_("There is no such page."))
        return view(request, page, **kwargs)

    return staff_only(found)


def for_panel(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Turn the address's slug into a Panel that the actor may see, else answer 404."""

    @functools.wraps(view)
    def found(request: HttpRequest, slug: str, **kwargs: Any) -> HttpResponse:
        panel: Panel | None = find_panel(slug)
        if panel is None:
            raise NotFound(_("There is no such page."))
        require(panel, actor_of(request), "view")
        return view(request, panel, **kwargs)

    return staff_only(found)


def is_fragment(request: HttpRequest) -> bool:
    """Tell whether htmx asked, for the inside of a dialog."""
    return request.headers.get("HX-Request") == "true"


def refusal(request: HttpRequest, error: CarillonError) -> HttpResponse:
    """Answer with an error as JSON, as a dialog or as a page."""
    if request.headers.get("Accept", "").startswith("application/json"):
        return JsonResponse({"detail": error.detail, "fields": error.fields, "slug": error.slug}, status=error.status)
    template = "portal/dialogs/refusal.html" if is_fragment(request) else "portal/refusal.html"
    status = 422 if is_fragment(request) else error.status
    return render(request, template, {"error": error}, status=status)


def _sign_in(request: HttpRequest) -> HttpResponse:
    answer: HttpResponse = redirect_to_login(request.get_full_path())
    if is_fragment(request):
        answer = HttpResponse(status=204)
        answer["HX-Redirect"] = "/accounts/login/"
    elif request.headers.get("Accept", "").startswith("application/json"):
        answer = JsonResponse({"detail": _("You have been signed out. Sign in again.")}, status=401)
    return answer
