"""The grid page, its rows, its files and the search behind look-ups."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET

from carillon.base.actor import Actor
from carillon.base.errors import InvalidInput
from carillon.faces.portal.access import actor_of, for_panel
from carillon.faces.portal.catalogue import panel as find_panel
from carillon.faces.portal.shell import customer_filter, page
from carillon.faces.portal.views import OWN
from carillon.panels.bulk import bulks
from carillon.panels.cells import grid_row, shown
from carillon.panels.changes import find_row
from carillon.panels.columns import chosen_columns, offered_columns, order_of_column, own_columns
from carillon.panels.declaration import Column, Filter, Panel
from carillon.panels.export import FORMATS
from carillon.panels.export import export as write_file
from carillon.panels.filtering import DAY_ENDS, filtered, order_of
from carillon.panels.importing import may_import
from carillon.panels.manner import read_day
from carillon.panels.paging import SIZES, capped_count, read_page
from carillon.panels.search import lookup as find_text
from carillon.panels.totals import MOST_ROWS as MOST_TOTALLED
from carillon.panels.totals import shown_totals, totalled, totals_of
from carillon.panels.views import default_view, view_called

LOOKED_UP = 20


@require_GET
@for_panel
def show_grid(request: HttpRequest, panel: Panel) -> HttpResponse:
    """The page; its rows are fetched by the grid. Asked for nothing in particular, it opens with the person's view."""
    actor = actor_of(request)
    may_keep = actor.may(OWN)
    if may_keep and not request.GET:
        default = default_view(actor, panel)
        if default is not None:
            return redirect(f"{request.path}?{urlencode({'view': default.pk})}&{default.query}")
    context = {
        "config": grid_config(panel, actor, request),
        "loose_filters": [one for one in panel.filters if _is_loose(panel, one)],
        "may_keep": may_keep,
        "view": view_called(actor, panel, request.GET.get("view", "")) if may_keep else None,
        "may_add": panel.may(actor, "add"),
        "may_import": may_import(panel, actor),
        "sizes": SIZES,
        "formats": FORMATS,
        "chosen_tab": request.GET.get("tab", ""),
    }
    return page(request, "portal/grid.html", panel, context)


def grid_config(panel: Panel, actor: Actor, request: HttpRequest) -> dict[str, Any]:
    """Return what the grid's script needs to know: columns, menu, addresses, texts."""
    try:
        columns = chosen_columns(panel, request.GET.get("columns", ""))
    except InvalidInput:  # an old address: columns come and go
        columns = own_columns(panel)
    filters = [_filter(panel, actor, one) for one in panel.filters]
    return {
        "slug": panel.slug,
        "base": reverse("portal:panel", args=[panel.slug]),
        "columns": [_column(panel, column, filters) for column in columns],
        "offered": [{"name": name, "title": str(one.title)} for name, one in offered_columns(panel).items()],
        "own": [column.name for column in own_columns(panel)],
        "filters": filters,
        "orders": [name.removeprefix("-") for name in panel.order],
        "totals": [column.name for column in totalled(panel) if column.in_grid],
        "refresh": panel.refresh_s,
        "menu": _menu(panel, actor),
        "bulks": [
            {"name": one.name, "title": str(one.title), "icon": one.icon, "danger": one.is_danger}
            for one in bulks(panel, actor)
        ],
        "preset": {name: request.GET[name] for name in _filter_names(panel) if request.GET.get(name)},
        "views": reverse("portal:panel", args=["saved-views"]),
        "texts": _texts(panel),
    }


def _texts(panel: Panel) -> dict[str, Any]:
    return {
        "empty": str(panel.empty or _("There is nothing here yet.")),
        "nothing": _("Nothing matches these filters."),
        "menu": _("Menu of %s"),
        "failed": _("The rows could not be fetched. Try again."),
        "any": _("Any"),
        "bool": [["true", _("Yes")], ["false", _("No")]],
        "clear": _("Clear filters"),
        "select": _("Choose %s"),
        "selectPage": _("Choose all rows of this page"),
        "chosen": _("%s chosen"),
        "allChosen": _("All %s that match are chosen"),
        "selectAll": _("Choose all that match"),
        "unselect": _("Choose none"),
        "drop": _("Remove the filter %s"),
        "from": _("from"),
        "until": _("until"),
        "all": _("All rows"),
        "save": _("Save this view…"),
        "update": _("Change “%s”…"),
        "manage": _("All my views"),
        "views": _("Views"),
        "columns": _("Columns"),
        "up": _("Move %s up"),
        "down": _("Move %s down"),
        "usual": _("As usual"),
        "apply": _("Show these"),
        "cancel": _("Cancel"),
        "close": _("Close"),
    }


def _column(panel: Panel, column: Column, filters: list[dict[str, Any]]) -> dict[str, Any]:
    found = next((one for one in filters if one["name"] == column.name and one["kind"] != "range"), None)
    config: dict[str, Any] = {
        "name": column.name,
        "title": str(column.title),
        "kind": column.kind,
        "width": column.width,
        "grow": column.grow,
        "order": order_of_column(panel, column),
    }
    if found is not None:
        config["filter"] = found["choices"] or found["kind"]
    return config


def _menu(panel: Panel, actor: Actor) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    if panel.wizard and panel.may(actor, "change"):
        entries.append({"kind": "open", "title": _("Set up"), "icon": "adjustments"})
    if panel.detail is not None:
        entries.append({"kind": "open", "title": str(panel.detail.title or _("Open")), "icon": "eye"})
    if panel.may(actor, "change"):
        entries.append({"kind": "dialog", "path": "edit/", "title": _("Edit"), "icon": "edit"})
    if panel.has_history:
        entries.append({"kind": "dialog", "path": "notes/", "title": _("Notes"), "icon": "note"})
        entries.append({"kind": "dialog", "path": "history/", "title": _("History"), "icon": "history"})
    links = [(link, find_panel(link.panel)) for link in panel.links]
    for link, target in links:
        if target is not None and target.may(actor, "view"):
            entries.append(
                {
                    "kind": "link",
                    "name": link.panel,
                    "path": f"go/{link.panel}/",
                    "title": str(link.title),
                    "icon": link.icon,
                }
            )
    for action in panel.actions:
        if actor.may(action.needs()):
            entries.append(
                {
                    "kind": "action",
                    "name": action.name,
                    "path": f"do/{action.name}/",
                    "icon": action.icon,
                    "title": str(action.title),
                    "danger": action.danger,
                }
            )
    if panel.may(actor, "delete"):
        entries.append({"kind": "dialog", "path": "remove/", "title": _("Remove"), "icon": "trash", "danger": True})
    return entries


def _filter(panel: Panel, actor: Actor, one: Filter) -> dict[str, Any]:
    """How a filter that is set is told above the grid; ids are not."""
    pairs = one.choices(actor) if callable(one.choices) else one.choices
    return {
        "name": one.name,
        "title": str(one.title),
        "kind": "range" if _is_range(one) else one.kind,
        "choices": [[str(value), str(label)] for value, label in pairs],
    }


def _is_range(one: Filter) -> bool:
    return one.kind == "date" and one.lookup == "range"


def _is_loose(panel: Panel, one: Filter) -> bool:
    """Filters that stand above the grid: ranges of dates."""
    return _is_range(one)


def _filter_names(panel: Panel) -> set[str]:
    names = {one.name for one in panel.filters}
    return names | {f"{one.name}{end}" for one in panel.filters if _is_range(one) for end in ("_from", "_to")}


@require_GET
@for_panel
def rows(request: HttpRequest, panel: Panel) -> HttpResponse:
    """One page of rows as JSON. Parameters: filters, tab, order, size, cursor."""
    size = request.GET.get("size", "50")
    if not re.fullmatch(r"[0-9]{1,3}", size) or int(size) not in SIZES:
        raise InvalidInput(fields={"size": _("Choose one of the sizes offered.")})
    found = asked_rows(request, panel)
    order = order_of(panel, request.GET.get("order", ""))
    columns = chosen_columns(panel, request.GET.get("columns", ""))
    one = read_page(found, order, int(size), request.GET.get("cursor", ""))
    count, is_more = capped_count(found)
    body = {
        "rows": [grid_row(panel, columns, row) for row in one.rows],
        "next": one.next,
        "previous": one.previous,
        "count": _count_text(count, is_more),
    }
    return JsonResponse(body)


def asked_rows(request: HttpRequest, panel: Panel) -> Any:
    """Return the rows that the filters, the tab and the customer filter on top leave."""
    chosen = customer_filter(request)
    given = request.GET.copy()
    for name in given:
        if name.endswith(DAY_ENDS):
            given[name] = read_day(str(given[name]))
    return filtered(panel, actor_of(request), given, customer_id=chosen.id if chosen else None)


def _count_text(count: int, is_more: bool) -> str:
    if is_more:
        return _("More than %(count)d rows") % {"count": count}
    return ngettext("%(count)d row", "%(count)d rows", count) % {"count": count}


@require_GET
@for_panel
def totals(request: HttpRequest, panel: Panel) -> HttpResponse:
    """What the rows add up to that the filters leave, as JSON for the grid's foot."""
    found = totals_of(panel, asked_rows(request, panel))
    many = _("More than %(most)s rows: narrow them to see totals.") % {"most": f"{MOST_TOTALLED:,}"}
    text = _count_text(found.count, is_more=False) if found.is_complete else many
    return JsonResponse({"text": text, "cells": shown_totals(panel, found)})


@require_GET
@for_panel
def export(request: HttpRequest, panel: Panel) -> HttpResponse:
    """The rows that the filters leave as a file, ?format=csv or xlsx; the first 50,000 in the grid's order."""
    order = order_of(panel, request.GET.get("order", ""))
    columns = chosen_columns(panel, request.GET.get("columns", ""))
    return write_file(panel, columns, asked_rows(request, panel), order, request.GET.get("format", "csv"))


@require_GET
@for_panel
def lookup(request: HttpRequest, panel: Panel) -> HttpResponse:
    """Rows that hold `q`, for look-up fields: at most 20."""
    found = panel.rows(actor_of(request))
    chosen = customer_filter(request)
    if chosen and panel.customer_field and panel.slug != "customers":
        found = found.filter(**{panel.customer_field: chosen.id})
    text = request.GET.get("q", "").strip().replace("\x00", "")
    if text:
        found = find_text(found, panel.searched, panel.search, text)
    more = next((column for column in panel.columns[1:] if column.in_grid and column.kind == "text"), None)
    rows = found.order_by(panel.search, "pk")[:LOOKED_UP]
    return JsonResponse(
        {"rows": [{"id": str(row.pk), "name": str(row), "more": shown(row, more) if more else ""} for row in rows]}
    )


@require_GET
@for_panel
def show_detail(request: HttpRequest, panel: Panel, key: str) -> HttpResponse:
    """The page of one row, drawn by the template its panel names."""
    row = find_row(panel, actor_of(request), key)
    if panel.wizard:
        return redirect(panel.wizard, row.pk)
    if panel.detail is None:
        raise InvalidInput(_("This has no page of its own."))
    config = grid_config(panel, actor_of(request), request)
    without = {one.name for one in panel.actions if one.applies and not one.applies(row)}
    config["menu"] = [entry for entry in config["menu"] if entry.get("name") not in without]
    context = {"row": row, "config": config}
    return page(request, panel.detail.template, panel, {**context, **panel.detail.context(actor_of(request), row)})
