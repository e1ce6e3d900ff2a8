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
from carillon.business.partners.models import Partner
from carillon.faces.portal.access import actor_of, staff_only
from carillon.faces.portal.catalogue import panel as find_panel
from carillon.faces.portal.catalogue import panels
from carillon.panels.changes import find_row
from carillon.panels.declaration import Panel

FILTER = "customer_filter"


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
    request: HttpRequest, template: str, panel: Panel | None, context: Mapping[str, Any], *, status: int = 200
) -> HttpResponse:
    """Render a page inside the shell. Cost: one query, for the partner's name."""
    actor = actor_of(request)
    mine = [one for one in panels() if one.section and one.may(actor, "view")]
    partner = Partner.objects.visible_to(actor).filter(pk=actor.partner_id or 0).values_list("name", flat=True).first()
    around = {
        "actor": actor,
        "partner_name": partner or "",
        "settings_menu": [one for one in mine if one.section == "settings"],
        "main_menu": [one for one in mine if one.section == "main"],
        "panel": panel,
        "customer_filter": customer_filter(request),
        "has_customers": any(one.slug == "customers" for one in mine),
    }
    return render(request, template, {**around, **context}, status=status)


@require_GET
@staff_only
def home(request: HttpRequest) -> HttpResponse:
    """Go to the first panel of the main menu that the actor may see."""
    mine = [one for one in panels() if one.may(actor_of(request), "view") and one.section]
    first = next((one for one in mine if one.section == "main"), mine[0] if mine else None)
    if first is None:
        raise NotFound
    return redirect("portal:panel", slug=first.slug)


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
