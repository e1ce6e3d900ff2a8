"""A Feed over plain collections: golden call flows, the portal's test call, tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from carillon.callfeed.documents import endpoint_key
from carillon.callfeed.snapshot import Snapshot
from carillon.logic.callflow.feed import (
    UNKNOWN_CONDITION,
    BlacklistEntry,
    Condition,
    Customer,
    Domain,
    Endpoint,
    Fullness,
    Gateway,
    Number,
    Partner,
    Route,
    User,
)
from carillon.logic.markup import Rules
from carillon.logic.rating import RatesAt


class MemoryFeed:
    """Implements `callflow.feed.Feed` from values that are all there."""

    def __init__(
        self,
        snapshot: Snapshot,
        *,
        at_ms: int,
        domains: Iterable[Domain] = (),
        endpoints: Iterable[Endpoint] = (),
        customers: Iterable[Customer] = (),
        users: Iterable[User] = (),
        numbers: Iterable[Number] = (),
        exchange_rates: Mapping[tuple[str, str], Decimal] | None = None,
        fullness: Callable[[Gateway], Fullness | None] = lambda gateway: None,
        condition: Callable[[Gateway], Condition] = lambda gateway: UNKNOWN_CONDITION,
    ) -> None:
        """`at_ms` (Unix epoch, UTC) chooses versions; `exchange_rates` by (source, target) go before others."""
        self._fullness, self._condition = fullness, condition
        self._snapshot, self._at_ms = snapshot, at_ms
        self._rates = snapshot.prices.at(at_ms)
        self._domains = {domain.name.lower(): domain for domain in domains}
        self._endpoints = {endpoint_key(item.username, item.domain): item for item in endpoints}
        self._customers = {customer.id: customer for customer in customers}
        self._users = {user.id: user for user in users}
        self._extensions = {(user.customer_id, user.extension): user for user in self._users.values() if user.extension}
        self._numbers = {number.e164: number for number in numbers}
        self._exchange_rates = dict(exchange_rates or {})

    @property
    def rates(self) -> RatesAt:
        """The price lists in force at `at_ms`."""
        return self._rates

    @property
    def at_ms(self) -> int:
        """The moment the feed is of."""
        return self._at_ms

    def domain(self, name: str) -> Domain | None:
        """The SIP domain, whatever its case."""
        return self._domains.get(name.lower())

    def endpoint(self, username: str, domain: str) -> Endpoint | None:
        """The SIP account; user names compare with case, domains without (RFC 3261, 19.1.4)."""
        return self._endpoints.get(endpoint_key(username, domain))

    def customer(self, customer_id: int) -> Customer | None:
        """The customer by id."""
        return self._customers.get(customer_id)

    def user(self, user_id: int) -> User | None:
        """The user by id."""
        return self._users.get(user_id)

    def user_at(self, customer_id: int, extension: str) -> User | None:
        """The customer's user with that extension."""
        return self._extensions.get((customer_id, extension))

    def number(self, e164: str) -> Number | None:
        """The number of our stock."""
        return self._numbers.get(e164)

    def partner(self, partner_id: int) -> Partner | None:
        """The partner by id."""
        return self._snapshot.partner(partner_id)

    def gateway(self, gateway_id: int) -> Gateway | None:
        """The gateway by id."""
        return self._snapshot.gateway(gateway_id)

    def gateways_at(self, address: str, port: int) -> tuple[Gateway, ...]:
        """The gateways whose calls may come from there."""
        return self._snapshot.gateways_at(address, port)

    def fullness(self, gateway: Gateway) -> Fullness | None:
        """As said; without a word every gateway has room."""
        return self._fullness(gateway)

    def condition(self, gateway: Gateway) -> Condition:
        """As said; without a word nothing is known of any gateway."""
        return self._condition(gateway)

    def routes(self, partner_id: int) -> tuple[Route, ...]:
        """The partner's own routes."""
        return self._snapshot.routes(partner_id)

    def blacklisted(self, partner_id: int, kind: str, value: str) -> BlacklistEntry | None:
        """The entry of the partner's own blacklist."""
        return self._snapshot.blacklisted(partner_id, kind, value, self._at_ms)

    def group_match(self, group_id: int, e164: str) -> int | None:
        """How long the longest prefix of the number in the group is, or None."""
        return self._snapshot.group_match(group_id, e164)

    def fallback(self, partner_id: int) -> Rules:
        """The partner's mark-up for numbers that none of its lists has."""
        return self._snapshot.fallback(partner_id)

    def exchange_rate(self, partner_id: int, source: str, target: str) -> Decimal | None:
        """What one unit of `source` is worth in `target`, when it is known."""
        own = self._exchange_rates.get((source, target))
        return own or self._snapshot.exchange_rate(partner_id, source, target, self._at_ms)
