"""A web product together with the price list that its customers pay by."""

from __future__ import annotations

from dataclasses import dataclass

from carillon.base.actor import Actor
from carillon.base.changes import action
from carillon.business.brands.actions import WebProductData, create_web_product
from carillon.business.brands.models import WebProduct
from carillon.business.pricing.assignments import AssignmentData, assign_price_list, unassign_price_list
from carillon.business.pricing.choices import Traffic
from carillon.business.pricing.models import PriceAssignment
from carillon.usecases.rename_sip_domain import update_web_product


@dataclass(frozen=True, slots=True, kw_only=True)
class WebProductPlan(WebProductData):
    """A web product and its price list. `price_list_id` None: its customers pay by the partner's default."""

    price_list_id: int | None = None


@action("web_products.add")
def open_web_product(actor: Actor, plan: WebProductPlan) -> WebProduct:
    """Create a web product and let its customers pay by the list. Raises what the two actions raise."""
    product = create_web_product(actor, plan)
    _assign(actor, product, plan.price_list_id)
    return product


@action("web_products.change")
def change_web_product(actor: Actor, product: WebProduct, plan: WebProductPlan) -> WebProduct:
    """Change a web product and the list that its customers pay by. Raises what the actions raise."""
    product = update_web_product(actor, product, plan)
    _assign(actor, product, plan.price_list_id)
    return product


def assignment_of(product: WebProduct) -> PriceAssignment | None:
    """Return the assignment by which the web product's customers pay for the calls they place; one query."""
    own = PriceAssignment.objects.filter(web_product=product, traffic=Traffic.CALLS)
    return own.filter(customer=None, buyer_partner=None).first()


def _assign(actor: Actor, product: WebProduct, price_list_id: int | None) -> None:
    held = assignment_of(product)
    if price_list_id is None:
        if held:
            unassign_price_list(actor, held)
    elif held is None or held.price_list_id != price_list_id:
        assign_price_list(actor, AssignmentData(price_list_id=price_list_id, web_product_id=product.pk))
