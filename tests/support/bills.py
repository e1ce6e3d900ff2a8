"""Golden bills: the YAML files of tests/bills, and the examples of the manual's rating page, as values.

A bill has one tier (`list`, `windows`, `rate`, `account`) or several (`tiers`, lowest first), and calls with what they
must cost. Names are those of the price list's own fields.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from carillon.logic.callflow.allowance import Allowance
from carillon.logic.callflow.charging import settle
from carillon.logic.callflow.feed import Rate, Step, Tariff, Tax, Tier, Unit, Window, WindowPrice
from carillon.logic.callflow.values import (
    CallFacts,
    CallRequest,
    CarrierCharge,
    CdrDraft,
    Chain,
    ChainKind,
    Decision,
    Direction,
    Target,
    TierCharge,
)
from carillon.logic.hours import Hours
from carillon.logic.money import MICRO, format_amount
from carillon.logic.rating import Charge, rate_call, reach_s

FOLDER = Path(__file__).parents[1] / "bills"
UNITS_MS = {"ms": 1, "s": 1_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000, "messages": 1_000}
NOON = "2026-11-26 12:00 UTC"  # a Thursday


@dataclass(frozen=True, slots=True)
class Sale:
    """What one tier charges by."""

    tariff: Tariff
    rate: Rate
    currency: str
    exchange_rate: Decimal | None = None
    taxes: tuple[Tax, ...] = ()
    seller: str = ""
    buyer: str = ""


@dataclass(frozen=True, slots=True)
class BilledCall:
    """A call and what it must cost at each tier, in micro-units."""

    answered_ms: int
    duration_ms: int
    prices: tuple[int, ...]
    charged_s: int | None = None
    tax_micro: int | None = None
    bundle_s: int = 0
    ends_after_s: int | None = None
    bound: str | None = None
    pieces: tuple[str, ...] | None = None
    held_micro: int | None = None
    margins: tuple[int | None, ...] | None = None


@dataclass(frozen=True, slots=True)
class Bill:
    """A golden bill."""

    name: str
    sales: tuple[Sale, ...]
    calls: tuple[BilledCall, ...]
    carrier: Sale | None = None
    story: str = field(default="")


def bills() -> list[Bill]:
    """Every file of tests/bills."""
    return [read_bill(path.stem, yaml.safe_load(path.read_text())) for path in sorted(FOLDER.glob("*.yaml"))]


def read_bill(name: str, doc: Mapping[str, Any]) -> Bill:
    """A bill as written."""
    known = {"story", "list", "windows", "rate", "account", "tiers", "carrier", "calls"}
    assert set(doc) <= known, set(doc) - known
    tiers = doc.get("tiers") or [{key: doc[key] for key in ("list", "windows", "rate", "account") if key in doc}]
    carrier = _sale(doc["carrier"]) if "carrier" in doc else None
    return Bill(
        name,
        tuple(_sale(tier) for tier in tiers),
        tuple(_call(call) for call in doc["calls"]),
        carrier,
        str(doc.get("story", "")),
    )


def _sale(doc: Mapping[str, Any]) -> Sale:
    listed, account = dict(doc["list"]), dict(doc.get("account", {}))
    unit = Unit(listed.pop("unit", "minute"))
    windows = tuple(_window(one) for one in doc.get("windows", ()))
    tariff = Tariff(1, listed.pop("name", "Retail"), 1, 1, listed.pop("currency"), windows=windows, unit=unit, **listed)
    exchange = account.pop("exchange_rate", None)
    taxes = tuple(Tax(name, _exact(percent)) for name, percent in account.pop("taxes", {}).items())
    currency = account.pop("currency", tariff.currency)
    assert not account, account
    return Sale(
        tariff,
        _rate(doc["rate"]),
        currency,
        None if exchange is None else _exact(exchange),
        taxes,
        doc.get("seller", "Northwind Telecom"),
        doc.get("buyer", "Acme Ltd"),
    )


def _exact(number: Any) -> Decimal:
    """YAML's numbers are floats, whose shortest text is what was written."""
    return Decimal(str(number))


def _window(doc: Mapping[str, Any]) -> Window:
    own = {key: tuple(doc[key]) for key in ("month_days", "dates", "except_dates") if key in doc}
    hours = {key: doc[key] for key in ("begins", "ends", "timezone") if key in doc}
    return Window(doc["name"], Hours(tuple(doc.get("weekdays", ())), **hours), **own)


def _rate(doc: Mapping[str, Any]) -> Rate:
    price = _price(doc)
    return Rate(
        prefix=str(doc.get("prefix", "44")),
        name=doc.get("name", "United Kingdom"),
        **price,
        windows=tuple(WindowPrice(name, **_price(one)) for name, one in doc.get("windows", {}).items()),
        grace_s=doc.get("grace_s", 0),
        minimum=_exact(doc.get("minimum", 0)),
        maximum=_exact(doc["maximum"]) if "maximum" in doc else None,
    )


def _price(doc: Mapping[str, Any]) -> dict[str, Any]:
    steps = (Step(one["from_s"], _exact(one["per_minute"]), one["increment_s"]) for one in doc.get("steps", ()))
    return {
        "connection_fee": _exact(doc.get("connection_fee", 0)),
        "per_minute": _exact(doc["per_minute"]),
        "initial_s": doc.get("initial_s", 1),
        "increment_s": doc.get("increment_s", 1),
        "steps": tuple(steps),
    }


def _call(doc: Mapping[str, Any]) -> BilledCall:
    known = {
        "answered", "lasts", "price", "prices", "charged", "tax", "bundle", "ends_after", "bound", "pieces", "held",
        "margins",
    }  # fmt: skip
    assert set(doc) <= known, set(doc) - known
    prices = doc["prices"] if "prices" in doc else [doc["price"]]
    return BilledCall(
        moment(str(doc.get("answered", NOON))),
        milliseconds(str(doc["lasts"])),
        tuple(micro(price) for price in prices),
        milliseconds(str(doc["charged"])) // 1000 if "charged" in doc else None,
        micro(doc["tax"]) if "tax" in doc else None,
        milliseconds(str(doc.get("bundle", "0 s"))) // 1000,
        milliseconds(str(doc["ends_after"])) // 1000 if "ends_after" in doc else None,
        doc.get("bound"),
        tuple(doc["pieces"]) if "pieces" in doc else None,
        micro(doc["held"]) if "held" in doc else None,
        tuple(None if one is None else micro(one) for one in doc["margins"]) if "margins" in doc else None,
    )


def moment(text: str) -> int:
    """Milliseconds of the Unix epoch of "2026-03-29 00:59:30 Europe/London"; of the second 01:30 in autumn "+00:00"."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d(?::\d\d(?:\.\d+)?)?) ?(\S+)", text)
    assert found, text
    day, clock, zone = found.groups()
    if zone[0] in "+-":
        return round(datetime.fromisoformat(f"{day}T{clock}{zone}").timestamp() * 1000)
    return round(datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def milliseconds(text: str) -> int:
    """Of "90 s", "49 d", "1 h 5 min"."""
    parts = re.findall(r"(-?[\d.]+) ([a-z]+)", text)
    assert " ".join(f"{count} {unit}" for count, unit in parts) == text, text
    return sum(round(Decimal(count) * UNITS_MS[unit]) for count, unit in parts)


def micro(amount: Any) -> int:
    """Micro-units of an amount."""
    return int(_exact(amount) * MICRO)


# ---------------------------------------------------------------- what they come to


def charges(bill: Bill, call: BilledCall) -> list[Charge]:
    """What each tier charges, by the rating alone."""
    return [
        rate_call(
            sale.rate,
            sale.tariff,
            max(call.duration_ms, 0),
            at_ms=call.answered_ms,
            skip_s=call.bundle_s,
            owes_fee=not call.bundle_s,
            exchange_rate=sale.exchange_rate,
            taxes=sale.taxes,
            account_currency=sale.currency,
        )
        for sale in bill.sales
    ]


def told(charge: Charge) -> tuple[str, ...]:
    """The pieces of a charge: "0-60 s 0.12 night"."""
    return tuple(
        f"{piece.from_s}-{piece.from_s + piece.seconds} s {Decimal(piece.rate).scaleb(-8).normalize():f} "
        f"{piece.mark.window}".rstrip()
        for piece in charge.price.pieces
    )


def agree(bill: Bill, call: BilledCall) -> None:
    """Assert that the rating says of a call what the bill does; what depends on money set aside only CDRs say."""
    first, *_above = found = charges(bill, call)
    if call.held_micro is None:
        assert [charge.amount_micro for charge in found] == list(call.prices), (bill.story, call)
        assert call.charged_s in (None, first.billed_s), (first.billed_s, call)
    assert call.tax_micro in (None, first.tax_micro), (first.tax_micro, call)
    assert call.bound in (None, first.price.bound), (first.price.bound, call)
    assert call.pieces in (None, told(first)), (told(first), call)
    assert call.ends_after_s is None or reach(bill, call) == call.ends_after_s, (reach(bill, call), call)


def reach(bill: Bill, call: BilledCall) -> int:
    """How long the call may last at most."""
    sale = bill.sales[0]
    return reach_s(sale.rate, sale.tariff, call.answered_ms, 86_400)


# ---------------------------------------------------------------- the calls


@dataclass(frozen=True, slots=True)
class Parties:
    """Who is who in a call of a bill: ids. `sellers`, `buyers` and `accounts` are of the tiers, lowest first."""

    customer: int
    sellers: tuple[int, ...]
    buyers: tuple[int | None, ...]
    accounts: tuple[int, ...]
    gateway: int
    allowance: int = 1


NOBODY = Parties(1, (2, 3, 4), (None, 2, 3), (1, 2, 3), 9)


def decision_of(bill: Bill, call: BilledCall, who: Parties = NOBODY) -> Decision:
    """What was decided when the call began: the bill's prices frozen, and a bundle of just so many seconds."""
    tiers = tuple(_tier_charge(place, sale, who) for place, sale in enumerate(bill.sales))
    carrier, owner = bill.carrier, who.sellers[len(tiers) - 1]
    carried = CarrierCharge(who.gateway, "Carrier A", owner, carrier.tariff, carrier.rate) if carrier else None
    bundle = Allowance(who.allowance, "Minutes", 0, call.answered_ms + 1, initial_s=1, increment_s=1)
    chain = Chain(
        ChainKind.ORIGINATING, who.customer, who.sellers[0], tiers, allowances=(bundle,) if call.bundle_s else ()
    )
    return Decision(
        Direction.OUTBOUND,
        CallRequest("a@b", "192.0.2.1", 5060, "udp", "alice", "northwind.test", "02071234567", "northwind.test"),
        partner_id=who.sellers[0],
        customer_id=who.customer,
        caller="+442079460001",
        callee="+442071234567",
        targets=(Target("gateway", gateway_id=who.gateway, carrier=carried),),
        chains=(chain,),
    )


def _tier_charge(place: int, sale: Sale, who: Parties) -> TierCharge:
    seller, buyer, account = who.sellers[place], who.buyers[place], who.accounts[place]
    tier = Tier(place, seller, sale.seller, buyer, sale.buyer, account, sale.currency, 1, taxes=sale.taxes)
    return TierCharge(tier, sale.tariff, sale.rate, sale.exchange_rate)


def facts_of(call: BilledCall, who: Parties = NOBODY) -> CallFacts:
    """What happened in the call; money is told only where there was too little of it."""
    return CallFacts(
        call.answered_ms - 2_000,
        max(call.answered_ms + call.duration_ms, call.answered_ms),
        answered_ms=call.answered_ms,
        answered_target=0,
        sip_code=200,
        ended_by="caller",
        rang_ms=call.answered_ms,
        holds=() if call.held_micro is None else ((0, call.held_micro),),
        bundles=((0, who.allowance, call.bundle_s),) if call.bundle_s else (),
    )


def settled(bill: Bill, call: BilledCall, who: Parties = NOBODY) -> Sequence[CdrDraft]:
    """The CDRs of the call, as the worker would write them."""
    return settle(decision_of(bill, call, who), facts_of(call, who))


def cdrs_agree(bill: Bill, call: BilledCall, sales: Sequence[Any]) -> None:
    """Assert that the CDRs of the call's sales, written or drafts, lowest tier first, say what the bill does."""
    assert [cdr.amount_micro for cdr in sales] == list(call.prices), (bill.name, call)
    assert [cdr.currency for cdr in sales] == [sale.currency for sale in bill.sales]
    first = sales[0]
    kept = first.explanation
    assert first.billed_s == kept["billed_s"]
    assert call.charged_s in (None, first.billed_s), (bill.name, call)
    assert call.bound in (None, kept["bound"]), (bill.name, call)
    assert call.pieces in (None, tuple(map(_told, kept["pieces"]))), (bill.name, call)
    if call.tax_micro is not None:
        assert kept["tax"] == format_amount(call.tax_micro, first.currency), (bill.name, call)
    assert sum(use["seconds"] for use in kept["bundles"]) == call.bundle_s, (bill.name, call)
    if call.margins is not None:
        assert [cdr.explanation["margin"]["margin_micro"] for cdr in sales] == list(call.margins), (bill.name, call)


def _told(piece: Mapping[str, Any]) -> str:
    from_s, seconds = piece["from_s"], piece["seconds"]
    return f"{from_s}-{from_s + seconds} s {piece['per_minute']} {piece['window']}".rstrip()
