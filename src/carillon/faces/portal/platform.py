"""What only the operator has: how the platform is, and who changed what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from django.apps import apps
from django.utils.translation import gettext_lazy as _

from carillon.base.actor import Actor
from carillon.base.models import AuditEntry
from carillon.business.routing.choices import Presence
from carillon.faces.portal.gateways import TONES
from carillon.panels.declaration import Column, Extra, Filter, Page, Panel
from carillon.usecases.observe_platform import observe_platform

BACKLOGS = {"calls_to_rate": _("Calls to rate"), "charges_to_post": _("Charges to post"), "jobs": _("Jobs")}


def _health(actor: Actor, _data: None) -> Mapping[str, Any]:
    found = asdict(observe_platform(actor))
    for backlog in found["backlogs"]:
        backlog["title"] = str(BACKLOGS[backlog["name"]])
    for gateway in found["gateways"]:
        presence = Presence(gateway["presence"])
        gateway |= {"title": str(presence.label), "tone": TONES.get(presence, "warn")}
    return found


PLATFORM_HEALTH = Page(
    slug="platform-health",
    title=_("Platform health"),
    section="settings",
    icon="server",
    read=_health,
    template="portal/pages/platform_health.html",
    audiences=frozenset({"operator"}),
    help=_(
        "The processes of this machine, work that waits for the worker, the database and the disk. Prometheus reads "
        "the same at /metrics with an API token that may see this page."
    ),
)


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
    extras=(
        Extra("difference", lambda _actor, entry: {"before": entry.before, "after": entry.after}, "Before and after"),
    ),
    search="object_name",
    has_history=False,
    help=_(
        "Every change ever made in your part of the tree, by people, programs and the platform itself, with everybody "
        "on whose behalf it was made. Nothing here can be changed or removed."
    ),
    empty=_("Nothing has been changed yet."),
)

PAGES = (PLATFORM_HEALTH,)
PANELS = (AUDIT,)
