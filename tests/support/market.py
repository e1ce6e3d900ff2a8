"""A small telephone market on top of the cast: prices at every tier, a carrier, devices, numbers and money.

    operator --wholesale 0.02--> northwind --retail 0.06--> Acme, Dan
                                 northwind --wholesale 0.04--> fjord --retail 0.12--> Bryggen AS
    a carrier charges the operator 0.01

Nothing here is a fixture: a test says `market = make_market(cast)`.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from ipaddress import ip_address, ip_network
from typing import Any
from uuid import UUID, uuid4

from django.db import connection

from carillon.base.tenancy import tenant
from carillon.business.billing.actions import LimitData, TopUpData, set_credit_limit, top_up_customer, top_up_partner
from carillon.business.billing.models import Account
from carillon.business.billing.queries import customer_account, partner_account
from carillon.business.customers.models import Customer
from carillon.business.endpoints.actions import EndpointData, create_endpoint
from carillon.business.numbers.actions import NumberAssignment, NumberData, add_number, assign_number
from carillon.business.partners.blacklists import BlacklistData, block
from carillon.business.partners.choices import BlacklistKind
from carillon.business.partners.models import Partner
from carillon.business.partners.queries import system_actor
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
from carillon.business.pricing.markup import RuleData, add_rule
from carillon.business.pricing.models import DestinationGroup, DestinationPrefix
from carillon.business.pricing.terms import PRICE
from carillon.business.routing.actions import GatewayData, RouteData, create_gateway, create_route
from carillon.business.routing.models import Gateway
from carillon.callfeed.documents import decode, endpoint_key, extension_key
from carillon.callfeed.snapshot import Snapshot
from carillon.logic.callflow.decide import decide
from carillon.logic.callflow.feed import UNKNOWN_CONDITION, Condition, Tariff
from carillon.logic.callflow.quality import CallQuality, LegQuality
from carillon.logic.callflow.values import CallRequest, Decision
from carillon.logic.documents import from_document, to_document
from carillon.logic.money import MICRO
from carillon.logic.ratetable import RateTable
from carillon.logic.rating import PriceLists, Version
from tests.support.cast import Cast
from tests.support.worlds import remembered

LONDON = "+442071234567"


@dataclass(frozen=True, slots=True)
class Market:
    """The cast with everything a paid call needs."""

    cast: Cast
    carrier: Gateway
    acme: Account
    fjord_customer: Account
    northwind_at_operator: Account
    fjord_at_northwind: Account
    acme_number: str
    charlie_number: str


def make_market(cast: Cast, *, acme_micro: int = 10 * MICRO) -> Market:
    """Prices, a carrier with routes, devices "alice", "bob", "bryggen" and "charlie", numbers, and money."""
    return replace(remembered(f"market {acme_micro}", lambda: _make(cast, acme_micro)), cast=cast)


def _make(cast: Cast, acme_micro: int) -> Market:
    with tenant(system_actor()) as actor:
        cost = _list("Carrier cost", cast.operator, "0.01", is_cost=True)
        gateway = create_gateway(
            actor,
            GatewayData(
                name="Carrier A",
                host="192.0.2.10",
                source_addresses=("192.0.2.10",),
                cost_list_id=cost,
                country="GB",
                partner_id=cast.operator.pk,
            ),
        )
        route = RouteData(name="World", gateway_ids=(gateway.pk,), partner_id=cast.operator.pk)
        create_route(actor, route)
        emergency = replace(route, name="Emergency", is_emergency=True, country="GB")
        create_route(actor, emergency)
        _block(cast.operator, "+8835100")
        _group(cast.northwind, "UK mobile", "4474", "4477", "4478")
        _terms(cast)
        _sell("To Northwind", cast.operator, "0.02", buyer_partner_id=cast.northwind.pk)
        _sell("Northwind retail", cast.northwind, "0.06")
        _sell("To Fjord", cast.northwind, "0.04", buyer_partner_id=cast.fjord.pk)
        _sell("Fjord retail", cast.fjord, "0.12")
        _devices(cast)
        acme_number = _number(cast.northwind, "+442079460001", cast.acme, cast.alice.pk)
        charlie_number = _number(cast.elsewhere, "+442079460002", cast.charlie, cast.stranger.pk)
        _money(cast, acme_micro)
        return Market(
            cast,
            gateway,
            _known(customer_account(actor, cast.acme.pk)),
            _known(customer_account(actor, cast.fjord_customer.pk)),
            _known(partner_account(actor, cast.northwind.pk)),
            _known(partner_account(actor, cast.fjord.pk)),
            acme_number,
            charlie_number,
        )


def _terms(cast: Cast) -> None:
    actor = system_actor()
    add_rule(actor, RuleData(prefix="8835199", percent=Decimal(20), partner_id=cast.northwind.pk))
    rate = ExchangeRateData(source="USD", target="EUR", rate=Decimal("0.9215"), partner_id=cast.operator.pk)
    add_exchange_rate(actor, rate)


def _block(partner: Partner, prefix: str) -> None:
    with tenant(system_actor()) as actor:
        data = BlacklistData(kind=BlacklistKind.CALLED, value=prefix, reason="fraud", partner_id=partner.pk)
        block(actor, data)


def _group(partner: Partner, name: str, *prefixes: str) -> None:
    group = DestinationGroup.objects.create(partner=partner, name=name, prefix_count=len(prefixes))
    for prefix in prefixes:
        DestinationPrefix.objects.create(partner=partner, group=group, prefix=prefix)


def _known(account: Account | None) -> Account:
    assert account is not None
    return account


def _list(name: str, partner: Partner, per_minute: str, *, is_cost: bool = False) -> int:
    actor = system_actor()
    data = PriceListData(name=name, currency="EUR", partner_id=partner.pk)
    created = create_cost_list(actor, data) if is_cost else create_price_list(actor, data)
    version = create_version(actor, VersionData(price_list_id=created.pk))
    rate = RateData(version_id=version.pk, prefix="44", name="United Kingdom", per_minute=Decimal(per_minute))
    add_rate(actor, rate)
    approve_version(actor, version)
    return created.pk


def _sell(name: str, partner: Partner, per_minute: str, *, buyer_partner_id: int | None = None) -> None:
    listed = _list(name, partner, per_minute)
    assign_price_list(system_actor(), AssignmentData(price_list_id=listed, buyer_partner_id=buyer_partner_id))


def _devices(cast: Cast) -> None:
    actor = system_actor()
    for username, customer, user_id in (
        ("alice", cast.acme, cast.alice.pk),
        ("bob", cast.acme, cast.bob.pk),
        ("bryggen", cast.fjord_customer, None),
        ("charlie", cast.charlie, cast.stranger.pk),
    ):
        create_endpoint(actor, EndpointData(customer_id=customer.pk, username=username, user_id=user_id))


def _number(partner: Partner, e164: str, customer: Customer, user_id: int) -> str:
    number = add_number(system_actor(), NumberData(e164, partner_id=partner.pk))
    assign_number(system_actor(), number, NumberAssignment(customer.pk, user_id, is_default_caller_id=True))
    return e164


def _money(cast: Cast, acme_micro: int) -> None:
    actor = system_actor()
    if acme_micro:
        top_up_customer(actor, cast.acme, TopUpData(amount_micro=acme_micro, idempotency_key="acme"))
    top_up_customer(actor, cast.fjord_customer, TopUpData(amount_micro=10 * MICRO, idempotency_key="bryggen"))
    top_up_partner(actor, cast.northwind, TopUpData(amount_micro=100 * MICRO, idempotency_key="northwind"))
    top_up_partner(actor, cast.fjord, TopUpData(amount_micro=100 * MICRO, idempotency_key="fjord"))
    dan = _known(customer_account(actor, cast.dan.pk))
    set_credit_limit(actor, dan, LimitData(credit_limit_micro=5 * MICRO, reason="postpaid"))


# ---------------------------------------------------------------- the feed, from the database


class DatabaseFeed:
    """`callflow.feed.Feed` over callfeed's views, read as they are now."""

    def __init__(self) -> None:
        self._lists = published_prices()

    @property
    def at_ms(self) -> int:
        return int((datetime.now(UTC) + timedelta(seconds=5)).timestamp() * 1000)

    @property
    def rates(self) -> Any:
        return self._lists.at(self.at_ms)

    def domain(self, name: str) -> Any:
        return document("domain", name)

    def endpoint(self, username: str, domain: str) -> Any:
        return document("endpoint", endpoint_key(username, domain))

    def customer(self, customer_id: int) -> Any:
        return document("customer", str(customer_id))

    def user(self, user_id: int) -> Any:
        return document("user", str(user_id))

    def user_at(self, customer_id: int, extension: str) -> Any:
        return document("extension", extension_key(customer_id, extension))

    def number(self, e164: str) -> Any:
        return document("number", e164)

    def partner(self, partner_id: int) -> Any:
        return document("partner", str(partner_id))

    def gateway(self, gateway_id: int) -> Any:
        return document("gateway", str(gateway_id))

    def gateways_at(self, address: str, port: int) -> tuple[Any, ...]:
        found = [decode("gateway", doc) for (doc,) in rows("select doc from callfeed.gateway_doc")]
        return tuple(item for item in found if any(ip_address(address) in ip_network(b) for b in item.source_addresses))

    def fullness(self, gateway: Any) -> None:
        return None

    def condition(self, gateway: Any) -> Condition:
        return UNKNOWN_CONDITION

    def routes(self, partner_id: int) -> tuple[Any, ...]:
        found = [decode("route", doc) for (doc,) in rows("select doc from callfeed.route_doc order by key::bigint")]
        return tuple(item for item in found if item.partner_id == partner_id)

    def blacklisted(self, partner_id: int, kind: str, value: str) -> Any:
        found = [decode("blacklist", doc) for (doc,) in rows("select doc from callfeed.blacklist_doc")]
        now_ms = int(datetime.now(UTC).timestamp() * 1000)
        return Snapshot(blacklist=found).blacklisted(partner_id, kind, value, now_ms)

    def group_match(self, group_id: int, e164: str) -> int | None:
        found = [decode("group", doc) for (doc,) in rows("select doc from callfeed.group_doc")]
        return Snapshot(groups=found).group_match(group_id, e164)

    def fallback(self, partner_id: int) -> Any:
        known = [decode("markup", doc) for (doc,) in rows("select doc from callfeed.markup_doc")]
        return Snapshot(markup=known).fallback(partner_id)

    def exchange_rate(self, partner_id: int, source: str, target: str) -> Any:
        partners = [decode("partner", doc) for (doc,) in rows("select doc from callfeed.partner_doc")]
        known = [decode("exchange", doc) for (doc,) in rows("select doc from callfeed.exchange_doc")]
        return Snapshot(partners, exchange=known).exchange_rate(partner_id, source, target, self.at_ms)


def rows(statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """All rows of a statement on Django's connection, JSON decoded."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        found = cursor.fetchall()
    return [tuple(json.loads(cell) if _is_document(cell) else cell for cell in row) for row in found]


def _is_document(cell: Any) -> bool:
    return isinstance(cell, str) and cell[:1] in ("{", "[")


def document(kind: str, key: str) -> Any:
    """One document by its key, decoded into its type; None when there is none."""
    found: Mapping[str, Any] | None = rows("select callfeed.document(%s, %s)", kind, key)[0][0]
    return None if found is None else decode(kind, found)


def published_prices() -> PriceLists:
    """All approved versions as callfeed publishes them."""
    versions = []
    names = ("price_list_id", "price_list", "version_id", "version", "currency")
    for row in rows(f"select {', '.join(names)}, terms, effective_from from callfeed.tariff"):  # noqa: S608 - constants
        tariff = from_document(Tariff, {**dict(zip(names, row, strict=False)), **row[5]})
        versions.append(Version(int(row[6].timestamp() * 1000), tariff, _published_rates(tariff.version_id)))
    return PriceLists(versions)


def _published_rates(version_id: int) -> RateTable:
    names = ", ".join(("prefix", "name", *PRICE))
    found = rows(f"select {names} from callfeed.rate where version_id = %s", version_id)  # noqa: S608 - constants
    return RateTable((prefix, name, "\t".join(map(str, price))) for prefix, name, *price in found)


# ---------------------------------------------------------------- calls, as the call path makes them


def invite(user: str, domain: str, dialled: str) -> CallRequest:
    """A device's INVITE."""
    return CallRequest(f"{uuid4()}@phone.test", "198.51.100.7", 5060, "udp", user, domain, dialled, domain)


def decided(request: CallRequest) -> Decision:
    """What control would decide with the database as it is."""
    return decide(DatabaseFeed(), request)


def open_call(
    decision: Decision, *, call_id: UUID | None = None, at: datetime | None = None, hold_micro: int | None = None
) -> tuple[UUID, str]:
    """Open the call as a control without credit windows does; its id and the answer ("ok" or a slug)."""
    call_id, started = call_id or uuid4(), at or datetime.now(UTC)
    if decision.refusal is not None:
        rows("select callfeed.refuse_call(%s, %s, 'test', %s::jsonb)", call_id, started, _json(decision))
        return call_id, decision.refusal.slug
    hold = next(iter(decision.holds), None)
    micro = hold_micro if hold_micro is not None else (hold.amount_micro if hold else 0)
    answer = rows(
        "select callfeed.open_call(%s, %s, 'test', %s::jsonb, %s, %s, %s, %s::jsonb)",
        call_id,
        started,
        _json(decision),
        hold.account_id if hold else None,
        micro,
        started + timedelta(seconds=hold.funded_s) if hold else None,
        json.dumps(hold.upper if hold else []),
    )
    return call_id, answer[0][0]


def happened(call_id: UUID, kind: str, at: datetime, **detail: Any) -> None:
    """Record an event as the edge does."""
    event = {"op": kind, "call": str(call_id), "at_ms": round(at.timestamp() * 1000), "detail": detail}
    record_events(json.dumps(event))


def record_events(*events: str) -> None:
    """Hand over a batch of events, JSON texts, as the edge does."""
    coded = (base64.b64encode(event.encode()).decode() for event in events)
    rows("select callfeed.record_events(%s)", "".join(f",{each}" for each in coded))


def finished_call(decision: Decision, *, talked_s: float, started: datetime | None = None, target: int = 0) -> UUID:
    """A call that was opened, answered by a target and ended by the caller."""
    started = started or datetime.now(UTC) - timedelta(minutes=5)
    call_id, answer = open_call(decision, at=started)
    assert answer == "ok", answer
    happened(call_id, "applied", started)
    happened(call_id, "answered", started + timedelta(seconds=2), target=target)
    happened(call_id, "ended", started + timedelta(seconds=2 + talked_s), by="caller", sip_code=200, reason="")
    return call_id


def sounded(call_id: UUID, *legs: LegQuality) -> None:
    """Keep how a call sounded, as control does after its end."""
    happened(call_id, "media", datetime.now(UTC), **to_document(CallQuality(legs)))


def traced(call_id: UUID, *messages: tuple[str, str, str], every_us: int = 1) -> None:
    """Keep SIP messages (from, to, text) as the call's trace, as control does; the first one at 0 microseconds."""
    lines = [
        json.dumps({"at_us": place * every_us, "src": source, "dst": target, "proto": "udp", "raw": text})
        for place, (source, target, text) in enumerate(messages)
    ]
    rows(
        "select callfeed.record_traces(array[%s::uuid], array[%s::bytea])",
        call_id,
        zlib.compress("\n".join(lines).encode()),
    )


def _json(decision: Decision) -> str:
    return json.dumps(to_document(decision))
