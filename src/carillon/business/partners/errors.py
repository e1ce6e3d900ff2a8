"""What stops a change of partners and staff."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from carillon.base.errors import Conflict, NotPermitted


class NoMembership(NotPermitted):
    """A login that is no (longer) staff anywhere."""

    slug = "no-membership"
    title = _("This sign-in has no role at any partner.")


class TokenElsewhere(NotPermitted):
    """A token that is right but does not work from where it is used."""

    slug = "token-elsewhere"

    def __init__(self, token_id: int, address: str) -> None:
        super().__init__()
        self.token_id, self.address = token_id, address


class TokenStopped(NotPermitted):
    """A token made without the second factor that its owner's role asks for now."""

    slug = "token-stopped"
    title = _(
        "This token was made without the second factor that its owner's role asks for now. Its owner signs in with one"
        " and renews it under API tokens."
    )


class StatusNotPossible(Conflict):
    """A status that the present one does not lead to."""

    slug = "status-not-possible"
    title = _("The present status does not allow this.")
