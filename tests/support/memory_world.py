"""The demo world in memory: the same feed that callfeed publishes, without a database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from carillon.callfeed.memory import MemoryFeed
from carillon.callfeed.snapshot import Snapshot
from carillon.demo.carrier.password import USERNAME
from carillon.demo.world import CURRENCY, Buyer, Phone, Prices, World, micro
from carillon.logic.callflow.feed import (
    BlacklistEntry,
    ChargingMode,
    Customer,
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
    Trunk,
    User,
)
from carillon.logic.callflow.terms import ExchangeRate, FallbackRule, ListUse, TaxRule, TrafficClass
from carillon.logic.markup import Rule
from carillon.logic.ratetable import RateTable
from carillon.logic.rating import Version
from tests.support.flows import Changes

CARRIER_PORTS = {"a": 5090, "b": 5091}


@dataclass(slots=True)
class MemoryWorld:
    """The feed of a world with a flow's changes, and what its ids mean. Money is what each buyer can spend."""

    world: World
    changes: Changes
    partner_ids: dict[str, int] = field(default_factory=dict)
    gateway_ids: dict[str, int] = field(default_factory=dict)  # by the gateway's name
    account_ids: dict[str, int] = field(default_factory=dict)  # by the buyer's name
    available: dict[int, int] = field(default_factory=dict)  # micro-units by account
    fullness: Callable[[Gateway], Fullness | None] = lambda gateway: None
    _lists: dict[str, int] = field(default_factory=dict)
    _next_id: int = 0

    def feed(self) -> MemoryFeed:
        """Everything a decision may know."""
        world = self.world
        for seller in world.sellers:
            self.partner_ids[seller.name] = self._id()
            self._account(seller.name, seller.balance, "0")
        self._lists = {prices.name: self._id() for prices in world.prices}
        self.gateway_ids = {carrier.name: self._id() for carrier in world.carriers}
        brand_ids = {brand.name: self._id() for brand in world.brands}
        customers, users, endpoints, numbers = self._people(brand_ids)
        domains = [
            Domain(brand.sip_domain, self.partner_ids[brand.partner], brand_ids[brand.name], brand.country)
            for brand in world.brands
        ]
        spare = [Number(e164, self.partner_ids[partner], None, None) for e164, partner in world.spare_numbers]
        return MemoryFeed(
            self._snapshot(),
            at_ms=1,
            domains=domains,
            endpoints=endpoints,
            customers=customers,
            users=users,
            numbers=[*numbers, *spare],
            fullness=self.fullness,
        )

    def name_of_partner(self, partner_id: int | None) -> str:
        return next((name for name, known in self.partner_ids.items() if known == partner_id), "")

    def pay(self, pays: dict[str, str]) -> None:
        """Buyers pay so many pounds."""
        for account, available in self.available.items():
            self.available[account] = available + micro(pays.get(self.name_of_account(account), "0"))

    def name_of_account(self, account_id: int | None) -> str:
        return next((name for name, known in self.account_ids.items() if known == account_id), "")

    def name_of_gateway(self, gateway_id: int | None) -> str:
        return next((name for name, known in self.gateway_ids.items() if known == gateway_id), "")

    def _id(self) -> int:
        self._next_id += 1
        return self._next_id

    def _account(self, name: str, balance: str, credit_limit: str) -> int:
        account = self.account_ids[name] = self._id()
        money = self.changes.money.get(name)
        self.available[account] = micro(balance) + micro(credit_limit) if money is None else micro(money)
        return account

    def _status(self, name: str) -> Status:
        return Status(self.changes.status.get(name, "active"))

    # ------------------------------------------------------------ reference data

    def _snapshot(self) -> Snapshot:
        partners = [
            Partner(self.partner_ids[s.name], self.partner_ids.get(s.parent), s.name, self._status(s.name))
            for s in self.world.sellers
        ]
        blacklist = [
            BlacklistEntry(self._id(), self.partner_ids[partner], kind, value)
            for partner, blocked in self.changes.blacklist.items()
            for value, kind in blocked.items()
        ]
        versions = [self._version(prices) for prices in self.world.prices]
        operator = self.partner_ids[self.world.sellers[0].name]
        exchange = [
            ExchangeRate(self._id(), operator, source, target, Decimal(rate), 0)
            for source, target, rate in self.world.exchange
        ]
        markup = [
            FallbackRule(self._id(), self.partner_ids[partner], Rule(percent=Decimal(percent)))
            for partner, percent in self.changes.markup.items()
        ]
        return Snapshot(
            partners, self._gateways(), self._routes(), versions, blacklist, exchange=exchange, markup=markup
        )

    def _gateways(self) -> list[Gateway]:
        operator = self.partner_ids[self.world.sellers[0].name]
        return [
            Gateway(
                id=self.gateway_ids[carrier.name],
                partner_id=operator,
                name=carrier.name,
                host="127.0.0.1",
                port=CARRIER_PORTS[carrier.key],
                auth_username=USERNAME if carrier.name in self.changes.signs_in else "",
                price_list_id=self._lists[carrier.costs],
                received_list_id=self._lists.get(self.changes.brings.get(carrier.name, "")),
                source_addresses=(f"127.0.0.1:{CARRIER_PORTS[carrier.key]}",),
                ring_timeout_s=self.changes.ring_timeout_s.get(carrier.name, 60),
                reply_timeout_ms=self.changes.reply_timeout_ms.get(carrier.name, 4000),
                max_channels=self.changes.max_channels.get(carrier.name),
                calls_per_s=self.changes.begun_per_s.get(carrier.name),
            )
            for carrier in self.world.carriers
        ]

    def _routes(self) -> list[Route]:
        operator = self.partner_ids[self.world.sellers[0].name]
        by_key = {carrier.key: self.gateway_ids[carrier.name] for carrier in self.world.carriers}
        return [
            Route(
                id=self._id(),
                partner_id=operator,
                name=way.name,
                prefix=way.prefix,
                strategy=way.strategy,
                priority=100,
                gateway_ids=tuple(by_key[key] for key in way.carriers),
                is_emergency=way.is_emergency,
                country=way.country,
                allows_loss=self.changes.allows_loss,
            )
            for way in self.world.ways
        ]

    def _version(self, prices: Prices) -> Version:
        identity = self._lists[prices.name]
        rates = [
            Rate(
                line.prefix,
                line.name,
                Decimal(line.connection_fee),
                Decimal(line.per_minute),
                line.initial_s,
                line.increment_s,
            )
            for line in prices.lines
        ]
        return Version(0, Tariff(identity, prices.name, identity, 1, prices.currency), RateTable(rates))

    # ------------------------------------------------------------ customers

    def _people(self, brand_ids: dict[str, int]) -> tuple[list[Customer], list[User], list[Endpoint], list[Number]]:
        customers: list[Customer] = []
        users: list[User] = []
        endpoints: list[Endpoint] = []
        numbers: list[Number] = []
        for buyer in self.world.buyers:
            customer = self._customer(buyer, brand_ids)
            customers.append(customer)
            for phone in buyer.phones:
                user, endpoint, number = self._phone(phone, buyer, customer)
                users.append(user)
                endpoints.append(endpoint)
                numbers.append(number)
        return customers, users, endpoints, numbers

    def _customer(self, buyer: Buyer, brand_ids: dict[str, int]) -> Customer:
        brand = next(brand for brand in self.world.brands if brand.name == buyer.brand)
        account = self._account(buyer.name, buyer.balance, buyer.credit_limit)
        numbers = tuple(phone.number for phone in buyer.phones)
        return Customer(
            id=self._id(),
            partner_id=self.partner_ids[brand.partner],
            web_product_id=brand_ids[brand.name],
            name=buyer.name,
            status=self._status(buyer.name),
            country=self.changes.country.get(buyer.name, buyer.country),
            charging=ChargingMode(buyer.charging),
            account_id=account,
            currency=CURRENCY,
            tiers=self._tiers(buyer, account, brand.partner, brand.name),
            caller_ids=numbers,
            default_caller_id=numbers[0],
            allowed_classes=tuple(self.changes.allowed.get(buyer.name, ())),
            max_channels=self.changes.max_channels.get(buyer.name),
            calls_per_s=self.changes.calls_per_s.get(buyer.name),
        )

    def _tiers(self, customer: Buyer, account: int, partner: str, brand: str) -> tuple[Tier, ...]:
        parents = {seller.name: seller.parent for seller in self.world.sellers}
        tiers: list[Tier] = []
        seller, buyer, bought_by = partner, customer.name, brand
        while seller:
            prices = next(p for p in self.world.prices if p.seller == seller and p.buyer == bought_by)
            tiers.append(
                Tier(
                    position=len(tiers),
                    seller_partner_id=self.partner_ids[seller],
                    seller=seller,
                    buyer_partner_id=self.partner_ids.get(buyer) if tiers else None,
                    buyer=buyer,
                    account_id=account if not tiers else self.account_ids[buyer],
                    account_currency=CURRENCY,
                    price_list_id=self._lists[prices.name],
                    buyer_status=self._status(buyer),
                    received_list_id=self._lists.get(self.changes.received.get(buyer, "")),
                    toll_free_list_id=self._lists.get(self.changes.toll_free.get(buyer, "")),
                    lists=self._uses(buyer, prices.name),
                    tax_rules=() if tiers else self._taxes(customer, seller),
                )
            )
            seller, buyer, bought_by = parents[seller], seller, seller
        return tuple(tiers)

    def _taxes(self, customer: Buyer, seller: str) -> tuple[TaxRule, ...]:
        wanted = (seller, customer.country, customer.kind)
        return tuple(
            TaxRule(tax.name, Decimal(tax.percent), 0, 3)
            for tax in self.world.taxes
            if (tax.seller, tax.country, tax.kind) == wanted
        )

    def _uses(self, buyer: str, base: str) -> tuple[ListUse, ...]:
        """A customer's own lists before its web product's; without some it pays by the single ones."""
        lists = {
            TrafficClass.CALLS: self.changes.lists.get(buyer, {}),
            TrafficClass.ONNET: self.changes.onnet.get(buyer, {}),
        }
        own = [
            ListUse(self._lists[name], traffic, weight)
            for traffic, mine in lists.items()
            for name, weight in mine.items()
        ]
        return (*own, ListUse(self._lists[base], generality=1)) if own else ()

    def _phone(self, phone: Phone, buyer: Buyer, customer: Customer) -> tuple[User, Endpoint, Number]:
        domain = next(brand.sip_domain for brand in self.world.brands if brand.name == buyer.brand)
        address = f"{phone.username}@{domain}"
        away = self.changes.forwarding.get(phone.username, {})
        user = User(
            *(self._id(), customer.id, phone.name, phone.extension, phone.number, (address,)),
            forward_always=away.get("always", ""),
            forward_busy=away.get("busy", ""),
            forward_no_answer=away.get("no_answer", ""),
            forward_unreachable=away.get("unreachable", ""),
            no_answer_s=int(away.get("no_answer_s", 20)),
            emergency_number=self.changes.emergency.get(phone.username, ""),
            trunks=(Trunk(address, "127.0.0.1:5070"),) if phone.username in self.changes.trunks else (),
        )
        endpoint = Endpoint(self._id(), phone.username, domain, customer.id, user.id)
        is_toll_free = phone.number in self.changes.toll_free_numbers
        return user, endpoint, Number(phone.number, customer.partner_id, customer.id, user.id, is_toll_free)
