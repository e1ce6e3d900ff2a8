"""Changes to calls that nobody on the telephone makes: what is kept of them, and for how long."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q
from django.db.models.functions import Now

from carillon.base.actor import Actor
from carillon.base.changes import action
from carillon.business.calls.models import CallTrace
from carillon.business.partners.queries import trace_days_of


@action("cdrs.settle")
def forget_old_traces(actor: Actor, *, limit: int = 100) -> int:
    """Forget up to `limit` SIP traces that are older than their partner wants; returns how many.

    Cost: one query for the partners, then one for each different number of days until the batch is full.
    """
    left = limit
    for partner_ids, days in _by_days(trace_days_of(actor)):
        whose = Q(partner_id__in=partner_ids)
        if actor.partner_id in partner_ids:  # traces that came before their call's row
            whose |= Q(partner_id=None)
        old = CallTrace.objects.filter(whose, recorded_at__lt=Now() - timedelta(days=days))
        ids = list(old.order_by("recorded_at").values_list("pk", flat=True)[:left])
        left -= CallTrace.objects.filter(pk__in=ids).delete()[0] if ids else 0
        if not left:
            break
    return limit - left


def _by_days(kept: dict[int, int]) -> list[tuple[list[int], int]]:
    """Partners that keep their traces equally long, together."""
    days = sorted(set(kept.values()))
    return [([partner_id for partner_id, own in kept.items() if own == each], each) for each in days]
