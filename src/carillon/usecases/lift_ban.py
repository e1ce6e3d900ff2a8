"""Lift a ban of the edge: it hears the address again at once."""

from __future__ import annotations

import http.client

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from carillon.base.actor import Actor
from carillon.base.changes import action, audited
from carillon.base.errors import Conflict
from carillon.base.rows import locked
from carillon.business.endpoints.models import Ban
from carillon.usecases.ask_control import ControlSilent, ask_control


def is_standing(ban: Ban) -> bool:
    """Whether the ban still holds."""
    return ban.lifted_at is None and ban.until > timezone.now()


@action("bans.lift")
def lift_ban(actor: Actor, ban: Ban) -> Ban:
    """Let the edge hear an address or account again, and forget what led to the ban.

    Raises:
        Conflict: the ban is over already.
        ControlSilent
        NotFound
    """
    ban = locked(Ban.objects, actor, ban.pk)
    if not is_standing(ban):
        raise Conflict(_("This ban is over already."))
    with audited(actor, ban, "lift"):
        ban.lifted_at = timezone.now()
        ban.save(update_fields=["lifted_at"])
    whom = f"{ban.source}/{ban.account}" if ban.account else ban.source
    status = ask_control(settings.CONFIG, "bans", whom, "lift")
    if status >= http.client.MULTIPLE_CHOICES:
        raise ControlSilent(_("The call control refused to lift the ban (status %(status)s).") % {"status": status})
    return ban
