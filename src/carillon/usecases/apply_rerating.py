"""A re-rating applied: for each charge that differs a reversal of the old one and a new one, in the ledger and the CDR.

One transaction per batch of charges. Each is applied once: its line says so in the transaction that applies it, and the
ledger has a key for each run and CDR. A charge that is not what it was any more when the run was worked out stays as it
is, one on an invoice too: that is corrected by a credit note.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import F
from django.utils import timezone

from carillon.base.actor import Actor
from carillon.base.changes import audited
from carillon.base.jobs import Progress
from carillon.base.rows import locked
from carillon.base.tenancy import tenant
from carillon.business.billing.choices import AccountKind, ReratedState, ReratingState, TransferKind
from carillon.business.billing.ledger import Change, Movement, book_account, change_accounts, lock_accounts, post
from carillon.business.billing.models import Account, ReratedCharge, Rerating, UnpostedCharge
from carillon.business.billing.queries import HOLDERS
from carillon.business.calls.facts import is_loss
from carillon.business.calls.models import Cdr
from carillon.business.partners.queries import system_actor
from carillon.business.reports.actions import add_to_hours, take_from_hours
from carillon.logic.callflow.explanation import with_margin
from carillon.logic.callflow.values import CdrDraft, ChainKind, Outcome
from carillon.logic.rerating import explained_anew, price_from, replaced_part
from carillon.usecases.post_charges import books_for, charge_of, other_kind
from carillon.usecases.rerate_calls import charged_of

BATCH = 200
PRICED = ["amount_micro", "billed_s", "destination", "is_loss", "explanation"]


@dataclass(frozen=True, slots=True)
class _Changed:
    """A CDR with its new price, and what it had cost."""

    cdr: Cdr
    line: ReratedCharge


def carry_out_rerating(actor: Actor, run_id: int, progress: Progress) -> None:
    """Apply a confirmed run to the charges of the actor's part of the tree, from where it is.

    It is written as the platform: what a call adds up to is told to partners above as well, whose rows the actor does
    not see.

    Raises:
        Stopped: the person has cancelled it; what was applied stays, and the rest may be applied later.

    Cost: about 25 queries for each 200 charges.
    """
    system = system_actor()
    done = 0
    with tenant(system):
        run = Rerating.objects.get(pk=run_id)
        progress.beat(0, {"total": _open(run, actor).count()}, is_now=True)
    if run.state != ReratingState.APPLYING:
        return
    while True:
        with tenant(system):
            lines = list(_open(run, actor).select_for_update().order_by("pk")[:BATCH])
            _apply(system, actor, run, lines)
        if not lines:
            break
        done += len(lines)
        progress.beat(done, {"changed": done}, is_now=True)
    with tenant(actor):
        run = locked(Rerating.objects, actor, run_id)
        with audited(actor, run, "finish"):
            run.state, run.applied_at = ReratingState.APPLIED, timezone.now()
            run.save(update_fields=["state", "applied_at"])


def _open(run: Rerating, actor: Actor) -> Any:
    return ReratedCharge.objects.filter(rerating=run, state=ReratedState.DIFFERENT, partner_id__in=actor.scope)


def _apply(system: Actor, actor: Actor, run: Rerating, lines: Sequence[ReratedCharge]) -> None:
    calls = {line.call_id for line in lines}
    rows = list(Cdr.objects.select_for_update(no_key=True).filter(call_id__in=calls).order_by("pk"))
    by_id = {row.pk: row for row in rows}
    for line in lines:
        line.state = _state(line, by_id[line.cdr_id])
    changed = [_Changed(by_id[line.cdr_id], line) for line in lines if line.state == ReratedState.APPLIED]
    ids = {one.cdr.call_id for one in changed}
    take_from_hours(system, ids)
    for one in changed:
        _reprice(run, one)
    scope = {line.partner_id for line in lines} | actor.scope
    _tell_margins([row for row in rows if row.call_id in ids])
    Cdr.objects.bulk_update([row for row in rows if row.call_id in ids and row.partner_id in scope], PRICED)
    add_to_hours(system, ids)
    ReratedCharge.objects.bulk_update(lines, ["state"])
    _count(run, lines)
    _charge(actor, run, changed)


def _state(line: ReratedCharge, cdr: Cdr) -> ReratedState:
    """Whether a charge may still be changed: it is what the run has seen, and on no invoice."""
    if cdr.invoice_id is not None:
        return ReratedState.INVOICED
    now = replaced_part(charged_of(cdr), price_from(line.after)).document()
    return ReratedState.APPLIED if now == line.before else ReratedState.CHANGED


def _reprice(run: Rerating, one: _Changed) -> None:
    cdr, new = one.cdr, price_from(one.line.after)
    mark = {
        "run": run.pk,
        "at": timezone.now().isoformat(timespec="seconds"),
        "was_micro": one.line.was_micro,
        "billable_ms": charged_of(cdr).billable_ms,
    }
    cdr.explanation = explained_anew(cdr.explanation, one.line.before["explanation"], new.explanation, mark)
    cdr.amount_micro, cdr.billed_s, cdr.destination = new.amount_micro, new.billed_s, new.destination


def _tell_margins(rows: Iterable[Cdr]) -> None:
    """Each sale is told anew what its seller pays for the call, and whether that is a loss."""
    chains: dict[tuple[Any, int], list[Cdr]] = {}
    for row in rows:
        chains.setdefault((row.call_id, row.chain_no), []).append(row)
    for chain in chains.values():
        chain.sort(key=lambda row: (row.is_carrier_cost, row.tier))
        for row, told in zip(chain, with_margin([_draft(row) for row in chain]), strict=True):
            row.explanation, row.is_loss = told.explanation, is_loss(told.explanation)


def _draft(row: Cdr) -> CdrDraft:
    return CdrDraft(
        chain=ChainKind(row.chain),
        tier=row.tier,
        seller_partner_id=row.partner_id,
        buyer_partner_id=row.buyer_partner_id,
        customer_id=row.customer_id,
        account_id=None if row.is_carrier_cost else row.account_id,
        gateway_id=row.gateway_id,
        outcome=Outcome(row.outcome),
        duration_ms=row.duration_ms,
        billed_s=row.billed_s,
        amount_micro=row.amount_micro,
        currency=row.currency,
        explanation=row.explanation,
    )


def _count(run: Rerating, lines: Iterable[ReratedCharge]) -> None:
    states = [line.state for line in lines]
    Rerating.objects.filter(pk=run.pk).update(
        applied=F("applied") + states.count(ReratedState.APPLIED),
        changed=F("changed") + states.count(ReratedState.CHANGED),
        invoiced=F("invoiced") + states.count(ReratedState.INVOICED),
    )


# ---------------------------------------------------------------- money


def _charge(actor: Actor, run: Rerating, changed: Sequence[_Changed]) -> None:
    """Charges that no batch has posted yet are put right where they wait; all others are reversed and made anew."""
    payable = _payable(changed)
    account_of = {one.cdr.pk: payable.get((one.cdr.partner_id, one.cdr.currency)) if one.cdr.is_carrier_cost
                  else one.cdr.account_id for one in changed}  # fmt: skip
    rows = UnpostedCharge.objects.select_for_update().filter(cdr_id__in=[one.cdr.pk for one in changed])
    waiting = {row.cdr_id: row for row in rows.order_by("account_id", "pk")}
    accounts = Account.objects.in_bulk({key for key in account_of.values() if key})
    books = books_for(accounts.values())
    lock_accounts([*accounts, *(book.pk for book in books.values())])
    posted = [one for one in changed if one.cdr.pk not in waiting]
    movements = [
        movement
        for one in posted
        if (account := accounts.get(account_of[one.cdr.pk] or 0)) is not None
        for movement in _movements(run, one, account, books[other_kind(account), account.partner_id, account.currency])
    ]
    post(actor, movements)
    _put_right([(waiting[one.cdr.pk], one.line) for one in changed if one.cdr.pk in waiting], accounts)


def _payable(changed: Iterable[_Changed]) -> Mapping[tuple[int, str], int]:
    """What the owners of the gateways owe carriers, by owner and currency."""
    costs = {(one.cdr.partner_id, one.cdr.currency) for one in changed if one.cdr.is_carrier_cost}
    return {(owner, currency): book_account(AccountKind.PAYABLE, owner, currency).pk for owner, currency in costs}


def _movements(run: Rerating, one: _Changed, account: Account, book: Account) -> Iterator[Movement]:
    line, key = one.line, f"rerating:{run.pk}:{one.cdr.pk}"
    reference = f"Re-rating {run.pk}: {line.callee}, {line.started_at:%Y-%m-%d %H:%M} UTC"
    if line.was_micro:
        yield charge_of(
            account, book, -line.was_micro, key=f"{key}:back", reference=reference, kind=TransferKind.REVERSAL
        )
    if line.amount_micro:
        yield charge_of(account, book, line.amount_micro, key=f"{key}:new", reference=reference)


def _put_right(waiting: Sequence[tuple[UnpostedCharge, ReratedCharge]], accounts: Mapping[int, Account]) -> None:
    """The posting of a batch finds the new amount; accounts of buyers keep count of what waits."""
    more: dict[int, int] = {}
    for row, line in waiting:
        row.amount_micro = line.amount_micro
        if accounts[row.account_id].kind in HOLDERS:
            more[row.account_id] = more.get(row.account_id, 0) + line.amount_micro - line.was_micro
    rows = [row for row, _line in waiting]
    UnpostedCharge.objects.bulk_update(rows, ["amount_micro"])
    UnpostedCharge.objects.filter(pk__in=[row.pk for row in rows if not row.amount_micro]).delete()
    change_accounts({account_id: Change(unposted_micro=micro) for account_id, micro in more.items()})
