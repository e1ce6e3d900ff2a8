"""Reference data held whole: partners, gateways, routes and price lists, replaced in one assignment.

A `Snapshot` never changes; a new one is built beside it (outside the event loop) and refused when it looks like a
mistake, so that the last good one stays in force.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from carillon.logic.callflow.exchange import ExchangeRates
from carillon.logic.callflow.feed import (
    BlacklistEntry,
    DestinationGroup,
    Gateway,
    Partner,
    Route,
)
from carillon.logic.callflow.terms import ExchangeRate, FallbackRule
from carillon.logic.markup import Rule, Rules
from carillon.logic.rating import PriceLists, Unread, Version

_MANY_RATES = 1000
_MANY_GATEWAYS = 10
_DEEPEST_TREE = 32
_NO_PREFIXES: frozenset[str] = frozenset()
_NO_RULES = Rules(())

Address = IPv4Address | IPv6Address
_Source = tuple[IPv4Network | IPv6Network, int | None, Gateway]


class ImplausibleSnapshot(Exception):
    """New reference data look like a mistake; the message says what is wrong. The previous snapshot stays in force."""

    slug = "implausible-snapshot"


class Snapshot:
    """Partners, gateways, routes and price lists at one moment. Immutable; lookups are dictionary reads and bisections.

    Of `unread` versions the rates are still being read.
    """

    __slots__ = (
        "_blacklist",
        "_exchange",
        "_fallback",
        "_gateways",
        "_groups",
        "_partners",
        "_routes",
        "_single",
        "_sources",
        "prices",
    )

    def __init__(
        self,
        partners: Iterable[Partner] = (),
        gateways: Iterable[Gateway] = (),
        routes: Iterable[Route] = (),
        versions: Iterable[Version] = (),
        blacklist: Iterable[BlacklistEntry] = (),
        unread: Iterable[Unread] = (),
        groups: Iterable[DestinationGroup] = (),
        exchange: Iterable[ExchangeRate] = (),
        markup: Iterable[FallbackRule] = (),
    ) -> None:
        self._groups = {group.id: frozenset(group.prefixes) for group in groups}
        rules: dict[int, list[Rule]] = {}
        for item in markup:
            rules.setdefault(item.partner_id, []).append(item.rule)
        self._fallback = {partner_id: Rules(own) for partner_id, own in rules.items()}
        self._exchange = ExchangeRates(exchange)
        self._blacklist = {(entry.partner_id, entry.kind, entry.value): entry for entry in blacklist}
        self._partners = {partner.id: partner for partner in partners}
        self._gateways = {gateway.id: gateway for gateway in gateways}
        tables: dict[int, list[Route]] = {}
        for route in routes:
            tables.setdefault(route.partner_id, []).append(route)
        self._routes = {partner_id: tuple(table) for partner_id, table in tables.items()}
        self.prices = PriceLists(versions, unread)
        sources = [source for gateway in self._gateways.values() for source in _sources(gateway)]
        self._single: dict[Address, list[_Source]] = {}
        for source in sources:
            if source[0].num_addresses == 1:
                self._single.setdefault(source[0].network_address, []).append(source)
        self._sources = tuple(source for source in sources if source[0].num_addresses > 1)

    def partner(self, partner_id: int) -> Partner | None:
        """The partner, or None."""
        return self._partners.get(partner_id)

    def gateway(self, gateway_id: int) -> Gateway | None:
        """The gateway, enabled or not, or None."""
        return self._gateways.get(gateway_id)

    def routes(self, partner_id: int) -> tuple[Route, ...]:
        """The partner's own routing table, in no order."""
        return self._routes.get(partner_id, ())

    def gateways_at(self, address: str, port: int) -> tuple[Gateway, ...]:
        """The gateways whose calls may come from `address` and `port`, best match first.

        A source address is a CIDR block or address, with `:port` when only that port is meant. Gateways that send
        from the port they listen on come first. Empty for anything that is not an address.
        """
        try:
            source = ip_address(address.strip("[]"))
        except ValueError:
            return ()
        fitting = [*self._single.get(source, ()), *(item for item in self._sources if source in item[0])]
        found = {gateway.id: gateway for _, wanted, gateway in fitting if wanted in (None, port)}
        return tuple(sorted(found.values(), key=lambda gateway: (gateway.port != port, gateway.id)))

    def blacklisted(self, partner_id: int, kind: str, value: str, at_ms: int) -> BlacklistEntry | None:
        """The partner's own entry in force at `at_ms` with the longest beginning of `value`; of a network, itself."""
        shortest = len(value) if kind == "network" else 2
        for size in range(len(value), shortest - 1, -1):
            entry = self._blacklist.get((partner_id, kind, value[:size]))
            if entry is not None and (entry.expires_ms is None or entry.expires_ms > at_ms):
                return entry
        return None

    def group_match(self, group_id: int, e164: str) -> int | None:
        """How long the longest prefix of `e164` in the group is: as many probes as the number has digits, or None."""
        prefixes = self._groups.get(group_id, _NO_PREFIXES)
        digits = e164.removeprefix("+")
        lengths = range(len(digits), 0, -1) if prefixes else ()
        return next((size for size in lengths if digits[:size] in prefixes), None)

    def exchange_rate(self, partner_id: int, source: str, target: str, at_ms: int) -> Decimal | None:
        """What one unit of `source` is worth in `target`: by the partner's rates, else its seller's, and so on up."""
        return self._exchange.by_first(self._upwards(partner_id), source, target, at_ms)

    def _upwards(self, partner_id: int) -> Iterator[int]:
        """The partner, its seller, and so on up."""
        partner = self._partners.get(partner_id)
        for _ in range(_DEEPEST_TREE):
            if partner is None:
                return
            yield partner.id
            partner = self._partners.get(partner.parent_id) if partner.parent_id is not None else None

    def fallback(self, partner_id: int) -> Rules:
        """The partner's mark-up for numbers that none of its lists has."""
        return self._fallback.get(partner_id, _NO_RULES)

    def counts(self) -> dict[str, int]:
        """How much there is of each kind, for logs and plausibility."""
        return {
            "partners": len(self._partners),
            "gateways": len(self._gateways),
            "routes": sum(len(routes) for routes in self._routes.values()),
            "rates": self.prices.rate_count(),
        }

    def check(self, previous: Snapshot | None = None) -> Snapshot:
        """This snapshot, when it is plausible; raises ImplausibleSnapshot otherwise.

        Wrong by itself: no operator or more than one, a parent that does not exist, a loop in the tree. Wrong after
        `previous`: all of ten gateways or more gone at once, nine in ten of a thousand rates or more gone at once.
        """
        self._check_tree()
        if previous is None:
            return self
        old, new = previous.counts(), self.counts()
        if old["gateways"] >= _MANY_GATEWAYS and not new["gateways"]:
            raise ImplausibleSnapshot(f"All {old['gateways']} gateways are gone.")
        if old["rates"] >= _MANY_RATES and new["rates"] * 10 < old["rates"]:
            raise ImplausibleSnapshot(f"Of {old['rates']} rates only {new['rates']} are left.")
        return self

    def _check_tree(self) -> None:
        operators = [partner.name for partner in self._partners.values() if partner.parent_id is None]
        if len(operators) != 1:
            raise ImplausibleSnapshot(f"There must be one operator, not {len(operators)} ({', '.join(operators)}).")
        for partner in self._partners.values():
            above, depth = partner, 0
            while above.parent_id is not None:
                parent = self._partners.get(above.parent_id)
                depth += 1
                if parent is None or depth > _DEEPEST_TREE:
                    fault = "has a parent that does not exist" if parent is None else "is in a loop of parents"
                    raise ImplausibleSnapshot(f"Partner {partner.name} {fault}.")
                above = parent


def _sources(gateway: Gateway) -> Iterable[_Source]:
    """The gateway's source addresses, parsed; one that cannot be parsed matches nothing."""
    for text in gateway.source_addresses:
        block, port = _split_port(text.strip())
        try:
            yield ip_network(block, strict=False), port, gateway
        except ValueError:
            continue


def _split_port(text: str) -> tuple[str, int | None]:
    """`192.0.2.1:5060` or `[2001:db8::1]:5060` as block and port; port None when there is none."""
    if text.startswith("["):
        block, _, port = text[1:].partition("]")
        return block, int(port[1:]) if port[1:].isdigit() else None
    block, _, port = text.partition(":")
    if port.isascii() and port.isdigit() and "." in block:
        return block, int(port)
    return text, None
