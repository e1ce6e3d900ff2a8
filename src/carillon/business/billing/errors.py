"""What stops a movement of money."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from carillon.base.errors import Conflict


class KeyReused(Conflict):
    """The idempotency key belongs to another movement of money."""

    slug = "idempotency-key-reused"
    title = _("This idempotency key was used for something else.")


class NotReversible(Conflict):
    """A transfer that can't be taken back this way."""

    slug = "not-reversible"
    title = _("This transfer can't be reversed.")
