"""Rated calls reach the ledger: a transfer per account and minute, for customers, the tiers above and carriers."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from carillon.base.actor import Actor
from carillon.base.changes import action
from carillon.business.billing.choices import AccountKind, TransferKind
from carillon.business.billing.ledger import Movement, book_account, lock_accounts, post
from carillon.business.billing.models import Account, Transfer, UnpostedCharge

MOST_ROWS = 5000


def accounts_to_post(actor: Actor) -> list[int]:
    """Return the accounts with charges that wait for a batch; one query."""
    rows = UnpostedCharge.objects.visible_to(actor).order_by("account_id").values_list("account_id", flat=True)
    return list(rows.distinct())


@action("transactions.post")
def post_account_charges(actor: Actor, account_id: int) -> list[Transfer]:
    """Post the waiting charges of one account and return the transfers; none when there are none (any more).

    The charges leave the waiting list in the transaction that posts them, so a batch happens once or not at all.
    """
    account = Account.objects.get(pk=account_id)
    is_cost = account.kind == AccountKind.PAYABLE
    other = book_account(AccountKind.COST if is_cost else AccountKind.REVENUE, account.partner_id, account.currency)
    accounts = lock_accounts([account.pk, other.pk])
    rows = list(UnpostedCharge.objects.filter(account=account).order_by("pk")[:MOST_ROWS])
    if not rows:
        return []
    by_minute: dict[datetime, list[UnpostedCharge]] = defaultdict(list)
    for row in rows:
        by_minute[row.minute].append(row)
    sides = (accounts[other.pk], accounts[account.pk]) if is_cost else (accounts[account.pk], accounts[other.pk])
    transfers = post(actor, [_movement(sides, account, minute, group) for minute, group in sorted(by_minute.items())])
    UnpostedCharge.objects.filter(pk__in=[row.pk for row in rows]).delete()
    if account.kind == AccountKind.CUSTOMER:
        posted = accounts[account.pk]
        posted.unposted_micro -= sum(row.amount_micro for row in rows)
        posted.save(update_fields=["unposted_micro"])
    return transfers


def _movement(
    sides: tuple[Account, Account], account: Account, minute: datetime, rows: list[UnpostedCharge]
) -> Movement:
    amount = sum(row.amount_micro for row in rows)
    count = f"{len(rows)} call" if len(rows) == 1 else f"{len(rows)} calls"
    return Movement(
        # a CDR is in one batch only, so its number makes the key of the batch
        key=f"calls:{account.pk}:{minute:%Y%m%d%H%M}:{min(row.cdr_id for row in rows)}",
        kind=TransferKind.CALLS,
        source=sides[0],
        target=sides[1],
        amount_micro=amount,
        shown_micro=-amount,
        holder=account if account.kind in (AccountKind.CUSTOMER, AccountKind.PARTNER) else None,
        reference=f"{count} ended at {minute:%Y-%m-%d %H:%M} UTC",
    )
