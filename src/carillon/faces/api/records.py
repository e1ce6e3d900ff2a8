"""What is recorded beside every row, in REST: its history, taking changes back, notes."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar

from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from carillon.base.errors import InvalidInput
from carillon.base.models import Note
from carillon.faces.api.strict import StrictView, without_body
from carillon.faces.api.views import CHANGES, OF_CHANGE, actor_of, around, told_as_parameter
from carillon.panels.cells import rest_row
from carillon.panels.changes import find_row
from carillon.panels.declaration import Panel
from carillon.panels.history import SHOWN, Change, add_note, history_of, notes_of
from carillon.panels.undo import undo_change, undoable

Schema = dict[str, Any]
TEXT: Schema = {"type": "string"}
WHEN: Schema = {"type": "string", "format": "date-time"}
NUMBER: Schema = {"type": "integer"}


class HistoryView(StrictView, ViewSet):
    """GET /<resource>/<id>/history/, POST /<resource>/<id>/history/<entry>/undo/."""

    panel: ClassVar[Panel]

    @property
    def parameters(self) -> Collection[str]:
        """Taking a change back has a reason."""
        return OF_CHANGE if self.action == "undo" else ()

    def read(self, request: Request, id: Any) -> Response:  # noqa: A002 - the name of the path parameter
        """Return every change ever made to the row, newest first."""
        actor = actor_of(request)
        row = find_row(self.panel, actor, str(id))
        changes = history_of(actor, row, self.panel)
        can = undoable(self.panel, actor, row, changes)
        return Response({"results": [_change(one, is_undoable=one.id in can) for one in changes]})

    def undo(self, request: Request, id: Any, entry: int) -> Response:  # noqa: A002
        """Take one change back; the answer is the row as it is then, or 204 when it is gone by that."""
        actor = actor_of(request)
        row = find_row(self.panel, actor, str(id))
        without_body(request)
        with told_as_parameter():
            left = undo_change(CHANGES, self.panel, actor, row, entry, around(request, self.panel, row))
        if left is None:
            return Response(status=204)
        return Response(rest_row(self.panel, find_row(self.panel, actor, str(id))))


class NotesView(StrictView, ViewSet):
    """GET and POST /<resource>/<id>/notes/."""

    panel: ClassVar[Panel]

    def browse(self, request: Request, id: Any) -> Response:  # noqa: A002
        """Return what people wrote beside the row, newest first."""
        actor = actor_of(request)
        return Response({"results": [_note(one) for one in notes_of(actor, find_row(self.panel, actor, str(id)))]})

    def create(self, request: Request, id: Any) -> Response:  # noqa: A002
        """Write a note; colleagues named after an @ are told."""
        actor = actor_of(request)
        row = find_row(self.panel, actor, str(id))
        data = request.data if isinstance(request.data, dict) else {}
        unknown = {str(name)[:100]: "There is no such field." for name in data if name != "text"}
        text = data.get("text")
        if unknown or not isinstance(text, str):
            raise InvalidInput(fields=unknown or {"text": _("This must be text.")})
        if any(0xD800 <= ord(letter) <= 0xDFFF for letter in text):
            raise InvalidInput(fields={"text": _("This holds characters that are not text.")})
        return Response(_note(add_note(actor, self.panel, row, text)), status=201)


def _change(one: Change, *, is_undoable: bool) -> dict[str, Any]:
    return {
        "id": one.id,
        "at": one.at.isoformat(),
        "action": one.verb,
        "actor": one.actor,
        "impersonators": list(one.impersonators),
        "reason": one.reason,
        "undoes": one.undoes,
        "undone_by": one.undone_by,
        "is_undoable": is_undoable,
        "changes": [
            {"field": each.name, "title": each.field, "before": each.was, "after": each.now} for each in one.differences
        ],
    }


def _note(one: Note) -> dict[str, Any]:
    return {"id": one.pk, "at": one.at.isoformat(), "author": one.author_name, "text": one.text}


def _list(**properties: Schema) -> Schema:
    item = {"type": "object", "properties": properties, "required": list(properties)}
    results = {"type": "array", "items": item, "maxItems": SHOWN}
    return {"type": "object", "properties": {"results": results}, "required": ["results"]}


ANYTHING: Schema = {"nullable": True}
DIFFERENCE = _list(field=TEXT, title=TEXT, before=ANYTHING, after=ANYTHING)["properties"]["results"]
HISTORY = _list(
    id=NUMBER,
    at=WHEN,
    action=TEXT,
    actor=TEXT,
    impersonators={"type": "array", "items": TEXT},
    reason=TEXT,
    undoes={**NUMBER, "nullable": True},
    undone_by={**NUMBER, "nullable": True},
    is_undoable={"type": "boolean"},
    changes={"type": "array", "items": DIFFERENCE["items"]},
)
NOTES = _list(id=NUMBER, at=WHEN, author=TEXT, text=TEXT)
NOTE = NOTES["properties"]["results"]["items"]
NEW_NOTE: Schema = {
    "type": "object",
    "properties": {"text": {"type": "string", "minLength": 1, "maxLength": 4000}},
    "required": ["text"],
    "additionalProperties": False,
}
