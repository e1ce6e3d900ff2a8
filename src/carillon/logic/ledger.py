"""Entries of the double-entry ledger: what each movement of money posts, always zero per currency.

A positive amount on an account means that its holder has that money with the seller; the other side is named after
what it is: `revenue`, `payments`, `adjustments` of a partner, or `clearing` between two currencies.
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
    """The key of a customer's or partner's own account."""
    return f"account:{account_id}"


def partner_key(kind: str, partner_id: int, currency: str) -> str:
    """The key of a partner's internal account: kind is revenue, payments or adjustments."""
    return f"{kind}:{partner_id}:{currency}"


def clearing_key(currency: str) -> str:
    """The key of the exchange clearing account of a currency."""
    return f"clearing:{currency}"


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


def charge_postings(account_id: int, seller_partner_id: int, amount_micro: int, currency: str) -> tuple[Posting, ...]:
    """A batch of rated calls (or any sale): the buyer's account pays the seller's revenue."""
    return move_postings(
        account_key(account_id), partner_key("revenue", seller_partner_id, currency), amount_micro, currency
    )


def top_up_postings(account_id: int, seller_partner_id: int, amount_micro: int, currency: str) -> tuple[Posting, ...]:
    """Money received from the account's holder by the partner that sells to it."""
    return move_postings(
        partner_key("payments", seller_partner_id, currency), account_key(account_id), amount_micro, currency
    )


def adjustment_postings(
    account_id: int, seller_partner_id: int, amount_micro: int, currency: str
) -> tuple[Posting, ...]:
    """A correction by staff in favour of the account's holder (negative: against)."""
    return move_postings(
        partner_key("adjustments", seller_partner_id, currency), account_key(account_id), amount_micro, currency
    )


def exchange_postings(
    from_key: str, from_micro: int, from_currency: str, to_key: str, to_micro: int, to_currency: str
) -> tuple[Posting, ...]:
    """Money that changes currency: out of one account into clearing, out of the other clearing into the other."""
    return (
        *move_postings(from_key, clearing_key(from_currency), from_micro, from_currency),
        *move_postings(clearing_key(to_currency), to_key, to_micro, to_currency),
    )


def reversal_postings(postings: Iterable[Posting]) -> tuple[Posting, ...]:
    """The entries that undo a transfer."""
    return tuple(Posting(item.account_key, -item.amount_micro, item.currency) for item in postings)
