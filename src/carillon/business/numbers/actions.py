"""Changes to the number stock: in, to a sub-partner, to a customer, back, and out of quarantine."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from carillon.base.actor import Actor
from carillon.base.changes import action, audited
from carillon.base.errors import Conflict, InvalidInput
from carillon.base.rows import check_values, locked, named, named_or_none, once
from carillon.business.customers.models import Customer, User
from carillon.business.numbers.choices import NumberState
from carillon.business.numbers.e164 import MAX_NUMBERS_AT_ONCE, NotANumber, StockNumber, read_numbers, read_row
from carillon.business.numbers.errors import NumberInUse, NumberNotAvailable, OnlyChecked
from carillon.business.numbers.models import Number, Tenure
from carillon.business.partners.models import Partner
from carillon.business.partners.queries import chosen_partner

TAKEN = _lazy("This number is in stock already, here or at another partner.")
FREE_STATES = (
    NumberState.AVAILABLE,
    NumberState.RESERVED,
    NumberState.PORTING_IN,
    NumberState.PORTING_OUT,
    NumberState.QUARANTINE,
)
SERVING_STATES = (NumberState.IN_SERVICE, NumberState.PORTING_OUT)  # it rings until the day it goes
QUARANTINE_DAYS = 90
MOST_QUARANTINE = timedelta(days=730)
MOST_MICRO = 10**12
RESTOCKED = 500  # numbers that return from quarantine at once
MONEY = ("setup_cost_micro", "monthly_cost_micro", "setup_fee_micro", "monthly_fee_micro")


@dataclass(frozen=True, slots=True)
class NumberData:
    """Numbers to add: `e164`, and `numbers`, a list with ranges (`e164.read_numbers`). `kind` "": by the number plan.

    `partner_id` None is the actor's own stock. `count` above 1 adds that many numbers in a row, `e164` being the first;
    at most 1000. Costs and fees are each number's, in the holder's currency. `is_dry_run`: only say what would be.
    """

    e164: str = ""
    area: str = ""
    kind: str = ""
    partner_id: int | None = None
    count: int = 1
    numbers: str = ""
    supplier: str = ""
    setup_cost_micro: int = 0
    monthly_cost_micro: int = 0
    setup_fee_micro: int = 0
    monthly_fee_micro: int = 0
    is_dry_run: bool = False


@dataclass(frozen=True, slots=True)
class NumberAssignment:
    """Whom a number serves: a customer, and the user it rings (None: nobody yet)."""

    customer_id: int
    user_id: int | None = None
    is_default_caller_id: bool = False


@dataclass(frozen=True, slots=True)
class NumberRelease:
    """Where a released number goes: quarantine (callers of the former holder die out) or straight back to sale.

    After `days` of quarantine it returns to stock by itself.
    """

    to_quarantine: bool = True
    days: int = QUARANTINE_DAYS


@dataclass(frozen=True, slots=True)
class NumberAllocation:
    """The partner who holds a number from now on."""

    partner_id: int


@dataclass(frozen=True, slots=True)
class NumberStateData:
    """A number's state; `until`: when quarantine ends by itself (None: after 90 days)."""

    state: str
    until: datetime | None = None


@action("numbers.add")
def add_number(actor: Actor, data: NumberData) -> Number:
    """Put one number into stock, a row, or a list of them; return the first.

    Raises:
        InvalidInput: not a possible number, no such partner, or in stock already; then none is added.
        OnlyChecked: this was a dry run, and all could be added.

    Cost: two inserts per number.
    """
    stock = _stock(data)
    holder = chosen_partner(actor, data.partner_id)
    added = [_new_number(one, holder, data) for one in stock]
    for number in added:
        taken = TAKEN if len(added) == 1 else f"{number.e164}: {TAKEN}"
        with once({"numbers_number_e164_key": ("e164", taken)}), audited(actor, number, "add"):
            number.save(force_insert=True)
    if data.is_dry_run:
        raise OnlyChecked(_would_add(added, holder))  # and so all of it is taken back
    return added[0]


@action("numbers.change")
def update_number(actor: Actor, number: Number, data: NumberData) -> Number:
    """Correct area, kind, supplier, costs and fees; the number itself and its holder stay (see `allocate_number`)."""
    number = locked(Number.objects, actor, number.pk)
    with audited(actor, number, "update"):
        _fill(number, data)
        number.save()
    return number


@action("numbers.assign")
def assign_number(actor: Actor, number: Number, data: NumberAssignment) -> Number:
    """Give a number to a customer and, if named, let it ring one of its users; also moves it between its users.

    Raises:
        NumberInUse: it serves another customer. NumberNotAvailable: it is in quarantine.
        InvalidInput: no such customer or user, or the customer buys from another partner than the number's holder.
    """
    number = locked(Number.objects, actor, number.pk)
    customer = named(Customer.objects, actor, data.customer_id, "customer_id")
    user = named_or_none(User.objects, actor, data.user_id, "user_id")
    if number.customer_id not in (None, customer.pk):
        raise NumberInUse
    if number.state == NumberState.QUARANTINE:
        raise NumberNotAvailable
    _check_parties(number, customer, user)
    with audited(actor, number, "assign"):
        number.customer, number.user, number.state = customer, user, NumberState.IN_SERVICE
        number.is_default_caller_id = data.is_default_caller_id
        number.assigned_at = number.assigned_at or timezone.now()
        number.quarantine_until = None
        number.save()
    _note_tenure(number)
    if number.is_default_caller_id:
        _stand_alone_as_default(actor, number)
    return number


@action("numbers.assign")
def unassign_number(actor: Actor, number: Number, data: NumberRelease) -> Number:
    """Take a number back from its customer; `usecases.release_number` also clears it from the customer's devices.

    Raises:
        Conflict: it serves nobody.
    """
    number = locked(Number.objects, actor, number.pk)
    if number.customer_id is None:
        raise Conflict(_("The number serves nobody."))
    if not 1 <= data.days <= MOST_QUARANTINE.days:
        raise InvalidInput(fields={"days": _("Between 1 and %(days)s days.") % {"days": MOST_QUARANTINE.days}})
    with audited(actor, number, "unassign"):
        number.customer = number.user = number.assigned_at = None
        number.is_default_caller_id = False
        number.state = NumberState.QUARANTINE if data.to_quarantine else NumberState.AVAILABLE
        number.quarantine_until = timezone.now() + timedelta(days=data.days) if data.to_quarantine else None
        number.save()
    _note_tenure(number)
    return number


@action("numbers.assign")
def make_default_caller_id(actor: Actor, number: Number) -> Number:
    """Show this number on outgoing calls of its user, or of its customer when it rings no user.

    Raises:
        Conflict: it serves nobody.
    """
    number = locked(Number.objects, actor, number.pk)
    if number.customer_id is None:
        raise Conflict(_("Only a customer's number can be its caller ID."))
    with audited(actor, number, "make_default_caller_id"):
        number.is_default_caller_id = True
        number.save(update_fields=["is_default_caller_id"])
    _stand_alone_as_default(actor, number)
    return number


@action("numbers.allocate")
def allocate_number(actor: Actor, number: Number, data: NumberAllocation) -> Number:
    """Move a number that serves nobody to the stock of another partner in the actor's part of the tree.

    Raises:
        NumberInUse: it serves a customer. InvalidInput: no such partner.
    """
    number = locked(Number.objects, actor, number.pk)
    if number.customer_id is not None:
        raise NumberInUse
    holder = named(Partner.objects, actor, data.partner_id, "partner_id")
    if holder.pk == number.partner_id:
        return number
    with audited(actor, number, "update"):  # what it costs here is not the next holder's business
        _fill(number, NumberData(number.e164, number.area, number.kind))
        number.save()
    with audited(actor, number, "allocate"):
        number.partner, number.currency = holder, holder.currency
        number.save(update_fields=["partner", "currency"])
    return number


@action("numbers.change")
def set_number_state(actor: Actor, number: Number, data: NumberStateData) -> Number:
    """Reserve a number that serves nobody, quarantine it, port it or make it available; one in service may port out.

    Raises:
        NumberInUse: it serves a customer. InvalidInput: no such state, or an end that is past or too far.
    """
    number = locked(Number.objects, actor, number.pk)
    allowed = FREE_STATES if number.customer_id is None else SERVING_STATES
    if data.state not in allowed:
        if data.state in FREE_STATES:
            raise NumberInUse
        raise InvalidInput(fields={"state": _("Choose one of %(allowed)s.") % {"allowed": ", ".join(allowed)}})
    with audited(actor, number, "set_state"):
        number.state = data.state
        number.quarantine_until = _quarantine_end(data) if data.state == NumberState.QUARANTINE else None
        number.save(update_fields=["state", "quarantine_until"])
    return number


@action("numbers.restock")
def restock_numbers(actor: Actor) -> int:
    """Return numbers whose quarantine is over to stock; tell how many (500 at a time). One query and two per number."""
    rows = Number.objects.visible_to(actor).select_for_update(of=("self",), skip_locked=True)
    due = rows.filter(state=NumberState.QUARANTINE, customer=None, quarantine_until__lte=timezone.now())
    for number in (found := list(due.order_by("quarantine_until")[:RESTOCKED])):
        with audited(actor, number, "restock"):
            number.state, number.quarantine_until = NumberState.AVAILABLE, None
            number.save(update_fields=["state", "quarantine_until"])
    return len(found)


@action("numbers.delete")
def remove_number(actor: Actor, number: Number) -> None:
    """Take a number that serves nobody out of stock.

    Raises:
        NumberInUse: it serves a customer.
    """
    number = locked(Number.objects, actor, number.pk)
    if number.customer_id is not None:
        raise NumberInUse
    with audited(actor, number, "remove"):
        number.delete()


# ---------------------------------------------------------------- steps


def _stock(data: NumberData) -> list[StockNumber]:
    if not 1 <= data.count <= MAX_NUMBERS_AT_ONCE:
        raise InvalidInput(
            fields={"count": _("Between 1 and %(most)s numbers can be added at once.") % {"most": MAX_NUMBERS_AT_ONCE}}
        )
    try:
        row = read_row(data.e164, data.count) if data.e164 else []
        listed = read_numbers(data.numbers) if data.numbers.strip() or not row else []
    except NotANumber as error:
        raise InvalidInput(str(error), fields={"numbers" if data.numbers else "e164": str(error)}) from None
    stock = list({number.e164: number for number in (*row, *listed)}.values())
    if len(stock) > MAX_NUMBERS_AT_ONCE:
        raise InvalidInput(
            fields={"numbers": _("At most %(most)s numbers can be added at once.") % {"most": MAX_NUMBERS_AT_ONCE}}
        )
    return stock


def _would_add(added: list[Number], holder: Partner) -> str:
    kinds = Counter(f"{number.get_kind_display()} {number.country}" for number in added)
    shown = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(5))
    span = added[0].e164 if len(added) == 1 else f"{added[0].e164} to {added[-1].e164}"
    return f"Only checked: {len(added)} numbers could be added to the stock of {holder} ({shown}; {span})."


def _new_number(stock: StockNumber, holder: Partner, data: NumberData) -> Number:
    number = Number(
        partner=holder, e164=stock.e164, country=stock.country, kind=stock.kind.value, currency=holder.currency
    )
    _fill(number, data)
    return number


def _fill(number: Number, data: NumberData) -> None:
    wrong = [name for name in MONEY if not 0 <= getattr(data, name) <= MOST_MICRO]
    if wrong:
        raise InvalidInput(fields=dict.fromkeys(wrong, _("Between 0 and 1,000,000.")))
    number.area, number.kind = data.area.strip(), data.kind or number.kind
    number.supplier = data.supplier.strip()
    for name in MONEY:
        setattr(number, name, getattr(data, name))
    check_values(number)


def _quarantine_end(data: NumberStateData) -> datetime:
    now = timezone.now()
    if data.until is not None and not now < data.until <= now + MOST_QUARANTINE:
        raise InvalidInput(
            fields={"until": _("Between now and %(days)s days from now.") % {"days": MOST_QUARANTINE.days}}
        )
    return data.until or now + timedelta(days=QUARANTINE_DAYS)


def _note_tenure(number: Number) -> None:
    """Write down who has the number from now on; nothing when customer and user are the same."""
    held = Tenure.objects.filter(e164=number.e164, until=None).first()
    if held and (held.customer_id, held.user_id) == (number.customer_id, number.user_id):
        return
    now = timezone.now()
    if held:
        held.until = now
        held.save(update_fields=["until"])
    if number.customer is not None:
        Tenure.objects.create(
            partner_id=number.partner_id, e164=number.e164, customer=number.customer, user=number.user, since=now
        )


def _check_parties(number: Number, customer: Customer, user: User | None) -> None:
    if customer.partner_id != number.partner_id:
        why = _("This customer buys from another partner: allocate the number to that partner first.")
        raise InvalidInput(why, fields={"customer_id": why})
    if user is not None and user.customer_id != customer.pk:
        why = _("%(user)s is not a user of %(customer)s.") % {"user": user.name, "customer": customer.name}
        raise InvalidInput(why, fields={"user_id": why})


def _stand_alone_as_default(actor: Actor, number: Number) -> None:
    """There is one default per user, and one per customer among the numbers that ring no user."""
    others = Number.objects.visible_to(actor).filter(
        customer=number.customer, user=number.user, is_default_caller_id=True
    )
    for other in others.exclude(pk=number.pk).select_for_update(of=("self",)):
        with audited(actor, other, "update"):
            other.is_default_caller_id = False
            other.save(update_fields=["is_default_caller_id"])
