"""The one writer of transfers and entries, and the one place that locks accounts.

Locks are taken in ascending account id, here as in callfeed's functions, so that two movements of money can't wait for
each other. The cached balance changes in the transaction that writes the entries.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import transaction

from carillon.base.actor import Actor
from carillon.business.billing.choices import AccountKind, TransferKind
from carillon.business.billing.models import Account, Entry, Transfer
from carillon.logic.ledger import Posting, account_key, check_balanced, move_postings


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """`amount_micro` (may be negative) from one account to another, both in one partner's books and one currency.

    `holder` is the account of the customer or sub-partner concerned, None for costs; `shown_micro` is the amount as
    that holder sees it.
    """

    key: str
    kind: TransferKind
    source: Account
    target: Account
    amount_micro: int
    shown_micro: int
    holder: Account | None = None
    reference: str = ""


def lock_accounts(account_ids: Iterable[int]) -> dict[int, Account]:
    """Return the accounts by id as they are now, locked in ascending id until the transaction ends; one query."""
    rows = Account.objects.select_for_update().filter(pk__in=set(account_ids)).order_by("pk")
    return {row.pk: row for row in rows}


def book_account(kind: AccountKind, partner_id: int, currency: str) -> Account:
    """Return a partner's own account of that kind and currency, made when it is first needed; one or three queries."""
    wanted = {"kind": kind, "partner_id": partner_id, "customer": None, "buyer_partner": None, "currency": currency}
    found = Account.objects.filter(**wanted).first()
    if found is None:
        with transaction.atomic():  # two at once: the constraint lets one in, both read its row
            Account.objects.bulk_create([Account(**wanted)], ignore_conflicts=True)
        found = Account.objects.get(**wanted)
    return found


def post(actor: Actor, movements: Sequence[Movement]) -> list[Transfer]:
    """Write a transfer with its two entries for each movement and change the balances.

    Raises:
        logic.ledger.Unbalanced: never with these arguments; it guards the arithmetic.
        IntegrityError: a key exists already, or the currencies differ.

    Cost: four queries for any number of movements, besides one update per account.
    """
    accounts = lock_accounts(account.pk for item in movements for account in (item.source, item.target))
    transfers = Transfer.objects.bulk_create([_transfer(actor, item) for item in movements])
    entries = []
    for transfer, item in zip(transfers, movements, strict=True):
        sides = {account_key(account.pk): accounts[account.pk] for account in (item.source, item.target)}
        for posting in check_balanced(_postings(item)):
            account = sides[posting.account_key]
            account.balance_micro += posting.amount_micro
            entries.append(
                Entry(
                    partner_id=account.partner_id,
                    transfer=transfer,
                    account=account,
                    currency=posting.currency,
                    amount_micro=posting.amount_micro,
                )
            )
    Entry.objects.bulk_create(entries)
    Account.objects.bulk_update(accounts.values(), ["balance_micro"])
    for item in movements:  # callers and audit look at the accounts they gave
        for account in (item.source, item.target):
            account.balance_micro = accounts[account.pk].balance_micro
    return transfers


def _postings(item: Movement) -> tuple[Posting, ...]:
    source, target = account_key(item.source.pk), account_key(item.target.pk)
    return move_postings(source, target, item.amount_micro, item.source.currency)


def _transfer(actor: Actor, item: Movement) -> Transfer:
    holder = item.holder
    return Transfer(
        partner_id=item.source.partner_id,
        idempotency_key=item.key,
        kind=item.kind,
        reference=item.reference,
        customer_id=holder.customer_id if holder else None,
        buyer_partner_id=holder.buyer_partner_id if holder else None,
        currency=item.source.currency,
        amount_micro=item.shown_micro,
        actor_name=actor.name[:200],
    )
