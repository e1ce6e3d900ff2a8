"""Changes to the number stock: in, to a sub-partner, to a customer, back."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils import timezone

from carillon.base.actor import Actor
from carillon.base.changes import action, audited
from carillon.base.errors import Conflict, InvalidInput
from carillon.base.rows import check_values, locked, named, named_or_none, once
from carillon.business.customers.models import Customer, User
from carillon.business.numbers.choices import NumberState
from carillon.business.numbers.e164 import MAX_NUMBERS_AT_ONCE, NotANumber, StockNumber, read_row
from carillon.business.numbers.errors import NumberInUse, NumberNotAvailable
from carillon.business.numbers.models import Number
from carillon.business.partners.models import Partner
from carillon.business.partners.queries import chosen_partner

TAKEN = "This number is in stock already, here or at another partner."
SETTABLE_STATES = (NumberState.AVAILABLE, NumberState.RESERVED, NumberState.QUARANTINE)


@dataclass(frozen=True, slots=True)
class NumberData:
    """A number to add: `kind` "" takes it from the number plan; `partner_id` None is the actor's own stock.

    `count` above 1 adds that many numbers in a row, `e164` being the first; at most 1000.
    """

    e164: str
    area: str = ""
    kind: str = ""
    partner_id: int | None = None
    count: int = 1


@dataclass(frozen=True, slots=True)
class NumberAssignment:
    """Whom a number serves: a customer, and the user it rings (None: nobody yet)."""

    customer_id: int
    user_id: int | None = None
    is_default_caller_id: bool = False


@dataclass(frozen=True, slots=True)
class NumberRelease:
    """Where a released number goes: quarantine (callers of the former holder die out) or straight back to sale."""

    to_quarantine: bool = True


@dataclass(frozen=True, slots=True)
class NumberAllocation:
    """The partner who holds a number from now on."""

    partner_id: int


@dataclass(frozen=True, slots=True)
class NumberStateData:
    """The state of a number that serves nobody: available, reserved or quarantine."""

    state: str


@action("numbers.add")
def add_number(actor: Actor, data: NumberData) -> Number:
    """Put one number into stock, or a row of them; return the first.

    Raises:
        InvalidInput: not a possible number, no such partner, or in stock already; then none is added.

    Cost: two inserts per number.
    """
    if not 1 <= data.count <= MAX_NUMBERS_AT_ONCE:
        raise InvalidInput(fields={"count": f"Between 1 and {MAX_NUMBERS_AT_ONCE} numbers can be added at once."})
    try:
        stock = read_row(data.e164, data.count)
    except NotANumber as error:
        raise InvalidInput(str(error), fields={"e164": str(error)}) from None
    holder = chosen_partner(actor, data.partner_id)
    added = [_new_number(one, holder, data.area, data.kind) for one in stock]
    for number in added:
        taken = TAKEN if data.count == 1 else f"{number.e164}: {TAKEN}"
        with once({"numbers_number_e164_key": ("e164", taken)}), audited(actor, number, "add"):
            number.save(force_insert=True)
    return added[0]


@action("numbers.change")
def update_number(actor: Actor, number: Number, data: NumberData) -> Number:
    """Correct the area or kind of a number; the number itself and its holder stay (see `allocate_number`)."""
    number = locked(Number.objects, actor, number.pk)
    with audited(actor, number, "update"):
        number.area, number.kind = data.area.strip(), data.kind or number.kind
        check_values(number)
        number.save(update_fields=["area", "kind"])
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
        number.save()
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
        raise Conflict("The number serves nobody.")
    with audited(actor, number, "unassign"):
        number.customer = number.user = number.assigned_at = None
        number.is_default_caller_id = False
        number.state = NumberState.QUARANTINE if data.to_quarantine else NumberState.AVAILABLE
        number.save()
    return number


@action("numbers.assign")
def make_default_caller_id(actor: Actor, number: Number) -> Number:
    """Show this number on outgoing calls of its user, or of its customer when it rings no user.

    Raises:
        Conflict: it serves nobody.
    """
    number = locked(Number.objects, actor, number.pk)
    if number.customer_id is None:
        raise Conflict("Only a customer's number can be its caller ID.")
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
    with audited(actor, number, "allocate"):
        number.partner = holder
        number.save(update_fields=["partner"])
    return number


@action("numbers.change")
def set_number_state(actor: Actor, number: Number, data: NumberStateData) -> Number:
    """Reserve a number that serves nobody, quarantine it or make it available again.

    Raises:
        NumberInUse: it serves a customer. InvalidInput: no such state.
    """
    number = locked(Number.objects, actor, number.pk)
    if number.customer_id is not None:
        raise NumberInUse
    if data.state not in SETTABLE_STATES:
        raise InvalidInput(fields={"state": f"Choose one of {', '.join(SETTABLE_STATES)}."})
    with audited(actor, number, "set_state"):
        number.state = data.state
        number.save(update_fields=["state"])
    return number


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


def _new_number(stock: StockNumber, holder: Partner, area: str, kind: str) -> Number:
    number = Number(
        partner=holder, e164=stock.e164, country=stock.country, area=area.strip(), kind=kind or stock.kind.value
    )
    check_values(number)
    return number


def _check_parties(number: Number, customer: Customer, user: User | None) -> None:
    if customer.partner_id != number.partner_id:
        why = "This customer buys from another partner: allocate the number to that partner first."
        raise InvalidInput(why, fields={"customer_id": why})
    if user is not None and user.customer_id != customer.pk:
        why = f"{user.name} is not a user of {customer.name}."
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
