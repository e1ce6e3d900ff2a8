"""Rows from a file: what its columns mean, and each line made a new row or a change, by the panel's own actions."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext as _

from carillon.base.actor import Actor
from carillon.base.changes import Circumstances, snapshot, version_of
from carillon.base.errors import InvalidInput
from carillon.panels.cells import initial_values
from carillon.panels.changes import Changes, FindPanel, panel_inputs
from carillon.panels.conversion import parts_of, typed
from carillon.panels.declaration import Panel, Upload
from carillon.panels.inputs import Input

CREATED, CHANGED, UNCHANGED = "created", "changed", "unchanged"
KEY_TYPES = (str, int)
YES, NO = (
    ("true", "yes", "y", "1", "x", "on", "ja", "oui", "si", "sí"),
    ("false", "no", "n", "0", "off", "nein", "non", "-"),
)
SHORTEST = 3
ALIKE = 0.86  # of headings that are not quite the same


@dataclass(frozen=True, slots=True)
class Plan:
    """How to read a file. `mapping`: for each column the input it fills, "" for none; `key`: the input by which a row
    that is there is found and changed ("id" too), "" to add each line.
    """

    mapping: tuple[str, ...]
    key: str = ""


def importable(panel: Panel) -> tuple[Input, ...]:
    """Return the inputs that columns of a file can fill."""
    return tuple(one for one in panel_inputs(panel) if one.type is not Upload and one.field.only != "update")


def may_import(panel: Panel, actor: Actor) -> bool:
    """Tell whether `actor` may import into this panel: staff who may add rows."""
    return panel.imports and actor.customer_id is None and panel.may(actor, "add") and bool(importable(panel))


def keys_of(panel: Panel) -> tuple[tuple[str, str], ...]:
    """Return the columns by which rows that are there can be found, with their labels."""
    if panel.update is None:
        return ()
    own = {field.attname: field for field in panel.model._meta.concrete_fields}
    plain = [
        one
        for one in importable(panel)
        if one.name in own
        and one.type in KEY_TYPES
        and not (one.many or one.field.lookup or one.is_money or one.field.choices or own[one.name].choices)
    ]
    return (("id", _("Number (id)")), *((one.name, str(one.field.label)) for one in plain))


def plain(text: str) -> str:
    """Return a heading without what people write differently: case, spaces, signs."""
    return re.sub(r"[\W_]", "", text.lower())


def guessed(panel: Panel, headings: Sequence[str], remembered: Mapping[str, str]) -> tuple[str, ...]:
    """Return for each heading the input it probably means, "" for none.

    Args:
        remembered: plain heading -> input, as the person has chosen before.
    """
    names = _names(panel)
    taken: set[str] = set()
    found = []
    for heading in headings:
        word = plain(heading)
        name = remembered.get(word, names.get(word) or _alike(word, names))
        found.append("" if name in taken or name not in names.values() else name)
        taken.add(name)
    return tuple(found)


def _alike(word: str, names: Mapping[str, str]) -> str:
    """What is meant by a word that is cut short (Ext.) or not quite the same."""
    begun = {names[whole] for whole in names if len(word) >= SHORTEST and whole.startswith(word)}
    close = difflib.get_close_matches(word, names, n=1, cutoff=ALIKE)
    return begun.pop() if len(begun) == 1 else names[close[0]] if close else ""


def _names(panel: Panel) -> dict[str, str]:
    names = {"id": "id"} if keys_of(panel) else {}
    own = {one.name: one for one in importable(panel)}
    for column in (*panel.columns, *panel.api):  # a file that came from the grid has their titles
        name = next((name for name in (column.name, f"{column.name}_id", f"{column.name}_micro") if name in own), "")
        names |= {plain(str(column.title)): name} if name else {}
    for one in own.values():
        short = one.name.removesuffix("_micro").removesuffix("_id")
        names |= {plain(word): one.name for word in (short, one.name, str(one.field.label)) if plain(word)}
    return names


class Importer:
    """Takes the lines of one file. `find`: how to find other panels, for looked-up rows."""

    def __init__(self, find: FindPanel, panel: Panel, actor: Actor, plan: Plan) -> None:
        self._changes, self._find = Changes(find), find
        self._panel, self._actor, self._plan = panel, actor, plan
        self._inputs = {one.name: one for one in importable(panel)}
        self._looked_up: dict[tuple[str, str], int] = {}
        unknown = {name for name in plan.mapping if name and name not in self._inputs and name != "id"}
        keys = {name for name, _label in keys_of(panel)}
        if unknown or (plan.key and (plan.key not in keys or plan.key not in plan.mapping)):
            raise InvalidInput(fields={"mapping": _("The file cannot be read like that: choose its columns again.")})

    def take(self, cells: Sequence[str]) -> str:
        """Make a row of one line, or change the one that its key names: CREATED, CHANGED or UNCHANGED.

        Raises:
            CarillonError: what is wrong; `fields` by input. Changes made until then must be rolled back.

        Cost: that of the action, one query for each look-up that is new, and three for a line with a key.
        """
        if len(cells) > len(self._plan.mapping) and any(cells[len(self._plan.mapping) :]):
            raise InvalidInput(_("The line has more values than there are headings: a separator inside a value?"))
        texts = {name: cell for name, cell in zip(self._plan.mapping, cells, strict=False) if name and cell}
        row = self._row(texts.get(self._plan.key, "")) if self._plan.key else None
        given = self._given({name: text for name, text in texts.items() if name != "id"})
        if row is None:
            self._changes.create(self._panel, self._actor, given)
            return CREATED
        return self._change(row, given)

    def _change(self, row: Any, given: Mapping[str, Any]) -> str:
        fixed = initial_values(self._panel, row)
        wanted = {name: value for name, value in given.items() if self._inputs[name].field.only != "create"}
        for name in set(given) - set(wanted):
            is_same = str(getattr(fixed.get(name), "value", fixed.get(name))) == str(given[name])
            if name != self._plan.key and not is_same:
                raise InvalidInput(fields={name: _("This cannot be changed.")})
        before = version_of(snapshot(row))
        self._changes.update(self._panel, self._actor, row, wanted, Circumstances(version=before))
        now = self._panel.model._default_manager.filter(pk=row.pk).first()
        return UNCHANGED if now is not None and version_of(snapshot(now)) == before else CHANGED

    def _row(self, key: str) -> Any:
        """The row that the key names; None when there is none yet."""
        if not key:
            raise InvalidInput(fields={self._plan.key: _("The key is missing.")})
        column: Any = self._panel.model._meta.pk if self._plan.key == "id" else None
        column = column or next(one for one in self._panel.model._meta.concrete_fields if one.attname == self._plan.key)
        try:
            rows = list(self._panel.rows(self._actor).filter(**{column.attname: column.to_python(key)})[:2])
        except ValidationError:
            raise InvalidInput(fields={self._plan.key: _("This is no such key.")}) from None
        if len(rows) > 1:
            raise InvalidInput(fields={self._plan.key: _("Several rows have this: it cannot tell which is meant.")})
        if not rows and self._plan.key == "id":
            raise InvalidInput(fields={"id": _("There is no such row.")})
        return rows[0] if rows else None

    def _given(self, texts: Mapping[str, str]) -> dict[str, Any]:
        given, wrong = {}, {}
        for name, text in texts.items():
            try:
                given[name] = self._value(self._inputs[name], text)
            except InvalidInput as error:
                wrong[name] = error.detail
        if wrong:
            raise InvalidInput(fields=wrong)
        return given

    def _value(self, one: Input, text: str) -> Any:
        """A cell in the shape that `convert` takes."""
        if one.many:
            return [self._single(one, part) for part in parts_of(text.replace(";", ","))]
        return self._single(one, text)

    def _single(self, one: Input, text: str) -> Any:
        if one.type is bool:
            word = text.lower()
            return True if word in YES else False if word in NO else text
        if one.is_money or one.type in (Decimal, date, datetime):
            return typed(one, text)
        if one.field.lookup:
            return self._named(one.field.lookup, text)
        labels = {label.lower(): value for value, label in one.choices(self._actor)}
        values = {str(value).lower(): value for value in labels.values()}
        chosen = values.get(text.lower(), labels.get(text.lower(), text))
        return chosen.value if isinstance(chosen, Enum) else chosen

    def _named(self, slug: str, text: str) -> Any:
        """The id of a row of another panel, by its id or by the whole of its name."""
        known = self._looked_up.get((slug, text))
        if known is not None:
            return known
        panel = self._find(slug)
        if panel is None:
            return text
        rows = panel.rows(self._actor)
        found = list(rows.filter(**{f"{panel.search}__iexact": text}).values_list("pk", flat=True)[:2])
        if not found and text.isascii() and text.isdigit() and len(text) < 19:
            found = list(rows.filter(pk=int(text)).values_list("pk", flat=True)[:1])
        if len(found) != 1:
            told = _("There are several called “%(name)s”: write the id.") if found else _("There is no “%(name)s”.")
            raise InvalidInput(told % {"name": text[:60]})
        self._looked_up[slug, text] = found[0]
        return found[0]


def problems(error: Any, columns: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    """Yield (heading, sentence) for everything that is wrong with a line. `columns`: input -> heading."""
    if not error.fields:
        yield "", error.detail
    for name, text in error.fields.items():
        yield columns.get(name, name), text


def model_field(panel: Panel, name: str) -> models.Field[Any, Any] | None:
    """Return the column that an input fills."""
    return next((one for one in panel.model._meta.concrete_fields if one.attname == name), None)
