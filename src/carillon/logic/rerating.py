"""Re-rating: what a call of the past costs by other prices, and what its CDR says from then on.

A CDR holds all that its price depends on: who called whom and for how long, when it was answered, the exchange rate
frozen at its start. Other currencies are converted by what was in force when the call began. Priced by the rating of
live calls (`carillon.logic.rating`). Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from carillon.logic.callflow.explanation import made_from_part, price_part
from carillon.logic.callflow.feed import Rate, Tariff, Tax
from carillon.logic.callflow.pricelists import NOWHERE
from carillon.logic.callflow.values import ChainKind, MadeFrom
from carillon.logic.markup import Rule
from carillon.logic.rating import Charge, rate_call

Exchange = Callable[[int, str, str, int], Decimal | None]
"""What one unit of a currency was worth in another for a seller's partner id at a moment of the Unix epoch; see
`carillon.logic.callflow.exchange`."""

MARKED_UP = 0  # in place of a list: the supplier's price and a mark-up
FREE = "free_reason"
MARK = "rerated"  # the explanation's key that says which run charged the call again, and what it had cost


@dataclass(frozen=True, slots=True)
class Charged:
    """A charge as its CDR keeps it. Moments are of the Unix epoch; `caller` and `callee` as they were shown."""

    chain: str
    is_carrier_cost: bool
    caller: str
    callee: str
    seller_partner_id: int
    started_ms: int
    answered_ms: int
    duration_ms: int
    currency: str
    price: Price
    explanation: Mapping[str, Any]

    @property
    def list_id(self) -> int | None:
        """The list that has charged it; None: nothing did, and nothing will. MARKED_UP: what its seller pays."""
        found = self.explanation.get("list_id")
        return int(found) if found is not None else None

    @property
    def number(self) -> str:
        """The number that its list is asked for: who calls, when the called party pays; else who is called.

        Who withholds the number, and extensions, have the price of all numbers.
        """
        is_callers = self.chain == ChainKind.TERMINATING and not self.is_carrier_cost
        number = self.caller if is_callers else self.callee
        return number if number.startswith("+") else NOWHERE

    @property
    def bundle_s(self) -> int:
        """The first seconds, which bundles have paid: they stay paid."""
        return sum(int(use["seconds"]) for use in self.explanation.get("bundles") or ())

    @property
    def owes_fee(self) -> bool:
        """Whether a connection fee is due: not where the first bundle has covered it.

        CDRs that do not say so tell it by their own fee: where that was none, none is due.
        """
        if not self.bundle_s:
            return True
        covers_fee = self.explanation["bundles"][0].get("covers_fee")
        is_inferred = Decimal(str(self.explanation.get("fee") or 0)) > 0
        return is_inferred if covers_fee is None else not covers_fee

    @property
    def billable_ms(self) -> int:
        """The conversation, cut where the money that was set aside for it ended: beyond that nobody was charged.

        What a first run has found is what later ones go by: intervals of other lengths would hide it.
        """
        known = dict(self.explanation.get(MARK) or {}).get("billable_ms")
        if known is not None:
            return int(known)
        paid_ms = (self.price.billed_s + self.bundle_s) * 1000
        return paid_ms if 0 < paid_ms < self.duration_ms else self.duration_ms


@dataclass(frozen=True, slots=True)
class Price:
    """What a CDR says of its price: everything that re-rating replaces. `explanation` are those of its keys."""

    amount_micro: int
    billed_s: int
    destination: str
    explanation: Mapping[str, Any]

    def document(self) -> dict[str, Any]:
        """As the history of charges keeps it."""
        return {
            "amount_micro": self.amount_micro,
            "billed_s": self.billed_s,
            "destination": self.destination,
            "explanation": dict(self.explanation),
        }


def price_from(document: Mapping[str, Any]) -> Price:
    """Return what `Price.document` kept."""
    return Price(**document)


class NoExchangeRate(Exception):
    """The list is in a currency that the call was not charged in, and nothing converted it when the call began."""


def charge_again(charged: Charged, rate: Rate, tariff: Tariff, exchange: Exchange) -> Charge:
    """Return what the call costs by `rate`, converted, taxed and rounded as its account needs it.

    The exchange rate that was frozen with the call goes before what `exchange` says.

    Raises:
        NoExchangeRate
    """
    return rate_call(
        rate,
        tariff,
        charged.billable_ms,
        at_ms=charged.answered_ms,
        skip_s=charged.bundle_s,
        owes_fee=charged.owes_fee,
        exchange_rate=_exchange_rate(charged, tariff, exchange),
        taxes=_taxes(charged),
        account_currency=charged.currency,
    )


def price_again(
    charged: Charged, rate: Rate, tariff: Tariff, exchange: Exchange, made_from: MadeFrom | None = None
) -> Price:
    """Return the price by `rate` and all that the CDR would say of it. Raises NoExchangeRate.

    `made_from`: what the rate was made from, where none of the seller's lists has it.
    """
    charge = charge_again(charged, rate, tariff, exchange)
    told = price_part(rate, tariff, charge, charged.currency, charge.exchange_rate, _taxes(charged))
    return Price(
        charge.amount_micro,
        charge.billed_s,
        rate.name[:100],
        {**told, FREE: "", "made_from": made_from_part(made_from)},
    )


def kept_rule(explanation: Mapping[str, Any]) -> Rule | None:
    """Return the mark-up by which a call was sold at what its seller paid; None: it was sold by a list.

    CDRs that do not say which intervals the rule has tell it by the price: where they are not the supplier's.
    """
    made = explanation.get("made_from")
    if not made:
        return None
    return Rule(
        percent=Decimal(made["percent"]),
        fixed=Decimal(made["fixed"]),
        minimum_margin=Decimal(made["minimum_margin"]),
        step=Decimal(made["step"]),
        initial_s=_kept_interval(explanation, made, "initial_s"),
        increment_s=_kept_interval(explanation, made, "increment_s"),
        floor=Decimal(made["floor"]),
        cap=None if made["cap"] is None else Decimal(made["cap"]),
    )


def _kept_interval(explanation: Mapping[str, Any], made: Mapping[str, Any], name: str) -> int | None:
    inferred = None if explanation[name] == made[name] else int(explanation[name])
    kept: int | None = made.get(f"rule_{name}", inferred)
    return kept


def _exchange_rate(charged: Charged, tariff: Tariff, exchange: Exchange) -> Decimal | None:
    """The rate frozen at the call's start, else the one that was in force; None: same currency."""
    if tariff.currency == charged.currency:
        return None
    frozen = charged.explanation.get("exchange_rate")
    if frozen is not None and charged.explanation.get("list_currency") == tariff.currency:
        return Decimal(str(frozen))
    known = exchange(charged.seller_partner_id, tariff.currency, charged.currency, charged.started_ms)
    if known is None:
        raise NoExchangeRate
    return known


def _taxes(charged: Charged) -> tuple[Tax, ...]:
    """What was on top of the price, or within, when the call was charged."""
    kept = charged.explanation.get("taxes") or ()
    return tuple(Tax(str(one["name"]), Decimal(str(one["percent"]))) for one in kept)


def replaced_part(charged: Charged, new: Price) -> Price:
    """Return what the CDR says now, of all that `new` would replace, and which run made it say so."""
    old = {key: charged.explanation[key] for key in (*new.explanation, MARK) if key in charged.explanation}
    price = charged.price
    return Price(price.amount_micro, price.billed_s, price.destination, old)


def explained_anew(
    explanation: Mapping[str, Any], old: Mapping[str, Any], new: Mapping[str, Any], mark: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the explanation with the `old` keys of a price taken out and the `new` ones put in, and the run's mark."""
    stays = {key: value for key, value in explanation.items() if key not in old or key in new}
    return {**stays, **new, MARK: dict(mark)}
