"""What a partner still needs before its first call, and what it has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from allauth.mfa.models import Authenticator
from django.db.models import Exists, QuerySet
from django.utils import timezone

from carillon.base.actor import Actor
from carillon.business.billing.queries import accounts_of
from carillon.business.brands.models import WebProduct
from carillon.business.calls.choices import PhoneTestState
from carillon.business.calls.models import Cdr, PhoneTest
from carillon.business.customers.models import Customer
from carillon.business.endpoints.models import Endpoint, Location
from carillon.business.numbers.models import Number
from carillon.business.partners.choices import Status
from carillon.business.partners.models import Partner
from carillon.business.pricing.choices import Purpose, Traffic, VersionState
from carillon.business.pricing.models import PriceAssignment, PriceListVersion
from carillon.business.pricing.queries import wholesale_lists_of
from carillon.business.routing.models import Gateway, Route

OPTIONAL = ("second_factor", "numbers")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do before going live. `is_optional`: calls work without it."""

    name: str
    is_done: bool
    is_optional: bool = False


def steps_to_go_live(actor: Actor) -> tuple[Step, ...]:
    """Return the steps of the actor's own partner in the order in which they are done.

    Cost: one query that asks a dozen things, each of which stops at the first row.
    """
    partner_id = actor.partner_id or 0
    asked = {name: Exists(rows) for name, rows in _signs(actor, partner_id)}
    found = Partner.objects.filter(pk=partner_id).values_list(*asked.values()).first()
    has = dict(zip(asked, found or [False] * len(asked), strict=True))
    has["gateway"] |= has["buys"]
    has["route"] |= has["buys"]
    return tuple(Step(name, has[name], is_optional=name in OPTIONAL) for name in asked if name != "buys")


def is_live(actor: Actor) -> bool:
    """Tell whether the actor's partner has ever had a call. Cost: one or two queries that stop at the first row."""
    partner_id = actor.partner_id or 0
    tests = PhoneTest.objects.visible_to(actor).filter(partner_id=partner_id, state=PhoneTestState.ENDED)
    return tests.exists() or Cdr.objects.visible_to(actor).filter(partner_id=partner_id).exists()


def _signs(actor: Actor, partner_id: int) -> Iterator[tuple[str, QuerySet[Any]]]:
    """Each step with the rows of which one is enough; "buys": prices of whoever the partner buys from, instead of a
    carrier and routes of its own.
    """

    def own(rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.filter(partner_id=partner_id)

    versions = PriceListVersion.objects.visible_to(actor).filter(
        price_list__purpose=Purpose.SALE, state=VersionState.APPROVED, effective_from__lte=timezone.now()
    )
    assigned = PriceAssignment.objects.visible_to(actor).filter(traffic=Traffic.CALLS, buyer_partner=None)
    accounts: QuerySet[Any] = accounts_of(actor)
    phones = Endpoint.objects.visible_to(actor).filter(user__isnull=False, is_enabled=True)
    bought = wholesale_lists_of(actor, partner_id)
    yield "buys", bought.filter(traffic=Traffic.CALLS, effective_from__isnull=False)
    yield "second_factor", Authenticator.objects.filter(user_id=actor.login_id or 0)
    yield "web_product", own(WebProduct.objects.visible_to(actor))
    yield "prices", own(versions)
    yield "assignment", own(assigned)
    yield "gateway", own(Gateway.objects.visible_to(actor).filter(is_enabled=True))
    yield "route", own(Route.objects.visible_to(actor))
    yield "numbers", own(Number.objects.visible_to(actor))
    yield "customer", own(Customer.objects.visible_to(actor).filter(status=Status.ACTIVE))
    yield "money", own(accounts.filter(customer__isnull=False, available__gt=0))
    yield "user", own(phones)
    yield "registration", own(Location.objects.visible_to(actor))
    yield "call", own(PhoneTest.objects.visible_to(actor).filter(state=PhoneTestState.ENDED))
