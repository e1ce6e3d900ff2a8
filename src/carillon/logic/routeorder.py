"""In which order the gateways of one route are tried: as listed, by share, least cost first, best quality first."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from decimal import Decimal
from hashlib import sha256
from typing import TypeVar

from carillon.logic.callflow.exchange import exchange_rate
from carillon.logic.callflow.feed import Feed, Gateway, Rate, Route, Tariff
from carillon.logic.callflow.notes import Note
from carillon.logic.callflow.values import CarrierCharge, TierCharge
from carillon.logic.money import EXACT
from carillon.logic.rating import price_of
from carillon.logic.traffic import Traffic

TYPICAL_S = 60  # carriers are compared by what one such call costs, connection fee included
LEAST_CALLS = 20  # fewer prove nothing
_ASR_STEPS = 20  # what differs by less than 5 % of the calls is the same
_PDD_STEP_MS = 500
_UNKNOWN = 10**9
_NANO = Decimal("1e-9")
_MOST_KNOWN = 32  # of a rate: lengths and exchange rates

T = TypeVar("T")

Offer = tuple[Gateway, CarrierCharge]


def described(strategy: str) -> str:
    """What a route's strategy does, for its note."""
    said = {"least_cost": "cheapest carrier first", "quality": "best carrier of the last hours first"}
    return said.get(strategy, "carriers in the listed order")


def ordered(feed: Feed, route: Route, call: str, offers: Sequence[Offer], notes: list[Note]) -> list[Offer]:
    """The offers in the order to try; why is added to `notes`. `call` (a SIP Call-ID) draws where carriers share."""
    if route.strategy == "least_cost":
        return _cheapest_first(feed, offers, notes)
    if route.strategy == "quality":
        return _best_first(feed, offers, notes)
    return _by_share(route, call, offers, notes) if any(route.weights) else list(offers)


# ---------------------------------------------------------------- cost


def _cheapest_first(feed: Feed, offers: Sequence[Offer], notes: list[Note]) -> list[Offer]:
    """By the cost of a typical minute; carriers without a comparable cost come last, ties by name."""
    currency = next((offer.tariff.currency for _, offer in offers if offer.tariff and offer.rate), "")
    costs = {gateway.id: typical_cost(feed, carrier, currency) for gateway, carrier in offers}
    for gateway, _ in offers:
        cost = costs[gateway.id]
        shown = (
            f"costs {cost.normalize():f} {currency} for a typical minute" if cost is not None else "has no known cost"
        )
        notes.append(Note(f"Carrier {gateway.name} {shown}.", gateway.partner_id))
    return sorted(offers, key=lambda offer: (_order(costs[offer[0].id]), offer[0].name))


def _order(cost: Decimal | None) -> tuple[bool, Decimal]:
    return (True, Decimal(0)) if cost is None else (False, cost)


def typical_cost(
    feed: Feed, charge: CarrierCharge | TierCharge, currency: str, seconds: int = TYPICAL_S
) -> Decimal | None:
    """What a call of so many seconds costs, connection fee and intervals included, in `currency`; None: not known."""
    if charge.tariff is None or charge.rate is None:
        return None
    payee = charge.owner_partner_id if isinstance(charge, CarrierCharge) else charge.tier.seller_partner_id
    rate_to = exchange_rate(feed, payee, charge.tariff.currency, currency)
    if rate_to is None:
        return None
    rate, tariff = charge.rate, charge.tariff

    def cost() -> Decimal:
        price = price_of(rate, tariff, seconds, at_ms=feed.at_ms)
        return EXACT.divide(EXACT.multiply(price.amount, rate_to), price.whole).quantize(_NANO)

    return _once(rate, tariff, (seconds, rate_to), cost)


def first_interval_s(feed: Feed, rate: Rate, tariff: Tariff) -> int:
    """How long the shortest call is by the price list."""
    return _once(rate, tariff, "first", lambda: price_of(rate, tariff, 1, at_ms=feed.at_ms).billed_s)


def _once(rate: Rate, tariff: Tariff, what: Hashable, work: Callable[[], T]) -> T:
    """What `work` gives, remembered with the rate unless it depends on the moment: most calls compare the same few."""
    if tariff.windows and rate.windows:
        return work()
    known: dict[Hashable, tuple[Tariff, T]] = rate.__dict__.get("_like", rate).__dict__.setdefault("_costs", {})
    of, found = known.get(what, (None, None))
    if of is tariff and found is not None:
        return found
    if len(known) >= _MOST_KNOWN:
        known.clear()
    made = work()
    known[what] = (tariff, made)
    return made


# ---------------------------------------------------------------- quality


def _best_first(feed: Feed, offers: Sequence[Offer], notes: list[Note]) -> list[Offer]:
    """Those of which enough calls are known by what became of them, then the others; like ones by cost."""
    measured: list[tuple[tuple[int, int, int], Offer]] = []
    others: list[Offer] = []
    for offer in _cheapest_first(feed, offers, notes):
        gateway = offer[0]
        recent = feed.condition(gateway).recent
        if recent.calls >= LEAST_CALLS:
            measured.append((_rank(recent), offer))
            rings, talks = _seconds(recent.pdd_ms), _seconds(recent.acd_ms)
            text = f"ASR {recent.asr_percent} %, {rings} until it rings, {talks} a call"
            notes.append(Note(f"Carrier {gateway.name}: {text}, of {recent.calls} recent calls.", gateway.partner_id))
            continue
        others.append(offer)
        text = f"has {recent.calls} recent calls, fewer than {LEAST_CALLS}: it comes after those that are measured"
        notes.append(Note(f"Carrier {gateway.name} {text}.", gateway.partner_id))
    return [offer for _, offer in sorted(measured, key=lambda item: item[0])] + others


def _rank(recent: Traffic) -> tuple[int, int, int]:
    """The better the smaller: ASR in steps of 5 %, then post-dial delay in steps of half a second, then duration."""
    pdd_ms = recent.pdd_ms
    delay = _UNKNOWN if pdd_ms is None else pdd_ms // _PDD_STEP_MS
    return -(_ASR_STEPS * recent.answered // recent.calls), delay, -(recent.acd_ms or 0)


def _seconds(milliseconds: int | None) -> str:
    return "unknown" if milliseconds is None else f"{milliseconds / 1000:.1f} s"


# ---------------------------------------------------------------- share


def _by_share(route: Route, call: str, offers: Sequence[Offer], notes: list[Note]) -> list[Offer]:
    """Neighbours with a weight share one position: each call draws their order, always the same for the same call."""
    weights = dict(zip(route.gateway_ids, route.weights, strict=False))
    positions = _positions(route.gateway_ids, weights)
    found = sorted(offers, key=lambda offer: (positions[offer[0].id], _draw(route, call, offer[0], weights)))
    first = found[0][0] if found else None
    sharing = [gateway for gateway, _ in offers if first is not None and positions[gateway.id] == positions[first.id]]
    if first is not None and len(sharing) > 1:
        whole = sum(weights[gateway.id] for gateway in sharing)
        shares = ", ".join(f"{gateway.name} {100 * weights[gateway.id] / whole:.0f} %" for gateway in sharing)
        notes.append(Note(f"Carriers share the calls: {shares}. This one begins with {first.name}.", route.partner_id))
    return found


def _positions(gateway_ids: Sequence[int], weights: dict[int, int]) -> dict[int, int]:
    """The position of each gateway: one without a weight stands alone."""
    found: dict[int, int] = {}
    position, was_sharing = 0, False
    for gateway_id in gateway_ids:
        is_sharing = weights.get(gateway_id, 0) > 0
        position += not (is_sharing and was_sharing)
        was_sharing = is_sharing
        found[gateway_id] = position
    return found


def _draw(route: Route, call: str, gateway: Gateway, weights: dict[int, int]) -> float:
    """When the gateway's turn comes: exponential with its weight as rate, so that the first is it in that share.

    Efraimidis and Spirakis, "Weighted random sampling with a reservoir" (2006).
    """
    weight = weights.get(gateway.id, 0)
    if not weight:
        return 0.0
    drawn = int.from_bytes(sha256(f"{call}/{route.id}/{gateway.id}".encode()).digest()[:8])
    return -math.log((drawn + 1) / (2**64 + 1)) / weight
