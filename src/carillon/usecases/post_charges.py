"""Rated calls reach the ledger: a transfer per account and minute, for customers, the tiers above and carriers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from carillon.base.actor import Actor
from carillon.base.changes import action
from carillon.base.statements import array, by_index, run
from carillon.business.billing.choices import AccountKind, TransferKind
from carillon.business.billing.ledger import Change, Movement, book_account, change_accounts, post
from carillon.business.billing.models import Account
from carillon.business.billing.queries import HOLDERS

MOST_CHARGES = 2000  # in one transaction
_WAITING = """
    select id, cdr_id, account_id, amount_micro, minute from billing_unpostedcharge
    where partner_id = any(%(scope)s::bigint[])
    order by minute, account_id, id limit {limit:d} for update skip locked
"""
_POSTED = "delete from billing_unpostedcharge where id = any(%(ids)s::bigint[])"


class _Waiting(NamedTuple):
    """A charge that waits, see `billing.models.UnpostedCharge`."""

    id: int
    cdr_id: int
    account_id: int
    amount_micro: int
    minute: datetime


@action("transactions.post")
def post_charges(actor: Actor, *, limit: int = MOST_CHARGES) -> int:
    """Post up to `limit` waiting charges and return how many there were.

    The charges leave the waiting list in the transaction that posts them, so a batch happens once or not at all. Those
    that another worker has in hand are passed over. Cost: about ten queries for the whole batch, one or three more for
    each book that it touches.
    """
    by_index()
    rows = [_Waiting(*row) for row in run(_WAITING.format(limit=limit), {"scope": array(actor.scope)})]
    if not rows:
        return 0
    accounts = Account.objects.in_bulk({row.account_id for row in rows})
    batches: dict[tuple[int, datetime], list[_Waiting]] = defaultdict(list)
    for row in rows:
        batches[row.account_id, row.minute].append(row)
    books = books_for(accounts.values())
    post(
        actor,
        [_movement(accounts[account], books, minute, group) for (account, minute), group in sorted(batches.items())],
    )
    run(_POSTED, {"ids": array(row.id for row in rows)})
    change_accounts(_no_longer_waiting(accounts, rows))
    return len(rows)


def books_for(accounts: Iterable[Account]) -> dict[tuple[AccountKind, int, str], Account]:
    """Return what the other side of each account's charges is, by kind, owner and currency; one query each."""
    wanted = {(other_kind(account), account.partner_id, account.currency) for account in accounts}
    return {book: book_account(*book) for book in wanted}


def other_kind(account: Account) -> AccountKind:
    """Return the kind of book that is the other side of an account's charges."""
    return AccountKind.COST if account.kind == AccountKind.PAYABLE else AccountKind.REVENUE


def _no_longer_waiting(accounts: Mapping[int, Account], rows: Iterable[_Waiting]) -> dict[int, Change]:
    """Accounts of customers and sub-partners keep count of what waits."""
    posted: dict[int, int] = defaultdict(int)
    for row in rows:
        if accounts[row.account_id].kind in HOLDERS:
            posted[row.account_id] += row.amount_micro
    return {account_id: Change(unposted_micro=-amount) for account_id, amount in posted.items()}


def _movement(
    account: Account,
    books: Mapping[tuple[AccountKind, int, str], Account],
    minute: datetime,
    rows: list[_Waiting],
) -> Movement:
    count = f"{len(rows)} call" if len(rows) == 1 else f"{len(rows)} calls"
    return charge_of(
        account,
        books[other_kind(account), account.partner_id, account.currency],
        sum(row.amount_micro for row in rows),
        # a CDR is in one batch only, so its number makes the key of the batch
        key=f"calls:{account.pk}:{minute:%Y%m%d%H%M}:{min(row.cdr_id for row in rows)}",
        reference=f"{count} ended at {minute:%Y-%m-%d %H:%M} UTC",
    )


def charge_of(
    account: Account,
    book: Account,
    amount_micro: int,
    *,
    key: str,
    reference: str,
    kind: TransferKind = TransferKind.CALLS,
) -> Movement:
    """Return the movement that charges `account` for calls, or takes that back when the amount is negative.

    Args:
        account: of a customer or sub-partner, or what a gateway's owner owes carriers.
        book: the other side, of `other_kind`.
    """
    source, target = (book, account) if account.kind == AccountKind.PAYABLE else (account, book)
    return Movement(
        key=key,
        kind=kind,
        source=source,
        target=target,
        amount_micro=amount_micro,
        shown_micro=-amount_micro,
        holder=account if account.kind in HOLDERS else None,
        reference=reference,
    )
