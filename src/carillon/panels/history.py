"""Notes and history of any row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from carillon.base.actor import Actor
from carillon.base.errors import InvalidInput, NotPermitted
from carillon.base.models import AuditEntry, Note
from carillon.base.tenancy import row_owner
from carillon.panels.cells import money_text
from carillon.panels.declaration import Panel

SHOWN = 200


@dataclass(frozen=True, slots=True)
class Difference:
    """One field of a change, before and after, as texts."""

    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a history. `by` names the impersonators too, outermost first."""

    at: datetime
    action: str
    by: tuple[str, ...]
    reason: str
    differences: tuple[Difference, ...]


def notes_of(actor: Actor, row: models.Model) -> list[Note]:
    """Return the newest notes beside `row`, at most 200. Cost: one query."""
    mine = Note.objects.visible_to(actor).filter(object_type=row._meta.label_lower, object_id=str(row.pk))
    return list(mine.order_by("-id")[:SHOWN])


def add_note(actor: Actor, panel: Panel, row: models.Model, text: str) -> Note:
    """Write a note beside `row`.

    Raises:
        NotPermitted: the actor may not see this panel or may only read.
        InvalidInput: the text is empty or longer than 4000 characters.
    """
    if not may_note(actor, panel):
        raise NotPermitted
    text = text.strip().replace("\x00", "")
    if not 0 < len(text) <= 4000:
        raise InvalidInput(fields={"text": _("A note has 1 to 4000 characters.")})
    return Note.objects.create(
        partner_id=row_owner(row) or actor.partner_id or 0,
        object_type=row._meta.label_lower,
        object_id=str(row.pk),
        author_login_id=actor.login_id,
        author_name=actor.name,
        text=text,
    )


def may_note(actor: Actor, panel: Panel) -> bool:
    """Tell whether the actor may write notes here: whose role may change things on the panel."""
    return panel.may(actor, "view") and actor.may(f"{panel.prefix}.change")


def history_of(actor: Actor, row: models.Model) -> list[Change]:
    """Return every change ever made to `row`, newest first, at most 200.

    Cost: one query, and one for each kind of object that foreign keys in the changes point to.
    """
    entries = AuditEntry.objects.visible_to(actor).filter(object_type=row._meta.label_lower, object_id=str(row.pk))
    found = list(entries.order_by("-id")[:SHOWN])
    names = _names(actor, type(row), found)
    return [
        Change(
            at=entry.at,
            action=entry.action.partition(".")[2].replace("_", " "),
            by=(*entry.impersonators, entry.actor_name),
            reason=entry.reason,
            differences=_differences(type(row), entry, names),
        )
        for entry in found
    ]


def _differences(
    model: type[models.Model], entry: AuditEntry, names: dict[tuple[str, str], str]
) -> tuple[Difference, ...]:
    before, after = entry.before or {}, entry.after or {}
    known = [field.attname for field in model._meta.concrete_fields]
    keys = [key for key in known if key in before or key in after]
    keys += [key for key in {**before, **after} if key not in known]
    changed = [key for key in keys if before.get(key) != after.get(key) and key != "id"]
    return tuple(
        Difference(
            _title(model, key), _text(model, names, key, before.get(key)), _text(model, names, key, after.get(key))
        )
        for key in changed
        if not (entry.before is None and after.get(key) in (None, "", [], {}))
    )


def _column(model: type[models.Model], key: str) -> Any:
    return next((field for field in model._meta.concrete_fields if key == field.attname), None)


def _title(model: type[models.Model], key: str) -> str:
    column = _column(model, key)
    return str(column.verbose_name if column else key.replace("_", " ")).capitalize()


def _text(model: type[models.Model], names: dict[tuple[str, str], str], key: str, value: Any) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, (list, tuple)):
        return ", ".join(str(item) for item in value)
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if key.endswith(("_at", "_from", "_until")) and isinstance(value, str):
        moment = parse_datetime(value)
        return timezone.localtime(moment).strftime("%Y-%m-%d %H:%M:%S") if moment else value
    if key.endswith("_micro") and isinstance(value, int):
        return money_text(value)
    labels = dict(getattr(_column(model, key), "flatchoices", ()))
    return names.get((key, str(value)), str(labels.get(value, value)))


def _names(actor: Actor, model: type[models.Model], entries: Iterable[AuditEntry]) -> dict[tuple[str, str], str]:
    """Names of the objects that changed foreign keys point to, as far as the actor may see them."""
    names: dict[tuple[str, str], str] = {}
    entries = list(entries)
    for field in model._meta.concrete_fields:
        target: Any = field.related_model
        if target is None or not hasattr(target, "tenancy"):
            continue
        ids = {values.get(field.attname) for entry in entries for values in (entry.before or {}, entry.after or {})}
        ids.discard(None)
        if ids:
            seen = target.objects.visible_to(actor).filter(pk__in=ids)
            names.update({(field.attname, str(one.pk)): str(one) for one in seen})
    return names
