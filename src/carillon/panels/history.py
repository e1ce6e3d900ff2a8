"""Notes and history of any row."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import models
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from carillon.base.actor import Actor
from carillon.base.errors import InvalidInput, NotPermitted
from carillon.base.models import AuditEntry, Mention, Note
from carillon.base.tenancy import row_owner
from carillon.business.partners.queries import Colleague, colleagues_of
from carillon.panels.cells import money_text
from carillon.panels.declaration import Panel
from carillon.panels.manner import moment_text

SHOWN = 200


@dataclass(frozen=True, slots=True)
class Difference:
    """One field of a change, before and after, as texts and (`was`, `now`) as recorded; `name` is the column's."""

    name: str
    field: str
    before: str
    after: str
    was: Any
    now: Any


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a history. `by` names the impersonators too, outermost first.

    `undoes`: number of the earlier one that it takes back; `undone_by`: of the later one that took this back. `made`:
    the row as it was added, of an addition.
    """

    id: int
    at: datetime
    verb: str
    actor: str
    impersonators: tuple[str, ...]
    reason: str
    undoes: int | None
    undone_by: int | None
    differences: tuple[Difference, ...]
    made: Mapping[str, Any] | None = None

    @property
    def by(self) -> tuple[str, ...]:
        """Whoever acted, outermost first."""
        return (*self.impersonators, self.actor)

    @property
    def action(self) -> str:
        """What was done, in words."""
        return self.verb.replace("_", " ")


def notes_of(actor: Actor, row: models.Model) -> list[Note]:
    """Return the newest notes beside `row`, at most 200. Cost: one query."""
    mine = Note.objects.visible_to(actor).filter(object_type=row._meta.label_lower, object_id=str(row.pk))
    return list(mine.order_by("-id")[:SHOWN])


def add_note(actor: Actor, panel: Panel, row: models.Model, text: str) -> Note:
    """Write a note beside `row`; colleagues whom it names (`@Olga Operator`, `@olga@level.example`) are kept with it.

    Raises:
        NotPermitted: the actor may not see this panel or may only read.
        InvalidInput: the text is empty or longer than 4000 characters.

    Cost: one insert; with an @ in the text one query more, and one insert when somebody is named.
    """
    if not may_note(actor, panel):
        raise NotPermitted
    text = text.strip().replace("\x00", "")
    if not 0 < len(text) <= 4000:
        raise InvalidInput(fields={"text": _("A note has 1 to 4000 characters.")})
    owner = row_owner(row)
    note = Note.objects.create(
        partner_id=owner if owner in actor.scope else actor.partner_id or 0,
        object_type=row._meta.label_lower,
        object_id=str(row.pk),
        author_login_id=actor.login_id,
        author_name=actor.name,
        text=text,
    )
    Mention.objects.bulk_create(
        Mention(
            partner_id=actor.partner_id or 0,
            note=note,
            login_id=login_id,
            panel=panel.slug,
            object_id=str(row.pk),
            object_name=str(row)[:200],
        )
        for login_id in (mentioned(text, colleagues_of(actor)) if "@" in text else ())
    )
    return note


def mentioned(text: str, colleagues: Iterable[Colleague]) -> list[int]:
    """Return the ids of the logins that `text` names after an @: by address, or by a name that only one of them has."""
    lowered = text.lower()
    names = [one.name.lower() for one in colleagues]
    found = []
    for one in colleagues:
        ways = [one.email.lower(), *([one.name.lower()] if names.count(one.name.lower()) == 1 else [])]
        if any(re.search(rf"(?<!\w)@{re.escape(way)}(?!\w)", lowered) for way in ways if way):
            found.append(one.login_id)
    return found


def may_note(actor: Actor, panel: Panel) -> bool:
    """Tell whether the actor may write notes here: staff whose role may change things on the panel."""
    is_staff = actor.customer_id is None
    return is_staff and panel.may(actor, "view") and actor.may(f"{panel.prefix}.change")


def _entries(actor: Actor, row: models.Model) -> models.QuerySet[AuditEntry]:
    mine = AuditEntry.objects.visible_to(actor).filter(object_type=row._meta.label_lower, object_id=str(row.pk))
    return mine.order_by("-id")


def newest_entry(actor: Actor, row: models.Model) -> int:
    """Return the number of the newest history entry of `row`, 0 when there is none. Cost: one query."""
    return _entries(actor, row).values_list("pk", flat=True).first() or 0


def entry_of(actor: Actor, row: models.Model, entry_id: int) -> AuditEntry | None:
    """Return that history entry of `row`. Cost: one query."""
    return _entries(actor, row).filter(pk=entry_id).first()


def history_of(actor: Actor, row: models.Model, panel: Panel | None = None) -> list[Change]:
    """Return every change ever made to `row`, newest first, at most 200; fields are called as `panel` calls them.

    Cost: one query, and one for each kind of object that foreign keys in the changes point to.
    """
    found = list(_entries(actor, row)[:SHOWN])
    undone = {entry.undoes: entry.pk for entry in reversed(found) if entry.undoes}
    return _changes(actor, type(row), found, panel, undone)


def change_of(actor: Actor, model: type[models.Model], entry: AuditEntry, panel: Panel | None = None) -> Change:
    """Return what one entry of history tells, of a row that may be gone. Cost: two queries, and as `history_of`."""
    later = AuditEntry.objects.visible_to(actor).filter(undoes=entry.pk).order_by("-id")
    undone = later.values_list("pk", flat=True).first()
    return _changes(actor, model, [entry], panel, {entry.pk: undone} if undone else {})[0]


def _changes(
    actor: Actor,
    model: type[models.Model],
    entries: list[AuditEntry],
    panel: Panel | None,
    undone: Mapping[int, int],
) -> list[Change]:
    names = _names(actor, model, entries)
    labels = {field.name: str(field.label) for field in panel.fields} if panel else {}
    return [
        Change(
            id=entry.pk,
            at=entry.at,
            verb=entry.action.partition(".")[2],
            actor=entry.actor_name,
            impersonators=tuple(entry.impersonators),
            reason=entry.reason,
            undoes=entry.undoes,
            undone_by=undone.get(entry.pk),
            differences=_differences(model, entry, names, labels),
            made=entry.after if entry.before is None else None,
        )
        for entry in entries
    ]


def changed_keys(model: type[models.Model], before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return the names of what differs, columns first and in their order."""
    known = [field.attname for field in model._meta.concrete_fields]
    keys = [key for key in known if key in before or key in after]
    keys += [key for key in {**before, **after} if key not in known]
    return [key for key in keys if before.get(key) != after.get(key) and key != "id"]


def _differences(
    model: type[models.Model], entry: AuditEntry, names: dict[tuple[str, str], str], labels: Mapping[str, str]
) -> tuple[Difference, ...]:
    before, after = entry.before or {}, entry.after or {}
    return tuple(
        Difference(
            name=key,
            field=labels.get(key) or _title(model, key),
            before=_text(model, names, key, before.get(key)),
            after=_text(model, names, key, after.get(key)),
            was=before.get(key),
            now=after.get(key),
        )
        for key in changed_keys(model, before, after)
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
    if isinstance(value, dict):
        return ", ".join(f"{name}: {one}" for name, one in value.items())
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if key.endswith(("_at", "_from", "_until")) and isinstance(value, str):
        moment = parse_datetime(value)
        return moment_text(moment) if moment else value
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
