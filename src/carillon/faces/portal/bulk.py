"""Many rows at once: which match, the dialog that asks, and the doing, some rows a request so that progress shows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods

from carillon.base.errors import CarillonError, InvalidInput
from carillon.faces.portal.access import actor_of, for_panel
from carillon.faces.portal.catalogue import panel as find_panel
from carillon.faces.portal.forms import Form, Widget, form_of
from carillon.faces.portal.grid import asked_rows
from carillon.panels.bulk import EDIT, MOST_AT_ONCE, Bulk, bulk_called, change_many, matching_keys, sentence_of
from carillon.panels.changes import REASON, Changes
from carillon.panels.conversion import defaults, from_form
from carillon.panels.declaration import Panel

CHANGES = Changes(find_panel)
SET, ROWS = "_set", "_row"  # names in the form: the fields that are to be set, the ids of rows


@require_GET
@for_panel
def keys(request: HttpRequest, panel: Panel) -> HttpResponse:
    """The ids of all rows that the filters leave, for "choose all that match"; at most 1000."""
    return JsonResponse({"keys": matching_keys(asked_rows(request, panel))})


@require_http_methods(["GET", "POST"])
@for_panel
def do(request: HttpRequest, panel: Panel, name: str) -> HttpResponse:
    """GET ?count=: the dialog. POST: does it to the rows named and tells as JSON what came of each; 422: ask again."""
    actor = actor_of(request)
    bulk = bulk_called(panel, actor, name)
    if request.method == "GET":
        return _dialog(request, bulk, _form(request, bulk, _count(request.GET.get("count", "")), None))
    given = from_form(_set(request, bulk), request.POST, request.FILES)
    chosen = request.POST.getlist(ROWS)[: MOST_AT_ONCE + 1]
    try:
        outcomes = change_many(CHANGES, panel, actor, bulk, chosen, given, request.POST.get(REASON, ""))
    except CarillonError as error:
        count = _count(request.POST.get("count") or str(len(chosen)))
        return _dialog(request, bulk, _form(request, bulk, count, error), status=422)
    return JsonResponse(
        {
            "results": [
                {"key": one.key, "name": one.name, "error": one.error and sentence_of(one.error)} for one in outcomes
            ]
        }
    )


def _set(request: HttpRequest, bulk: Bulk) -> tuple[Any, ...]:
    """Of an edit, the inputs that are ticked; of an action, all."""
    ticked = request.POST.getlist(SET)
    return tuple(one for one in bulk.inputs if bulk.name != EDIT or one.name in ticked)


def _form(request: HttpRequest, bulk: Bulk, count: int, error: CarillonError | None) -> Form:
    rows = ngettext("%(count)d row", "%(count)d rows", count) % {"count": count}
    values = request.POST if error else defaults(bulk.inputs, actor_of(request))
    form = form_of(
        bulk.inputs, actor_of(request), values, title=f"{bulk.title}: {rows}", error=error, is_new=bulk.name != EDIT
    )
    sections = tuple(
        replace(one, widgets=tuple(_told(widget, bulk) for widget in one.widgets)) for one in form.sections
    )
    return replace(form, sections=sections).asking(request.POST, error=error, is_needed=bulk.needs_reason)


def _told(widget: Widget, bulk: Bulk) -> Widget:
    """Of an edit, switches are drop-downs: beside the tick that says whether to set it, a second box would confuse."""
    if bulk.name != EDIT or widget.kind != "switch":
        return widget
    choices = (("true", _("Yes")), ("false", _("No")))
    return replace(widget, kind="select", choices=choices, value="true" if widget.value else "false")


def _dialog(request: HttpRequest, bulk: Bulk, form: Form, status: int = 200) -> HttpResponse:
    context = {"form": form, "bulk": bulk, "is_edit": bulk.name == EDIT, "ticked": request.POST.getlist(SET)}
    return render(request, "portal/dialogs/bulk.html", context, status=status)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 7):
        raise InvalidInput(fields={"count": _("This must be a whole number.")})
    return int(text)
