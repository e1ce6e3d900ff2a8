"""Makes the demo world in the database: each thing by the action and the person that would make it.

The platform makes the operator and Olga; Olga makes Northwind and Paul; Paul makes everything of Northwind's, and so on
down. What is there already (by its natural name) is left alone, so loading may be repeated.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

from django.conf import settings

from carillon.base.actor import Actor
from carillon.base.tenancy import tenant
from carillon.business.billing.actions import TopUpData, top_up_partner
from carillon.business.billing.models import TaxRule
from carillon.business.billing.taxes import TaxRuleData, add_tax_rule
from carillon.business.brands.actions import WebProductData, create_web_product
from carillon.business.brands.choices import WebProductKind
from carillon.business.brands.models import WebProduct
from carillon.business.customers.choices import CustomerKind
from carillon.business.partners import queries as partners
from carillon.business.partners.actions import (
    PartnerData,
    StaffData,
    create_operator,
    create_staff,
    login_key,
)
from carillon.business.partners.choices import STAFF_REALM, Role
from carillon.business.partners.models import Login, Partner
from carillon.business.pricing.actions import (
    PriceListData,
    RateData,
    VersionData,
    add_rate,
    approve_version,
    create_cost_list,
    create_price_list,
    create_version,
)
from carillon.business.pricing.assignments import AssignmentData, assign_price_list
from carillon.business.pricing.exchange import ExchangeRateData, add_exchange_rate
from carillon.business.pricing.models import PriceList
from carillon.business.pricing.queries import exchange_rates_of
from carillon.demo.cast.branding import load_portal_brand
from carillon.demo.cast.notices import load_watches, load_webhook
from carillon.demo.cast.owner import own_partner
from carillon.demo.cast.people import load_buyer, load_stock
from carillon.demo.cast.plans import load_plans
from carillon.demo.cast.reports import load_reports
from carillon.demo.cast.routing import load_carrier, load_way
from carillon.demo.cast.tariffs import load_tariffs
from carillon.demo.cast.tickets import load_tickets
from carillon.demo.cast.visitors import load_visitors
from carillon.demo.world import CAST, CURRENCY, PASSWORD, Brand, Prices, Seller, Vat, micro
from carillon.usecases.open_partner import open_partner


def load_cast() -> Counter[str]:
    """Make what is missing of the demo world; returns how many of what were made. Raises what the actions raise."""
    made: Counter[str] = Counter()
    for seller in CAST.sellers:
        _seller(seller, made)
    operator = actor_of(CAST.sellers[0].name)
    for brand in CAST.brands:
        with tenant(actor_of(brand.partner)) as actor:
            _brand(actor, brand, made)
    for prices in CAST.prices:
        with tenant(actor_of(prices.seller)) as actor:
            _prices(actor, prices, made)
    with tenant(operator):
        _exchange(operator, made)
        _network(operator, made)
    for number, partner in CAST.spare_numbers:
        with tenant(actor_of(partner)) as actor:
            load_stock(actor, number, made)
    sellers = {brand.name: brand.partner for brand in CAST.brands}
    for buyer in CAST.buyers:
        with tenant(actor_of(sellers[buyer.brand])) as actor:
            load_buyer(actor, buyer, made)
    northwind = actor_of(CAST.sellers[1].name)
    with tenant(northwind):
        load_webhook(northwind, made)
        load_portal_brand(northwind, made)
        load_plans(northwind, made)
        load_tariffs(northwind, made)
    _taxes(made)
    _balances()
    with tenant(northwind):
        load_watches(northwind, made)
        load_reports(northwind, made)
        load_visitors(northwind, made)
    with tenant(operator):
        load_reports(operator, made)
    load_tickets(actor_of, made)
    return made


def _taxes(made: Counter[str]) -> None:
    for tax in CAST.taxes:
        with tenant(actor_of(tax.seller)) as actor:
            _tax(actor, tax, made)


def _balances() -> None:
    for seller in CAST.sellers:
        if seller.parent:
            with tenant(actor_of(seller.parent)) as actor:
                _balance(actor, seller)


def _exchange(operator: Actor, made: Counter[str]) -> None:
    for source, target, rate in CAST.exchange:
        if not exchange_rates_of(operator).filter(source=source, target=target).exists():
            add_exchange_rate(operator, ExchangeRateData(source=source, target=target, rate=Decimal(rate)))
            made["exchange rates"] += 1


def _tax(actor: Actor, tax: Vat, made: Counter[str]) -> None:
    if not TaxRule.objects.visible_to(actor).filter(partner_id=own_partner(actor), name=tax.name).exists():
        kind, percent = CustomerKind(tax.kind), Decimal(tax.percent)
        add_tax_rule(actor, TaxRuleData(name=tax.name, percent=percent, country=tax.country, customer_kind=kind))
        made["taxes"] += 1


def _network(operator: Actor, made: Counter[str]) -> None:
    ports = {"a": settings.CONFIG.ports.carrier_a, "b": settings.CONFIG.ports.carrier_b}
    for carrier in CAST.carriers:
        load_carrier(operator, carrier, ports[carrier.key], made)
    for way in CAST.ways:
        load_way(operator, way, made)


def actor_of(seller: str) -> Actor:
    """The administrator of the operator or a partner of the cast, as they would be after signing in.

    Raises StopIteration for a name that is not in the cast, Login.DoesNotExist before it is loaded.
    """
    email = next(known.staff.email for known in CAST.sellers if known.name == seller)
    with tenant(partners.system_actor()):
        login = Login.objects.get(key=login_key(STAFF_REALM, email))
    return partners.staff_actor(login.pk, login.email)


def _seller(seller: Seller, made: Counter[str]) -> None:
    system = partners.system_actor()
    with tenant(system):
        known = Partner.objects.visible_to(system).filter(name=seller.name).first()
    if known is not None:
        return
    data = PartnerData(name=seller.name, country=seller.country, currency=CURRENCY, portal_hostname=seller.hostname)
    maker = actor_of(seller.parent) if seller.parent else system
    with tenant(maker):
        partner = open_partner(maker, data) if seller.parent else create_operator(maker, data)
        staff = StaffData(
            email=seller.staff.email,
            name=seller.staff.name,
            role=Role.ADMINISTRATOR,
            partner_id=partner.pk,
            password=PASSWORD,
        )
        create_staff(maker.seeing(partner.pk), staff)
    made["partners"] += 1


def _brand(actor: Actor, brand: Brand, made: Counter[str]) -> None:
    if WebProduct.objects.visible_to(actor).filter(hostname=brand.hostname).exists():
        return
    create_web_product(
        actor,
        WebProductData(
            name=brand.name,
            kind=WebProductKind(brand.kind),
            hostname=brand.hostname,
            sip_domain=brand.sip_domain,
            country=brand.country,
            currencies=(CURRENCY,),
        ),
    )
    made["web products"] += 1


def _prices(actor: Actor, prices: Prices, made: Counter[str]) -> None:
    if PriceList.objects.visible_to(actor).filter(partner_id=own_partner(actor), name=prices.name).exists():
        return
    create = create_price_list if prices.buyer or prices.is_offer else create_cost_list
    price_list = create(actor, PriceListData(name=prices.name, currency=prices.currency))
    version = create_version(actor, VersionData(price_list_id=price_list.pk))
    for line in prices.lines:
        add_rate(
            actor,
            RateData(
                version_id=version.pk,
                prefix=line.prefix,
                name=line.name,
                per_minute=Decimal(line.per_minute),
                connection_fee=Decimal(line.connection_fee),
                initial_s=line.initial_s,
                increment_s=line.increment_s,
            ),
        )
    approve_version(actor, version)
    if prices.buyer:
        assign_price_list(actor, _assignment(actor, price_list, prices.buyer))
    made["price lists"] += 1


def _assignment(actor: Actor, price_list: PriceList, buyer: str) -> AssignmentData:
    """Fjord Voice is a partner and a web product: a partner's own brands come first."""
    product = WebProduct.objects.visible_to(actor).filter(partner_id=own_partner(actor), name=buyer).first()
    if product is not None:
        return AssignmentData(price_list_id=price_list.pk, web_product_id=product.pk)
    partner = Partner.objects.visible_to(actor).get(name=buyer)
    return AssignmentData(price_list_id=price_list.pk, buyer_partner_id=partner.pk)


def _balance(actor: Actor, seller: Seller) -> None:
    """What a partner has paid its parent; asked again with the same key it changes nothing."""
    partner = Partner.objects.visible_to(actor).get(parent_id=own_partner(actor), name=seller.name)
    key = f"demo:{seller.name}"
    top_up_partner(
        actor, partner, TopUpData(amount_micro=micro(seller.balance), idempotency_key=key, reference="Demo money")
    )
