"""A new sub-partner, with the account on which it buys from its parent."""

from __future__ import annotations

from carillon.base.actor import Actor
from carillon.base.changes import action
from carillon.business.billing.actions import open_partner_account
from carillon.business.partners.actions import PartnerData, create_partner
from carillon.business.partners.models import Partner


@action("partners.add")
def open_partner(actor: Actor, data: PartnerData) -> Partner:
    """Create a sub-partner and open its account in the parent's books, both or neither.

    Raises:
        InvalidInput: a value is wrong.
    """
    partner = create_partner(actor, data)
    open_partner_account(actor, partner)
    return partner
