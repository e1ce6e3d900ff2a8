"""Keyset paging by (column, id), shared by grid and REST: every page costs the same, however deep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.core import signing
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from carillon.base.errors import InvalidInput

SALT = "carillon.panels.paging"
COUNT_CAP = 1000
MAX_SIZE = 200
SIZES = (25, 50, 100, 200)  # that a grid offers


@dataclass(frozen=True, slots=True)
class Page:
    """Rows in display order, and the cursors of the neighbours ("" when there is none)."""

    rows: list[Any]
    next: str
    previous: str


def read_page(rows: QuerySet[Any], order: str, size: int, cursor: str = "") -> Page:
    """Return one page of `rows`.

    Args:
        order: a column that is indexed and never null, "-" in front for descending; the id decides between equals.
        size: rows at most.
        cursor: from an earlier page with the same order; "" is the first page, "last" the last.

    Raises:
        InvalidInput: the cursor is not one of ours or belongs to another order.

    Cost: one query for size + 1 rows.
    """
    column, descending = order.removeprefix("-"), order.startswith("-")
    backwards, after = _decode(cursor, order)
    if after is not None:
        rows = rows.filter(_beyond(rows, column, after, greater=descending == backwards))
    mark = "-" if descending != backwards else ""
    keys = (f"{mark}{column}",) if column in ("id", "pk") else (f"{mark}{column}", f"{mark}pk")
    found = list(rows.order_by(*keys)[: size + 1])
    has_more = len(found) > size
    found = found[:size]
    if backwards:
        found.reverse()
    has_previous = has_more if backwards else after is not None
    has_next = cursor != "last" if backwards else has_more
    return Page(
        rows=found,
        next=_encode(order, "n", column, found[-1]) if found and has_next else "",
        previous=_encode(order, "p", column, found[0]) if found and has_previous else "",
    )


def capped_count(rows: QuerySet[Any], cap: int = COUNT_CAP) -> tuple[int, bool]:
    """Return how many rows there are, at most `cap`, and whether there are more. Cost: one query, at most cap rows."""
    found = rows.order_by().values("pk")[: cap + 1].count()  # without the columns that only display needs
    return min(found, cap), found > cap


def _beyond(rows: QuerySet[Any], column: str, after: list[str], *, greater: bool) -> Q:
    operator = "gt" if greater else "lt"
    identity = _parse(rows.model._meta.pk, after[1])
    if column in ("id", "pk"):
        return Q(**{f"pk__{operator}": identity})
    value = _parse(_field(rows, column), after[0])
    # the first condition alone bounds the index scan, which an OR cannot
    return Q(**{f"{column}__{operator}e": value}) & (
        Q(**{f"{column}__{operator}": value}) | Q(**{f"pk__{operator}": identity})
    )


def _field(rows: QuerySet[Any], column: str) -> Any:
    model: Any = rows.model
    parts = column.split("__")
    for part in parts[:-1]:
        model = model._meta.get_field(part).related_model
    return model._meta.get_field(parts[-1])


def _parse(field: Any, text: str) -> Any:
    try:
        return field.to_python(text)
    except ValidationError:
        raise InvalidInput(_("The page you asked for is gone: start again from the first.")) from None


def _encode(order: str, direction: str, column: str, row: Any) -> str:
    owner = row
    *path, name = column.split("__")
    for part in path:
        owner = getattr(owner, part)
    name = "pk" if name in ("id", "pk") else name
    field = owner._meta.pk if name == "pk" else owner._meta.get_field(name)
    return signing.dumps([order, direction, field.value_to_string(owner), str(row.pk)], salt=SALT)


def _decode(cursor: str, order: str) -> tuple[bool, list[str] | None]:
    if cursor in ("", "last"):
        return cursor == "last", None
    try:
        was, direction, value, identity = signing.loads(cursor, salt=SALT)
    except (signing.BadSignature, ValueError):
        raise InvalidInput(_("The page you asked for is gone: start again from the first.")) from None
    if was != order:
        raise InvalidInput(_("This page belongs to another order: start again from the first."))
    return direction == "p", [value, identity]
