"""Hang up a live call: control ends it on the wire, and the call's own events do the rest."""

from __future__ import annotations

import http.client

from django.conf import settings
from django.utils.translation import gettext as _

from carillon.base.actor import Actor
from carillon.base.changes import action, witnessed
from carillon.base.errors import Conflict, NotFound
from carillon.business.calls.models import Call
from carillon.business.calls.queries import LIVE
from carillon.usecases.ask_control import ControlSilent, ask_control


@action("live_calls.hang_up")
def hang_up_call(actor: Actor, call: Call) -> Call:
    """Hang up a call that is going on; it ends within moments and is rated like any other.

    Raises:
        NotFound: there is no such call, or it is another's.
        Conflict: it has ended already.
        ControlSilent
    """
    found = Call.objects.visible_to(actor).filter(pk=call.pk, partner_id__in=actor.scope).first()
    if found is None:
        raise NotFound(_("There is no call %(pk)s.") % {"pk": call.pk})
    call = found
    if call.state not in LIVE:
        raise Conflict(_("The call has ended already."))
    status = ask_control(settings.CONFIG, "calls", str(call.pk), "hangup")
    if status == http.client.NOT_FOUND:
        raise Conflict(_("The call has ended already."))
    if status >= http.client.MULTIPLE_CHOICES:
        raise ControlSilent(_("The call control refused to hang up (status %(status)s).") % {"status": status})
    witnessed(actor, call, "hang_up")  # what changes the call itself are its events
    return call
