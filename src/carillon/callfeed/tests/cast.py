"""The cast of the domain as call-path values: a small world to decide calls in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from carillon.callfeed.memory import MemoryFeed
from carillon.callfeed.snapshot import Snapshot
from carillon.logic.callflow.feed import (
    UNKNOWN_CONDITION,
    BlacklistEntry,
    ChargingMode,
    Condition,
    Customer,
    DestinationGroup,
    Domain,
    Endpoint,
    Fullness,
    Gateway,
    Number,
    Partner,
    Rate,
    Route,
    Status,
    Tariff,
    Tier,
    User,
)
from carillon.logic.callflow.terms import ExchangeRate, FallbackRule
from carillon.logic.callflow.values import CallRequest
from carillon.logic.ratetable import RateTable
from carillon.logic.rating import Version

LEVEL, NORTHWIND, FJORD, STRANGER = 1, 2, 3, 4
ACME, DAN, PETRAS, CHARLIES = 11, 12, 13, 14
RETAIL, WHOLESALE, FJORD_RETAIL, FJORD_WHOLESALE, COST_A, COST_B = 10, 20, 30, 40, 51, 52

PARTNERS = (
    Partner(LEVEL, None, "Level Platform", Status.ACTIVE),
    Partner(NORTHWIND, LEVEL, "Northwind Telecom", Status.ACTIVE),
    Partner(FJORD, NORTHWIND, "Fjord Voice", Status.ACTIVE),
    Partner(STRANGER, LEVEL, "Stranger Telecom", Status.ACTIVE),
)
GATEWAYS = (
    Gateway(1, LEVEL, "Carrier A", "192.0.2.1", 5060, price_list_id=COST_A, source_addresses=("192.0.2.0/28",)),
    Gateway(2, LEVEL, "Carrier B", "192.0.2.2", 5060, price_list_id=COST_B, number_format="plain"),
)
ROUTES = (
    Route(1, LEVEL, "World", "", "least_cost", 10, (2, 1)),
    Route(2, LEVEL, "Premium", "449", "block", 10, ()),
    Route(3, LEVEL, "Emergency GB", "", "static", 10, (1,), is_emergency=True, country="GB"),
)


def tiers(*sales: tuple[int, str, int | None, str, int, int]) -> tuple[Tier, ...]:
    """Tiers from (seller id, seller, buyer id, buyer, account, list), lowest first, in EUR."""
    return tuple(Tier(position, *sale[:5], "EUR", sale[5]) for position, sale in enumerate(sales))


OPERATOR_SALE = (LEVEL, "Level Platform", NORTHWIND, "Northwind Telecom", 200, WHOLESALE)
ACME_TIERS = tiers((NORTHWIND, "Northwind Telecom", None, "Acme Ltd", 100, RETAIL), OPERATOR_SALE)
FJORD_TIERS = tiers(
    (FJORD, "Fjord Voice", None, "Petra's customer", 103, FJORD_RETAIL),
    (NORTHWIND, "Northwind Telecom", FJORD, "Fjord Voice", 300, FJORD_WHOLESALE),
    OPERATOR_SALE,
)
CUSTOMERS = (
    Customer(
        ACME, NORTHWIND, 1, "Acme Ltd", Status.ACTIVE, "GB", ChargingMode.PREPAID, 100, "EUR", ACME_TIERS,
        ("+442071110001", "+442071110002"), "+442071110001",
    ),
    Customer(DAN, NORTHWIND, 2, "Dan", Status.ACTIVE, "GB", ChargingMode.POSTPAID, 102, "EUR", ACME_TIERS),
    Customer(PETRAS, FJORD, 3, "Petra's customer", Status.ACTIVE, "GB", ChargingMode.PREPAID, 103, "EUR", FJORD_TIERS),
    Customer(CHARLIES, STRANGER, 4, "Charlie", Status.ACTIVE, "FR", ChargingMode.PREPAID, 104, "EUR", ()),
)  # fmt: skip
USERS = (
    User(21, ACME, "Alice", "101", "", ("alice@northwind.test",)),
    User(22, ACME, "Bob", "102", "+442071110002", ("bob@northwind.test", "bob2@northwind.test")),
    User(23, DAN, "Dan", "", "", ("dan@hello.test",)),
    User(24, CHARLIES, "Charlie", "101", "", ("charlie@stranger.test",)),
)
ENDPOINTS = (
    Endpoint(31, "alice", "northwind.test", ACME, 21),
    Endpoint(32, "bob", "northwind.test", ACME, 22),
    Endpoint(33, "petra", "fjord.test", PETRAS, None),
    Endpoint(34, "dan", "hello.test", DAN, 23),
    Endpoint(35, "charlie", "stranger.test", CHARLIES, 24),
)
NUMBERS = (
    Number("+442071110001", NORTHWIND, ACME, 21),
    Number("+442071110002", NORTHWIND, ACME, 22),
    Number("+442071110009", NORTHWIND, None, None),
    Number("+442071110023", NORTHWIND, DAN, 23),
    Number("+33123450001", STRANGER, CHARLIES, 24),
)
DOMAINS = (Domain("northwind.test", NORTHWIND, 1, "GB"), Domain("hello.test", NORTHWIND, 2, "GB"))


def version(list_id: int, name: str, per_minute: str, *, fee: str = "0", currency: str = "EUR") -> Version:
    """Version 1 of a list with a price for 44 and 33 and none for the rest of the world."""
    rows = [
        Rate(prefix, country, Decimal(fee), Decimal(per_minute), 1, 1)
        for prefix, country in (("44", "United Kingdom"), ("33", "France"))
    ]
    return Version(0, Tariff(list_id, name, list_id * 10, 1, currency), RateTable(rows))


VERSIONS = (
    version(RETAIL, "Retail", "0.60", fee="0.05"),
    version(WHOLESALE, "Wholesale", "0.30"),
    version(FJORD_RETAIL, "Fjord retail", "0.80"),
    version(FJORD_WHOLESALE, "Fjord wholesale", "0.45"),
    version(COST_A, "Carrier A", "0.20"),
    version(COST_B, "Carrier B", "0.10"),
)


@dataclass(frozen=True)
class World:
    """The cast; `but` replaces values by identity, `with_` adds."""

    partners: tuple[Partner, ...] = PARTNERS
    gateways: tuple[Gateway, ...] = GATEWAYS
    routes: tuple[Route, ...] = ROUTES
    versions: tuple[Version, ...] = VERSIONS
    customers: tuple[Customer, ...] = CUSTOMERS
    users: tuple[User, ...] = USERS
    endpoints: tuple[Endpoint, ...] = ENDPOINTS
    numbers: tuple[Number, ...] = NUMBERS
    blacklist: tuple[BlacklistEntry, ...] = ()
    exchange: tuple[ExchangeRate, ...] = ()
    markup: tuple[FallbackRule, ...] = ()
    groups: tuple[DestinationGroup, ...] = ()
    exchange_rates: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    full: dict[int, Fullness] = field(default_factory=dict)  # gateways without room for one more call
    conditions: dict[int, Condition] = field(default_factory=dict)  # of gateways of which something is known

    def but(self, kind: str, key: int, **changes: Any) -> World:
        """The world with the value of `kind` whose id is `key` changed."""
        values: Iterable[Any] = getattr(self, kind)
        changed = tuple(replace(item, **changes) if item.id == key else item for item in values)
        return replace(self, **{kind: changed})  # type: ignore[arg-type]

    def feed(self) -> MemoryFeed:
        """What decide reads."""
        return MemoryFeed(
            Snapshot(
                self.partners,
                self.gateways,
                self.routes,
                self.versions,
                self.blacklist,
                groups=self.groups,
                exchange=self.exchange,
                markup=self.markup,
            ),
            at_ms=1,
            domains=DOMAINS,
            endpoints=self.endpoints,
            customers=self.customers,
            users=self.users,
            numbers=self.numbers,
            exchange_rates=self.exchange_rates,
            fullness=lambda gateway: self.full.get(gateway.id),
            condition=lambda gateway: self.conditions.get(gateway.id, UNKNOWN_CONDITION),
        )


def device_call(dialled: str, who: str = "alice@northwind.test", **rest: Any) -> CallRequest:
    """An INVITE from a device of the cast, by digest."""
    user, _, realm = who.partition("@")
    given = {"request_domain": realm, "from_user": user, "from_domain": realm, **rest}
    return CallRequest("call-1@phone", "198.51.100.7", 5060, "udp", user, realm, dialled, **given)


def carrier_call(dialled: str, address: str = "192.0.2.1", **rest: Any) -> CallRequest:
    """An INVITE from a carrier's address."""
    given = {"from_user": "+33123456789", "from_domain": "carrier.example", **rest}
    return CallRequest("call-2@carrier", address, 5060, "udp", "", "", dialled, "192.0.2.200", **given)
