"""What only the operator has: how the platform is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from django.utils.translation import gettext_lazy as _

from carillon.base.actor import Actor
from carillon.business.routing.choices import Presence
from carillon.faces.portal.gateways import TONES
from carillon.panels.declaration import Page
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


PAGES = (PLATFORM_HEALTH,)
