"""Who pays by a list hears of new prices once the version is approved, or that they do not come after all.

Customers get a mail of their website; sub-partners an alert: in the bell, by mail to those of their people who want it,
in their languages, and to their programs.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from carillon.base.actor import Actor
from carillon.base.changes import action, witnessed
from carillon.business.customers.models import Customer
from carillon.business.notices.actions import tell_of_prices
from carillon.business.notices.choices import MailEvent
from carillon.business.notices.tocustomers import write_to_customer
from carillon.business.partners.choices import Status
from carillon.business.partners.models import Partner
from carillon.business.pricing.choices import RateChangeKind, VersionState
from carillon.business.pricing.models import PriceAssignment, PriceListVersion, RateChange
from carillon.logic.money import format_exact

SHOWN = 40  # changes in one mail
NOTHING = "–"


@action("price_lists.announce")
def announce_prices(actor: Actor, version_id: int) -> int:
    """Tell who pays by a version's list what it changes, or that it does not come; return how many they are.

    Once for each, however often it is called. Cost: seven queries, and five for each customer and sub-partner.
    """
    versions = (
        PriceListVersion.objects.visible_to(actor)
        .select_for_update(of=("self",))
        .select_related("price_list", "partner")
    )
    version = versions.filter(pk=version_id).first()
    is_told = version is not None and version.announced_at is not None
    if version is None or is_told == (version.state == VersionState.APPROVED):
        return 0
    values = {"when": f"{version.effective_from:%Y-%m-%d %H:%M} UTC"}
    event = MailEvent.PRICES_STAY
    if not is_told:
        event, values = MailEvent.PRICES, values | _changes_of(version)
    payers = customers_of(actor, version).select_related("partner", "web_product").order_by("pk")
    told = sum(write_to_customer(actor, customer, event, values) for customer in payers.iterator(chunk_size=500))
    of_list = values | {"list": version.price_list.name, "seller": version.partner.name}
    buyers = list(sub_partners_of(actor, version).values_list("pk", flat=True))
    for buyer_id in buyers:
        tell_of_prices(buyer_id, version.pk, of_list, is_coming=not is_told)
    version.announced_at = None if is_told else timezone.now()
    version.save(update_fields=["announced_at"])
    witnessed(actor, version, "announce", reason=f"{told} customers, {len(buyers)} sub-partners")
    return told + len(buyers)


def sub_partners_of(actor: Actor, version: PriceListVersion) -> QuerySet[Partner]:
    """Return the sub-partners of the seller that pay by the version's list, for any kind of calls."""
    uses = PriceAssignment.objects.filter(price_list=version.price_list, buyer_partner=OuterRef("pk"))
    bought = Partner.objects.visible_to(actor).filter(Exists(uses), parent_id=version.partner_id)
    return bought.exclude(status=Status.TERMINATED).order_by("pk")


def customers_of(actor: Actor, version: PriceListVersion) -> QuerySet[Customer]:
    """Return the customers who pay by the version's list when it takes effect, for any kind of calls.

    A customer's own lists stand in place of those of its web product, these in place of everybody's.
    """
    uses = PriceAssignment.objects.filter(price_list=version.price_list, buyer_partner=None)
    wanted = Q(pk__in=[])
    for use in uses:
        own = Q(Exists(PriceAssignment.objects.filter(traffic=use.traffic, customer=OuterRef("pk"))))
        of_product = PriceAssignment.objects.filter(traffic=use.traffic, web_product=OuterRef("web_product"))
        if use.customer_id is not None:
            wanted |= Q(pk=use.customer_id)
        elif use.web_product_id is not None:
            wanted |= Q(web_product=use.web_product_id) & ~own
        else:
            wanted |= ~own & ~Q(Exists(of_product))
    served = Customer.objects.visible_to(actor).filter(partner_id=version.partner_id)
    return served.exclude(status=Status.TERMINATED).filter(wanted)


def _changes_of(version: PriceListVersion) -> dict[str, str]:
    counted = {kind.value: str(version.changes.get(kind.value, 0)) for kind in RateChangeKind}
    return counted | {"changes": "\n".join(_lines(version))}


def _lines(version: PriceListVersion) -> Iterator[str]:
    """The largest changes, what becomes dearer first; prices per unit of the list."""
    currency = version.price_list.currency
    changes = RateChange.objects.filter(version=version).exclude(kind=RateChangeKind.OTHER)
    for change in changes.order_by("-percent", "pk")[:SHOWN]:
        both = (change.was_per_minute, change.per_minute)
        was, now = (NOTHING if price is None else format_exact(price) for price in both)
        yield f"+{change.prefix} {change.name}: {was} > {now} {currency}"
