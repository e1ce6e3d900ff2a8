"""What a row shows: values for the grid and for REST, all from its columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Model
from django.utils import timezone
from django.utils.translation import gettext as _

from carillon.panels.declaration import Column, Panel
from carillon.panels.manner import day_text, moment_text, number_text

MICRO = 1_000_000


def value_of(row: Any, path: Any) -> Any:
    """Return the value at a dotted path of `row` (None where a step is missing), or of a function of the row."""
    if callable(path):
        return path(row)
    found = row
    for part in path.split("."):
        try:
            found = getattr(found, part, None)
        except ObjectDoesNotExist:  # a row that this actor may not see, such as a customer's web product
            return None
        if found is None:
            return None
        if callable(found) and not isinstance(found, Model):
            found = found()
    return found


def money_text(micro: int, decimals: int = 2, *, is_grouped: bool = True) -> str:
    """Return micro-units in major units: at least `decimals` places, more where the amount has them.

    `is_grouped`: with marks between thousands. In the manner of the person at work.
    """
    exact = Decimal(micro) / MICRO
    places = max(decimals, -int(exact.normalize().as_tuple().exponent))
    return number_text(f"{exact:,.{places}f}" if is_grouped else f"{exact:.{places}f}")


def duration_text(milliseconds: int) -> str:
    """Return a duration as h:mm:ss or m:ss."""
    seconds = milliseconds // 1000
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def label_of(row: Any, column: Column, value: Any) -> str:
    """Return the label of a choice."""
    choices = dict(column.choices)
    if value in choices:
        return str(choices[value])
    shown = getattr(row, f"get_{column.name}_display", None)
    return str(shown()) if shown else str(value)


def shown(row: Any, column: Column) -> str:
    """Return the column's value as a person reads it; dates in the active time zone."""
    value = value_of(row, column.value or column.name)
    if value is None:
        return ""
    if column.kind in ("choice", "status"):
        return label_of(row, column, value)
    return _formatted(column.kind, value)


def _formatted(kind: str, value: Any) -> str:
    if kind == "money":
        return money_text(int(value))
    if kind == "duration":
        return duration_text(int(value))
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if isinstance(value, datetime):
        return moment_text(value)
    if isinstance(value, date):
        return day_text(value)
    if isinstance(value, Decimal):
        return number_text(f"{value.normalize():f}")
    if isinstance(value, (list, tuple)):
        return ", ".join(str(item) for item in value)
    return str(value)


def grid_row(panel: Panel, columns: Iterable[Column], row: Any) -> dict[str, Any]:
    """Return what the grid draws in `columns`: shown texts; money and states as [text, currency or value].

    Moments are [short, whole]: those of today without their date.
    """
    cells: dict[str, Any] = {}
    for column in columns:
        text = shown(row, column)
        if column.kind == "money":
            cells[column.name] = [text, str(value_of(row, column.currency) or "")]
        elif column.kind == "datetime":
            cells[column.name] = [text.removeprefix(f"{day_text(timezone.localdate())} "), text]
        elif column.kind in ("status", "choice", "bool"):
            cells[column.name] = [text, str(value_of(row, column.value or column.name))]
        else:
            cells[column.name] = text
    without = [action.name for action in panel.actions if action.applies and not action.applies(row)]
    without += [link.panel for link in panel.links if link.applies and not link.applies(row)]
    return {"_id": str(row.pk), "_name": str(row), "_without": without, **cells}


def rest_name(column: Column) -> str:
    """Return the property's name in REST: units are in the name."""
    suffix = {"money": "_micro", "duration": "_ms"}.get(column.kind, "")
    return column.name if column.name.endswith(suffix) else column.name + suffix


def rest_columns(panel: Panel) -> dict[str, Column]:
    """Return the properties of a row in REST, by name."""
    columns = (column for column in (*panel.columns, *panel.api) if column.in_api)
    return {rest_name(column): column for column in columns}


def rest_row(panel: Panel, row: Any) -> dict[str, Any]:
    """Return a row as REST gives it: exact values, `id` first, `currency` beside money."""
    columns = rest_columns(panel)
    found: dict[str, Any] = {"id": _exact(row.pk)}
    for name, column in columns.items():
        found[name] = _exact(value_of(row, column.value or column.name))
        if column.kind == "money" and "currency" not in columns:
            found["currency"] = str(value_of(row, column.currency) or "")
    return found


def _exact(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, (list, tuple)):
        return [_exact(item) for item in value]
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return str(value)


def initial_values(panel: Panel, row: Any) -> Mapping[str, Any]:
    """Return the data-class values of an existing row."""
    if panel.initial is not None:
        return panel.initial(row)
    names = getattr(panel.data, "__dataclass_fields__", {})
    return {name: getattr(row, name) for name in names if hasattr(row, name)}
