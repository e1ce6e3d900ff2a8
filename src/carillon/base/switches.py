"""Rows that are switched on and off: SIP endpoints, gateways, routes."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db import models

from carillon.base.actor import Actor
from carillon.base.changes import audited
from carillon.base.errors import AlreadySo
from carillon.base.rows import locked

M = TypeVar("M", bound=models.Model)


def switch(actor: Actor, row: M, *, is_enabled: bool) -> M:
    """Set a row's `is_enabled` and write "enable" or "disable" into its history; part of an action, not one itself.

    Raises:
        AlreadySo
        NotFound: the actor sees no such row (any more).

    Cost: three queries.
    """
    found: Any = locked(type(row)._default_manager, actor, row.pk)  # type: ignore[arg-type]  # tenant models' manager
    if found.is_enabled == is_enabled:
        raise AlreadySo
    with audited(actor, found, "enable" if is_enabled else "disable"):
        found.is_enabled = is_enabled
        found.save(update_fields=["is_enabled"])
    switched: M = found
    return switched
