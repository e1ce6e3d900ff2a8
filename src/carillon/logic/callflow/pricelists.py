"""Which list prices a call at one tier: of the buyer's lists the heaviest that has a price for the number.

Lists of the buyer itself stand in for those of its web product, those for everybody's: when at least one of them is
active, none that is more general is asked. Among them the higher weight goes first; of equal weights the one that was
activated last, then the one that was assigned last.
"""

from __future__ import annotations

from dataclasses import dataclass

from carillon.logic.callflow.feed import Feed, Rate, Tariff, Tier, Unit
from carillon.logic.callflow.notes import Note
from carillon.logic.callflow.terms import ListUse, TrafficClass

NOWHERE = "0"  # no calling code begins with it: only the price of all numbers fits


@dataclass(frozen=True, slots=True)
class Listed:
    """A rate found, the version that it is of, and the use by which the buyer has the list."""

    use: ListUse
    tariff: Tariff
    rate: Rate


def lists_for(tier: Tier, traffic: TrafficClass, at_ms: int) -> tuple[ListUse, ...]:
    """The lists of the tier's buyer that are active at `at_ms`, in the order to ask."""
    uses = tier.lists or _single(tier)
    active = [
        use
        for use in uses
        if use.traffic is traffic
        and (use.from_ms is None or use.from_ms <= at_ms)
        and (use.until_ms is None or at_ms < use.until_ms)
    ]
    nearest = min((use.generality for use in active), default=0)
    own = [use for use in active if use.generality == nearest]
    return tuple(sorted(own, key=lambda use: (-use.weight, -(use.from_ms or 0))))


def find_price(feed: Feed, tier: Tier, traffic: TrafficClass, number: str, notes: list[Note]) -> Listed | None:
    """The first of the tier's lists that has a version in force and in it a price for `number`; None: there is none.

    Appends to `notes`, for whoever buys and those above, which lists had none and why this one is first.
    """
    reader, uses = reader_of(tier), lists_for(tier, traffic, feed.at_ms)
    if not uses:
        notes.append(_nothing_in_force(tier, reader))
    for use in uses:
        tariff = feed.rates.tariff(use.price_list_id)
        if tariff is None:
            notes.append(_nothing_in_force(tier, reader))
            continue
        if (tariff.unit is Unit.MESSAGE) is not (traffic is TrafficClass.MESSAGES):
            what = "messages" if tariff.unit is Unit.MESSAGE else "calls"
            notes.append(Note(f"Price list “{tariff.price_list}” of {tier.seller} is for {what} alone.", reader))
            continue
        rate = feed.rates.longest(use.price_list_id, number)
        if rate is not None:
            if len(uses) > 1:
                text = (
                    f"Of {len(uses)} price lists of {tier.seller} for {tier.buyer} “{tariff.price_list}” is the first"
                )
                notes.append(Note(f"{text} with a price (weight {use.weight}).", reader))
            return Listed(use, tariff, rate)
        what = "unknown callers" if number == NOWHERE else number
        notes.append(Note(f"Price list “{tariff.price_list}” of {tier.seller} has no price for {what}.", reader))
    return None


def reader_of(tier: Tier) -> int:
    """The lowest partner that may read of a sale: who buys, of a customer who sells to it."""
    return tier.seller_partner_id if tier.buyer_partner_id is None else tier.buyer_partner_id


def _single(tier: Tier) -> tuple[ListUse, ...]:
    """The lists of a document from before `Tier.lists`: one for each class at most."""
    single = (
        (tier.price_list_id, TrafficClass.CALLS),
        (tier.received_list_id, TrafficClass.RECEIVED),
        (tier.toll_free_list_id, TrafficClass.TOLL_FREE),
    )
    return tuple(ListUse(list_id, traffic) for list_id, traffic in single if list_id is not None)


def _nothing_in_force(tier: Tier, reader: int) -> Note:
    return Note(f"{tier.seller} has no price list in force for {tier.buyer}.", reader)
