"""Exchange rates, for feeds that have them."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol, runtime_checkable

from carillon.logic.callflow.feed import Feed


@runtime_checkable
class OffersExchange(Protocol):
    """A feed that also knows exchange rates."""

    def exchange_rate(self, source: str, target: str) -> Decimal | None:
        """What one unit of currency `source` is worth in `target` now, or None when it is not known."""


def exchange_rate(feed: Feed, source: str, target: str) -> Decimal | None:
    """The feed's rate from one currency to another; 1 for the same currency; None when the feed has none."""
    if source == target:
        return Decimal(1)
    return feed.exchange_rate(source, target) if isinstance(feed, OffersExchange) else None
