"""Who pays by which list: changes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from carillon.base.actor import Actor
from carillon.base.changes import action, audited
from carillon.base.errors import InvalidInput
from carillon.base.places import Faults
from carillon.base.rows import locked, named, named_or_none, once
from carillon.business.brands.models import WebProduct
from carillon.business.customers.models import Customer
from carillon.business.partners.models import Partner
from carillon.business.pricing.choices import Purpose, Traffic
from carillon.business.pricing.models import PriceAssignment, PriceList
from carillon.business.pricing.queries import exchange_rate_of

MOST_WEIGHT = 1000
CLASHES = {"list_once_per_buyer": ("price_list_id", _lazy("This buyer has this list already."))}


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How a buyer has a list among others: the heavier goes first, from and until when, and whether below cost."""

    weight: int = 0
    active_from: datetime | None = None
    active_until: datetime | None = None
    allows_loss: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentData(Terms):
    """Who pays by a list, and for which calls.

    One of customer, web product or sub-partner; none of them: the partner's default. `is_addition`: beside the lists
    that the buyer has, not in place of them.
    """

    price_list_id: int
    traffic: Traffic = Traffic.CALLS
    web_product_id: int | None = None
    customer_id: int | None = None
    buyer_partner_id: int | None = None
    is_addition: bool = False


@action("price_lists.assign")
def assign_price_list(actor: Actor, data: AssignmentData) -> PriceAssignment:
    """Let a buyer pay by a list from the next call on, in place of the lists it had or beside them.

    Raises:
        InvalidInput: more than one buyer, a buyer of another partner, a cost list, a currency that nothing converts, or
            terms that make no sense.
    """
    price_list = named(PriceList.objects, actor, data.price_list_id, "price_list_id")
    buyer = _buyer(actor, price_list, data) | {"traffic": data.traffic}
    _check_terms(data)
    rows = PriceAssignment.objects.filter(partner_id=price_list.partner_id, **buyer)
    held = list(rows.select_for_update().order_by("pk"))
    same = next((one for one in held if one.price_list_id == price_list.pk), None)
    assignment = same if same or data.is_addition else next(iter(held), None)
    for other in () if data.is_addition else held:
        if other is not assignment:
            with audited(actor, other, "remove"):
                other.delete()
    verb = "update" if assignment else "create"
    assignment = assignment or PriceAssignment(partner_id=price_list.partner_id, **buyer)
    with once(CLASHES), audited(actor, assignment, verb):
        assignment.price_list = price_list
        _fill(assignment, data)
        assignment.save()
    return assignment


@action("price_lists.assign")
def update_assignment(actor: Actor, assignment: PriceAssignment, data: AssignmentData) -> PriceAssignment:
    """Change weight, times and whether the list may be below cost; list, buyer and kind of calls stay.

    Raises:
        InvalidInput: terms that make no sense, or another list, buyer or kind of calls than before. NotFound.
    """
    assignment = locked(PriceAssignment.objects, actor, assignment.pk)
    stays = ("price_list_id", "traffic", "web_product_id", "customer_id", "buyer_partner_id")
    if any(getattr(data, name) != getattr(assignment, name) for name in stays):
        raise InvalidInput(fields={"price_list_id": _("List and buyer stay: assign the other list instead.")})
    _check_terms(data)
    with audited(actor, assignment, "update"):
        _fill(assignment, data)
        assignment.save()
    return assignment


def _check_terms(data: Terms) -> None:
    faults = Faults()
    faults.unless(0 <= data.weight <= MOST_WEIGHT, "weight", _("Between 0 and %(most)s.") % {"most": MOST_WEIGHT})
    is_ordered = data.active_from is None or data.active_until is None or data.active_from < data.active_until
    faults.unless(is_ordered, "active_until", _("This is not after the beginning."))
    faults.stop()


def _fill(assignment: PriceAssignment, data: Terms) -> None:
    assignment.weight, assignment.allows_loss = data.weight, data.allows_loss
    assignment.active_from, assignment.active_until = data.active_from, data.active_until


@action("price_lists.assign")
def unassign_price_list(actor: Actor, assignment: PriceAssignment) -> None:
    """Let the buyer's other lists, or the next less exact assignment, apply again."""
    assignment = locked(PriceAssignment.objects, actor, assignment.pk)
    with audited(actor, assignment, "remove"):
        assignment.delete()


def _buyer(
    actor: Actor, price_list: PriceList, data: AssignmentData
) -> dict[str, WebProduct | Customer | Partner | str | None]:
    product = named_or_none(WebProduct.objects, actor, data.web_product_id, "web_product_id")
    customer = named_or_none(Customer.objects, actor, data.customer_id, "customer_id")
    partner = named_or_none(Partner.objects, actor, data.buyer_partner_id, "buyer_partner_id")
    seller, faults = price_list.partner_id, Faults()
    faults.unless(price_list.purpose == Purpose.SALE, "price_list_id", _("This is a carrier's cost list."))
    if sum(buyer is not None for buyer in (product, customer, partner)) > 1:
        faults.unless(False, "price_list_id", _("Choose one buyer: a customer, a web product or a sub-partner."))
    if product:
        faults.unless(product.partner_id == seller, "web_product_id", _("This web product is another partner's."))
        if price_list.currency not in product.currencies:
            for wanted in product.currencies:
                _convertible(price_list, wanted, "web_product_id", faults)
    if customer:
        faults.unless(customer.partner_id == seller, "customer_id", _("This customer buys from another partner."))
        _convertible(price_list, customer.currency, "customer_id", faults)
    if partner:
        faults.unless(
            partner.parent_id == seller, "buyer_partner_id", _("This partner does not buy from the list's owner.")
        )
        _convertible(price_list, partner.currency, "buyer_partner_id", faults)
    faults.stop()
    return {"web_product": product, "customer": customer, "buyer_partner": partner}


def _convertible(price_list: PriceList, currency: str, field: str, faults: Faults) -> None:
    """The buyer pays in the list's currency, or there is an exchange rate."""
    known = exchange_rate_of(price_list.partner_id, price_list.currency, currency)
    faults.unless(
        known is not None,
        field,
        _("This buyer pays in %(currency)s: add an exchange rate from %(listed)s first.")
        % {"currency": currency, "listed": price_list.currency},
    )
