"""Numbers that none of a seller's lists has: sold by the list that it buys by itself, with a mark-up.

Whoever buys so learns the price and no more: the charge's tariff names the seller, not its supplier's list. What the
price was made from stands beside it, for the seller.
"""

from __future__ import annotations

from typing import TypeVar

from carillon.logic.callflow.feed import Feed, Rate, Step, Tariff, Tier, WindowPrice
from carillon.logic.callflow.values import MadeFrom, TierCharge
from carillon.logic.copies import replace
from carillon.logic.markup import Rule

P = TypeVar("P", Rate, WindowPrice)


def marked_up_charge(feed: Feed, tier: Tier, bought: TierCharge, number: str) -> TierCharge | None:
    """The seller's own purchase of a call to `number` with its mark-up on top, in the currency of what it buys by.

    None when the seller has no rule for the number or leaves it out, or buys it for nothing. The exchange rate is left
    to the caller.
    """
    if bought.rate is None or bought.tariff is None:
        return None
    rule = feed.fallback(tier.seller_partner_id).fitting(number.lstrip("+"), bought.rate.name)
    if rule is None or rule.is_left_out:
        return None
    made_from = MadeFrom(bought.tariff, bought.rate, rule)
    return TierCharge(
        tier, resold_rules(bought.tariff, tier.seller), marked_up_rate(bought.rate, rule), made_from=made_from
    )


def resold_rules(bought: Tariff, seller: str) -> Tariff:
    """The rules of what a seller buys by, under its own name."""
    return replace(bought, price_list_id=0, price_list=seller, version_id=0, version=0)


def marked_up_rate(rate: Rate, rule: Rule) -> Rate:
    """A rate with the rule applied to every price in it, rounded up to eight decimals at least; times stay."""
    return replace(
        _marked_up(rate, rule),
        windows=tuple(_marked_up(price, rule) for price in rate.windows),
        minimum=rule.amount(rate.minimum),
        maximum=None if rate.maximum is None else rule.amount(rate.maximum),
    )


def _marked_up(price: P, rule: Rule) -> P:
    """A price with its steps: a rate's own, or that of one of its windows."""
    return replace(
        price,
        connection_fee=rule.amount(price.connection_fee),
        per_minute=rule.price(price.per_minute),
        initial_s=rule.initial_s or price.initial_s,
        increment_s=rule.increment_s or price.increment_s,
        steps=_steps(price.steps, rule),
    )


def _steps(steps: tuple[Step, ...], rule: Rule) -> tuple[Step, ...]:
    return tuple(
        replace(step, per_minute=rule.price(step.per_minute), increment_s=rule.increment_s or step.increment_s)
        for step in steps
    )
