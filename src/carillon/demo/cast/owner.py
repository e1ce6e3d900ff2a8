"""Whose things an actor of the cast makes."""

from __future__ import annotations

from carillon.base.actor import Actor


def own_partner(actor: Actor) -> int:
    """The id of the partner the actor works at. Raises LookupError for an actor without one."""
    if actor.partner_id is None:
        raise LookupError(f"{actor.name} works at no partner.")
    return actor.partner_id
