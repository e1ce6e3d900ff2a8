"""How partners and customers change their status: the same rules for both."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from carillon.base.places import Faults
from carillon.business.partners.choices import NEXT_STATUSES, Status
from carillon.business.partners.errors import StatusNotPossible


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusData:
    """A status and why; the reason may be empty for `active` only."""

    status: Status
    reason: str = ""


def check_status(present: str, data: StatusData) -> None:
    """Refuse a status that `present` does not lead to, and one without its reason.

    Raises:
        StatusNotPossible
        InvalidInput
    """
    if data.status not in NEXT_STATUSES[present]:
        raise StatusNotPossible(
            _("What is %(label)s can't become %(label_other)s.")
            % {"label": Status(present).label.lower(), "label_other": Status(data.status).label}
        )
    faults = Faults()
    has_reason = data.status == Status.ACTIVE or bool(data.reason.strip())
    faults.unless(has_reason, "reason", _("Say why: the reason is kept and shown."))
    faults.unless(len(data.reason) <= 500, "reason", _("A reason has at most 500 characters."))
    faults.stop()
