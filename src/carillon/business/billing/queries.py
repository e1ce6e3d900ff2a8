"""What the ledger says."""

from __future__ import annotations

from datetime import datetime

from django.db.models import BigIntegerField, Case, F, OuterRef, QuerySet, Subquery, Sum, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce

from carillon.base.actor import Actor
from carillon.business.billing.choices import AccountKind
from carillon.business.billing.models import Account, Entry, ReratedCharge, Rerating, TaxRule, Transfer
from carillon.business.customers.models import Customer
from carillon.business.partners.models import Partner
from carillon.logic.callflow import terms
from carillon.logic.callflow.feed import Tax
from carillon.logic.callflow.taxes import taxes_at

HOLDERS = (AccountKind.CUSTOMER, AccountKind.PARTNER)


def accounts_of(actor: Actor) -> QuerySet[Account]:
    """Return customers' and sub-partners' accounts the actor sees, its own with its parent included.

    Each has `available` beside its columns: balance - reserved - unposted + credit limit, micro-units.
    """
    rows = Account.objects.visible_to(actor).filter(kind__in=HOLDERS).select_related("customer", "buyer_partner")
    spent = F("reserved_micro") + F("unposted_micro")
    available = F("balance_micro") + F("credit_limit_micro") - spent
    return rows.annotate(available=available, seller_name=seller_name(actor))


def taxes_of(actor: Actor, customer: Customer, at: datetime) -> tuple[Tax, ...]:
    """Return the taxes that a customer pays on what it is charged at a moment, by its seller's rules; one query."""
    rows = TaxRule.objects.visible_to(actor).filter(
        partner_id=customer.partner_id, country__in=("", customer.country), customer_kind__in=("", customer.kind)
    )
    rules = [
        terms.TaxRule(row.name, row.percent, _ms(row.effective_from), 2 * bool(row.country) + bool(row.customer_kind))
        for row in rows.order_by("position", "pk")
    ]
    return taxes_at(rules, _ms(at))


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def tax_rules_of(actor: Actor) -> QuerySet[TaxRule]:
    """Return the taxes that the actor's part of the tree charges; one query."""
    return TaxRule.objects.visible_to(actor).select_related("partner")


def customer_account(actor: Actor, customer_id: int) -> Account | None:
    """Return the account of a customer, or None; one query."""
    return accounts_of(actor).filter(kind=AccountKind.CUSTOMER, customer_id=customer_id).order_by("pk").first()


def partner_account(actor: Actor, partner_id: int) -> Account | None:
    """Return what a partner has with its parent, in the partner's own currency first, or None; one query."""
    rows = accounts_of(actor).filter(kind=AccountKind.PARTNER, buyer_partner_id=partner_id)
    is_other = Case(When(currency=F("buyer_partner__currency"), then=Value(0)), default=Value(1))
    return rows.order_by(is_other, "pk").first()


def transfers_of(actor: Actor) -> QuerySet[Transfer]:
    """Return the movements of money the actor sees, with customer and sub-partner.

    Each has `balance_micro`, what its holder's account had once it had happened; None for those between own books.
    Cost: for each row the holder's later movements are added up, from an index.
    """
    rows = Transfer.objects.visible_to(actor).select_related("customer", "buyer_partner")
    after = Coalesce(_balance(actor, "customer_id"), _balance(actor, "buyer_partner_id"))
    return rows.annotate(balance_micro=after, seller_name=seller_name(actor))


def seller_name(actor: Actor) -> Subquery:
    """Whose books a row is in; None for the company that the actor's partner buys from: its row is not to be read."""
    return Subquery(Partner.objects.visible_to(actor).filter(pk=OuterRef("partner_id")).values("name")[:1])


def _balance(actor: Actor, holder: str) -> Combinable:
    """The present balance of a transfer's holder less what came later."""
    same = {"partner_id": OuterRef("partner_id"), "currency": OuterRef("currency"), holder: OuterRef(holder)}
    account = Account.objects.visible_to(actor).filter(kind__in=HOLDERS, **same).order_by("pk")
    later = Transfer.objects.visible_to(actor).filter(pk__gt=OuterRef("pk"), **same).order_by()
    total = later.values(holder).annotate(total=Sum("amount_micro")).values("total")
    added = Coalesce(Subquery(total, output_field=BigIntegerField()), 0)
    return Subquery(account.values("balance_micro")[:1], output_field=BigIntegerField()) - added


def entries_of(actor: Actor, transfer: Transfer) -> QuerySet[Entry]:
    """Return both sides of a transfer, as far as the actor sees the books they are in."""
    return Entry.objects.visible_to(actor).filter(transfer=transfer).select_related("account").order_by("pk")


def ledger_sums(actor: Actor) -> dict[str, int]:
    """Return the sum of all entries per currency in the books the actor sees: zero each, or something is broken."""
    rows = Entry.objects.visible_to(actor).values("currency").annotate(total=Sum("amount_micro")).order_by("currency")
    return {row["currency"]: row["total"] for row in rows}


def reratings_of(actor: Actor) -> QuerySet[Rerating]:
    """Return the runs that charge past calls again, with whose charges and by which prices; one query."""
    joined = ("customer", "price_list", "buyer_partner", "version__price_list")
    return Rerating.objects.visible_to(actor).select_related(*joined)


def rerated_charges_of(actor: Actor) -> QuerySet[ReratedCharge]:
    """Return the charges that runs change: the history of what each call has cost; one query."""
    return ReratedCharge.objects.visible_to(actor)
