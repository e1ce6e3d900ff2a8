"""What stops a change of partners and staff."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from carillon.base.errors import Conflict, NotPermitted


class NoMembership(NotPermitted):
    """A login that is no (longer) staff anywhere."""

    slug = "no-membership"
    title = _("This sign-in has no role at any partner.")


class StatusNotPossible(Conflict):
    """A status that the present one does not lead to."""

    slug = "status-not-possible"
    title = _("The present status does not allow this.")
