"""What a partner still needs before its first call, and what it has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from allauth.mfa.models import Authenticator
from django.db.models import QuerySet
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
from carillon.business.pricing.choices import Purpose, Traffic, VersionState
from carillon.business.pricing.models import PriceAssignment, PriceListVersion
from carillon.business.pricing.queries import wholesale_lists_of
from carillon.business.routing.models import Gateway, Route


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do before going live. `is_optional`: calls work without it."""

    name: str
    is_done: bool
    is_optional: bool = False


def steps_to_go_live(actor: Actor) -> tuple[Step, ...]:
    """Return the steps of the actor's own partner in the order in which they are done.

    Cost: a dozen queries that stop at the first row.
    """
    return tuple(_steps(actor, actor.partner_id or 0))


def is_live(actor: Actor) -> bool:
    """Tell whether the actor's partner has ever had a call. Cost: one or two queries that stop at the first row."""
    partner_id = actor.partner_id or 0
    tests = PhoneTest.objects.visible_to(actor).filter(partner_id=partner_id, state=PhoneTestState.ENDED)
    return tests.exists() or Cdr.objects.visible_to(actor).filter(partner_id=partner_id).exists()


def _steps(actor: Actor, partner_id: int) -> Iterator[Step]:
    def own(rows: QuerySet[Any]) -> bool:
        return rows.filter(partner_id=partner_id).exists()

    buys = wholesale_lists_of(actor, partner_id).filter(traffic=Traffic.CALLS, effective_from__isnull=False).exists()
    versions = PriceListVersion.objects.visible_to(actor).filter(
        price_list__purpose=Purpose.SALE, state=VersionState.APPROVED, effective_from__lte=timezone.now()
    )
    assigned = PriceAssignment.objects.visible_to(actor).filter(traffic=Traffic.CALLS, buyer_partner=None)
    accounts: QuerySet[Any] = accounts_of(actor)
    solvent = accounts.filter(customer__isnull=False, available__gt=0)
    owed = Customer.objects.visible_to(actor).filter(status=Status.ACTIVE)
    phones = Endpoint.objects.visible_to(actor).filter(user__isnull=False, is_enabled=True)
    tests = PhoneTest.objects.visible_to(actor).filter(state=PhoneTestState.ENDED)
    yield Step("second_factor", Authenticator.objects.filter(user_id=actor.login_id or 0).exists(), is_optional=True)
    yield Step("web_product", own(WebProduct.objects.visible_to(actor)))
    yield Step("prices", own(versions))
    yield Step("assignment", own(assigned))
    yield Step("gateway", buys or own(Gateway.objects.visible_to(actor).filter(is_enabled=True)))
    yield Step("route", buys or own(Route.objects.visible_to(actor)))
    yield Step("numbers", own(Number.objects.visible_to(actor)), is_optional=True)
    yield Step("customer", own(owed))
    yield Step("money", own(solvent))
    yield Step("user", own(phones))
    yield Step("registration", own(Location.objects.visible_to(actor)))
    yield Step("call", own(tests))
