"""Reads of prices: lists, versions, rates and who pays by which list.

By which list and rate a call is charged is said in one place only, in callfeed: `tiers`, `tariff` and `rate`.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from django.db import connection
from django.db.models import Count, Exists, Model, OuterRef, QuerySet, Subquery
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from carillon.base.actor import Actor
from carillon.base.errors import NotPermitted
from carillon.base.tenancy import ScopedQuerySet
from carillon.business.pricing.choices import Purpose, VersionState
from carillon.business.pricing.models import (
    DestinationGroup,
    DestinationPrefix,
    ExchangeRate,
    Holiday,
    HolidayCalendar,
    MarkupRule,
    PriceAssignment,
    PriceList,
    PriceListVersion,
    PriceTrial,
    PriceWindow,
    Rate,
    RateChange,
    WholesaleList,
    WholesaleRate,
)
from carillon.logic.callflow import terms
from carillon.logic.callflow.exchange import ExchangeRates

M = TypeVar("M", bound=Model)
PERMISSION_PREFIX = {Purpose.SALE: "price_lists", Purpose.COST: "costs"}


def readable_purposes(actor: Actor) -> list[str]:
    """Return which kinds of lists the actor may read: sale, cost, both or none."""
    return [purpose.value for purpose, prefix in PERMISSION_PREFIX.items() if actor.may(f"{prefix}.view")]


def permit(actor: Actor, price_list: PriceList, verb: str) -> PriceList:
    """Return the list when the actor may do `verb` with it: sale lists need price_lists.*, cost lists costs.*.

    Raises:
        NotPermitted: otherwise.
    """
    permission = f"{PERMISSION_PREFIX[Purpose(price_list.purpose)]}.{verb}"
    if not actor.may(permission):
        raise NotPermitted(_("This needs the permission %(permission)s.") % {"permission": permission})
    return price_list


def price_lists_of(actor: Actor) -> ScopedQuerySet[PriceList]:
    """Return the sale lists of the actor's part of the tree, each with what is in force now; one query."""
    return _lists(actor, Purpose.SALE)


def cost_lists_of(actor: Actor) -> ScopedQuerySet[PriceList]:
    """Return the carriers' cost lists of the actor's part of the tree, like `price_lists_of`; one query."""
    return _lists(actor, Purpose.COST)


def _lists(actor: Actor, purpose: Purpose) -> ScopedQuerySet[PriceList]:
    of_list = PriceListVersion.objects.filter(price_list=OuterRef("pk"), state=VersionState.APPROVED)
    in_force = of_list.filter(effective_from__lte=Now()).order_by("-effective_from", "-number")
    coming = of_list.filter(effective_from__gt=Now()).order_by("effective_from")
    rows = PriceList.objects.visible_to(actor).filter(purpose=purpose).select_related("partner")
    lists: ScopedQuerySet[Any] = rows.annotate(
        version_in_force=Subquery(in_force.values("number")[:1]),
        rates_in_force=Subquery(in_force.values("rate_count")[:1]),
        in_force_since=Subquery(in_force.values("effective_from")[:1]),
        next_from=Subquery(coming.values("effective_from")[:1]),
    )
    return lists


def versions_of(actor: Actor) -> ScopedQuerySet[PriceListVersion]:
    """Return the versions of all lists the actor may read; one query."""
    rows = PriceListVersion.objects.visible_to(actor).select_related("price_list")
    return rows.filter(price_list__purpose__in=readable_purposes(actor))


def rates_of(actor: Actor) -> ScopedQuerySet[Rate]:
    """Return the rates of all lists the actor may read; one query."""
    rows = Rate.objects.visible_to(actor).select_related("version__price_list")
    return rows.filter(version__price_list__purpose__in=readable_purposes(actor))


def windows_of(actor: Actor) -> ScopedQuerySet[PriceWindow]:
    """Return the time windows of all lists the actor may read; one query."""
    rows = PriceWindow.objects.visible_to(actor).select_related("version__price_list")
    return rows.filter(version__price_list__purpose__in=readable_purposes(actor))


def calendars_of(actor: Actor) -> ScopedQuerySet[HolidayCalendar]:
    """Return the holiday calendars of the actor's part of the tree, each with how many days it has; one query."""
    rows = HolidayCalendar.objects.visible_to(actor).select_related("partner")
    calendars: ScopedQuerySet[Any] = rows.annotate(day_count=Count("holidays"))
    return calendars


def holidays_of(actor: Actor) -> ScopedQuerySet[Holiday]:
    """Return the days of those calendars; one query."""
    return Holiday.objects.visible_to(actor).select_related("calendar")


def groups_of(actor: Actor) -> ScopedQuerySet[DestinationGroup]:
    """Return the destination groups of the actor's part of the tree; one query."""
    return DestinationGroup.objects.visible_to(actor).select_related("partner")


def groups_with(rows: QuerySet[DestinationGroup], number: str) -> QuerySet[DestinationGroup]:
    """Return the groups that a number (digits or E.164) is in."""
    digits = number.strip().lstrip("+")[:15]
    beginnings = [digits[:length] for length in range(1, len(digits) + 1)]
    inside = DestinationPrefix.objects.filter(group=OuterRef("pk"), prefix__in=beginnings)
    return rows.filter(Exists(inside))


def markup_rules_of(actor: Actor) -> ScopedQuerySet[MarkupRule]:
    """Return the rules by which sale lists are made of costs; one query."""
    return MarkupRule.objects.visible_to(actor).select_related("price_list", "group")


def rate_changes_of(actor: Actor) -> ScopedQuerySet[RateChange]:
    """Return what versions change, as far as they were compared; one query."""
    rows = RateChange.objects.visible_to(actor).select_related("version__price_list")
    return rows.filter(version__price_list__purpose__in=readable_purposes(actor))


def trials_of(actor: Actor) -> ScopedQuerySet[PriceTrial]:
    """Return what versions would have charged, of the lists the actor may read; one query."""
    rows = PriceTrial.objects.visible_to(actor).select_related("version__price_list")
    return rows.filter(version__price_list__purpose__in=readable_purposes(actor))


def assignments_of(actor: Actor) -> ScopedQuerySet[PriceAssignment]:
    """Return who pays by which list, as seller or as buyer; one query."""
    return PriceAssignment.objects.visible_to(actor).select_related(
        "price_list", "web_product", "customer", "buyer_partner"
    )


def exchange_rates_of(actor: Actor) -> ScopedQuerySet[ExchangeRate]:
    """Return the exchange rates of the actor's part of the tree; one query."""
    return ExchangeRate.objects.visible_to(actor).select_related("partner")


def exchange_rate_of(partner_id: int, source: str, target: str, at: datetime | None = None) -> Decimal | None:
    """Return what converts a seller's prices at a moment (now), as calls are converted; None: nothing does.

    Cost: one query, past row-level security, for partners of the open scope alone.
    """
    if source == target:
        return Decimal(1)
    with connection.cursor() as cursor:
        cursor.execute("select * from public.carillon_exchange_rates(%s)", [partner_id])
        found = [  # the partner's own first, the operator's last
            terms.ExchangeRate(rate_id, seller, one, other, worth, milliseconds(since), loss)
            for rate_id, seller, one, other, worth, since, loss in cursor.fetchall()
        ]
    sellers = dict.fromkeys(rate.partner_id for rate in found)
    return ExchangeRates(found).by_first(sellers, source, target, milliseconds(at or timezone.now()))


def milliseconds(moment: datetime) -> int:
    """Return a moment as milliseconds of the Unix epoch, as call documents write it."""
    return int(moment.timestamp() * 1000)


def wholesale_lists_of(actor: Actor, partner_id: int) -> ScopedQuerySet[WholesaleList]:
    """Return the lists by which the partner pays its parent; one query."""
    return WholesaleList.objects.visible_to(actor).filter(partner_id=partner_id)


def wholesale_rates_of(actor: Actor) -> ScopedQuerySet[WholesaleRate]:
    """Return what the actor's own partner pays now, rate by rate; one query."""
    return WholesaleRate.objects.visible_to(actor).filter(partner_id=actor.partner_id or 0)


def by_number(rows: QuerySet[M], number: str) -> QuerySet[M]:
    """Return the rates whose prefix begins `number`: the longest of them is charged."""
    digits = number.strip().lstrip("+")[:15]
    return rows.filter(prefix__in=[digits[:length] for length in range(len(digits) + 1)])
