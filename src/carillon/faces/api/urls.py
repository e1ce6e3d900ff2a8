"""Addresses of the API, made of the panels; every operation carries its OpenAPI description."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.db import models
from django.urls import URLPattern, path, re_path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema

from carillon.business.partners.choices import DateFormat, NumberFormat
from carillon.faces.api.bulk import bulk_actions, bulk_schema, outcome_schema
from carillon.faces.api.imports import ImportView
from carillon.faces.api.own import AttachmentView, Notifications, Preferences, Search
from carillon.faces.api.records import HISTORY, NEW_NOTE, NOTE, NOTES, HistoryView, NotesView
from carillon.faces.api.schemas import (
    JSON,
    body_schema,
    export_parameters,
    input_schema,
    list_parameters,
    page_schema,
    problems,
    row_parameters,
    row_schema,
    totals_schema,
)
from carillon.faces.api.views import (
    ActionView,
    BulkView,
    Description,
    ExportView,
    ExtraView,
    NoSuchResource,
    PageView,
    PanelView,
    TotalsView,
)
from carillon.faces.portal.catalogue import pages, panels
from carillon.faces.portal.jobs import JOBS
from carillon.panels.changes import action_inputs, page_inputs, panel_inputs
from carillon.panels.declaration import Page, Panel, Upload
from carillon.panels.export import FORMATS
from carillon.panels.inputs import Input
from carillon.panels.tables import ENCODINGS, SEPARATORS

app_name = "api"

KEY = OpenApiParameter(
    "Idempotency-Key", str, OpenApiParameter.HEADER, description="A request sent twice with one key is done once."
)
MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, description="The row's ETag: refused with 412 when it has changed since."
)
REASON = OpenApiParameter("reason", str, description="Why; kept in the history, at most 500 characters.")
IMPORT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "file": {"type": "string", "format": "binary", "description": "CSV or XLSX with headings in the first line."},
        "mapping": {
            "type": "string",
            "description": "A JSON object: heading -> field. Without it headings are guessed.",
        },
        "key": {"type": "string", "description": "The field by which rows that are there are found and changed."},
        "encoding": {"type": "string", "enum": list(ENCODINGS), "description": "Of a CSV file; else it is detected."},
        "separator": {"type": "string", "enum": list(SEPARATORS), "description": "Of a CSV file; else it is detected."},
        "dates": {"type": "string", "enum": DateFormat.values, "default": "iso", "description": "How it writes days."},
        "numbers": {"type": "string", "enum": NumberFormat.values, "default": "point", "description": "And numbers."},
        "timezone": {"type": "string", "default": "UTC", "description": "Whose times it has, such as Europe/Madrid."},
        "is_all_or_nothing": {"type": "boolean", "default": True},
        "is_rehearsal": {"type": "boolean", "default": False, "description": "Try it and change nothing."},
    },
    "required": ["file"],
    "additionalProperties": False,
}
FREE_FORM: dict[str, Any] = {"type": "object", "additionalProperties": True}


def _described(panel: Panel, verb: str, **more: Any) -> Any:
    name = f"{panel.rest_name.replace('-', '_')}_{verb}"
    return extend_schema(operation_id=name, tags=[panel.rest_name], summary=f"{panel.title}: {verb}", **more)


def _decorated(resource: str, base: type, methods: dict[str, Any], **members: Any) -> Any:
    """A subclass of a view set with schemas on its methods."""

    def copy(name: str) -> Any:
        own = getattr(base, name)

        def method(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
            return own(self, request, *args, **kwargs)

        method.__name__, method.__doc__ = name, own.__doc__
        return method

    described = {name: schema(copy(name)) for name, schema in methods.items()}
    title = "".join(part.capitalize() for part in resource.split("-"))
    return type(f"{title}{base.__name__}", (base,), {**members, **described})


def _panel_paths(panel: Panel) -> Iterator[URLPattern]:
    name, row = panel.rest_name, row_schema(panel)
    inputs = panel_inputs(panel)
    methods = {
        "browse": _described(
            panel, "list", parameters=list_parameters(panel), responses={200: page_schema(panel), **problems()}
        ),
        "retrieve": _described(panel, "retrieve", responses={200: row, **problems(404)}),
    }
    collection, item = {"get": "browse"}, {"get": "retrieve"}
    if panel.create:
        methods["create"] = _described(
            panel,
            "create",
            parameters=[KEY, REASON],
            request={_kind(inputs): body_schema(inputs, is_new=True)},
            responses={201: row, **problems(409, 422)},
        )
        collection["post"] = "create"
    item |= _changing(panel, row, methods)
    view = _decorated(panel.rest_name, PanelView, methods, panel=panel)
    key = _key(panel)
    yield path(f"{name}/", view.as_view(collection), name=f"{name}-list")
    yield path(f"{name}/<{key}:id>/", view.as_view(item), name=f"{name}-detail")
    yield path(f"{name}/export/", _export_view(panel).as_view({"get": "read"}), name=f"{name}-export")
    yield path(f"{name}/totals/", _totals_view(panel).as_view({"get": "read"}), name=f"{name}-totals")
    if bulk_actions(panel):
        yield path(f"{name}/bulk/", _bulk_view(panel).as_view({"post": "run"}), name=f"{name}-bulk")
    yield from _action_paths(panel, key, row)
    yield from _extra_paths(panel, key)
    if panel.has_history:
        yield from _record_paths(panel, key, row)
    if panel.imports and panel.create:
        yield _import_path(panel)


def _export_view(panel: Panel) -> Any:
    files = {(200, one.content_type.partition(";")[0]): OpenApiTypes.BINARY for one in FORMATS.values()}
    answers = {**files, **problems()}
    schema = _described(panel, "export", parameters=export_parameters(panel), responses=answers)
    return _decorated(panel.rest_name, ExportView, {"read": schema}, panel=panel)


def _changing(panel: Panel, row: dict[str, Any], methods: dict[str, Any]) -> dict[str, str]:
    """Add what changes and removes a row to the methods; their HTTP verbs."""
    verbs: dict[str, str] = {}
    if panel.update:
        methods["partial_update"] = _described(
            panel,
            "update",
            parameters=[MATCH, REASON],
            request={JSON: body_schema(panel_inputs(panel), is_new=False)},
            responses={200: row, **problems(404, 409, 412)},
        )
        verbs["patch"] = "partial_update"
    if panel.remove:
        methods["destroy"] = _described(
            panel,
            "remove",
            parameters=[MATCH, REASON],
            request=None,
            responses={204: None, **problems(404, 409, 412)},
        )
        verbs["delete"] = "destroy"
    return verbs


def _totals_view(panel: Panel) -> Any:
    answers = {200: totals_schema(panel), **problems()}
    described = _described(panel, "totals", parameters=row_parameters(panel), responses=answers)
    return _decorated(panel.rest_name, TotalsView, {"read": described}, panel=panel)


def _bulk_view(panel: Panel) -> Any:
    answers = {200: outcome_schema(), 202: row_schema(JOBS), **problems(404, 409)}
    described = _described(panel, "bulk", parameters=[KEY], request={JSON: bulk_schema(panel)}, responses=answers)
    return _decorated(panel.rest_name, BulkView, {"run": described}, panel=panel)


def _action_paths(panel: Panel, key: str, row: dict[str, Any]) -> Iterator[URLPattern]:
    for action in panel.actions:
        if not action.in_api:
            continue
        inputs = action_inputs(action)
        answer = row if action.result is None else FREE_FORM
        schema = _described(
            panel,
            action.name.replace("-", "_"),
            parameters=[KEY, MATCH, REASON],
            request={_kind(inputs): body_schema(inputs, is_new=True)} if inputs else None,
            responses={200: answer, **problems(404, 409, 412, 422)},
        )
        view = _decorated(panel.rest_name, ActionView, {"run": schema}, panel=panel, action_of_row=action)
        address = f"{panel.rest_name}/<{key}:id>/{action.name}/"
        yield path(address, view.as_view({"post": "run"}), name=f"{panel.rest_name}-{action.name}")


def _extra_paths(panel: Panel, key: str) -> Iterator[URLPattern]:
    for extra in panel.extras:
        answer = {"type": "array", "items": FREE_FORM} if extra.many else FREE_FORM
        schema = _described(panel, extra.name, responses={200: answer, **problems(404)}, description=str(extra.title))
        view = _decorated(panel.rest_name, ExtraView, {"read": schema}, panel=panel, extra=extra)
        address = f"{panel.rest_name}/<{key}:id>/{extra.name}/"
        yield path(address, view.as_view({"get": "read"}), name=f"{panel.rest_name}-{extra.name}")


def _page_path(page: Page) -> URLPattern:
    parameters = [OpenApiParameter(one.name, input_schema(one), required=one.is_required) for one in page_inputs(page)]
    schema = extend_schema(
        operation_id=f"{page.slug.replace('-', '_')}_read",
        tags=[page.slug],
        summary=str(page.title),
        parameters=parameters,
        responses={200: FREE_FORM, **problems(404, 429, 503)},
    )
    view: Any = _decorated(page.slug, PageView, {"read": schema}, page=page).as_view({"get": "read"})
    found: URLPattern = path(f"{page.slug}/", view, name=f"{page.slug}-page")
    return found


def _import_path(panel: Panel) -> URLPattern:
    described = _described(
        panel,
        "import_rows",
        parameters=[KEY],
        request={"multipart/form-data": IMPORT},
        responses={202: row_schema(JOBS), **problems(409, 422)},
    )
    view: Any = _decorated(panel.rest_name, ImportView, {"create": described}, panel=panel).as_view({"post": "create"})
    found: URLPattern = path(f"{panel.rest_name}/import/", view, name=f"{panel.rest_name}-import")
    return found


def _record_paths(panel: Panel, key: str, row: dict[str, Any]) -> Iterator[URLPattern]:
    """History and notes of a row."""
    base, name = f"{panel.rest_name}/<{key}:id>/", panel.rest_name
    read = _described(panel, "history", responses={200: HISTORY, **problems(404)})
    undo = _described(
        panel,
        "undo",
        parameters=[MATCH, REASON],
        request=None,
        responses={200: row, 204: None, **problems(404, 409, 412)},
    )
    if panel.update or panel.remove:
        past = _decorated(name, HistoryView, {"read": read, "undo": undo}, panel=panel)
        yield path(f"{base}history/<int:entry>/undo/", past.as_view({"post": "undo"}), name=f"{name}-undo")
    else:
        past = _decorated(name, HistoryView, {"read": read}, panel=panel)
    yield path(f"{base}history/", past.as_view({"get": "read"}), name=f"{name}-history")
    notes = {
        "browse": _described(panel, "notes", responses={200: NOTES, **problems(404)}),
        "create": _described(panel, "add_note", request={JSON: NEW_NOTE}, responses={201: NOTE, **problems(404)}),
    }
    beside = _decorated(name, NotesView, notes, panel=panel)
    yield path(f"{base}notes/", beside.as_view({"get": "browse", "post": "create"}), name=f"{name}-notes")


def _kind(inputs: Iterable[Input]) -> str:
    """How a body is sent: files need a form."""
    return "multipart/form-data" if any(one.type is Upload for one in inputs) else JSON


def _key(panel: Panel) -> str:
    return "uuid" if isinstance(panel.model._meta.pk, models.UUIDField) else "int"


urlpatterns: list[Any] = [
    path("schema/", Description.as_view(), name="schema"),
    path("attachments/<int:id>/", AttachmentView.as_view(), name="attachment"),
    path("notifications/", Notifications.as_view(), name="notifications"),
    path("search/", Search.as_view(), name="search"),
    path("preferences/", Preferences.as_view(), name="preferences"),
    *(pattern for panel in panels() if panel.rest_name for pattern in _panel_paths(panel)),
    *(_page_path(page) for page in pages()),
    re_path(r"^", NoSuchResource.as_view(), name="nothing"),
]
