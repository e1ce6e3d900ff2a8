"""Who pays by which list: changes."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from carillon.base.actor import Actor
from carillon.base.changes import action, audited
from carillon.base.places import Faults
from carillon.base.rows import locked, named, named_or_none, once
from carillon.business.brands.models import WebProduct
from carillon.business.customers.models import Customer
from carillon.business.partners.models import Partner
from carillon.business.pricing.choices import Purpose, Traffic
from carillon.business.pricing.models import PriceAssignment, PriceList


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentData:
    """Who pays by a list, and for which calls.

    One of customer, web product or sub-partner; none of them: the partner's default.
    """

    price_list_id: int
    traffic: Traffic = Traffic.CALLS
    web_product_id: int | None = None
    customer_id: int | None = None
    buyer_partner_id: int | None = None


@action("price_lists.assign")
def assign_price_list(actor: Actor, data: AssignmentData) -> PriceAssignment:
    """Let a buyer pay by a list from the next call on, in place of the list it had.

    Raises:
        InvalidInput: more than one buyer, a buyer of another partner, a cost list, or another currency.
    """
    price_list = named(PriceList.objects, actor, data.price_list_id, "price_list_id")
    buyer = _buyer(actor, price_list, data) | {"traffic": data.traffic}
    assignment = PriceAssignment.objects.filter(partner_id=price_list.partner_id, **buyer).select_for_update().first()
    verb = "update" if assignment else "create"
    assignment = assignment or PriceAssignment(partner_id=price_list.partner_id, **buyer)
    clash = {"one_list_per_buyer": ("price_list_id", "Somebody has just assigned a list to this buyer: try again.")}
    with once(clash), audited(actor, assignment, verb):
        assignment.price_list = price_list
        assignment.save()
    return assignment


@action("price_lists.assign")
def unassign_price_list(actor: Actor, assignment: PriceAssignment) -> None:
    """Let the next less exact assignment apply again."""
    assignment = locked(PriceAssignment.objects, actor, assignment.pk)
    with audited(actor, assignment, "remove"):
        assignment.delete()


def _buyer(
    actor: Actor, price_list: PriceList, data: AssignmentData
) -> dict[str, WebProduct | Customer | Partner | str | None]:
    product = named_or_none(WebProduct.objects, actor, data.web_product_id, "web_product_id")
    customer = named_or_none(Customer.objects, actor, data.customer_id, "customer_id")
    partner = named_or_none(Partner.objects, actor, data.buyer_partner_id, "buyer_partner_id")
    seller, currency, faults = price_list.partner_id, price_list.currency, Faults()
    faults.unless(price_list.purpose == Purpose.SALE, "price_list_id", _("This is a carrier's cost list."))
    if sum(buyer is not None for buyer in (product, customer, partner)) > 1:
        faults.unless(False, "price_list_id", _("Choose one buyer: a customer, a web product or a sub-partner."))
    if product:
        faults.unless(product.partner_id == seller, "web_product_id", _("This web product is another partner's."))
        faults.unless(
            currency in product.currencies,
            "web_product_id",
            _("This web product does not sell in %(currency)s.") % {"currency": currency},
        )
    if customer:
        faults.unless(customer.partner_id == seller, "customer_id", _("This customer buys from another partner."))
        faults.unless(
            customer.currency == currency,
            "customer_id",
            _("This customer pays in %(currency)s.") % {"currency": customer.currency},
        )
    if partner:
        faults.unless(
            partner.parent_id == seller, "buyer_partner_id", _("This partner does not buy from the list's owner.")
        )
        faults.unless(
            partner.currency == currency,
            "buyer_partner_id",
            _("This partner pays in %(currency)s.") % {"currency": partner.currency},
        )
    faults.stop()
    return {"web_product": product, "customer": customer, "buyer_partner": partner}
