"""What stands around every page: the three panels on the left and the customer filter on top."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from carillon.base.errors import NotFound
from carillon.faces.gate.themes import face_of
from carillon.faces.portal.access import actor_of, staff_only
from carillon.faces.portal.catalogue import panel as find_panel
from carillon.faces.portal.menu import address_of, groups_of, menu_of
from carillon.panels.changes import find_row
from carillon.panels.declaration import Page, Panel
from carillon.usecases.go_live import is_live

FILTER = "customer_filter"
QUICK_START = "quick-start"


@dataclass(frozen=True, slots=True)
class CustomerFilter:
    """The customer that every grid is limited to."""

    id: int
    name: str


def customer_filter(request: HttpRequest) -> CustomerFilter | None:
    """Return the customer chosen on top, kept in the session."""
    kept = request.session.get(FILTER)
    return CustomerFilter(int(kept[0]), str(kept[1])) if kept else None


def page(
    request: HttpRequest, template: str, panel: Panel | Page | None, context: Mapping[str, Any], *, status: int = 200
) -> HttpResponse:
    """Render a page inside the shell. Cost: one query, for the partner's name and brand."""
    actor = actor_of(request)
    mine = menu_of(actor)
    groups = groups_of(mine, getattr(request.user, "open_groups", None), panel.slug if panel else "")
    around = {
        "actor": actor,
        "partner_name": face_of(request).partner_name,
        "settings_menu": [group for group in groups if group.section == "settings"],
        "main_menu": [group for group in groups if group.section == "main"],
        "panel": panel,
        "customer_filter": customer_filter(request),
        "may_ask": actor.may("support.view") and not actor.is_operator,
        "has_customers": any(one.slug == "customers" for one in mine),
    }
    return render(request, template, {**around, **context}, status=status)


@require_GET
@staff_only
def home(request: HttpRequest) -> HttpResponse:
    """Go to the first entry of the main menu that the actor may see; past Quick Start once calls have been made."""
    mine = menu_of(actor_of(request))
    if len(mine) > 1 and mine[0].slug == QUICK_START and is_live(actor_of(request)):
        mine = mine[1:]
    first = next((one for one in mine if one.section == "main"), mine[0] if mine else None)
    if first is None:
        raise NotFound
    return redirect(address_of(first))


@require_GET
@staff_only
def keys(request: HttpRequest) -> HttpResponse:
    """The dialog that lists the keys of every page (web/src/keys.js)."""
    return render(request, "portal/dialogs/keys.html")


@require_POST
@staff_only
def choose_customer(request: HttpRequest) -> HttpResponse:
    """Limit every grid to one customer (POST id), or to none (no id), and go back to where one was."""
    key, back = request.POST.get("customer", ""), request.POST.get("back", "/")
    if key:
        customers = find_panel("customers")
        if customers is None:
            raise NotFound
        row = find_row(customers, actor_of(request), key)
        request.session[FILTER] = [row.pk, str(row)]
    else:
        request.session.pop(FILTER, None)
    safe = back.startswith("/") and url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()})
    return HttpResponseRedirect(back if safe else "/")  # `redirect` would also take names of views
