"""Which taxes a customer pays on a call: of each tax the rate that holds for it when the call begins."""

from __future__ import annotations

from carillon.logic.callflow.feed import Tax, Tier
from carillon.logic.callflow.terms import TaxRule


def taxes_at(tier: Tier, at_ms: int) -> tuple[Tax, ...]:
    """The tier's taxes at a moment (Unix epoch, UTC), in the order of its rules.

    Of the rules of one name that have begun the most exact one is taken, of equally exact ones the newest.
    """
    found: dict[str, TaxRule] = {}
    for rule in tier.tax_rules:
        held = found.setdefault(rule.name, rule) if rule.from_ms <= at_ms else rule
        if rule.from_ms <= at_ms and (rule.exactness, rule.from_ms) > (held.exactness, held.from_ms):
            found[rule.name] = rule
    return tuple(Tax(rule.name, rule.percent) for rule in found.values())
