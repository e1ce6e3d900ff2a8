"""What stops a movement of money."""

from __future__ import annotations

from carillon.base.errors import Conflict


class KeyReused(Conflict):
    """The idempotency key belongs to another movement of money."""

    slug = "idempotency-key-reused"
    title = "This idempotency key was used for something else."


class NotReversible(Conflict):
    """A transfer that can't be taken back this way."""

    slug = "not-reversible"
    title = "This transfer can't be reversed."
