"""A portal's brand together with the hostname at which it is met: the one is the brand's, the other the partner's."""

from __future__ import annotations

from dataclasses import dataclass

from carillon.base.actor import Actor
from carillon.base.changes import action
from carillon.business.brands.models import PortalBrand
from carillon.business.brands.portal import PortalBrandData, create_portal_brand, update_portal_brand
from carillon.business.partners.actions import set_portal_hostname


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalBrandPlan(PortalBrandData):
    """A portal's brand and hostname. `hostname` "": none of its own."""

    hostname: str = ""


@action("portal_brands.add")
def open_portal_brand(actor: Actor, plan: PortalBrandPlan) -> PortalBrand:
    """Give a partner's portal a brand and a hostname. Raises what the two actions raise."""
    brand = create_portal_brand(actor, plan)
    set_portal_hostname(actor, brand.partner, plan.hostname)
    return brand


@action("portal_brands.change")
def change_portal_brand(actor: Actor, brand: PortalBrand, plan: PortalBrandPlan) -> PortalBrand:
    """Change a portal's brand and hostname. Raises what the two actions raise."""
    brand = update_portal_brand(actor, brand, plan)
    brand.partner = set_portal_hostname(actor, brand.partner, plan.hostname)
    return brand
