"""The gate's own pages: where one works, and the front page of a web product."""

from __future__ import annotations

import re
from typing import cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from carillon.base.actor import Actor
from carillon.business.partners import queries
from carillon.business.partners.actions import witness_own
from carillon.business.partners.choices import STAFF_REALM
from carillon.business.partners.models import Login
from carillon.business.partners.signins import end_own_sessions, own_sessions
from carillon.faces.gate.middleware import SESSION_PLACE
from carillon.logic.devices import device_of


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


@login_required
@require_http_methods(["GET", "POST"])
def sessions(request: HttpRequest) -> HttpResponse:
    """Show a person where they are signed in; end one of these sessions (POST end=<id>) or all others (POST others)."""
    login = cast(Login, request.user)
    key = request.session.session_key or ""
    if request.method == "POST":
        wanted = request.POST.get("end", "")
        if "others" in request.POST:
            only, ended = None, "end_other_sessions"
        else:
            only, ended = int(wanted) if re.fullmatch(r"[0-9]{1,18}", wanted, re.ASCII) else 0, "end_session"
        if end_own_sessions(login.pk, only=only, keep=key):
            witness_own(login, ended, request_id=request.request_id)  # type: ignore[attr-defined]
        return redirect("gate_sessions")
    shown = [(row, device_of(row.user_agent), row.session_key == key) for row in own_sessions(login.pk)]
    return render(request, "gate/sessions.html", {"sessions": shown})


def _places(actor: Actor) -> list[tuple[int, str]]:
    if actor.login_id is None:
        return []
    if actor.realm == STAFF_REALM:
        found = [place for place in queries.places(actor.login_id) if place.admits(actor.address)]
        return [(place.partner_id, place.partner_name) for place in found]
    return [(role.customer_id, role.customer_name) for role in queries.customer_roles(actor.login_id)]


@require_safe
def front_page(request: HttpRequest) -> HttpResponse:
    """Say whose website this is and lead to sign-in."""
    return render(request, "gate/front_page.html")
