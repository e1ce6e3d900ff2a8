"""The pages that are no grids: their form, what it asks for in the address, and the answer."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.datastructures import MultiValueDict
from django.views.decorators.http import require_GET

from carillon.base.errors import CarillonError
from carillon.faces.portal.access import actor_of, for_page
from carillon.faces.portal.dialogs import CHANGES
from carillon.faces.portal.forms import Form, form_of
from carillon.faces.portal.shell import customer_filter
from carillon.faces.portal.shell import page as render_page
from carillon.panels.changes import page_inputs
from carillon.panels.conversion import defaults, from_form
from carillon.panels.declaration import Page


@require_GET
@for_page
def show_page(request: HttpRequest, page: Page) -> HttpResponse:
    """Draw the page. Its parameters are those of its form; a wrong one is said beside its field."""
    actor, inputs = actor_of(request), page_inputs(page)
    is_asked = any(one.name in request.GET for one in inputs)
    chosen = _chosen(request, page)
    values: Any = request.GET if is_asked else defaults(inputs, actor) | chosen
    found, error = None, None
    if is_asked or not any(one.is_required and one.name not in values for one in inputs):
        try:
            given = from_form(inputs, request.GET, MultiValueDict()) if is_asked else {}
            found = CHANGES.answer(page, actor, {**given, **chosen})
        except CarillonError as refused:
            error = refused
    form: Form | None = form_of(inputs, actor, values, title=str(page.title), error=error) if inputs else None
    context = {"page": page, "form": form, "found": found}
    return render_page(request, page.template, page, context, status=error.status if error else 200)


def _chosen(request: HttpRequest, page: Page) -> dict[str, Any]:
    """The customer filter on top, for pages that ask for a customer and whose address names none."""
    chosen = customer_filter(request)
    named = (one.name for one in page_inputs(page) if one.field.lookup == "customers" and one.name not in request.GET)
    return dict.fromkeys(named, chosen.id) if chosen else {}
