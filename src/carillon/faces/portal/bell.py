"""The bell on top: what concerns the person at work, asked for again every half minute."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_POST

from carillon.business.notices.bell import Notification, mark_read, notifications_of
from carillon.faces.portal.access import actor_of, staff_only
from carillon.faces.portal.catalogue import panel as find_panel
from carillon.panels.manner import moment_text

TOLD = {
    "mention": _("%(by)s mentioned you in a note: %(about)s"),
    "ticket": _("%(by)s wrote in %(about)s"),
    "import": _("%(about)s: %(created)d rows added, %(changed)d changed, %(wrong)d wrong"),
    "tried": _("%(about)s was tried: %(created)d rows would be added, %(changed)d changed, %(wrong)d are wrong"),
    "rows": _("%(about)s: %(changed)d done, %(wrong)d refused"),
    "what-if": _("What if, %(about)s: %(calls)d calls charged again"),
    "ended": _("%(about)s: %(detail)s"),
    "failed": _("%(about)s failed. %(detail)s"),
}


def told(one: Notification) -> str:
    """Return a notification as a sentence."""
    words = {"by": one.by, "about": one.about, "detail": one.detail, **one.counts}
    return str(TOLD[one.kind]) % words if one.kind in TOLD else one.about


def _address(one: Notification) -> str:
    panel = find_panel(one.panel)
    if panel is not None and panel.detail is not None:
        return reverse("portal:detail", args=[one.panel, one.object_id])
    return reverse("portal:panel", args=[one.panel]) if panel else "/"


def listed(found: list[Notification]) -> dict[str, Any]:
    """Return notifications as the bell and REST give them."""
    return {"unread": sum(not one.is_read for one in found), "results": [_row(one) for one in found]}


def _row(one: Notification) -> dict[str, Any]:
    return {
        "key": one.key,
        "kind": one.kind,
        "at": one.at.isoformat().replace("+00:00", "Z"),
        "text": told(one),
        "resource": one.panel,
        "object_id": one.object_id,
        "is_read": one.is_read,
    }


@require_GET
@staff_only
def notifications(request: HttpRequest) -> HttpResponse:
    """The newest notifications as JSON."""
    found = notifications_of(actor_of(request))
    body = listed(found)
    for row, one in zip(body["results"], found, strict=True):
        row |= {"address": _address(one), "when": moment_text(one.at, "%H:%M")}
    return JsonResponse(body)


@require_POST
@staff_only
def read(request: HttpRequest) -> HttpResponse:
    """Mark one notification (POST key) or all as read."""
    mark_read(actor_of(request), request.POST.get("key", ""))
    return HttpResponse(status=204)
