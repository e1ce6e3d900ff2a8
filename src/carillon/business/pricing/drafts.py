"""Drafts: who may write on one, who has, and from when it can hold."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from carillon.base.actor import Actor
from carillon.base.errors import InvalidInput
from carillon.base.rows import locked
from carillon.business.pricing.choices import VersionState
from carillon.business.pricing.errors import VersionApproved, VersionNotDraft
from carillon.business.pricing.models import PriceListVersion
from carillon.business.pricing.queries import permit

SLOW_TYPIST = timedelta(minutes=5)  # a form filled in with "now" is still "now"


def draft_of(actor: Actor, version_id: int, verb: str = "change") -> PriceListVersion:
    """Return the draft, locked, so that nobody approves it under our hands; the actor is among its authors then.

    Raises:
        NotFound, NotPermitted. VersionApproved, VersionNotDraft: it is no draft.

    Cost: two queries, three to change.
    """
    version: PriceListVersion = locked(PriceListVersion.objects, actor, version_id)
    permit(actor, version.price_list, verb)
    if version.state == VersionState.APPROVED:
        raise VersionApproved
    if version.state != VersionState.DRAFT:
        raise VersionNotDraft
    if verb == "change":
        version.authors, version.compared_at = sorted({*version.authors, *persons(actor)}), None
        version.save(update_fields=["authors", "compared_at"])
    return version


def persons(actor: Actor) -> set[str]:
    """Return who is behind a change, also through somebody else's sign-in: by name, and by id because names change."""
    return {f"#{actor.login_id}", actor.name, *actor.impersonators}


def is_same_second(one: datetime, other: datetime) -> bool:
    """Forms carry whole seconds: what comes back unchanged is no new date, even when it has passed meanwhile."""
    return one.replace(microsecond=0) == other.replace(microsecond=0)


def effective(wanted: datetime | None) -> datetime:
    """Return from when a version holds: as wanted, None: from now on.

    Raises:
        InvalidInput: in the past, on field "effective_from".
    """
    now = timezone.now()
    if wanted is not None and wanted < now - SLOW_TYPIST:
        why = _("Prices can't take effect in the past: calls have been charged by the old ones.")
        raise InvalidInput(why, fields={"effective_from": why})
    return max(wanted or now, now)
