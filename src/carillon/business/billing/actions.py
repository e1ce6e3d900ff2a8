"""Changes to accounts, and money moved by people."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from carillon.base.actor import Actor
from carillon.base.changes import action, audited
from carillon.base.errors import InvalidInput, NotFound, NotPermitted
from carillon.base.places import Faults
from carillon.base.rows import locked, named
from carillon.business.billing.choices import AccountKind, TransferKind
from carillon.business.billing.errors import KeyReused, NotReversible
from carillon.business.billing.ledger import Movement, book_account, lock_accounts, post
from carillon.business.billing.models import Account, Transfer
from carillon.business.customers.models import Customer
from carillon.business.partners.models import Partner
from carillon.logic.money import MICRO, format_amount, minor_units

MOST_MICRO = 1_000_000 * MICRO  # more than this in one go is a slip of the keyboard
REVERSIBLE = (TransferKind.TOP_UP, TransferKind.ADJUSTMENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class TopUpData:
    """Money received: micro-units, where it came from in the payer's or bank's words, and a key that makes it happen
    once however often it is asked for (the sender's choice, at most 80 characters)."""

    amount_micro: int
    idempotency_key: str
    reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TopUpRequest:
    """A top-up as a form or program asks for it: for a customer or for a sub-partner. Key "": a new one, made here."""

    amount_micro: int
    customer_id: int | None = None
    partner_id: int | None = None
    reference: str = ""
    idempotency_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitData:
    """How far below zero an account may go, and why."""

    credit_limit_micro: int
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReversalData:
    """Why a transfer is taken back."""

    reason: str


# ---------------------------------------------------------------- accounts


@action("customers.add")
def open_customer_account(actor: Actor, customer: Customer) -> Account:
    """Open the account of a customer in its currency; the one it has when there is one already."""
    return _customer_account(actor, customer)


@action("partners.add")
def open_partner_account(actor: Actor, partner: Partner) -> Account:
    """Open the account of a partner with its parent, in the partner's currency; the one it has when there is one.

    Raises:
        InvalidInput: the operator buys from nobody.
    """
    return _partner_account(actor, partner, _parent_of(partner))


def _customer_account(actor: Actor, customer: Customer) -> Account:
    wanted = {"partner_id": customer.partner_id, "kind": AccountKind.CUSTOMER, "customer_id": customer.pk}
    return _open(actor, {**wanted, "buyer_partner_id": None, "currency": customer.currency})


def _partner_account(actor: Actor, partner: Partner, parent_id: int) -> Account:
    wanted = {"partner_id": parent_id, "kind": AccountKind.PARTNER, "buyer_partner_id": partner.pk}
    return _open(actor, {**wanted, "customer_id": None, "currency": partner.currency})


def _parent_of(partner: Partner) -> int:
    if partner.parent_id is None:
        raise InvalidInput(_("The operator has no parent to have an account with."))
    return int(partner.parent_id)


def _open(actor: Actor, wanted: dict[str, object]) -> Account:
    found = Account.objects.filter(**wanted).first()
    if found is not None:
        return found
    account = Account(**wanted)
    try:
        with transaction.atomic(), audited(actor, account, "open"):
            account.save(force_insert=True)
    except IntegrityError:  # somebody else has just opened it
        return Account.objects.get(**wanted)
    return account


@action("top_ups.limit")
def set_credit_limit(actor: Actor, account: Account, data: LimitData) -> Account:
    """Set how far below zero a customer or sub-partner may go; 0: not at all.

    Args:
        account: a customer's or sub-partner's account in the actor's books.

    Raises:
        InvalidInput: negative or absurd, or not an account of a buyer.
        NotFound, NotPermitted
    """
    account = locked(Account.objects, actor, account.pk)
    _check_seller(actor, account.partner_id)
    if account.kind not in (AccountKind.CUSTOMER, AccountKind.PARTNER):
        raise InvalidInput(_("Only customers and sub-partners have a credit limit."))
    faults = Faults()
    most = format_amount(MOST_MICRO, account.currency)
    is_right = 0 <= data.credit_limit_micro <= MOST_MICRO
    faults.unless(is_right, "credit_limit_micro", _("A credit limit is from 0 to %(most)s.") % {"most": most})
    faults.stop()
    with audited(actor, account, "set_credit_limit", reason=data.reason):
        account.credit_limit_micro = data.credit_limit_micro
        account.save(update_fields=["credit_limit_micro"])
    return account


# ---------------------------------------------------------------- money


@action("top_ups.add")
def top_up_customer(actor: Actor, customer: Customer, data: TopUpData) -> Transfer:
    """Add received money to a customer's account, opening it when needed.

    Asked again with the same key it changes nothing and returns the same transfer.

    Raises:
        InvalidInput: amount or key are not valid.
        KeyReused: the key belongs to another top-up.
        NotPermitted, NotFound
    """
    customer = named(Customer.objects, actor, customer.pk, "customer")
    _check_seller(actor, customer.partner_id)
    return _top_up(actor, _customer_account(actor, customer), data)


@action("top_ups.add")
def top_up_partner(actor: Actor, partner: Partner, data: TopUpData) -> Transfer:
    """Add received money to a sub-partner's account with its parent; only the parent's side may.

    Asked again with the same key it changes nothing and returns the same transfer.

    Raises:
        InvalidInput: amount or key are not valid, or the partner is the operator.
        KeyReused: the key belongs to another top-up.
        NotPermitted, NotFound
    """
    partner = named(Partner.objects, actor, partner.pk, "partner")
    parent_id = _parent_of(partner)
    _check_seller(actor, parent_id)
    return _top_up(actor, _partner_account(actor, partner, parent_id), data)


@action("top_ups.add")
def top_up(actor: Actor, request: TopUpRequest) -> Transfer:
    """Top a customer or a sub-partner up, whichever the request names.

    Raises:
        InvalidInput: it names neither or both, or like `top_up_customer` and `top_up_partner`.
        KeyReused, NotPermitted
    """
    if (request.customer_id is None) == (request.partner_id is None):
        sentence = _("Name either a customer or a sub-partner.")
        raise InvalidInput(sentence, fields={"customer_id": sentence})
    data = TopUpData(
        amount_micro=request.amount_micro,
        idempotency_key=request.idempotency_key or uuid4().hex,
        reference=request.reference,
    )
    if request.partner_id is not None:
        return top_up_partner(actor, named(Partner.objects, actor, request.partner_id, "partner_id"), data)
    return top_up_customer(actor, named(Customer.objects, actor, request.customer_id or 0, "customer_id"), data)


@action("transactions.reverse")
def reverse_transfer(actor: Actor, transfer: Transfer, data: ReversalData) -> Transfer:
    """Take a top-up or adjustment back by a transfer of its own; the same one when it was reversed before.

    The balance may become negative: a bounced payment is gone, spent or not.

    Raises:
        InvalidInput: no reason is given.
        NotReversible: it is a charge for calls or a reversal itself.
        NotPermitted, NotFound
    """
    found = Transfer.objects.visible_to(actor).filter(pk=transfer.pk).first()
    if found is None:
        raise NotFound(_("There is no transaction %(pk)s.") % {"pk": transfer.pk})
    _check_seller(actor, found.partner_id)
    if found.kind not in REVERSIBLE:
        raise NotReversible(
            _("Only top-ups and adjustments can be reversed; calls are corrected by rating them again.")
        )
    reason = data.reason.strip()
    if not reason:
        raise InvalidInput(_("Say why it is reversed."), fields={"reason": _("Say why it is reversed.")})
    sides = list(found.entries.select_related("account").order_by("amount_micro"))
    lock_accounts(side.account_id for side in sides)
    key = f"reversal:{found.pk}"
    if before := Transfer.objects.filter(idempotency_key=key).first():
        return before
    loser = next(side.account for side in sides if side.amount_micro > 0)
    winner = next(side.account for side in sides if side.amount_micro < 0)
    holder = next((side for side in (loser, winner) if side.kind in (AccountKind.CUSTOMER, AccountKind.PARTNER)), None)
    movement = Movement(
        key=key,
        kind=TransferKind.REVERSAL,
        source=loser,
        target=winner,
        amount_micro=abs(found.amount_micro),
        shown_micro=-found.amount_micro,
        holder=holder,
        reference=reason[:200],
    )
    return _moved(actor, movement, "reverse", reason)


def _check_seller(actor: Actor, partner_id: int) -> None:
    """Buyers see their account in the seller's books and may not write there."""
    if partner_id not in actor.scope or actor.customer_id is not None:
        raise NotPermitted(_("Only the seller may change an account."))


def _top_up(actor: Actor, account: Account, data: TopUpData) -> Transfer:
    _check_top_up(data, account.currency)
    cash = book_account(AccountKind.CASH, account.partner_id, account.currency)
    locked_now = lock_accounts([account.pk, cash.pk])  # a second request with this key waits here for the first
    account, cash = locked_now[account.pk], locked_now[cash.pk]
    key = f"top_up:{account.partner_id}:{data.idempotency_key}"
    before = Transfer.objects.filter(idempotency_key=key).first()
    if before is not None:
        return _same(before, account, data)
    movement = Movement(
        key=key,
        kind=TransferKind.TOP_UP,
        source=cash,
        target=account,
        amount_micro=data.amount_micro,
        shown_micro=data.amount_micro,
        holder=account,
        reference=data.reference.strip(),
    )
    return _moved(actor, movement, "top_up", data.reference)


def _check_top_up(data: TopUpData, currency: str) -> None:
    faults = Faults()
    amount, coin = data.amount_micro, MICRO // 10 ** minor_units(currency)
    faults.unless(amount > 0, "amount_micro", _("An amount must be more than zero."))
    faults.unless(
        amount <= MOST_MICRO,
        "amount_micro",
        _("At most %(currency)s at once.") % {"currency": format_amount(MOST_MICRO, currency)},
    )
    smallest = format_amount(coin, currency)
    faults.unless(
        amount % coin == 0,
        "amount_micro",
        _("The smallest coin is %(smallest)s: nobody can pay a part of it.") % {"smallest": smallest},
    )
    key = data.idempotency_key
    is_key = 0 < len(key) <= 80 and key.isprintable()
    faults.unless(is_key, "idempotency_key", _("Give a key of 1 to 80 printable characters."))
    faults.unless(len(data.reference.strip()) <= 200, "reference", _("A reference has at most 200 characters."))
    faults.stop()


def _same(before: Transfer, account: Account, data: TopUpData) -> Transfer:
    holder = (before.customer_id, before.buyer_partner_id, before.currency)
    if holder != (account.customer_id, account.buyer_partner_id, account.currency):
        raise KeyReused(_("This idempotency key was used for another account."))
    if before.amount_micro != data.amount_micro:
        raise KeyReused(_("This idempotency key was used for another amount."))
    return before


def _moved(actor: Actor, movement: Movement, verb: str, reason: str) -> Transfer:
    account = movement.holder or movement.target
    with audited(actor, account, verb, reason=reason):
        return post(actor, [movement])[0]
