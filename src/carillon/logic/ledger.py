"""Entries of the double-entry ledger: what each movement of money posts, always zero per currency.

A positive amount on a customer's or sub-partner's account means that it has that money with its seller.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


class Unbalanced(ValueError):
    """Entries of a transfer do not sum to zero in some currency; the message names it and the difference."""

    slug = "ledger-unbalanced"


@dataclass(frozen=True, slots=True)
class Posting:
    """One entry: `amount_micro` micro-units of `currency` added to the account named `account_key`."""

    account_key: str
    amount_micro: int
    currency: str


def account_key(account_id: int) -> str:
    """The key of an account that has an id."""
    return f"account:{account_id}"


def check_balanced(postings: Iterable[Posting]) -> tuple[Posting, ...]:
    """The postings, if they sum to zero in every currency; raises Unbalanced otherwise."""
    kept = tuple(postings)
    sums: dict[str, int] = {}
    for posting in kept:
        sums[posting.currency] = sums.get(posting.currency, 0) + posting.amount_micro
    for currency, total in sums.items():
        if total:
            raise Unbalanced(f"The entries in {currency} differ by {total} micro-units.")
    return kept


def move_postings(from_key: str, to_key: str, amount_micro: int, currency: str) -> tuple[Posting, ...]:
    """`amount_micro` (may be negative) from one account to another; nothing at all for zero."""
    if amount_micro == 0:
        return ()
    return (Posting(from_key, -amount_micro, currency), Posting(to_key, amount_micro, currency))
