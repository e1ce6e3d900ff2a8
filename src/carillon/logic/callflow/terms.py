"""On which terms a buyer pays for its calls: lists, mark-up, exchange rates and taxes, before one of each is chosen.

Part of what a call decision reads (`carillon.logic.callflow.feed`); what was chosen is kept in the decision.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from carillon.logic.markup import Rule


class TrafficClass(StrEnum):
    """What a buyer pays for by a list of its own."""

    CALLS = "calls"  # placed and forwarded, by the number called
    RECEIVED = "received"  # by the caller's number
    TOLL_FREE = "toll_free"  # likewise, on toll-free numbers
    ONNET = "onnet"  # those that stay on the platform, by the number called
    MESSAGES = "messages"  # by the number that they go to


@dataclass(frozen=True, slots=True)
class ListUse:
    """A list by which a buyer may pay for a class of traffic, from `from_ms` until before `until_ms` (Unix epoch, UTC).

    `generality`: 0 the buyer's own, 1 its web product's, 2 everybody's. `allows_loss`: also below the seller's cost.
    """

    price_list_id: int
    traffic: TrafficClass = TrafficClass.CALLS
    weight: int = 0
    generality: int = 0
    from_ms: int | None = None
    until_ms: int | None = None
    allows_loss: bool = False


@dataclass(frozen=True, slots=True)
class FallbackRule:
    """A mark-up of `partner_id` for numbers that none of its lists has, on what it pays itself."""

    id: int
    partner_id: int
    rule: Rule


@dataclass(frozen=True, slots=True)
class ExchangeRate:
    """What one unit of `source` is worth in `target`, from `effective_ms` (Unix epoch, UTC) until the next one's.

    It holds for sales of `partner_id` and of partners below it that have none of their own. `rate` has at most ten
    decimals; `loss_percent`, what converting costs, is added to it.
    """

    id: int
    partner_id: int
    source: str
    target: str
    rate: Decimal
    effective_ms: int
    loss_percent: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class TaxRule:
    """A rate of the tax `name` from `from_ms` on (Unix epoch, UTC), for the customer that the document is about.

    `exactness`: 2 when it is for the customer's country and not for all, and 1 more when for its kind and not for all.
    """

    name: str
    percent: Decimal
    from_ms: int
    exactness: int = 0
