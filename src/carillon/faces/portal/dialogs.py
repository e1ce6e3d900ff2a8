"""Dialogs over the grid: add, edit, remove, a row's own actions, notes, history."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from carillon.base.actor import Actor
from carillon.base.changes import Circumstances, snapshot, version_of
from carillon.base.errors import CarillonError, ChangedMeanwhile, NotFound
from carillon.base.models import Job
from carillon.business.partners.queries import colleagues_of
from carillon.faces.portal.access import actor_of, for_panel
from carillon.faces.portal.catalogue import panel as find_panel
from carillon.faces.portal.conflicts import clash_of, opened_with, read_opened
from carillon.faces.portal.forms import Form, form_of
from carillon.faces.portal.shell import customer_filter
from carillon.panels.cells import initial_values, value_of
from carillon.panels.changes import REASON, Changes, action_inputs, find_row, panel_inputs, require
from carillon.panels.conversion import defaults, from_form
from carillon.panels.declaration import Panel, RowAction
from carillon.panels.history import add_note, history_of, may_note, notes_of
from carillon.panels.inputs import Input
from carillon.panels.undo import removal_question, undo_change, undoable

CHANGES = Changes(find_panel)
form_view = require_http_methods(["GET", "POST"])


@form_view
@for_panel
def add(request: HttpRequest, panel: Panel) -> HttpResponse:
    """The dialog for a new row; the grid's filters of the same names give its first values."""
    actor = actor_of(request)
    require(panel, actor, "add")
    inputs = panel_inputs(panel)
    title = _("Add %(what)s") % {"what": _noun(panel)}
    if request.method == "POST":
        asked = [one for one in inputs if one.field.only != "update"]
        given = from_form(asked, request.POST, request.FILES)
        try:
            row = CHANGES.create(panel, actor, given)
        except CarillonError as error:
            return _form_again(request, form_of(inputs, actor, request.POST, title=title, error=error))
        return saved(_("%(name)s was added.") % {"name": row})
    values = defaults(inputs, actor)
    chosen = customer_filter(request)
    for one in inputs:
        if one.name in request.GET:
            values[one.name] = request.GET[one.name]
        elif one.field.lookup == "customers" and chosen:
            values[one.name] = chosen.id
    return _form(request, form_of(inputs, actor, values, title=title))


@form_view
@for_panel
def edit(request: HttpRequest, panel: Panel, key: str) -> HttpResponse:
    """The dialog that changes a row."""
    actor = actor_of(request)
    row = find_row(panel, actor, key)
    require(panel, actor, "change")
    if request.method == "POST":
        return _edited(request, panel, row)
    values = initial_values(panel, row)
    opened = opened_with(actor, row, _edit_form(panel, actor, row, values)).written()
    hidden = [one.name for one in panel_inputs(panel) if one.field.kind == "hidden"]  # the grid gives them
    given = {name: request.GET[name] for name in hidden if name in request.GET}
    return _form(request, replace(_edit_form(panel, actor, row, {**values, **given}), opened=opened))


def _edited(request: HttpRequest, panel: Panel, row: Any) -> HttpResponse:
    """Save what was sent, unless somebody else has changed the row since the form was opened: then ask."""
    actor, inputs, choice = actor_of(request), panel_inputs(panel), request.POST.get("_choice")
    if choice == "theirs":
        return saved(_("%(name)s stays as it was saved.") % {"name": row})
    initial = initial_values(panel, row)
    values = _sent(request, inputs, initial)
    mine = replace(_edit_form(panel, actor, row, values), opened=request.POST.get("_opened", ""))
    if choice == "back":
        return _form(request, mine)
    opened = read_opened(request.POST)
    clash = clash_of(actor, row, opened, mine, _edit_form(panel, actor, row, initial)) if opened else None
    if clash:
        asked = {"row": row, "clash": clash, "reason": request.POST.get(REASON, ""), "has_file": mine.has_file}
        return render(request, "portal/dialogs/conflict.html", asked, status=422)
    around = Circumstances(reason=request.POST.get(REASON, ""), version=version_of(snapshot(row)))
    try:
        row = CHANGES.update(panel, actor, row, from_form(_open(inputs), request.POST, request.FILES), around) or row
    except ChangedMeanwhile:  # between our looking and our saving
        return _edited(request, panel, find_row(panel, actor, str(row.pk)))
    except CarillonError as error:
        again = _edit_form(panel, actor, row, values, error=error)
        return _form_again(request, replace(again, opened=mine.opened))
    return saved(_("%(name)s was saved.") % {"name": row})


def _edit_form(
    panel: Panel, actor: Actor, row: Any, values: Mapping[str, Any], *, error: CarillonError | None = None
) -> Form:
    title = _("Edit %(name)s") % {"name": row}
    form = form_of(panel_inputs(panel), actor, values, title=title, error=error, is_new=False)
    if not panel.has_history:
        return form
    return form.asking(values, error=error, is_needed="change" in panel.needs_reason)


def _open(inputs: Iterable[Input]) -> tuple[Input, ...]:
    return tuple(one for one in inputs if one.field.only != "create")


def _sent(request: HttpRequest, inputs: Iterable[Input], initial: Mapping[str, Any]) -> QueryDict:
    """What was sent, to show again; fields that cannot change keep the row's value."""
    values = request.POST.copy()
    for one in inputs:
        if one.field.only == "create":
            was = initial.get(one.name, "")  # what only adding asks for, such as how many, the row has not kept
            values[one.name] = str(getattr(was, "value", was))
    return values


@form_view
@for_panel
def remove(request: HttpRequest, panel: Panel, key: str) -> HttpResponse:
    """The question before a row is removed."""
    actor = actor_of(request)
    row = find_row(panel, actor, key)
    require(panel, actor, "delete")
    name = str(row)
    question = {"question": removal_question(panel), "button": _("Remove"), "is_danger": True}
    is_needed = "delete" in panel.needs_reason
    form = form_of((), actor, {}, title=_("Remove %(name)s?") % {"name": name})
    if request.method == "POST":
        try:
            CHANGES.remove(panel, actor, row, Circumstances(reason=request.POST.get(REASON, "")))
        except CarillonError as error:
            again = form.asking(request.POST, error=error, is_needed=is_needed)
            return _form_again(request, again.with_error(error), question)
        return saved(_("%(name)s was removed.") % {"name": name})
    return _form(request, form.asking({}, is_needed=is_needed), question)


@form_view
@for_panel
def do(request: HttpRequest, panel: Panel, key: str, name: str) -> HttpResponse:
    """A row's own action: its form or question, then what it says when done. The address may give first values."""
    actor = actor_of(request)
    row, action = find_row(panel, actor, key), panel.action(name)
    if action is None or not actor.may(action.needs()):
        raise NotFound
    inputs = action_inputs(action)
    title = f"{action.title}: {row}"
    question = {"question": action.confirm, "button": action.title, "is_danger": action.danger}
    if request.method == "POST":
        given = from_form(inputs, request.POST, request.FILES)
        try:
            result = CHANGES.run(panel, actor, row, action, given, Circumstances(reason=request.POST.get(REASON, "")))
        except CarillonError as error:
            form = form_of(inputs, actor, request.POST, title=title, error=error)
            return _form_again(request, _action_form(action, form, request.POST, error), question)
        if isinstance(result, Job):
            return _to(reverse("portal:detail", args=["jobs", result.pk]))
        if action.opens is not None:
            return HttpResponse(status=204, headers={"HX-Redirect": action.opens(result)})
        if action.result is not None:
            shown = {"title": title, "lines": action.result(result).items()}
            return _changed(render(request, "portal/dialogs/result.html", shown))
        return saved(str(action.done) or _("%(action)s: done.") % {"action": action.title})
    values = {**defaults(inputs, actor), **(action.initial(row) if action.initial else {})}
    values |= {one.name: request.GET[one.name] for one in inputs if one.name in request.GET}
    return _form(request, _action_form(action, form_of(inputs, actor, values, title=title), {}), question)


def _action_form(action: RowAction, form: Form, sent: Mapping[str, Any], error: CarillonError | None = None) -> Form:
    return form.asking(sent, error=error, is_needed=True) if action.needs_reason else form


@form_view
@for_panel
def notes(request: HttpRequest, panel: Panel, key: str) -> HttpResponse:
    """What people wrote beside a row, and a place to write."""
    actor = actor_of(request)
    row = find_row(panel, actor, key)
    error: CarillonError | None = None
    if request.method == "POST":
        try:
            add_note(actor, panel, row, request.POST.get("text", ""))
        except CarillonError as refused:
            error = refused
    context = {
        "row": row,
        "notes": notes_of(actor, row),
        "may_add": may_note(actor, panel),
        "error": error,
        "text": request.POST.get("text", "") if error else "",
        "colleagues": json.dumps([{"name": one.name, "email": one.email} for one in colleagues_of(actor)]),
    }
    return render(request, "portal/dialogs/notes.html", context, status=422 if error else 200)


@require_GET
@for_panel
def history(request: HttpRequest, panel: Panel, key: str) -> HttpResponse:
    """Every change ever made to a row; those that can be taken back have a button."""
    actor = actor_of(request)
    row = find_row(panel, actor, key)
    changes = history_of(actor, row, panel)
    context = {"row": row, "panel": panel, "changes": changes, "undoable": undoable(panel, actor, row, changes)}
    return render(request, "portal/dialogs/history.html", context)


@form_view
@for_panel
def undo(request: HttpRequest, panel: Panel, key: str, entry: int) -> HttpResponse:
    """The question before a change is taken back: which fields become what again, or that the row goes."""
    actor = actor_of(request)
    row = find_row(panel, actor, key)
    change = next((one for one in history_of(actor, row, panel) if one.id == entry), None)
    verb = "change" if change is None or change.made is None else "delete"
    require(panel, actor, verb)
    if change is None:
        raise NotFound
    is_needed = verb in panel.needs_reason
    form = form_of((), actor, {}, title=_("Take back a change of %(name)s") % {"name": row})
    form = replace(form, opened=opened_with(actor, row, form).written())
    asked = {"button": _("Take back"), "change": change, "is_danger": verb == "delete"}
    if request.method == "POST":
        opened = read_opened(request.POST)
        around = Circumstances(reason=request.POST.get(REASON, ""), version=opened.version if opened else "")
        name = str(row)
        try:
            left = undo_change(CHANGES, panel, actor, row, entry, around)
        except CarillonError as error:
            again = form.asking(request.POST, error=error, is_needed=is_needed)
            told = " ".join(text for name, text in error.fields.items() if name != REASON)
            again = again.with_error(error)
            return _form_again(request, replace(again, error=" ".join(filter(None, [again.error, told]))), asked)
        done = _("The change of %(name)s was taken back.") if left else _("%(name)s was removed.")
        return saved(done % {"name": name})
    return _form(request, form.asking({}, is_needed=is_needed), asked)


@require_GET
@for_panel
def go(request: HttpRequest, panel: Panel, key: str, target: str) -> HttpResponse:
    """Follow a link of the row's menu to another panel, filtered by this row."""
    row = find_row(panel, actor_of(request), key)
    link = next((link for link in panel.links if link.panel == target), None)
    if link is None or (link.applies is not None and not link.applies(row)):
        raise NotFound
    found = {name: value_of(row, path) for name, path in link.filters.items()}
    filters = {name: value for name, value in found.items() if value is not None}
    return redirect(f"{reverse('portal:panel', args=[target])}?{urlencode(filters)}")


def saved(text: str) -> HttpResponse:
    """Close the dialog, show `text` as a toast and fetch the grid again."""
    answer = HttpResponse(status=204)
    answer["HX-Trigger"] = json.dumps({"carillon:saved": {"text": text}})
    return answer


def _to(address: str) -> HttpResponse:
    """Leave for another page."""
    answer = HttpResponse(status=204)
    answer["HX-Redirect"] = address
    return answer


def _changed(answer: HttpResponse) -> HttpResponse:
    answer["HX-Trigger"] = json.dumps({"carillon:changed": {}})
    return answer


def _form(request: HttpRequest, form: Form, extra: Mapping[str, Any] | None = None) -> HttpResponse:
    return render(request, "portal/dialogs/form.html", {"form": form, **(extra or {})})


def _form_again(request: HttpRequest, form: Form, extra: Mapping[str, Any] | None = None) -> HttpResponse:
    return render(request, "portal/dialogs/form.html", {"form": form, **(extra or {})}, status=422)


def _noun(panel: Panel) -> str:
    return str(panel.name or panel.model._meta.verbose_name)
