"""Take a number back from its customer: it leaves the stock's assignment and the customer's devices together."""

from __future__ import annotations

from carillon.base.actor import Actor
from carillon.base.changes import action
from carillon.base.rows import locked
from carillon.business.endpoints.actions import forget_caller_id
from carillon.business.numbers.actions import NumberRelease, unassign_number
from carillon.business.numbers.models import Number


@action("numbers.assign")
def release_number(actor: Actor, number: Number, data: NumberRelease) -> Number:
    """Release a number; devices that showed it fall back to their user's or customer's own.

    Raises:
        Conflict: it serves nobody.
    """
    number = locked(Number.objects, actor, number.pk)
    forget_caller_id(actor, number)
    return unassign_number(actor, number, data)
