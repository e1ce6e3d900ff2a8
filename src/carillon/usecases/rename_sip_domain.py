"""Editing a web product, its SIP domain included: the digest hashes of its endpoints contain the domain (RFC 2617)."""

from __future__ import annotations

from carillon.base.actor import Actor
from carillon.base.changes import action
from carillon.business.brands import actions as brands
from carillon.business.brands.actions import WebProductData
from carillon.business.brands.models import WebProduct
from carillon.business.endpoints.actions import derive_hashes


@action("web_products.change")
def update_web_product(actor: Actor, product: WebProduct, data: WebProductData) -> WebProduct:
    """Change a web product; with another SIP domain its devices must be told the new one, their passwords stay.

    Raises:
        InvalidInput: a value is wrong or taken.
        NotPermitted: the domain changes and the actor may not change endpoints.
        NotFound

    Cost: with another domain, one update per endpoint.
    """
    if brands.is_renamed(product, data):
        product = brands.change_sip_domain(actor, product, data.sip_domain)
        derive_hashes(actor, product)
    return brands.update_web_product(actor, product, data)
