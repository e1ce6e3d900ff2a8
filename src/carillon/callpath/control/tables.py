"""What Kamailio must know by itself: our domains, gateways' addresses, where emergency calls go without control."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from carillon.callpath.control.certificates import Certificates
from carillon.callpath.control.evapi import Edge, EdgeRefused
from carillon.callpath.control.wire import wire_target
from carillon.logic.callflow.feed import (
    BlacklistEntry,
    Domain,
    Feed,
    Gateway,
)
from carillon.logic.callflow.values import (
    CallRequest,
    Decision,
    Direction,
    Target,
)
from carillon.logic.numbers import plan_of
from carillon.logic.routing import RouteQuery, ancestry, choose_emergency_routes

log = logging.getLogger(__name__)

ITEMS_PER_MESSAGE = 20  # an emergency route of four carriers is about 1 KB, a message at most 30 KB
RELOADS = 5
RELOAD_PAUSE_S = 2.0
_EMERGENCY = Decision(Direction.EMERGENCY, CallRequest("", "", 0, "", "", "", "", ""))
_IDENTITY = ("from", "display", "headers")


@dataclass(frozen=True, slots=True)
class Sources:
    """Where gateways' calls come from: `exact` are `address` or `address:port`, `networks` CIDR blocks."""

    exact: frozenset[str]
    networks: tuple[str, ...]


def sources_of(gateways: Iterable[Gateway]) -> Sources:
    """Source addresses of all enabled gateways; what is not an address matches nothing."""
    exact, networks = set(), set()
    for gateway in gateways:
        for text in gateway.source_addresses if gateway.is_enabled else ():
            block, port = split_port(text.strip())
            try:
                network = ipaddress.ip_network(block, strict=False)
            except ValueError:
                log.error("Gateway %s: %r is not an address to expect calls from.", gateway.name, text)
                continue
            if network.num_addresses == 1:
                address = str(network.network_address)
                exact.add(f"{address}:{port}" if port else address)
            else:
                networks.add(str(network))
    return Sources(frozenset(exact), tuple(sorted(networks)))


def split_port(text: str) -> tuple[str, str]:
    """`192.0.2.1:5060` or `[2001:db8::1]:5060` as block and port; the port empty when there is none."""
    block, _, port = text.rpartition(":")
    if port.isdigit() and (("." in block and ":" not in block) or (block.startswith("[") and block.endswith("]"))):
        return block.strip("[]"), port
    return text.strip("[]"), ""


def source_key(source: str) -> str:
    """An address, with or without port, or a block as Kamailio looks it up: `$si`, `$si:$sp` or the block as it is."""
    address, port = split_port(source)
    return f"{address}:{port}" if port else address


class EdgeTables:
    """Tells Kamailio what changed; everything again after it was restarted."""

    def __init__(self, edge: Edge, advertised: str, decrypt: Callable[[str], str], certificates: Certificates) -> None:
        self._edge, self._advertised, self._decrypt = edge, advertised, decrypt
        self._certificates, self._known_certificates = certificates, b""
        self._telling = secrets.randbelow(1 << 30)  # unlike any number of another control
        self._reloading = asyncio.Lock()
        self._told_domains: frozenset[str] = frozenset()

    def forget(self) -> None:
        """Kamailio is another one now."""
        self._told_domains, self._known_certificates = frozenset(), b""

    async def tell_domains(self, domains: Iterable[Domain]) -> None:
        """All our SIP domains with their country. Raises EdgeGone."""
        countries = {domain.name.lower(): domain.country or "-" for domain in domains}
        await self._tell_all("domains", countries)
        await self._tell("edge", {"domains": "1"})
        self._told_domains = frozenset(countries)
        await self.tell_certificates()

    async def tell_certificates(self) -> None:
        """Certificates of all our domains, unless Kamailio has said that it has them. Raises EdgeGone.

        A refusal is logged: whoever calls again tries again.
        """
        wanted = self._certificates.write(self._told_domains)
        if wanted == self._known_certificates:
            return
        try:
            await self._edge.rpc("tls.reload")
        except EdgeRefused as error:
            log.error("Kamailio keeps its old certificates: %s", error)
        else:
            self._known_certificates = wanted

    async def tell_gateways(self, gateways: Iterable[Gateway]) -> None:
        """All gateways' addresses. Raises EdgeGone."""
        sources = sources_of(gateways)
        await self._tell_all("gateways", dict.fromkeys(sources.exact, "1"))
        await self._tell("edge", {"networks": ",".join(sources.networks)})

    async def tell_trunks(self, trunks: Mapping[str, str]) -> None:
        """Accounts known by where they call from: `username@domain` by source as written. Raises EdgeGone."""
        told = {source_key(source): account for source, account in trunks.items()}
        await self._tell_all("trunks", told)
        await self._tell("edge", {"trunk_networks": ",".join(sorted(key for key in told if "/" in key))})

    async def tell_emergency(self, targets: Mapping[str, tuple[Target, ...]]) -> None:
        """Static routes as `emergency_routes` gives them. Raises EdgeGone."""
        items = {}
        for key, wanted in targets.items():
            wire = [wire_target(target, _EMERGENCY, self._advertised, self._decrypt) for target in wanted]
            items[key] = json.dumps([_undressed(target) for target in wire])
        await self._tell_all("emergency", items)

    async def tell_blocked(self, blocked: Mapping[str, str]) -> None:
        """Blocked networks as `blocked_networks` gives them. Raises EdgeGone."""
        await self._tell_all("blocked", blocked, at_once=1)  # each may be a long list

    async def tell_bans(self, bans: Mapping[str, str]) -> None:
        """Bans by whom they are on: "reason since until", or "" for one that is lifted. Raises EdgeGone."""
        await self._tell("banned", bans)

    async def forget_accounts(self) -> None:
        """Some account's password, or the number that stands for where it is, may have changed. Raises EdgeGone."""
        await self._tell("ha1", {"all": ""})

    async def register_again(self) -> None:
        """Some carrier's registration may have changed. Raises EdgeGone, EdgeRefused.

        Kamailio takes a new list only some seconds after the last one (`reg_gc_interval`).
        """
        async with self._reloading:
            for _ in range(RELOADS - 1):
                try:
                    await self._edge.rpc("uac.reg_reload")
                except EdgeRefused:
                    await asyncio.sleep(RELOAD_PAUSE_S)
                else:
                    return
            await self._edge.rpc("uac.reg_reload")

    async def _tell_all(self, table: str, items: Mapping[str, str], *, at_once: int = ITEMS_PER_MESSAGE) -> None:
        """All that is in a table now: whatever else is in it goes, also what another control has told."""
        self._telling += 1
        await self._tell(table, items, at_once=at_once, telling=str(self._telling))
        await self._tell("told", {table: str(self._telling)})

    async def _tell(
        self, table: str, items: Mapping[str, str], *, at_once: int = ITEMS_PER_MESSAGE, telling: str = ""
    ) -> None:
        pairs = [{"k": key, "v": value} for key, value in items.items()]
        for start in range(0, len(pairs), at_once):
            some = pairs[start : start + at_once]
            await self._edge.ask({"op": "table", "name": table, "telling": telling, "items": some})


def _undressed(target: dict[str, Any]) -> dict[str, Any]:
    """Without an identity of ours: nobody decided who calls, so the phone's own From goes out."""
    return {name: value for name, value in target.items() if name not in _IDENTITY}


def emergency_routes(
    feed: Feed, domains: Iterable[Domain], abroad: Iterable[tuple[str, str]] = ()
) -> dict[str, tuple[Target, ...]]:
    """Targets: emergency numbers of each domain's country by `domain/number`, of others by `domain/country/number`.

    `abroad`: SIP domains, each with another country in which customers of its are.
    """
    named = {domain.name.lower(): domain for domain in domains}
    places = [(name, domain, domain.country) for name, domain in named.items()]
    places += [(f"{name}/{country}", named[name], country) for name, country in abroad if name in named]
    found = {}
    for place, domain, country in places:
        plan = plan_of(country)
        for number in plan.emergency if plan else ("112",):
            query = RouteQuery(domain.partner_id, 0, domain.web_product_id, number, country)
            choice = choose_emergency_routes(feed, query)
            if choice.targets:
                found[f"{place}/{number}"] = choice.targets
    return found


def blocked_networks(
    feed: Feed, blacklist: Iterable[BlacklistEntry], domains: Iterable[Domain], at_ms: int
) -> dict[str, str]:
    """What Kamailio needs of the blacklists' networks: CIDR blocks with commas between them.

    By `everywhere`: the operator's blocks, for each request; by address: each address that the operator names exactly;
    by SIP domain: what its partner and those above it block, but for the operator.
    """
    by_partner: dict[int, list[str]] = {}
    for entry in blacklist:
        if entry.kind == "network" and (entry.expires_ms is None or entry.expires_ms > at_ms):
            by_partner.setdefault(entry.partner_id, []).append(str(ipaddress.ip_network(entry.value)))
    blocked: dict[str, str] = {}
    for domain in domains:
        chain = [partner.id for partner in ancestry(feed, domain.partner_id) if partner.parent_id is not None]
        if found := [network for partner_id in chain for network in by_partner.get(partner_id, ())]:
            blocked[domain.name.lower()] = ",".join(found)
    for partner_id, networks in by_partner.items():
        partner = feed.partner(partner_id)
        if partner is not None and partner.parent_id is None:
            blocked["everywhere"] = ",".join(networks)
            exact = [network for network in map(ipaddress.ip_network, networks) if network.num_addresses == 1]
            blocked |= {str(network.network_address): "1" for network in exact}
    return blocked
