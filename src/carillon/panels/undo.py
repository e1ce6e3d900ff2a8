"""Taking changes back, by the panel's own actions so that all its rules hold.

A change is taken back by `update`, where the fields still are what it made them; an addition by `remove`, where the row
still is as it was added; a removal by `create`, where history has kept all that the row was: it comes back under a new
id, and what was removed or let go together with it does not. Money that was moved is never taken back like this.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils.translation import gettext as _

from carillon.base.actor import Actor
from carillon.base.changes import Circumstances, plain_value, snapshot, version_of
from carillon.base.errors import CarillonError, Conflict, NotFound
from carillon.base.models import AuditEntry
from carillon.panels.cells import initial_values
from carillon.panels.changes import Changes, panel_inputs, require
from carillon.panels.declaration import Panel, Upload
from carillon.panels.history import Change, changed_keys, entry_of


def undoable(panel: Panel, actor: Actor, row: Any, changes: Iterable[Change]) -> set[int]:
    """Return the numbers of those `changes` of `row` that `actor` can take back now. No query but the snapshot's."""
    now = snapshot(row)
    return {
        change.id
        for change in changes
        if change.undone_by is None
        and (_can_go(panel, actor, change, now) if change.made is not None else _can_return(panel, actor, change, now))
    }


def _can_go(panel: Panel, actor: Actor, change: Change, now: Mapping[str, Any]) -> bool:
    return bool(panel.undoes) and panel.may(actor, "delete") and change.made == now


def _can_return(panel: Panel, actor: Actor, change: Change, now: Mapping[str, Any]) -> bool:
    is_plain = _is_plain(panel, change.verb, {one.name for one in change.differences})
    return (
        panel.may(actor, "change") and is_plain and all(now.get(one.name, ...) == one.now for one in change.differences)
    )


def way_back(panel: Panel, entry: AuditEntry) -> str:
    """Return what would take an entry of history back: "change", "delete" or "add"; "" when nothing does. No query."""
    was, is_now = entry.before is not None, entry.after is not None
    verb = {(True, True): "change", (False, True): "delete", (True, False): "add"}.get((was, is_now), "")
    is_meant = entry.action.partition(".")[2] in panel.undoes if verb == "change" else bool(panel.undoes)
    return verb if verb and is_meant and panel.change(verb) is not None else ""


def removal_question(panel: Panel) -> str:
    """Return what somebody should know before a row of `panel` is removed."""
    is_kept = panel.undoes and panel.create is not None and not getattr(panel.model, "audit_exclude", ())
    if is_kept:
        return _(
            "From its entry in Audit it can be added anew, under another id; what goes with it does not come back."
        )
    return _("This cannot be taken back.")


def undo_change(changes: Changes, panel: Panel, actor: Actor, row: Any, entry_id: int, around: Circumstances) -> Any:
    """Take back what an entry of the history of `row` tells, and return the row; None when it is gone by that.

    Args:
        row: as it is now.
        around: the reason, and the version that the actor has looked at.

    Raises:
        NotFound: the row has no such entry. NotPermitted: the actor may not do what takes it back.
        Conflict: the entry is not one that can be taken back, or what it changed has been changed since.
        ChangedMeanwhile: it is being changed right now. InvalidInput: the old values are not valid any more.

    Cost: two queries beside the action.
    """
    entry = entry_of(actor, row, entry_id)
    if entry is None:
        require(panel, actor, "change")
        raise NotFound
    around = replace(around, version=around.version or version_of(snapshot(row)), undoes=entry.pk)
    if entry.before is None and entry.after is not None:
        return _taken_away(changes, panel, actor, row, entry, around)
    require(panel, actor, "change")
    before, names = _given_back(panel, row, entry)
    with transaction.atomic():
        changes.update(panel, actor, row, {name: before[name] for name in names}, around)
        row = panel.model._default_manager.get(pk=row.pk)
        if not _still(row, {name: before[name] for name in names}):  # the action made something else of it
            raise Conflict(_("This cannot be taken back exactly: change it by hand."))
    return row


def _taken_away(
    changes: Changes, panel: Panel, actor: Actor, row: Any, entry: AuditEntry, around: Circumstances
) -> None:
    if not way_back(panel, entry):
        raise Conflict(_("What is added here is not taken back like this."))
    require(panel, actor, "delete")
    if snapshot(row) != entry.after:
        raise Conflict(_("This has been changed since it was added: look at it, then remove it by hand."))
    changes.remove(panel, actor, row, around)


def take_back(changes: Changes, panels: Sequence[Panel], actor: Actor, entry: AuditEntry, why: str) -> Any:
    """Take back what an entry of history tells, whatever it is about, and return the row; None when it is gone by that.

    Args:
        panels: those of the entry's model, of which some may show the row.
        why: the reason, for history.

    Raises: what `undo_change` does.

    Cost: three queries beside the action.
    """
    around = Circumstances(reason=why)
    if AuditEntry.objects.visible_to(actor).filter(undoes=entry.pk, before__isnull=True).exists():
        raise Conflict(_("This has been taken back already."))
    mine = [panel for panel in panels if panel.may(actor, "view")]
    if entry.after is None and entry.before is not None:
        return _first(lambda panel: _brought_back(changes, panel, actor, entry, around), mine)
    for panel in mine:
        row = _row_of(panel, actor, entry)
        if row is not None:
            return undo_change(changes, panel, actor, row, entry.pk, around)
    raise Conflict(_("It is not there any more.") if mine else _("Changes of this kind cannot be taken back."))


def _first(do: Any, panels: Sequence[Panel]) -> Any:
    """What the first panel does that can: a model's rows may be those of several panels (prices, costs)."""
    refusal: CarillonError = Conflict(_("Changes of this kind cannot be taken back."))
    for panel in panels:
        try:
            return do(panel)
        except CarillonError as error:
            refusal = error
    raise refusal


def _row_of(panel: Panel, actor: Actor, entry: AuditEntry) -> Any:
    primary: Any = panel.model._meta.pk
    try:
        return panel.rows(actor).filter(pk=primary.to_python(entry.object_id)).first()
    except ValidationError:
        return None


def _brought_back(changes: Changes, panel: Panel, actor: Actor, entry: AuditEntry, around: Circumstances) -> Any:
    before: Mapping[str, Any] = entry.before or {}
    if not way_back(panel, entry):
        raise Conflict(_("What is removed here cannot be brought back."))
    require(panel, actor, "add")
    if getattr(panel.model, "audit_exclude", ()):
        raise Conflict(_("It held what history does not keep, such as a password or a file: add it anew."))
    was = _revived(panel.model, before)
    values = initial_values(panel, was)
    inputs = [one for one in panel_inputs(panel) if one.type is not Upload and one.field.only != "update"]
    given = {one.name: plain_value(values[one.name]) for one in inputs if one.name in values}
    with transaction.atomic():
        made = changes.create(panel, actor, given, replace(around, undoes=entry.pk, about=was))
        row = panel.rows(actor).filter(pk=made.pk).first()
        if row is None:
            raise Conflict(_("What is removed here cannot be brought back."))
        if lost := _lost(row, before, {one.name for one in inputs}):
            text = _("It would not be as it was: %(names)s would differ. Add it anew, by hand.")
            raise Conflict(text % {"names": ", ".join(lost)})
    return row


def _revived(model: type[models.Model], before: Mapping[str, Any]) -> Any:
    """The row as history has kept it, saved nowhere and without an id."""
    columns = {field.attname: field for field in model._meta.concrete_fields if not field.primary_key}
    return model(**{name: field.to_python(before[name]) for name, field in columns.items() if name in before})


def _lost(row: Any, before: Mapping[str, Any], inputs: set[str]) -> list[str]:
    """What a row that was brought back has otherwise than it had, but for its id and the time when it was made."""
    columns = {field.attname: field for field in row._meta.concrete_fields}
    own = {
        name
        for name, field in columns.items()
        if field.primary_key or (isinstance(field, models.DateTimeField) and name not in inputs)
    }
    return [
        str(columns[name].verbose_name if name in columns else name.replace("_", " "))
        for name in changed_keys(type(row), before, snapshot(row))
        if name not in own
    ]


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
