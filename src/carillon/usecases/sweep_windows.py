"""Credit windows whose control is gone: what no call of theirs needs goes back to the accounts."""

from __future__ import annotations

import logging

from django.db import connection

from carillon.base.actor import Actor
from carillon.base.changes import action

log = logging.getLogger("carillon.calls")


@action("cdrs.settle")
def sweep_windows(actor: Actor) -> int:
    """Take windows whose lease has ended from their control and return how many micro-units went back.

    The shares of calls that are open or not rated stay in their window; they leave it when the call is rated. Cost: one
    query; it locks the accounts of the windows concerned only when there are any.
    """
    with connection.cursor() as cursor:
        cursor.execute("select callfeed.sweep_credit()")
        returned = int(cursor.fetchone()[0])
    if returned:
        log.info("Credit windows without a lease gave back %s micro-units", returned)
    return returned
