"""Many rows in one request: what the body asks, and how the answer tells what came of each row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from rest_framework.request import Request

from carillon.base.errors import InvalidInput
from carillon.faces.api.problems import TYPE
from carillon.panels.bulk import EDIT, MOST_CHOSEN, REMOVE, Outcome, sentence_of, takes_many
from carillon.panels.changes import panel_inputs
from carillon.panels.declaration import Panel

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class BulkRequest:
    """`ids` or `query`: which rows; `count`: how many the query should find, None: as many as it does."""

    action: str
    ids: tuple[str, ...]
    query: str
    values: Mapping[str, Any]
    reason: str
    count: int | None


def bulk_request(request: Request) -> BulkRequest:
    """Return what the body asks.

    Raises:
        InvalidInput: it is no such object, or names rows in both ways or in none.
    """
    body = request.data
    if not isinstance(body, dict):
        raise InvalidInput(_("The body must be a JSON object."))
    kinds = {"action": str, "ids": list, "query": str, "values": dict, "reason": str, "count": int}
    wrong = {str(name)[:100]: _("There is no such field.") for name in set(body) - set(kinds)}
    wrong |= {
        name: _("This has the wrong type.")
        for name, kind in kinds.items()
        if not isinstance(body.get(name, kind()), kind)
    }
    ids = body.get("ids", [])
    if isinstance(body.get("count"), bool):
        wrong["count"] = _("This has the wrong type.")
    if "ids" not in wrong and not all(isinstance(key, (int, str)) and not isinstance(key, bool) for key in ids):
        wrong["ids"] = _("These must be ids.")
    if not wrong and ("ids" in body) == ("query" in body):
        wrong["ids"] = _("Name rows by ids or by a query.")
    if "ids" in body and not wrong and not 0 < len(ids) <= MOST_CHOSEN:
        wrong["ids"] = _("Name 1 to %(most)s rows.") % {"most": MOST_CHOSEN}
    if wrong:
        raise InvalidInput(fields=wrong)
    return BulkRequest(
        action=body.get("action", ""),
        ids=tuple(str(key) for key in ids),
        query=body.get("query", ""),
        values=body.get("values", {}),
        reason=body.get("reason", ""),
        count=body.get("count"),
    )


def told_outcomes(outcomes: Iterable[Outcome]) -> dict[str, Any]:
    """Return the answer's body."""
    results = [{"id": one.key, "name": one.name, "problem": _problem(one)} for one in outcomes]
    refused = sum(one["problem"] is not None for one in results)
    return {"done": len(results) - refused, "refused": refused, "results": results}


def _problem(outcome: Outcome) -> dict[str, Any] | None:
    error = outcome.error
    if error is None:
        return None
    told = {"type": TYPE + error.slug, "title": str(error.title), "status": error.status, "detail": sentence_of(error)}
    return {**told, "fields": error.fields} if error.fields else told


def bulk_actions(panel: Panel) -> list[str]:
    """Return the names of what can be done to many rows of `panel`."""
    edits = [EDIT] if panel.update and any(one.name in panel.together for one in panel_inputs(panel)) else []
    return (
        edits
        + [one.name for one in panel.actions if one.in_api and takes_many(one)]
        + ([REMOVE] if panel.remove else [])
    )


def bulk_schema(panel: Panel) -> Schema:
    """Return the schema of the request."""
    fields = ", ".join(panel.together) or "none"
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["action"],
        "properties": {
            "action": {"type": "string", "enum": bulk_actions(panel)},
            "ids": {"type": "array", "minItems": 1, "maxItems": MOST_CHOSEN, "items": {"type": "string"}},
            "query": {
                "type": "string",
                "description": f"Filters as of the list, instead of ids; at most {MOST_CHOSEN} rows.",
            },
            "count": {
                "type": "integer",
                "description": "How many rows the query should find: when others match by now nothing is done (409).",
            },
            "values": {"type": "object", "description": f"The action's input; of edit: what is set, of {fields}."},
            "reason": {"type": "string", "maxLength": 500, "description": "Why; kept in each row's history."},
        },
    }


def outcome_schema() -> Schema:
    """Return the schema of the answer to few rows."""
    row = {"id": {"type": "string"}, "name": {"type": "string"}, "problem": {"type": "object", "nullable": True}}
    results = {"type": "array", "items": {"type": "object", "properties": row, "required": list(row)}}
    counts = {"done": {"type": "integer"}, "refused": {"type": "integer"}, "results": results}
    return {"type": "object", "properties": counts, "required": list(counts)}
