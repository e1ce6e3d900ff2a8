"""Who changed what: every entry of history in one's part of the tree, each with a page, and its way back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.apps import apps
from django.utils.translation import gettext as now_
from django.utils.translation import gettext_lazy as _

from carillon.base.actor import Actor
from carillon.base.errors import NotFound
from carillon.base.models import AuditEntry, Job
from carillon.faces.portal.catalogue import panel as find_panel
from carillon.faces.portal.catalogue import panels_for, row_address
from carillon.panels.changes import Changes, find_row
from carillon.panels.declaration import Column, Detail, Extra, Field, Filter, Panel, RowAction
from carillon.panels.history import change_of
from carillon.panels.undo import take_back, way_back
from carillon.panels.undojobs import TakingBack

CHANGES = Changes(find_panel)


def _kind(entry: AuditEntry) -> str:
    """What was changed, in the trade's words."""
    try:
        return str(apps.get_model(entry.object_type)._meta.verbose_name).capitalize()
    except LookupError:  # a model of an older version
        return entry.object_type.partition(".")[2]


def _verb(entry: AuditEntry) -> str:
    return entry.action.partition(".")[2].replace("_", " ").capitalize()


def _who(entry: AuditEntry) -> str:
    return " → ".join((*entry.impersonators, entry.actor_name))


def _fields(entry: AuditEntry) -> str:
    """Names of the fields that differ."""
    before, after = entry.before or {}, entry.after or {}
    changed = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return ", ".join(name.removesuffix("_micro").removesuffix("_id").replace("_", " ") for name in changed)


def _page(actor: Actor, entry: AuditEntry) -> Mapping[str, Any]:
    """What the page of an entry draws: the change field by field, and where its object is."""
    try:
        model = apps.get_model(entry.object_type)
    except LookupError:  # a model of an older version
        raise NotFound from None
    mine = [panel for panel in panels_for(entry.object_type) if panel.may(actor, "view")]
    found = next(((panel, row) for panel in mine if (row := _there(panel, actor, entry)) is not None), None)
    job_id = entry.request_id.removeprefix("job:") if entry.request_id.startswith("job:") else ""
    job = Job.objects.visible_to(actor).filter(pk=job_id, login_id=actor.login_id or 0).first() if job_id else None
    return {
        "change": change_of(actor, model, entry, mine[0] if mine else None),
        "kind": _kind(entry),
        "did": _verb(entry),
        "target": found[0] if found else None,
        "object": found[1] if found else None,
        "object_address": row_address(*found) if found else "",
        "job": job,
        "no_way_back": _no_way_back(entry),
    }


def _there(panel: Panel, actor: Actor, entry: AuditEntry) -> Any:
    try:
        return find_row(panel, actor, entry.object_id)
    except NotFound:
        return None


def _no_way_back(entry: AuditEntry) -> str:
    """Why this is not taken back, in words; nothing when it may be."""
    if _has_way_back(entry):
        return ""
    if entry.before is None and entry.after is None:
        return now_("Nothing was changed by this: there is nothing to take back.")
    return now_("Changes of this kind are not taken back from here: money, and what has a way back of its own.")


def _has_way_back(entry: AuditEntry) -> bool:
    return any(way_back(panel, entry) for panel in panels_for(entry.object_type))


def take_entry_back(actor: Actor, entry: AuditEntry, data: TakingBack) -> Any:
    """Take back what an entry tells; raises what `panels.undo.take_back` does."""
    return take_back(CHANGES, panels_for(entry.object_type), actor, entry, data.reason)


AUDIT = Panel(
    slug="audit",
    title=_("Audit"),
    name=_("change"),
    section="settings",
    icon="history",
    model=AuditEntry,
    rows=lambda actor: AuditEntry.objects.visible_to(actor),
    columns=(
        Column("at", _("When"), kind="datetime", order="id", width=150),
        Column("who", _("Who"), value=_who, width=180, grow=1),
        Column("verb", _("Did"), value=_verb, width=120),
        Column("kind", _("What"), value=_kind, width=120),
        Column("object_name", _("Name"), width=180, grow=2),
        Column("changed", _("Fields"), value=_fields, width=200, grow=2),
        Column("reason", _("Reason"), width=160, grow=1),
    ),
    api=(
        Column("action", _("Action"), kind="code"),
        Column("object_type", _("Kind of object"), kind="code"),
        Column("object_id", _("Object")),
        Column("actor_login_id", _("Login"), kind="integer"),
        Column("impersonators", _("Through"), kind="list"),
        Column("request_id", _("Request")),
        Column("partner_id", _("Partner"), kind="integer"),
        Column("undoes", _("Undoes"), kind="integer"),
    ),
    filters=(
        Filter("at", _("When"), kind="date", lookup="range"),
        Filter("who", _("Who"), field="actor_name", lookup="istartswith"),
        Filter("object_name", _("Name"), lookup="istartswith"),
        Filter("object_type", _("Kind of object")),
        Filter("object_id", _("Object")),
        Filter("action", _("Action"), lookup="istartswith"),
        Filter("request_id", _("Request")),
        Filter("partner_id", _("Partner"), kind="integer"),
    ),
    order=("-id",),
    actions=(
        RowAction(
            "take-back",
            _("Take back"),
            take_entry_back,
            data=TakingBack,
            fields=(Field("reason", _("Reason"), kind="textarea", wide=True),),
            icon="history",
            permission="audit.view",
            confirm=_(
                "Fields get their old values back; what was added is removed, what was removed is added anew, under a "
                "new id. It is a change like any other, with the same permissions and checks."
            ),
            applies=_has_way_back,
            done=_("It was taken back."),
        ),
    ),
    detail=Detail("portal/pages/audit_entry.html", _page),
    extras=(
        Extra(
            "difference",
            lambda _actor, entry: {"before": entry.before, "after": entry.after},
            _("Before and after"),
        ),
    ),
    search="object_name",
    has_history=False,
    help=_(
        "Every change ever made in your part of the tree, by people, programs and the platform itself, with everybody "
        "on whose behalf it was made, and its page with each field before and after. Nothing here can be changed or "
        "removed; most changes can be taken back, by a change of their own."
    ),
    empty=_("Nothing has been changed yet."),
)

PANELS = (AUDIT,)
