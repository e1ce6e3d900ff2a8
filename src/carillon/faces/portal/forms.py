"""From a panel's inputs to what the form template draws."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from carillon.base.actor import Actor
from carillon.base.errors import CarillonError
from carillon.faces.portal.catalogue import panel as find_panel
from carillon.panels.cells import money_text
from carillon.panels.changes import REASON
from carillon.panels.conversion import cells_of
from carillon.panels.declaration import Rows, Upload
from carillon.panels.inputs import Input
from carillon.panels.manner import day_hint, day_text, moment_text, number_text

LINE_ERROR = re.compile(r"(\d+):(.*)")
LINES_SHOWN = 200
LINE_LENGTH = 4000  # of several texts with commas between them
MATRIX_COLUMNS = {"view": _lazy("View"), "add": _lazy("Add"), "change": _lazy("Change"), "delete": _lazy("Remove")}
LEAST_PLACES, SPARE_PLACES = 3, 1  # drop-downs of an ordered choice
SPARE_ROWS = 1


@dataclass(frozen=True, slots=True)
class Widget:
    """One input as drawn. `kind` names the partial template portal/widgets/<kind>.html."""

    name: str
    label: str
    kind: str
    value: Any = ""
    text: str = ""  # name of the looked-up row
    help: str = ""
    error: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    lookup: str = ""
    placeholder: str = ""
    max_length: int = 500
    is_required: bool = False
    is_fixed: bool = False
    is_wide: bool = False
    is_many: bool = False
    type: str = "text"
    columns: tuple[tuple[str, str], ...] = ()  # of rows: the inputs' names and titles

    def matrix(self) -> Matrix:
        """Return the choices ("customers.view", "Customers: View") as a table of check boxes."""
        usual = tuple(MATRIX_COLUMNS)
        rows: dict[str, list[MatrixBox]] = {}
        for value, label in self.choices:
            row, _colon, column = label.partition(": ")
            rows.setdefault(row, []).append(MatrixBox(value, column, value.partition(".")[2], value in self.value))
        return Matrix(
            columns=tuple(str(title) for title in MATRIX_COLUMNS.values()),
            rows=tuple(
                (
                    title,
                    tuple(next((box for box in boxes if box.column == name), None) for name in usual),
                    tuple(box for box in boxes if box.column not in usual),
                )
                for title, boxes in rows.items()
            ),
        )


@dataclass(frozen=True, slots=True)
class MatrixBox:
    """One check box of a matrix."""

    value: str
    label: str
    column: str
    is_checked: bool


@dataclass(frozen=True, slots=True)
class Matrix:
    """A table of check boxes. Each row: its title, a box or none for each usual column, its further boxes."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[MatrixBox | None, ...], tuple[MatrixBox, ...]], ...]


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    widgets: tuple[Widget, ...]


@dataclass(frozen=True, slots=True)
class LineError:
    """What is wrong in a line of an imported file."""

    line: int
    column: str
    text: str


@dataclass(frozen=True, slots=True)
class Form:
    """A dialog's form."""

    title: str
    sections: tuple[Section, ...]
    error: str = ""
    lines: tuple[LineError, ...] = ()
    lines_left_out: int = 0
    has_file: bool = field(default=False)
    opened: str = ""  # conflicts.Opened, of a form that changes a row
    reason: Widget | None = None

    def with_error(self, error: CarillonError) -> Form:
        """Return the form with a refusal on top."""
        return replace(self, error="" if REASON in error.fields else error.detail)

    def asking(self, sent: Mapping[str, Any], *, error: CarillonError | None = None, is_needed: bool = False) -> Form:
        """Return the form with a place for the reason, which history keeps."""
        widget = Widget(
            name=REASON,
            label=_("Reason"),
            kind="input",
            value=str(sent.get(REASON, "")),
            error=error.fields.get(REASON, "") if error else "",
            placeholder="" if is_needed else _("If it should be in the history"),
            is_required=is_needed,
            is_wide=True,
        )
        return replace(self, reason=widget)


def form_of(
    inputs: Iterable[Input],
    actor: Actor,
    values: Mapping[str, Any],
    *,
    title: str,
    error: CarillonError | None = None,
    is_new: bool = True,
) -> Form:
    """Return the form that asks for `inputs`.

    Args:
        values: typed values, or the texts that a person sent and that are shown again.
        error: why they were refused; its `fields` are shown beside their inputs, those of file lines as a table.

    Cost: one query per look-up that has a value.
    """
    inputs = [one for one in inputs if not (is_new and one.field.only == "update")]
    errors = {name: text for name, text in error.fields.items() if name != REASON} if error else {}
    sections: dict[str, list[Widget]] = {}
    for one in inputs:
        widget = _widget(one, actor, values, errors.pop(one.name, ""), is_new)
        sections.setdefault(str(one.field.section), []).append(widget)
    matches = [(LINE_ERROR.fullmatch(key), text) for key, text in errors.items()]
    lines = [LineError(int(match[1]), match[2], text) for match, text in matches if match]
    loose = [f"{key}: {text}" for key, text in errors.items() if not LINE_ERROR.fullmatch(key)]
    told = "" if error is None or error.detail in error.fields.values() else error.detail  # not twice
    detail = " ".join(filter(None, [told, *loose]))
    return Form(
        title=title,
        sections=tuple(Section(name, tuple(widgets)) for name, widgets in sections.items()),
        error=detail,
        lines=tuple(sorted(lines, key=lambda one: one.line)[:LINES_SHOWN]),
        lines_left_out=max(0, len(lines) - LINES_SHOWN),
        has_file=any(one.type is Upload for one in inputs),
    )


def _widget(one: Input, actor: Actor, values: Mapping[str, Any], error: str, is_new: bool) -> Widget:
    choices = tuple((str(value), label) for value, label in one.choices(actor))
    kind, type_ = _kind(one, bool(choices))
    value = _value(one, values, kind)
    if (
        kind == "select"
        and (one.optional or (not one.is_required and "" not in dict(choices)))
        and one.default in (None, "")
    ):
        choices = (("", "—"), *choices)
    return Widget(
        name=one.name,
        label=str(one.field.label),
        kind=kind,
        value=value,
        text=_looked_up(one, actor, value),
        help=str(one.field.help),
        error=error,
        choices=choices,
        lookup=one.field.lookup,
        placeholder=_hint(type_) or str(one.field.placeholder),
        max_length=LINE_LENGTH if one.many else one.max_length,
        is_required=one.is_required and one.type is not bool,
        is_fixed=not is_new and one.field.only == "create",
        is_wide=one.field.wide or kind in ("textarea", "matrix", "rows"),
        is_many=one.many,
        type=type_,
        columns=tuple((f"{one.name}.{name}", str(title)) for name, title in one.field.rows.columns)
        if one.field.rows
        else (),
    )


def _kind(one: Input, has_choices: bool) -> tuple[str, str]:
    """Return the partial template and the input's HTML type."""
    if one.field.kind == "hidden":
        return "hidden", "hidden"
    if one.type is Upload:
        return "file", "file"
    if one.type is bool:
        return "switch", "checkbox"
    if one.field.lookup:
        return "lookup", "text"
    if one.field.kind == "ordered":
        return "ordered", "text"
    if one.field.kind == "matrix":
        return "matrix", "checkbox"
    if one.field.rows is not None:
        return "rows", "text"
    if one.many:
        return ("checks", "checkbox") if has_choices else ("input", "text")
    if has_choices or issubclass(one.type, Enum):
        return "select", "text"
    if one.field.kind == "textarea":
        return "textarea", "text"
    if one.type in (datetime, date):
        return "moment", "datetime-local" if one.type is datetime else "date"
    if one.is_money or one.type in (int, Decimal):
        return "number", "text"
    return "input", {"email": "email", "password": "password"}.get(one.field.kind, "text")


def _hint(type_: str) -> str:
    """How a day, or a day and a time, is typed."""
    return {"date": day_hint(), "datetime-local": f"{day_hint()} HH:MM"}.get(type_, "")


def _value(one: Input, values: Mapping[str, Any], kind: str) -> Any:
    if kind == "file":
        return ""
    if one.field.rows is not None:
        return _rows(one.name, one.field.rows, values)
    if one.many:
        found = values.getlist(one.name) if isinstance(values, QueryDict) else values.get(one.name)
        items = [found] if isinstance(found, str) else [str(getattr(item, "value", item)) for item in found or ()]
        if kind == "ordered":
            items = [item for item in items if item]
            return [*items, *[""] * max(SPARE_PLACES, LEAST_PLACES - len(items))]
        return items if kind in ("checks", "matrix") else ", ".join(items)
    value = values.get(one.name)
    if one.type is bool:
        return bool(value) and value not in ("false", "0", "off")
    if value is None or isinstance(value, str):
        return value or ""
    if one.is_money:
        return money_text(int(value), is_grouped=False)
    if isinstance(value, datetime):
        return moment_text(value).removesuffix(":00")
    if isinstance(value, date):
        return day_text(value)
    if isinstance(value, Decimal):
        return number_text(f"{value.normalize():f}")
    return str(getattr(value, "value", value))


def _rows(name: str, rows: Rows, values: Mapping[str, Any]) -> list[tuple[tuple[str, str, str], ...]]:
    """The rows to edit, each cell with its input's name and its title; the last ones are empty, for more."""
    found = cells_of(name, rows, values) if isinstance(values, QueryDict) else rows.split(str(values.get(name) or ""))
    spare = [("",) * len(rows.columns)] * SPARE_ROWS
    return [
        tuple(
            (f"{name}.{column}", str(title), number_text(cell) if column in rows.numbers and cell else cell)
            for (column, title), cell in zip(rows.columns, row, strict=True)
        )
        for row in [*found, *spare]
    ]


def _looked_up(one: Input, actor: Actor, value: Any) -> str:
    target = find_panel(one.field.lookup) if one.field.lookup else None
    if target is None or not str(value).isdigit():
        return ""
    row = target.rows(actor).filter(pk=int(value)).first()
    return str(row) if row else _("(not visible to you)")
