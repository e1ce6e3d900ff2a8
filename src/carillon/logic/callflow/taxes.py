"""Which taxes a customer pays, on calls and on fees: of each tax the rate that holds for it at a moment."""

from __future__ import annotations

from collections.abc import Iterable

from carillon.logic.callflow.feed import Tax
from carillon.logic.callflow.terms import TaxRule


def taxes_at(rules: Iterable[TaxRule], at_ms: int) -> tuple[Tax, ...]:
    """The taxes at a moment (Unix epoch, UTC), in the order of the rules, which are all for one customer.

    Of the rules of one name that have begun the most exact one is taken, of equally exact ones the newest.
    """
    found: dict[str, TaxRule] = {}
    for rule in rules:
        held = found.setdefault(rule.name, rule) if rule.from_ms <= at_ms else rule
        if rule.from_ms <= at_ms and (rule.exactness, rule.from_ms) > (held.exactness, held.from_ms):
            found[rule.name] = rule
    return tuple(Tax(rule.name, rule.percent) for rule in found.values())
