"""A panel's form on a page of its own, with a preview beside it; saved by the same actions as the panel's dialogs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from carillon.base.errors import CarillonError
from carillon.faces.portal.access import actor_of
from carillon.faces.portal.catalogue import panel as find_panel
from carillon.faces.portal.forms import form_of
from carillon.panels.cells import initial_values
from carillon.panels.changes import Changes, find_row, panel_inputs, require
from carillon.panels.conversion import defaults, from_form
from carillon.panels.declaration import Panel

CHANGES = Changes(find_panel)


@dataclass(frozen=True, slots=True, kw_only=True)
class FormPage:
    """What such a page is made of.

    `address`: its URL's name. `keep_files`: takes up the pictures sent along; `faulty`: the field that a refused
    picture is told at. `show`: draws it, with the row (None: a new one), the form, what is wrong with a picture and the
    status.
    """

    panel: Panel
    address: str
    faulty: str
    keep_files: Callable[[HttpRequest, Any], None]
    show: Callable[[HttpRequest, Any, Any, str, int], HttpResponse]


def answer(one: FormPage, request: HttpRequest, key: str) -> HttpResponse:
    """Show the form of the row `key` ("": of a new one), or save it with its pictures, all or none."""
    actor = actor_of(request)
    row = find_row(one.panel, actor, key) if key else None
    require(one.panel, actor, "change" if row else "add")
    inputs = [found for found in panel_inputs(one.panel) if not (row and found.field.only == "create")]
    if request.method == "GET":
        values = initial_values(one.panel, row) if row else defaults(inputs, actor)
        return one.show(request, row, form_of(inputs, actor, values, title="", is_new=row is None), "", 200)
    try:
        saved = _save(one, request, row, from_form(inputs, request.POST, request.FILES))
    except CarillonError as error:
        refused = form_of(inputs, actor, request.POST, title="", error=error, is_new=row is None)
        return one.show(request, row, refused, error.fields.get(one.faulty, ""), 422)
    return redirect(f"{reverse(one.address, args=[saved.pk])}?saved")


@transaction.atomic
def _save(one: FormPage, request: HttpRequest, row: Any, given: dict[str, Any]) -> Any:
    actor = actor_of(request)
    saved = (CHANGES.update(one.panel, actor, row, given) or row) if row else CHANGES.create(one.panel, actor, given)
    one.keep_files(request, saved)
    return saved
