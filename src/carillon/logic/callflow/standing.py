"""Who may call whom and who may be called: status of a customer and of the partners above it, kinds of numbers."""

from __future__ import annotations

from carillon.logic.callflow.feed import (
    Customer,
    Feed,
    Status,
)
from carillon.logic.callflow.notes import Note
from carillon.logic.destinations import NAMES, destination_class
from carillon.logic.routing import ancestry

_REACHABLE = frozenset({Status.ACTIVE, Status.SUSPENDED})


def is_reachable(feed: Feed, customer: Customer) -> bool:
    """Whether the customer may be called: a suspended one still is, a blocked or terminated one is not."""
    return customer.status in _REACHABLE and all(
        partner.status in _REACHABLE for partner in ancestry(feed, customer.partner_id)
    )


def why_barred(feed: Feed, customer: Customer) -> tuple[str, Note] | None:
    """Why this customer or a partner above may not call: slug and sentence; None when all may."""
    if customer.status is not Status.ACTIVE:
        return f"customer-{customer.status.value}", Note(f"{customer.name} is {customer.status.value}.")
    for tier in customer.tiers[1:]:
        if tier.buyer_status is not Status.ACTIVE:
            return "partner-suspended", Note(f"{tier.buyer} is {tier.buyer_status.value}.", tier.buyer_partner_id)
    for partner in ancestry(feed, customer.partner_id):
        if partner.status is not Status.ACTIVE:
            return "partner-suspended", Note(f"{partner.name} is {partner.status.value}.", partner.id)
    return None


def why_destination_barred(customer: Customer, number: str) -> Note | None:
    """Why the customer may not have calls to E.164 `number`, dialled or forwarded; None when it may."""
    kind = destination_class(number)
    if kind is None or kind.value in customer.allowed_classes:
        return None
    return Note(f"{number} is {NAMES[kind]}: such calls are barred until they are allowed for the customer.")
