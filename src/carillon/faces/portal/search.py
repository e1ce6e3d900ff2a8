"""The search on top: customers, users, numbers, endpoints, calls and pages, in what the person may see."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from carillon.base.actor import Actor
from carillon.faces.portal.access import actor_of, staff_only
from carillon.faces.portal.catalogue import entries, panels, row_address
from carillon.faces.portal.menu import address_of
from carillon.faces.portal.shell import customer_filter
from carillon.panels.cells import shown
from carillon.panels.declaration import Panel
from carillon.panels.search import SHORTEST, matches

SHOWN = 5  # of a kind
LONGEST = 100


@dataclass(frozen=True, slots=True)
class Hit:
    """One row found. `more`: what tells it from others of its name. `address`: where it leads in the portal."""

    id: str
    name: str
    more: str
    address: str


@dataclass(frozen=True, slots=True)
class Hits:
    """What was found of one kind. `kind` is the panel's slug, or "pages"."""

    kind: str
    title: str
    icon: str
    rows: tuple[Hit, ...]


def cleaned(text: str) -> str:
    """Return what was typed without what no name holds; "" when it is too short to ask for."""
    text = text.strip().replace("\x00", "")[:LONGEST]
    return text if len(text) >= SHORTEST else ""


def found_rows(actor: Actor, text: str, *, customer_id: int | None = None) -> list[Hits]:
    """Return rows that hold `text`, by kind, at most five of each; kinds without any are left out.

    Args:
        customer_id: only rows of this customer.

    Cost: two queries for each kind that the actor may see.
    """
    kinds = (panel for panel in panels() if panel.searched and panel.may(actor, "view"))
    return [hits for panel in kinds if (hits := _of(panel, actor, text, customer_id)).rows]


def _of(panel: Panel, actor: Actor, text: str, customer_id: int | None) -> Hits:
    ids = matches(panel.searched, text)
    rows: Iterable[Any] = ()
    if ids:
        own = {panel.customer_field: customer_id} if customer_id is not None else {}
        rows = panel.rows(actor).filter(pk__in=ids, **own).order_by(panel.order[0], "pk")[:SHOWN]
    return Hits(panel.slug, str(panel.title), panel.icon, tuple(_hit(panel, row) for row in rows))


def _hit(panel: Panel, row: Any) -> Hit:
    told = (shown(row, column) for column in panel.columns[:4] if column.in_grid)
    name = str(row)
    return Hit(str(row.pk), name, next((one for one in told if one and one not in name), ""), row_address(panel, row))


def found_pages(actor: Actor, text: str) -> list[Hits]:
    """Return the pages of the menus whose title holds `text`."""
    wanted = text.casefold()
    mine = [one for one in entries() if one.section and one.may(actor, "view") and wanted in str(one.title).casefold()]
    rows = tuple(Hit(one.slug, str(one.title), "", address_of(one)) for one in mine)
    return [Hits("pages", _("Pages"), "list", rows[:SHOWN])] if rows else []


@require_GET
@staff_only
def search(request: HttpRequest) -> HttpResponse:
    """What holds `q`, by kind, as JSON; within the customer filter when one is chosen."""
    actor, text, chosen = actor_of(request), cleaned(request.GET.get("q", "")), customer_filter(request)
    kinds = (
        found_rows(actor, text, customer_id=chosen.id if chosen else None) + found_pages(actor, text) if text else []
    )
    hint = _("Only of %(name)s: the customer filter is on.") % {"name": chosen.name} if chosen else ""
    return JsonResponse({"kinds": [asdict(one) for one in kinds], "hint": hint})
