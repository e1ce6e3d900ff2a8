"""The gate's own pages: where one works, and the front page of a web product."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from carillon.base.actor import Actor
from carillon.business.partners import queries
from carillon.business.partners.choices import STAFF_REALM
from carillon.faces.gate.middleware import SESSION_PLACE


@login_required
@require_http_methods(["GET", "POST"])
def places(request: HttpRequest) -> HttpResponse:
    """Let a person with several roles choose the partner or customer to work at; the session remembers it."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    found = _places(actor)
    if request.method == "POST":
        chosen = request.POST.get("place", "")
        if chosen in {str(place_id) for place_id, _ in found}:
            request.session[SESSION_PLACE] = int(chosen)
        return redirect("/")
    present = actor.customer_id or actor.partner_id
    return render(request, "gate/places.html", {"places": found, "present": present})


def _places(actor: Actor) -> list[tuple[int, str]]:
    if actor.login_id is None:
        return []
    if actor.realm == STAFF_REALM:
        return [(place.partner_id, place.partner_name) for place in queries.places(actor.login_id)]
    return [(role.customer_id, role.customer_name) for role in queries.customer_roles(actor.login_id)]


@require_safe
def front_page(request: HttpRequest) -> HttpResponse:
    """Say whose website this is and lead to sign-in."""
    return render(request, "gate/front_page.html")
