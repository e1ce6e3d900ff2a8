"""Taking a change back: by the panel's own update, and only where the row still is what the change made it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from carillon.base.actor import Actor
from carillon.base.changes import Circumstances, snapshot, version_of
from carillon.base.errors import Conflict, NotFound
from carillon.base.models import AuditEntry
from carillon.panels.changes import Changes, panel_inputs, require
from carillon.panels.declaration import Panel
from carillon.panels.history import Change, changed_keys, entry_of


def undoable(panel: Panel, actor: Actor, row: Any, changes: Iterable[Change]) -> set[int]:
    """Return the numbers of those `changes` of `row` that `actor` can take back now. No query but the snapshot's."""
    if not panel.may(actor, "change"):
        return set()
    now = snapshot(row)
    return {
        change.id
        for change in changes
        if change.undone_by is None
        and _is_plain(panel, change.verb, {one.name for one in change.differences})
        and all(now.get(one.name, ...) == one.now for one in change.differences)
    }


def undo_change(changes: Changes, panel: Panel, actor: Actor, row: Any, entry_id: int, around: Circumstances) -> Any:
    """Give the fields that a history entry changed their values back, and return the row.

    Args:
        row: as it is now.
        around: the reason, and the version that the actor has looked at.

    Raises:
        NotFound: the row has no such entry. NotPermitted: the actor may not change the row.
        Conflict: the entry is not one that can be taken back, or what it changed has been changed since.
        ChangedMeanwhile: it is being changed right now. InvalidInput: the old values are not valid any more.

    Cost: two queries beside the update.
    """
    require(panel, actor, "change")
    entry = entry_of(actor, row, entry_id)
    if entry is None:
        raise NotFound
    before, names = _given_back(panel, row, entry)
    around = replace(around, version=around.version or version_of(snapshot(row)), undoes=entry.pk)
    with transaction.atomic():
        changes.update(panel, actor, row, {name: before[name] for name in names}, around)
        row = panel.model._default_manager.get(pk=row.pk)
        if not _still(row, {name: before[name] for name in names}):  # the action made something else of it
            raise Conflict(_("This cannot be taken back exactly: change it by hand."))
    return row


def _given_back(panel: Panel, row: Any, entry: AuditEntry) -> tuple[Mapping[str, Any], list[str]]:
    before, after = entry.before or {}, entry.after or {}
    names = changed_keys(type(row), before, after)
    verb = entry.action.partition(".")[2]
    if entry.before is None or entry.after is None or not _is_plain(panel, verb, set(names)):
        raise Conflict(_("Changes of this kind cannot be taken back."))
    if not _still(row, {name: after[name] for name in names}):
        raise Conflict(_("What this change made has been changed since: it cannot be taken back any more."))
    return before, names


def _is_plain(panel: Panel, verb: str, names: set[str]) -> bool:
    """Whether an update could have changed just these."""
    inputs = {one.name for one in panel_inputs(panel) if one.field.only != "create"}
    return verb in panel.undoes and bool(names) and names <= inputs


def _still(row: Any, values: Mapping[str, Any]) -> bool:
    now = snapshot(row)
    return all(name in now and now[name] == value for name, value in values.items())
