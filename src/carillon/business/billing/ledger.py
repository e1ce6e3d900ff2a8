"""The one writer of transfers and entries, and the one place that locks accounts.

Locks are taken in ascending account id, here as in callfeed's functions, so that two movements of money can't wait for
each other. The cached balance changes in the transaction that writes the entries.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from carillon.base.actor import Actor
from carillon.base.statements import array, insert, records, run
from carillon.business.billing.choices import AccountKind, TransferKind
from carillon.business.billing.models import Account, Transfer
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is added to an account's columns; negative amounts are taken away."""

    balance_micro: int = 0
    reserved_micro: int = 0
    unposted_micro: int = 0
    open_calls: int = 0


# One statement for any number of accounts. It locks them in ascending id before it changes the first; not their keys,
# which rows that are written meanwhile refer to.
_CHANGE_ACCOUNTS = """
    with locked as materialized (
        select id from billing_account where id = any(%(ids)s::bigint[]) order by id for no key update
    )
    update billing_account a
    set balance_micro = a.balance_micro + d.balance,
        reserved_micro = a.reserved_micro + d.reserved,
        unposted_micro = a.unposted_micro + d.unposted,
        open_calls = a.open_calls + d.calls
    from locked l
    join json_to_recordset(%(changes)s::json)
        d (id bigint, balance bigint, reserved bigint, unposted bigint, calls integer) on d.id = l.id
    where a.id = l.id
    returning a.id, a.balance_micro
"""


def change_accounts(changes: Mapping[int, Change]) -> dict[int, int]:
    """Add to the accounts' columns, whatever they are by now, and return the new balances by id; one statement.

    The accounts are locked until the transaction ends, and calls wait for theirs: do everything else first.

    Raises:
        IntegrityError: more is taken away than is reserved or unposted.
    """
    if not changes:
        return {}
    rows = [
        {
            "id": account_id,
            "balance": change.balance_micro,
            "reserved": change.reserved_micro,
            "unposted": change.unposted_micro,
            "calls": change.open_calls,
        }
        for account_id, change in changes.items()
    ]
    return dict(run(_CHANGE_ACCOUNTS, {"ids": array(changes), "changes": records(rows)}))


def lock_accounts(account_ids: Iterable[int]) -> dict[int, Account]:
    """Return the accounts by id as they are now, locked in ascending id until the transaction ends; one query."""
    rows = Account.objects.select_for_update(no_key=True).filter(pk__in=set(account_ids)).order_by("pk")
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


_BOOKS = """
    select partner_id, currency, id from billing_account
    where kind = %(kind)s and customer_id is null and buyer_partner_id is null
      and (partner_id, currency) in
          (select b.partner_id, b.currency from json_to_recordset(%(books)s::json) b (partner_id bigint, currency text))
"""


def book_account_ids(kind: AccountKind, books: Collection[tuple[int, str]]) -> dict[tuple[int, str], int]:
    """Return the ids of the books of that kind by partner and currency, made when first needed; one query, or none."""
    if not books:
        return {}
    rows = [{"partner_id": partner_id, "currency": currency} for partner_id, currency in books]
    found = {(owner, money): row_id for owner, money, row_id in run(_BOOKS, {"kind": kind, "books": records(rows)})}
    return found | {book: book_account(kind, *book).pk for book in books if book not in found}


def post(actor: Actor, movements: Sequence[Movement]) -> list[Transfer]:
    """Write a transfer with its two entries for each movement and change the balances.

    Raises:
        logic.ledger.Unbalanced: never with these arguments; it guards the arithmetic.
        IntegrityError: a key exists already, or the currencies differ.

    Cost: three queries for any number of movements; accounts are locked by the last.
    """
    transfers = _written([_transfer(actor, item) for item in movements])
    entries = []
    totals: Counter[int] = Counter()
    for transfer, item in zip(transfers, movements, strict=True):
        sides = {account_key(account.pk): account for account in (item.source, item.target)}
        for posting in check_balanced(_postings(item)):
            account = sides[posting.account_key]
            totals[account.pk] += posting.amount_micro
            entries.append(
                {
                    "partner_id": account.partner_id,
                    "transfer_id": transfer.pk,
                    "account_id": account.pk,
                    "currency": posting.currency,
                    "amount_micro": posting.amount_micro,
                }
            )
    insert("billing_entry", entries)
    balances = change_accounts({account_id: Change(balance_micro=total) for account_id, total in totals.items()})
    for item in movements:  # callers and audit look at the accounts they gave
        for account in (item.source, item.target):
            account.balance_micro = balances[account.pk]
    return transfers


def _postings(item: Movement) -> tuple[Posting, ...]:
    source, target = account_key(item.source.pk), account_key(item.target.pk)
    return move_postings(source, target, item.amount_micro, item.source.currency)


def _written(transfers: Sequence[Transfer]) -> list[Transfer]:
    columns = [field.attname for field in Transfer._meta.concrete_fields if not field.primary_key]
    ids = insert("billing_transfer", [{name: getattr(item, name) for name in columns} for item in transfers])
    for transfer, row_id in zip(transfers, ids, strict=True):
        transfer.pk, transfer._state.adding = row_id, False
    return list(transfers)


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
        at=timezone.now(),
    )
