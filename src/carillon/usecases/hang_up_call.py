"""Hang up a live call: control ends it on the wire, and the call's own events do the rest."""

from __future__ import annotations

import http.client
import uuid

from django.conf import settings

from carillon.base.actor import Actor
from carillon.base.changes import action, witnessed
from carillon.base.errors import CarillonError, Conflict, NotFound
from carillon.business.calls.models import Call
from carillon.business.calls.queries import LIVE
from carillon.config import Config

TIMEOUT_S = 3


class ControlSilent(CarillonError):
    """control did not answer: it is being restarted, or down."""

    slug = "control-silent"
    title = "The call control does not answer; try again in a few seconds."
    status = 503


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
        raise NotFound(f"There is no call {call.pk}.")
    call = found
    if call.state not in LIVE:
        raise Conflict("The call has ended already.")
    status = _ask(settings.CONFIG, call.pk)
    if status == http.client.NOT_FOUND:
        raise Conflict("The call has ended already.")
    if status >= http.client.MULTIPLE_CHOICES:
        raise ControlSilent(f"The call control refused to hang up (status {status}).")
    witnessed(actor, call, "hang_up")  # what changes the call itself are its events
    return call


def _ask(config: Config, call_id: uuid.UUID) -> int:
    """POST /calls/<id>/hangup to control's loopback port; its HTTP status."""
    connection = http.client.HTTPConnection("127.0.0.1", config.ports.control, timeout=TIMEOUT_S)
    try:
        connection.request(
            "POST", f"/calls/{call_id}/hangup", headers={"Authorization": f"Bearer {config.control_token}"}
        )
        return connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        raise ControlSilent from error
    finally:
        connection.close()
