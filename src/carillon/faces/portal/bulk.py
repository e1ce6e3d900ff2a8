"""Many rows at once: how many match, the dialog that asks, and the doing: a few rows at once, more as a job."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from carillon.base.errors import CarillonError, InvalidInput
from carillon.base.models import Job
from carillon.faces.portal.access import actor_of, for_panel
from carillon.faces.portal.catalogue import panel as find_panel
from carillon.faces.portal.forms import Form, Widget, form_of
from carillon.faces.portal.grid import asked_rows
from carillon.panels.bulk import AT_ONCE, EDIT, Bulk, Outcome, bulk_called, matching_count, matching_keys, sentence_of
from carillon.panels.bulkjobs import Wanted, change_or_begin, name_of
from carillon.panels.changes import REASON, Changes
from carillon.panels.conversion import defaults, from_form
from carillon.panels.declaration import Panel

CHANGES = Changes(find_panel)
SET, ROWS = "_set", "_rows"  # names in the form: the fields that are to be set, the ids of rows with commas between
ALL, NOT = "_all", "_not"  # all rows that the address's filters leave, but for those ids


@require_GET
@for_panel
def count(request: HttpRequest, panel: Panel) -> HttpResponse:
    """How many rows the filters leave, for "choose all that match"; refused when they are too many for one go."""
    return JsonResponse({"count": matching_count(asked_rows(request, panel))})


@require_http_methods(["GET", "POST"])
@for_panel
def do(request: HttpRequest, panel: Panel, name: str) -> HttpResponse:
    """GET ?count=: the dialog. POST: does it and tells what came of each row, or the job's address; 422: ask again."""
    actor = actor_of(request)
    bulk = bulk_called(panel, actor, name)
    if request.method == "GET":
        return _dialog(request, bulk, _count(request.GET.get("count", "")))
    given = from_form(_set(request, bulk), request.POST, request.FILES)
    chosen: list[str] = []
    try:
        chosen = _chosen(request, panel)
        _confirmed(request, len(chosen))
        filters = request.GET.copy()
        for own in (ALL, "count"):
            filters.pop(own, None)
        wanted = Wanted(chosen, given, request.POST.get(REASON, ""), filters.urlencode())
        result = change_or_begin(CHANGES, panel, actor, bulk, wanted)
    except CarillonError as error:
        return _dialog(request, bulk, len(chosen), error)
    if isinstance(result, Job):
        return JsonResponse({"job": reverse("portal:detail", args=["jobs", result.pk])})
    return JsonResponse({"results": [_told(one) for one in result]})


def _told(one: Outcome) -> dict[str, Any]:
    return {"key": one.key, "name": one.name, "error": one.error and sentence_of(one.error)}


def _chosen(request: HttpRequest, panel: Panel) -> list[str]:
    """The ids of the rows that were ticked, or of all that match now."""
    if not request.GET.get(ALL):
        return [key for key in request.POST.get(ROWS, "").split(",") if key]
    left_out = set(request.POST.get(NOT, "").split(","))
    return [key for key in matching_keys(asked_rows(request, panel)) if key not in left_out]


def _confirmed(request: HttpRequest, found: int) -> None:
    """What somebody has said yes to is a number of rows: when others match by now they are asked again."""
    if request.GET.get(ALL) and request.POST.get("count") != str(found):
        raise InvalidInput(_("Meanwhile another number of rows matches. Look at it again before you go on."))


def _set(request: HttpRequest, bulk: Bulk) -> tuple[Any, ...]:
    """Of an edit, the inputs that are ticked; of an action, all."""
    ticked = request.POST.getlist(SET)
    return tuple(one for one in bulk.inputs if bulk.name != EDIT or one.name in ticked)


def _form(request: HttpRequest, bulk: Bulk, count: int, error: CarillonError | None) -> Form:
    values = request.POST if error else defaults(bulk.inputs, actor_of(request))
    form = form_of(
        bulk.inputs, actor_of(request), values, title=name_of(bulk, count), error=error, is_new=bulk.name != EDIT
    )
    sections = tuple(
        replace(one, widgets=tuple(_plain(widget, bulk) for widget in one.widgets)) for one in form.sections
    )
    return replace(form, sections=sections).asking(request.POST, error=error, is_needed=bulk.needs_reason)


def _plain(widget: Widget, bulk: Bulk) -> Widget:
    """Of an edit, switches are drop-downs: beside the tick that says whether to set it, a second box would confuse."""
    if bulk.name != EDIT or widget.kind != "switch":
        return widget
    choices = (("true", _("Yes")), ("false", _("No")))
    return replace(widget, kind="select", choices=choices, value="true" if widget.value else "false")


def _dialog(request: HttpRequest, bulk: Bulk, count: int, error: CarillonError | None = None) -> HttpResponse:
    context = {
        "form": _form(request, bulk, count, error),
        "count": count,
        "bulk": bulk,
        "is_edit": bulk.name == EDIT,
        "is_job": count > AT_ONCE,
        "ticked": request.POST.getlist(SET),
    }
    return render(request, "portal/dialogs/bulk.html", context, status=422 if error else 200)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 7):
        raise InvalidInput(fields={"count": _("This must be a whole number.")})
    return int(text)
