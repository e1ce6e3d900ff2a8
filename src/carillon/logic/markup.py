"""Sale prices from costs: which rule fits a prefix, and what it makes of what the carriers charge there.

A prefix that several carriers price costs what the dearest of them charges, be it by a shorter prefix: calls fail over,
and whoever answers is to leave the margin.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from heapq import merge
from itertools import groupby
from operator import attrgetter

_HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class Cost:
    """A line of a cost list: prices in its currency, intervals in seconds. `prefix` "" is every number."""

    prefix: str
    name: str
    connection_fee: Decimal
    per_minute: Decimal
    initial_s: int
    increment_s: int
    minimum: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Rule:
    """What is put on the costs of numbers under `prefix` whose destination begins with `destination`.

    `percent` and `fixed` (per minute) are added; the margin per minute is at least `minimum_margin`; the price is at
    least `floor` and at most `cap` (None: no limit), which goes before all others; prices are rounded up to a multiple
    of `step` (0: not rounded). `initial_s` and `increment_s` None: as the carrier's. `is_left_out`:
    such numbers are not sold.
    """

    prefix: str = ""
    destination: str = ""
    percent: Decimal = Decimal(0)
    fixed: Decimal = Decimal(0)
    minimum_margin: Decimal = Decimal(0)
    step: Decimal = Decimal(0)
    initial_s: int | None = None
    increment_s: int | None = None
    is_left_out: bool = False
    floor: Decimal = Decimal(0)
    cap: Decimal | None = None

    def price(self, cost: Decimal) -> Decimal:
        """What a minute is sold for that costs so much."""
        price = max(cost * self._factor + self.fixed, cost + self.minimum_margin, self.floor)
        return _stepped(price if self.cap is None else min(price, self.cap), self.step)

    def amount(self, cost: Decimal) -> Decimal:
        """What another amount of a rate becomes, such as its connection fee: only the percentage comes on top."""
        return _stepped(cost * self._factor, self.step)

    @property
    def _factor(self) -> Decimal:
        return 1 + self.percent / _HUNDRED


@dataclass(frozen=True, slots=True)
class Sale:
    """A line of the sale list that the rules make, with the cost it comes from."""

    prefix: str
    name: str
    connection_fee: Decimal
    per_minute: Decimal
    initial_s: int
    increment_s: int
    cost: Decimal
    minimum: Decimal = Decimal(0)


class Rules:
    """The rules of a list: a destination's beats the prefix's, the longer text the shorter one."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        """`rules` in any order; of two for the same numbers the first one wins.

        A rule for a destination group is one for each of its prefixes.
        """
        self._by_prefix: dict[str, list[Rule]] = {}
        for rule in rules:
            self._by_prefix.setdefault(rule.prefix, []).append(rule)

    def fitting(self, prefix: str, name: str) -> Rule | None:
        """The rule for a cost line or, by its digits, a number; None: it is not sold."""
        lower, best = name.lower(), None
        for size in range(len(prefix), -1, -1):
            for rule in self._by_prefix.get(prefix[:size], ()):
                is_closer = best is None or len(rule.destination) > len(best.destination)
                if is_closer and lower.startswith(rule.destination.lower()):
                    best = rule
        return best


def marked_up(lists: Sequence[Iterable[Cost]], rules: Rules) -> Iterator[Sale]:
    """The sale lines, by prefix.

    Args:
        lists: the cost lists, each sorted by prefix as text, each prefix once.
        rules: of the sale list; what none of them fits is left out.
    """
    enclosing: list[list[Cost]] = [[] for _ in lists]
    ordered = merge(*(_placed(place, costs) for place, costs in enumerate(lists)), key=lambda line: line[1].prefix)
    for prefix, lines in groupby(ordered, key=lambda line: line[1].prefix):
        own = dict(lines)
        known = [_longest(stack, prefix, own.get(place)) for place, stack in enumerate(enclosing)]
        dearest = max((cost for cost in known if cost is not None), key=attrgetter("per_minute", "connection_fee"))
        named = own.get(known.index(dearest)) or next(iter(own.values()))
        rule = rules.fitting(prefix, named.name)
        if rule is not None and not rule.is_left_out:
            yield _sale(prefix, named.name, dearest, rule)


def _placed(place: int, costs: Iterable[Cost]) -> Iterator[tuple[int, Cost]]:
    return ((place, cost) for cost in costs)


def _longest(stack: list[Cost], prefix: str, own: Cost | None) -> Cost | None:
    """The line of one list that prices `prefix`; prefixes come sorted, so the enclosing ones are still on the stack."""
    while stack and not prefix.startswith(stack[-1].prefix):
        stack.pop()
    if own is not None:
        stack.append(own)
    return stack[-1] if stack else None


def _sale(prefix: str, name: str, cost: Cost, rule: Rule) -> Sale:
    return Sale(
        prefix=prefix,
        name=name,
        connection_fee=rule.amount(cost.connection_fee),
        per_minute=rule.price(cost.per_minute),
        initial_s=rule.initial_s or cost.initial_s,
        increment_s=rule.increment_s or cost.increment_s,
        cost=cost.per_minute,
        minimum=rule.amount(cost.minimum),
    )


def _stepped(price: Decimal, step: Decimal) -> Decimal:
    """The next multiple of `step` up; without one, eight decimals: what a rate holds."""
    unit = step or Decimal("0.00000001")
    return max((price / unit).to_integral_value(ROUND_CEILING), Decimal(0)) * unit
