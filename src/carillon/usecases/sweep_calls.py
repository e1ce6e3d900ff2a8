"""Calls whose end nobody told us: they are found, ended and charged to the last proof of life, never a live one."""

from __future__ import annotations

import json
import logging
import time
from datetime import UTC, datetime, timedelta

from django.db import connection
from django.db.models.functions import Now

from carillon.base.actor import Actor
from carillon.base.changes import action
from carillon.business.calls.choices import CallState
from carillon.business.calls.models import Call
from carillon.business.calls.queries import LIVE
from carillon.logic.callflow.states import LAST_PROOF

log = logging.getLogger("carillon.calls")
LOOK_AGAIN = timedelta(minutes=1)
SETTLING_S = 15  # after a start of PostgreSQL the edge first hands over the events it has kept


@action("cdrs.settle")
def sweep_calls(actor: Actor, *, limit: int = 100) -> int:
    """End the calls that are overdue and return how many were ended; they are rated like all others.

    A call that was never applied or rings beyond all limits failed: its hold goes back. An answered call past its
    funded time has ended, for the edge's own timer ends it; if the edge still has the dialog it is left alone.
    Cost: one query, and two or three per overdue call.
    """
    if _is_settling():
        return 0
    rows = Call.objects.visible_to(actor).filter(state__in=LIVE, due_at__lte=Now())
    overdue = rows.select_for_update(skip_locked=True).order_by("due_at")[:limit]
    return sum(_sweep(call) for call in overdue)


def _sweep(call: Call) -> bool:
    if call.state != CallState.ANSWERED:
        reason = "The end of this call was never reported" if call.state == CallState.RINGING else "Never put through"
        _record(call, "failed", int(time.time() * 1000), {"by": "sweeper", "sip_code": 408, "reason": reason})
        return True
    if _has_dialog(call):
        call.due_at = datetime.now(UTC) + LOOK_AGAIN
        call.save(update_fields=["due_at"])
        return False
    last = call.alive_at or call.answered_at or call.started_at
    reason = "The end was never reported; charged to the last proof of life"
    detail: dict[str, object] = {"by": "sweeper", "sip_code": 0, "reason": reason, "charged_to": LAST_PROOF}
    _record(call, "ended", int(last.timestamp() * 1000), detail)
    return True


def _record(call: Call, kind: str, at_ms: int, detail: dict[str, object]) -> None:
    log.warning("Call %s was %s when its end went missing: recorded as %s", call.pk, call.state, kind)
    with connection.cursor() as cursor:
        cursor.execute(
            "select callfeed.record_event(%s, %s, %s, 'sweeper', %s::jsonb)",
            [call.pk, kind, at_ms, json.dumps(detail)],
        )


def _has_dialog(call: Call) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("select callfeed.has_dialog(%s)", [call.pk])
        return bool(cursor.fetchone()[0])


def _is_settling() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("select pg_postmaster_start_time() > now() - make_interval(secs => %s)", [SETTLING_S])
        return bool(cursor.fetchone()[0])
