"""Many rows changed at once: each by its own action and with its own history; what is refused is told row by row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from carillon.base.actor import Actor
from carillon.base.changes import Circumstances
from carillon.base.errors import CarillonError, InvalidInput, NotFound, NotPermitted
from carillon.panels.cells import initial_values
from carillon.panels.changes import Changes, action_inputs, panel_inputs, reasoned
from carillon.panels.conversion import convert
from carillon.panels.declaration import Panel, RowAction, Text, Upload
from carillon.panels.inputs import Input
from carillon.panels.undo import removal_question

AT_ONCE = 20  # rows that are done while somebody waits, in one transaction, whose locks others wait for; more: a job
MOST_CHOSEN = 10_000  # rows of a job
EDIT, REMOVE = "edit", "remove"


@dataclass(frozen=True, slots=True)
class Bulk:
    """What can be done to many rows: "edit", "remove", or the row action of that name."""

    name: str
    title: Text
    icon: str
    inputs: tuple[Input, ...] = ()
    action: RowAction | None = None
    confirm: Text = ""
    is_danger: bool = False
    needs_reason: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one row; `error` None: it was done."""

    key: str
    name: str
    error: CarillonError | None = None


def bulks(panel: Panel, actor: Actor) -> list[Bulk]:
    """Return what `actor` may do to many rows of `panel`. No query."""
    found = []
    inputs = tuple(one for one in panel_inputs(panel) if one.name in panel.together)
    if inputs and panel.may(actor, "change"):
        found.append(Bulk(EDIT, _("Edit"), "edit", inputs, needs_reason="change" in panel.needs_reason))
    for action in panel.actions:
        if takes_many(action) and actor.may(action.needs()):
            found.append(_of_action(action))
    if panel.may(actor, "delete"):
        needed, question = "delete" in panel.needs_reason, removal_question(panel)
        found.append(Bulk(REMOVE, _("Remove"), "trash", confirm=question, is_danger=True, needs_reason=needed))
    return found


def takes_many(action: RowAction) -> bool:
    """Tell whether an action may run over many rows: not if it shows something of each, takes a file or a password."""
    own = (one for one in action_inputs(action) if one.type is Upload or one.field.kind == "password")
    return action.for_many and action.result is None and not any(own)


def _of_action(action: RowAction) -> Bulk:
    return Bulk(
        action.name,
        action.title,
        action.icon,
        action_inputs(action),
        action,
        action.confirm,
        action.danger,
        action.needs_reason,
    )


def bulk_called(panel: Panel, actor: Actor, name: str) -> Bulk:
    """Return what is called `name`.

    Raises:
        NotFound: the panel is not for this actor or has no such thing for many rows.
        NotPermitted: it has, but not for this actor.
    """
    if not panel.may(actor, "view"):
        raise NotFound
    found = next((one for one in bulks(panel, actor) if one.name == name), None)
    if found is None:
        exists = {EDIT: bool(panel.together and panel.update), REMOVE: panel.remove is not None}
        action = panel.action(name)
        raise NotPermitted if exists.get(name) or (action is not None and takes_many(action)) else NotFound
    return found


def matching_keys(rows: QuerySet[Any]) -> list[str]:
    """Return the ids of `rows`. Cost: one query of at most MOST_CHOSEN rows.

    Raises:
        InvalidInput: there are more.
    """
    found = [str(key) for key in rows.order_by("pk").values_list("pk", flat=True)[: MOST_CHOSEN + 1]]
    if len(found) > MOST_CHOSEN:
        text = _("More than %(most)d rows match. Set a filter, or choose them by hand.")
        raise InvalidInput(text % {"most": MOST_CHOSEN})
    return found


def matching_count(rows: QuerySet[Any]) -> int:
    """Return how many rows there are. Cost: one query. Raises as `matching_keys` does."""
    count = rows.order_by().values("pk")[: MOST_CHOSEN + 1].count()
    return count if count <= MOST_CHOSEN else len(matching_keys(rows))


def change_many(
    changes: Changes, panel: Panel, actor: Actor, bulk: Bulk, keys: Sequence[str], given: Mapping[str, Any], why: str
) -> list[Outcome]:
    """Do `bulk` to the rows of those ids, one after the other in the order of ids, and return what came of each.

    Args:
        given: of "edit" only what is to be set; the rest of each row stays.
        why: the reason for each row's history.

    Raises:
        InvalidInput: the input is wrong whatever the row: nothing was done.

    Cost: one query, and what the action costs for each row.
    """
    rows = _rows(panel, actor, keys)
    around = reasoned(Circumstances(reason=why), actor, is_needed=bulk.needs_reason)
    _check(changes, panel, actor, bulk, given, rows)
    missing = [Outcome(key, key, NotFound()) for key in dict.fromkeys(keys) if key not in rows]
    return [_one(changes, panel, actor, bulk, rows[key], given, around) for key in rows] + missing


def check_many(
    changes: Changes, panel: Panel, actor: Actor, bulk: Bulk, keys: Sequence[str], given: Mapping[str, Any], why: str
) -> None:
    """Find what is wrong with the input whatever the row; nothing is done. Raises as `change_many` does.

    Cost: one query, and one for each look-up.
    """
    reasoned(Circumstances(reason=why), actor, is_needed=bulk.needs_reason)
    _check(changes, panel, actor, bulk, given, _rows(panel, actor, keys, most=1))


def _rows(panel: Panel, actor: Actor, keys: Iterable[str], *, most: int | None = None) -> dict[str, Any]:
    primary: Any = panel.model._meta.pk
    wanted = []
    for key in keys:
        try:
            wanted.append(primary.to_python(key))
        except ValidationError:
            continue  # no row has such an id
    return {str(row.pk): row for row in panel.rows(actor).filter(pk__in=wanted).order_by("pk")[:most]}


def _check(
    changes: Changes, panel: Panel, actor: Actor, bulk: Bulk, given: Mapping[str, Any], rows: Mapping[str, Any]
) -> None:
    """What is wrong with the input itself is told once, before anything is done."""
    names = {one.name for one in bulk.inputs}
    if unknown := set(given) - names:
        raise InvalidInput(fields={str(name)[:100]: _("This cannot be set in many rows at once.") for name in unknown})
    if bulk.name == EDIT and not given:
        raise InvalidInput(_("Choose at least one field to set."))
    if bulk.action is not None and bulk.action.data is not None:
        convert(bulk.action.data, bulk.inputs, given, actor, visible=changes.visible)
    elif bulk.name == EDIT and rows and panel.data is not None:
        base = initial_values(panel, next(iter(rows.values())))
        convert(panel.data, panel_inputs(panel), given, actor, base=base, visible=changes.visible)


def _one(
    changes: Changes, panel: Panel, actor: Actor, bulk: Bulk, row: Any, given: Mapping[str, Any], around: Circumstances
) -> Outcome:
    key, name = str(row.pk), str(row)
    try:
        if bulk.action is not None:
            changes.run(panel, actor, row, bulk.action, given, around)
        elif bulk.name == EDIT:
            changes.update(panel, actor, row, given, around)
        else:
            changes.remove(panel, actor, row, around)
    except CarillonError as error:
        return Outcome(key, name, error)
    return Outcome(key, name)


def sentence_of(error: CarillonError) -> str:
    """Return why a row was refused, in one line."""
    told = (
        []
        if error.detail in error.fields.values() or (error.fields and error.detail == error.title)
        else [error.detail]
    )
    return " ".join([*told, *error.fields.values()])
