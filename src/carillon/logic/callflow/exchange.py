"""Exchange rates: which one converts a seller's prices at a moment, and those that follow from others.

Of one partner's rates the direct one is taken, else the inverse of the opposite one, else two of them through one
common currency (of several the first by the alphabet). Derived rates are computed exactly and rounded once, half up, to
ten decimals; one so small that this would change it by more than a millionth is refused: somebody has to enter it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction

from carillon.logic.callflow.feed import Feed
from carillon.logic.callflow.terms import ExchangeRate

DECIMALS = 10
_SMALLEST_DERIVED = Fraction(5, 100_000)  # half of the tenth decimal is a millionth of it


class ExchangeRates:
    """The rates of all partners, past and future. Immutable."""

    __slots__ = ("_neighbours", "_rates")

    def __init__(self, rates: Iterable[ExchangeRate] = ()) -> None:
        """`rates` in any order; of two that begin in the same millisecond the later id wins."""
        found: dict[tuple[int, str, str], tuple[list[int], list[ExchangeRate]]] = {}
        neighbours: dict[tuple[int, str], set[str]] = {}
        for rate in sorted(rates, key=lambda item: (item.effective_ms, item.id)):
            starts, items = found.setdefault((rate.partner_id, rate.source, rate.target), ([], []))
            starts.append(rate.effective_ms)
            items.append(rate)
            neighbours.setdefault((rate.partner_id, rate.source), set()).add(rate.target)
            neighbours.setdefault((rate.partner_id, rate.target), set()).add(rate.source)
        self._rates = found
        self._neighbours = {key: tuple(sorted(currencies)) for key, currencies in neighbours.items()}

    def at(self, partner_id: int, source: str, target: str, at_ms: int) -> Decimal | None:
        """What one unit of `source` is worth in `target` by the partner's own rates, losses added; None: not known."""
        direct = self._in_force(partner_id, source, target, at_ms)
        if direct is not None:
            return _rounded(_with_loss(direct))
        derived = self._step(partner_id, source, target, at_ms) or self._through(partner_id, source, target, at_ms)
        return _rounded(derived) if derived is not None and derived >= _SMALLEST_DERIVED else None

    def by_first(self, sellers: Iterable[int], source: str, target: str, at_ms: int) -> Decimal | None:
        """As `at`, by the first of the partners that knows: who sells, its seller, and so on up."""
        known = (self.at(partner_id, source, target, at_ms) for partner_id in sellers)
        return next((rate for rate in known if rate is not None), None)

    def _in_force(self, partner_id: int, source: str, target: str, at_ms: int) -> ExchangeRate | None:
        starts, items = self._rates.get((partner_id, source, target), ((), ()))
        place = bisect_right(starts, at_ms)
        return items[place - 1] if place else None

    def _step(self, partner_id: int, source: str, target: str, at_ms: int) -> Fraction | None:
        """The direct rate or the inverse one, exact."""
        direct = self._in_force(partner_id, source, target, at_ms)
        if direct is not None:
            return _with_loss(direct)
        opposite = self._in_force(partner_id, target, source, at_ms)
        return None if opposite is None else _with_loss(opposite, is_inverse=True)

    def _through(self, partner_id: int, source: str, target: str, at_ms: int) -> Fraction | None:
        for common in self._neighbours.get((partner_id, source), ()):
            first = self._step(partner_id, source, common, at_ms)
            second = self._step(partner_id, common, target, at_ms)
            if first is not None and second is not None:
                return first * second
        return None


def exchange_rate(feed: Feed, partner_id: int, source: str, target: str) -> Decimal | None:
    """What one unit of `source` is worth in `target` for a seller; 1 for the same currency; None: not known."""
    return Decimal(1) if source == target else feed.exchange_rate(partner_id, source, target)


def _with_loss(rate: ExchangeRate, *, is_inverse: bool = False) -> Fraction:
    worth = 1 / Fraction(rate.rate) if is_inverse else Fraction(rate.rate)
    return worth * (1 + Fraction(rate.loss_percent) / 100)


def _rounded(worth: Fraction) -> Decimal:
    units = (2 * worth.numerator * 10**DECIMALS + worth.denominator) // (2 * worth.denominator)
    return Decimal(units).scaleb(-DECIMALS).normalize()
