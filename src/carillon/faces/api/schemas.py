"""JSON schemas of panels' rows and inputs, for the OpenAPI description."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from django.db import models
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

from carillon.faces.api.problems import CONTENT_TYPE, Problem
from carillon.panels.cells import rest_columns, rest_name
from carillon.panels.columns import offered_columns
from carillon.panels.declaration import Column, Panel, Upload
from carillon.panels.export import FORMATS
from carillon.panels.inputs import Input
from carillon.panels.paging import MAX_SIZE
from carillon.panels.totals import totalled

Schema = dict[str, Any]
JSON = "application/json"

COLUMNS: dict[str, Schema] = {
    "integer": {"type": "integer"},
    "decimal": {"type": "string", "format": "decimal"},
    "money": {"type": "integer", "format": "int64", "description": "Micro-units of `currency`: 1000000 is one."},
    "bool": {"type": "boolean"},
    "datetime": {"type": "string", "format": "date-time"},
    "date": {"type": "string", "format": "date"},
    "duration": {"type": "integer", "format": "int64", "description": "Milliseconds."},
    "list": {"type": "array", "items": {}},
    "bar": {"type": "integer", "description": "Percent."},
}
PARAMETERS = {
    "text": OpenApiTypes.STR,
    "integer": OpenApiTypes.INT64,
    "uuid": OpenApiTypes.UUID,
    "bool": OpenApiTypes.BOOL,
    "date": OpenApiTypes.DATE,
}
MOST_PLACES = 18


def problems(*statuses: int) -> dict[Any, Any]:
    """Return the answers of an operation that went wrong: those of every operation, and `statuses`."""
    return {(status, CONTENT_TYPE): Problem for status in {400, 401, 403, *statuses}}


def row_schema(panel: Panel) -> Schema:
    """Return the schema of one row."""
    key: Any = panel.model._meta.pk
    identity = {"type": "string", "format": "uuid"} if isinstance(key, models.UUIDField) else {"type": "integer"}
    columns = rest_columns(panel)
    properties = {"id": identity, **{name: _column_schema(column) for name, column in columns.items()}}
    if any(column.kind == "money" for column in columns.values()) and "currency" not in columns:
        properties["currency"] = {"type": "string"}
    return {"type": "object", "properties": properties, "required": list(properties)}


def _column_schema(column: Column) -> Schema:
    schema = COLUMNS.get(column.kind, {"type": "string"})
    choices = [str(value) for value, _label in column.choices]
    return {"title": str(column.title), **schema, "nullable": True, **({"x-values": choices} if choices else {})}


def page_schema(panel: Panel) -> Schema:
    """Return the schema of a page of rows."""
    cursor = {"type": "string", "nullable": True, "description": "Give it back as `cursor`; null: no such page."}
    properties = {"results": {"type": "array", "items": row_schema(panel)}, "next": cursor, "previous": cursor}
    return {"type": "object", "properties": properties, "required": list(properties)}


def body_schema(inputs: Iterable[Input], *, is_new: bool) -> Schema:
    """Return the schema of a request: a new row, or (all optional) a change of one."""
    shown = [one for one in inputs if one.field.only != ("update" if is_new else "create")]
    schema: Schema = {
        "type": "object",
        "properties": {one.name: input_schema(one) for one in shown},
        "additionalProperties": False,
    }
    needed = [one.name for one in shown if is_new and one.is_required]
    if needed:
        schema["required"] = needed
    return schema


def input_schema(one: Input) -> Schema:
    """Return the schema of one input."""
    schema = _item_schema(one)
    if one.many:
        schema = {"type": "array", "items": schema, "maxItems": 200}
    schema["title"] = str(one.field.label)
    if one.field.help:
        schema["description"] = str(one.field.help)
    if one.is_money:
        schema["description"] = f"{one.field.help} Micro-units: 1000000 is one.".strip()
    if one.optional:
        schema["nullable"] = True
    if isinstance(one.default, (str, int)):
        schema["default"] = getattr(one.default, "value", one.default)
    return schema


def _item_schema(one: Input) -> Schema:
    pairs = one.field.choices
    choices = [value for value, _label in pairs] if not callable(pairs) else []
    if issubclass(one.type, Enum):
        return {"type": "string", "enum": [item.value for item in one.type]}
    schema: Schema = dict(_PLAIN[one.type])
    if choices:
        schema["enum"] = choices if one.type is not str else [str(value) for value in choices]
    elif one.type is str:
        schema["maxLength"] = one.max_length
        if one.is_required and not one.optional and not one.many:
            schema["minLength"] = 1
        if one.field.kind == "email":
            schema["format"] = "email"
    if one.type is int:
        schema.update({"minimum": one.minimum, "maximum": one.maximum})
    return schema


_PLAIN: dict[type, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer", "format": "int64"},
    bool: {"type": "boolean"},
    Decimal: {
        "type": "string",
        "format": "decimal",
        "pattern": rf"^-?\d{{1,{MOST_PLACES}}}(\.\d{{1,{MOST_PLACES}}})?$",
    },
    date: {"type": "string", "format": "date"},
    datetime: {"type": "string", "format": "date-time"},
    Upload: {"type": "string", "format": "binary"},
}


def list_parameters(panel: Panel) -> list[OpenApiParameter]:
    """Return the query parameters of a list: filters, tab, order, limit, cursor."""
    return [
        *row_parameters(panel),
        _order_parameter(panel),
        OpenApiParameter("limit", OpenApiTypes.INT, description=f"Rows at most, 1 to {MAX_SIZE}; default 50."),
        OpenApiParameter("cursor", str, description="`next` or `previous` of another page, or `last`."),
    ]


def export_parameters(panel: Panel) -> list[OpenApiParameter]:
    """Return the query parameters of a file: filters, tab, order, format, columns."""
    names = ", ".join(name for name, column in offered_columns(panel).items() if column.in_api)
    return [
        *row_parameters(panel),
        _order_parameter(panel),
        OpenApiParameter("format", str, enum=list(FORMATS), description="Kind of file; default csv."),
        OpenApiParameter("columns", str, description=f"In this order, with commas between them. There are: {names}."),
    ]


def totals_schema(panel: Panel) -> Schema:
    """Return the schema of totals."""
    money = {
        "type": "object",
        "additionalProperties": {"type": "integer", "format": "int64"},
        "description": "By currency.",
    }
    columns = [column for column in totalled(panel) if column.in_api]
    sums = {rest_name(one): money if one.kind == "money" else COLUMNS[one.kind] for one in columns}
    properties = {
        "count": {"type": "integer", "nullable": True},
        "is_complete": {"type": "boolean", "description": "False: there are too many rows; set a filter."},
        "sums": {"type": "object", "nullable": True, "properties": sums},
    }
    return {"type": "object", "properties": properties, "required": list(properties)}


def row_parameters(panel: Panel) -> list[OpenApiParameter]:
    """Return the query parameters that say which rows: filters, customer, tab."""
    found = [parameter for one in panel.filters for parameter in _filter_parameters(panel, one)]
    if panel.customer_field and all(one.name != "customer_id" for one in panel.filters):
        found.append(OpenApiParameter("customer_id", OpenApiTypes.INT64, description="Rows of this customer."))
    if panel.tabs:
        found.append(OpenApiParameter("tab", str, enum=[tab.name for tab in panel.tabs]))
    return found


def _order_parameter(panel: Panel) -> OpenApiParameter:
    orders = [mark + name.removeprefix("-") for name in panel.order for mark in ("", "-")]
    return OpenApiParameter("order", str, enum=orders, description=f"Default {panel.order[0]}; - means descending.")


def _filter_parameters(panel: Panel, one: Any) -> list[OpenApiParameter]:
    if one.kind == "date" and one.lookup == "range":
        return [OpenApiParameter(f"{one.name}_{end}", OpenApiTypes.DATE) for end in ("from", "to")]
    choices = [str(value) for value, _label in one.choices] if one.choices and not callable(one.choices) else None
    how = "" if one.lookup == "exact" else f" ({one.lookup})"
    return [OpenApiParameter(one.name, PARAMETERS[one.kind], enum=choices, description=f"{one.title}{how}")]


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How a token is described."""

    target_class = "carillon.faces.api.authentication.BearerToken"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> Schema:
        """Return the OpenAPI security scheme."""
        return {"type": "http", "scheme": "bearer", "description": "A token made in the portal or by ./carillon token."}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the portal's session is described."""

    target_class = "carillon.faces.api.authentication.Session"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> Schema:
        """Return the OpenAPI security scheme."""
        return {"type": "apiKey", "in": "cookie", "name": "sessionid", "description": "Changes need X-CSRFToken too."}
