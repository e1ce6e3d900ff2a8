"""Which carriers a call is offered to, in which order.

The partner tree is climbed from the caller's partner: the first partner with matching routes decides, so a partner
with own carriers uses them and everybody else falls through to the operator's. Within a partner the longest matching
prefix wins; routes for a customer come before those for a web product, those before general ones, then priority.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from carillon.logic.callflow.feed import (
    Feed,
    Fullness,
    Gateway,
    Partner,
    Route,
)
from carillon.logic.callflow.notes import Note
from carillon.logic.callflow.values import CarrierCharge, ForeseenLoss, Target
from carillon.logic.hours import hours_text, is_within
from carillon.logic.numbers import national_form
from carillon.logic.rating import frozen
from carillon.logic.routeorder import Offer, described, ordered

MAX_TARGETS = 10
_DEEPEST_TREE = 32


@dataclass(frozen=True, slots=True)
class RouteQuery:
    """A call looking for carriers: `number` is E.164, or the emergency number as dialled in `country`.

    `call` is its SIP Call-ID, by which carriers that share calls are drawn.
    """

    partner_id: int
    customer_id: int
    web_product_id: int
    number: str
    country: str
    caller: str = ""  # E.164, "" = withheld
    call: str = ""


@dataclass(frozen=True, slots=True)
class RouteChoice:
    """Targets in the order to try, or the slug of a refusal; `owner` is the partner whose routes were used.

    `lossy` are the gateways, by id, with which the call may lose money: their route allows it. `losses` are
    what the loss guard has found (`callflow.lossguard`), of targets that are left out too.
    """

    targets: tuple[Target, ...] = ()
    owner: Partner | None = None
    refusal: str = ""
    notes: tuple[Note, ...] = ()  # each for the partner whose routes or carriers it tells, and those above
    lossy: frozenset[int] = frozenset()
    losses: tuple[ForeseenLoss, ...] = ()


def ancestry(feed: Feed, partner_id: int) -> Iterator[Partner]:
    """The partner and those above it, up to the operator. Ends at an unknown partner or after 32 levels."""
    next_id: int | None = partner_id
    for _ in range(_DEEPEST_TREE):
        partner = feed.partner(next_id) if next_id is not None else None
        if partner is None:
            return
        yield partner
        next_id = partner.parent_id


def choose_routes(feed: Feed, query: RouteQuery) -> RouteChoice:
    """The carriers for a call to an E.164 number.

    Refusals: `no-route` (nothing matches anywhere), `route-blocked`, `gateways-full` (none has room for one more call),
    `no-gateway` (all matching are disabled).
    """
    notes: list[Note] = []
    for partner in ancestry(feed, query.partner_id):
        routes = matching_routes(_open_routes(feed, partner, query, notes), query)
        if routes:
            return _chosen(feed, query, partner, routes, notes)
        notes.append(Note(f"{partner.name} has no route for {query.number}.", partner.id))
    return RouteChoice(refusal="no-route", notes=tuple(notes))


def choose_emergency_routes(feed: Feed, query: RouteQuery) -> RouteChoice:
    """The carriers for an emergency call: emergency routes of the caller's country, else any carrier there is.

    Blocks, stoppers, limits and prices do not apply. The only refusal is `no-gateway`.
    """
    partners = tuple(ancestry(feed, query.partner_id))
    notes: list[Note] = []
    for partner in partners:
        routes = _emergency_routes(feed.routes(partner.id), query)
        targets = _emergency_targets(feed, query, routes, notes)
        if targets:
            notes.append(Note(f"Emergency route “{routes[0].name}” of {partner.name}.", partner.id))
            return RouteChoice(targets, partner, notes=tuple(notes))
    notes.append(Note(f"No emergency route for {query.country or 'this country'}: any carrier is used."))
    for partner in partners:
        others = (route for route in feed.routes(partner.id) if route.strategy != "block")
        targets = _emergency_targets(feed, query, others, notes)
        if targets:
            return RouteChoice(targets, partner, notes=tuple(notes))
    return RouteChoice(refusal="no-gateway", notes=tuple(notes))


# ---------------------------------------------------------------- matching


def matching_routes(routes: Iterable[Route], query: RouteQuery) -> tuple[Route, ...]:
    """The routes with the longest prefix that fit the call, in the order to try."""
    digits = query.number.lstrip("+")
    fitting = [route for route in routes if digits.startswith(route.prefix) and _is_for(route, query)]
    longest = max((len(route.prefix) for route in fitting), default=0)
    best = [route for route in fitting if len(route.prefix) == longest]
    return tuple(sorted(best, key=lambda route: (_generality(route), route.priority, route.name, route.id)))


def _open_routes(feed: Feed, partner: Partner, query: RouteQuery, notes: list[Note]) -> list[Route]:
    """The partner's routes in whose hours the call begins."""
    found = []
    for route in feed.routes(partner.id):
        if route.hours is None or is_within(route.hours, feed.at_ms):
            found.append(route)
        elif matching_routes((route,), query):
            said = f"Route “{route.name}” holds {hours_text(route.hours)}, not now: it is passed over."
            notes.append(Note(said, partner.id))
    return found


def _is_for(route: Route, query: RouteQuery) -> bool:
    return (
        not route.is_emergency
        and route.customer_id in (None, query.customer_id)
        and route.web_product_id in (None, query.web_product_id)
    )


def _generality(route: Route) -> int:
    """0 for one customer, 1 for one web product, 2 for everybody."""
    if route.customer_id is not None:
        return 0
    return 1 if route.web_product_id is not None else 2


def _emergency_routes(routes: Iterable[Route], query: RouteQuery) -> tuple[Route, ...]:
    fitting = [
        route
        for route in routes
        if route.is_emergency and route.country in ("", query.country) and query.number.startswith(route.prefix)
    ]
    return tuple(sorted(fitting, key=lambda route: (route.country == "", -len(route.prefix), route.priority, route.id)))


# ---------------------------------------------------------------- targets


def _chosen(
    feed: Feed, query: RouteQuery, partner: Partner, routes: tuple[Route, ...], notes: list[Note]
) -> RouteChoice:
    targets: list[Target] = []
    used: dict[int, Route] = {}  # for whom the gateway is tried
    is_full = False
    for route in routes:
        if route.strategy == "block":
            notes.append(Note(f"Route “{route.name}” of {partner.name} blocks calls to {_shown(route)}.", partner.id))
            break
        text = f"Route “{route.name}” of {partner.name} for {_shown(route)}, {described(route.strategy)}."
        notes.append(Note(text, partner.id))
        usable = _usable(feed, route, notes)
        roomy = _with_room(feed, usable, notes)
        is_full = is_full or len(roomy) < len(usable)
        for gateway, carrier in _offers(feed, query, route, roomy, notes):
            if gateway.id not in used:
                used[gateway.id] = route
                targets.append(gateway_target(gateway, query, carrier))
        if route.is_stopper:
            notes.append(Note(f"Route “{route.name}” is a stopper: no later route is tried.", partner.id))
            break
    if targets:
        lossy = frozenset(gateway_id for gateway_id, route in used.items() if route.allows_loss)
        ordered = _present_first(feed, targets, notes)
        return RouteChoice(ordered[:MAX_TARGETS], partner, notes=tuple(notes), lossy=lossy)
    refusal = "gateways-full" if is_full else "no-gateway"
    return RouteChoice((), partner, "route-blocked" if routes[0].strategy == "block" else refusal, tuple(notes))


def _shown(route: Route) -> str:
    return f"+{route.prefix}" if route.prefix else "all numbers"


def _usable(feed: Feed, route: Route, notes: list[Note]) -> list[Gateway]:
    """The route's own enabled gateways."""
    gateways = []
    for gateway_id in route.gateway_ids:
        gateway = feed.gateway(gateway_id)
        if gateway is None or not gateway.is_enabled:
            name = gateway.name if gateway and gateway.partner_id == route.partner_id else gateway_id
            notes.append(Note(f"Gateway {name} is disabled and skipped.", route.partner_id))
            continue
        if gateway.partner_id != route.partner_id:  # else its owner would carry calls that nobody pays it for
            notes.append(Note(f"Gateway {gateway.id} belongs to another partner and is skipped.", route.partner_id))
            continue
        gateways.append(gateway)
    return gateways


def _with_room(feed: Feed, gateways: list[Gateway], notes: list[Note]) -> list[Gateway]:
    roomy = []
    for gateway in gateways:
        full = feed.fullness(gateway)
        if full is None:
            roomy.append(gateway)
            continue
        said = (
            f"carries {gateway.max_channels} calls, as many as it may"
            if full is Fullness.CHANNELS
            else f"gets {gateway.calls_per_s} new calls a second, as many as it may"
        )
        notes.append(Note(f"Gateway {gateway.name} {said}: it is skipped.", gateway.partner_id))
    return roomy


def _present_first(feed: Feed, targets: Iterable[Target], notes: list[Note]) -> tuple[Target, ...]:
    """The targets, those whose gateway is away at the end: when nobody else takes the call one still tries."""
    there, away = [], []
    for target in targets:
        gateway = feed.gateway(target.gateway_id) if target.gateway_id is not None else None
        since_ms = feed.condition(gateway).away_since_ms if gateway is not None else None
        if gateway is None or since_ms is None:
            there.append(target)
            continue
        away.append(target)
        since = f"{datetime.fromtimestamp(since_ms // 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
        notes.append(Note(f"Gateway {gateway.name} is away since {since}: it is tried last.", gateway.partner_id))
    return (*there, *away)


def _offers(feed: Feed, query: RouteQuery, route: Route, gateways: list[Gateway], notes: list[Note]) -> list[Offer]:
    """The gateways with their cost, in the order to try."""
    offers = [(gateway, carrier_charge(feed, gateway, query.number)) for gateway in gateways]
    return ordered(feed, route, query.call, offers, notes)


def carrier_charge(feed: Feed, gateway: Gateway, number: str) -> CarrierCharge:
    """What the carrier will charge for a call to the number: its cost list's rate, or no rate when it has none."""
    return _charge(feed, gateway, gateway.price_list_id, number)


def received_charge(feed: Feed, gateway: Gateway, number: str) -> CarrierCharge | None:
    """What the carrier will charge for a call that it brings to our number; None when it has no list for that."""
    if gateway.received_list_id is None:
        return None
    return _charge(feed, gateway, gateway.received_list_id, number)


def _charge(feed: Feed, gateway: Gateway, list_id: int | None, number: str) -> CarrierCharge:
    tariff = feed.rates.tariff(list_id) if list_id is not None else None
    rate = feed.rates.longest(list_id, number) if list_id is not None and tariff is not None else None
    kept = frozen(tariff, rate, feed.at_ms) if tariff is not None and rate is not None else tariff
    return CarrierCharge(gateway.id, gateway.name, gateway.partner_id, kept, rate)


def _emergency_targets(feed: Feed, query: RouteQuery, routes: Iterable[Route], notes: list[Note]) -> tuple[Target, ...]:
    gateways: dict[int, Gateway] = {}
    for route in routes:
        for gateway_id in route.gateway_ids:
            gateway = feed.gateway(gateway_id)
            if gateway is not None and gateway.is_enabled:
                gateways.setdefault(gateway.id, gateway)
    targets = [_emergency_target(gateway, query) for gateway in gateways.values()]
    return _present_first(feed, targets, notes)[:MAX_TARGETS]


def _emergency_target(gateway: Gateway, query: RouteQuery) -> Target:
    """The short number goes out as dialled: no carrier's number rules fit it, and no cost list prices it."""
    carrier = CarrierCharge(gateway.id, gateway.name, gateway.partner_id, None, None)
    return _target(gateway, query.number, formatted(query.caller, gateway), carrier)


def gateway_target(gateway: Gateway, query: RouteQuery, carrier: CarrierCharge) -> Target:
    """One attempt at a gateway, numbers in its format."""
    number = gateway.prepend + formatted(query.number, gateway)[gateway.strip :]
    return _target(gateway, number, caller_for(query.caller, gateway), carrier)


def _target(gateway: Gateway, number: str, caller: str, carrier: CarrierCharge) -> Target:
    return Target(
        kind="gateway",
        gateway_id=gateway.id,
        host=gateway.host,
        port=gateway.port,
        transport=gateway.transport,
        number=number,
        caller=caller,
        auth_username=gateway.auth_username,
        auth_password=gateway.auth_password,
        auth_realm=gateway.auth_realm,
        ring_timeout_s=gateway.ring_timeout_s,
        reply_timeout_ms=gateway.reply_timeout_ms,
        carrier=carrier,
        style=gateway.style,
        codecs=gateway.codecs,
    )


def caller_for(e164: str, gateway: Gateway) -> str:
    """A caller's number the way the gateway wants it."""
    return formatted(e164, gateway, gateway.style.number_format)


def formatted(e164: str, gateway: Gateway, number_format: str = "") -> str:
    """An E.164 number the way the gateway wants it: e164 (+44...), plain (44...) or national (as dialled there)."""
    wanted = number_format or gateway.number_format
    if wanted == "plain":
        return e164.lstrip("+")
    if wanted == "national":
        return national_form(e164, gateway.country)
    return e164
