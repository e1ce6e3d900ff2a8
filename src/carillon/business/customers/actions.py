"""Changes to customers and their users."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import ProtectedError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from carillon.base.actor import Actor
from carillon.base.changes import action, audited
from carillon.base.errors import Conflict, InvalidInput
from carillon.base.places import Faults
from carillon.base.rows import check_values, locked, named, once
from carillon.business.brands.choices import DestinationKind, WebProductStatus
from carillon.business.brands.models import WebProduct
from carillon.business.customers.choices import Charging, CustomerKind, ForwardingCondition, UserRole
from carillon.business.customers.models import Customer, User
from carillon.business.partners.choices import Limited, Status
from carillon.business.partners.limits import ensure_room
from carillon.business.partners.models import Login
from carillon.business.partners.statuses import StatusData, check_status
from carillon.logic.numbers import DialledKind, is_extension, normalise

CLASHES = {"extension_once_per_customer": ("extension", _lazy("Another user of this customer has this extension."))}
NO_EMERGENCY = _lazy("Emergency services are only called by whoever needs them: choose another number.")
SHORTEST_RING_S, LONGEST_RING_S = 5, 120
LONGEST_CALL_MINUTES = 1_440
MOST_CALLS_PER_S = 1_000
BAD_EXTENSION = _lazy("An extension has 2 to 5 digits and is no emergency number of the customer's country.")


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerData:
    """What is said about a customer. Web product and currency stay once created.

    `country`, `currency`, `culture`: empty means the web product's (when created) or as before. `max_channels`: calls
    at a time, None: no limit. `max_daily_spend_micro`: on calls, from midnight to midnight in its own time zone, None:
    no limit. `allowed_classes`: kinds of numbers it may call beside those its web product allows. `max_call_minutes`:
    the longest call; emergency calls may always last four hours. `emergency_address`, `emergency_number`: where
    help must come to and the number shown to emergency services (one of the customer's own), unless a user has them.
    `low_balance_micro`: it is told when it has less than this left to spend, None: the web product's amount, 0: never.
    `calls_per_s`: calls its devices may begin in a second, None: no limit; `call_burst`: how many at once, None: a
    second's worth; emergency calls do not count.
    """

    web_product_id: int
    name: str
    kind: CustomerKind = CustomerKind.COMPANY
    email: str = ""
    country: str = ""
    currency: str = ""
    timezone: str = "UTC"
    culture: str = ""
    tax_number: str = ""
    charging: Charging = Charging.PREPAID
    max_channels: int | None = None
    max_daily_spend_micro: int | None = None
    allowed_classes: tuple[DestinationKind, ...] = ()
    max_call_minutes: int = 240
    emergency_address: str = ""
    emergency_number: str = ""
    calls_per_s: int | None = None
    call_burst: int | None = None
    low_balance_micro: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UserData:
    """What is said about a user. The customer stays once created.

    `forward_*_to` is what the user would dial: an extension of the customer or a number; `no_answer_s` seconds of
    ringing count as no answer.
    """

    customer_id: int
    name: str
    email: str = ""
    extension: str = ""
    role: UserRole = UserRole.USER
    emergency_address: str = ""
    emergency_number: str = ""
    is_enabled: bool = True
    forwards_always: bool = False
    forward_always_to: str = ""
    forwards_busy: bool = False
    forward_busy_to: str = ""
    forwards_no_answer: bool = False
    forward_no_answer_to: str = ""
    no_answer_s: int = 20
    forwards_unreachable: bool = False
    forward_unreachable_to: str = ""


# ---------------------------------------------------------------- customers


@action("customers.add")
def create_customer(actor: Actor, data: CustomerData) -> Customer:
    """Create a customer, active, without an account: `usecases.open_customer` calls this and opens one.

    Raises:
        InvalidInput: a value is wrong, or the web product is not visible, closed or not sold in that currency.
    """
    product = named(WebProduct.objects, actor, data.web_product_id, "web_product_id")
    customer = Customer(
        partner_id=product.partner_id,
        web_product=product,
        country=product.country,
        currency=data.currency or product.default_currency,
        culture=product.default_culture,
    )
    faults = Faults()
    faults.unless(
        product.status != WebProductStatus.CLOSED, "web_product_id", _("%(product)s is closed.") % {"product": product}
    )
    is_sold = customer.currency in product.currencies
    faults.unless(
        is_sold,
        "currency",
        _("%(product)s is sold in %(currencies)s.") % {"product": product, "currencies": ", ".join(product.currencies)},
    )
    faults.stop()
    ensure_room(product.partner_id, Limited.CUSTOMERS)
    _fill_customer(customer, data)
    with audited(actor, customer, "create"):
        customer.save(force_insert=True)
    return customer


@action("customers.change")
def update_customer(actor: Actor, customer: Customer, data: CustomerData) -> Customer:
    """Change a customer's data.

    Raises:
        InvalidInput: a value is wrong, or web product or currency differ from before.
        NotFound
    """
    customer = locked(Customer.objects, actor, customer.pk)
    faults = Faults()
    is_same = data.web_product_id == customer.web_product_id
    faults.unless(is_same, "web_product_id", _("A customer stays with its web product."))
    faults.unless(
        data.currency in ("", customer.currency), "currency", _("A customer's currency can't change any more.")
    )
    faults.stop()
    _check_extensions(customer, data.country)
    with audited(actor, customer, "update"):
        _fill_customer(customer, data)
        customer.save()
    return customer


def _check_extensions(customer: Customer, country: str) -> None:
    if country in ("", customer.country):
        return
    used = customer.users.exclude(extension="").values_list("extension", flat=True)
    clashes = [extension for extension in used if not is_extension(extension, country)]
    if clashes:
        raise InvalidInput(
            fields={
                "country": _("Users have extensions that are emergency numbers there: %(clashes)s.")
                % {"clashes": clashes[0]}
            }
        )


def _fill_customer(customer: Customer, data: CustomerData) -> None:
    customer.country, customer.culture = data.country or customer.country, data.culture or customer.culture
    faults = Faults()
    faults.country(customer.country)
    faults.timezone(data.timezone)
    faults.culture(customer.culture)
    for field in ("max_daily_spend_micro", "low_balance_micro"):
        amount: int | None = getattr(data, field)
        faults.unless(amount is None or amount >= 0, field, _("An amount of money, or empty."))
    faults.unless(data.max_channels is None or data.max_channels > 0, "max_channels", _("At least 1, or empty."))
    is_length = 1 <= data.max_call_minutes <= LONGEST_CALL_MINUTES
    faults.unless(
        is_length,
        "max_call_minutes",
        _("From 1 to %(longest_call_minutes)s minutes.") % {"longest_call_minutes": LONGEST_CALL_MINUTES},
    )
    customer.emergency_number = _shown_to_emergency_services(data.emergency_number, customer.country, faults)
    _check_pace(data, faults)
    faults.stop()
    customer.emergency_address = data.emergency_address.strip()
    customer.max_call_minutes = data.max_call_minutes
    customer.calls_per_s, customer.call_burst = data.calls_per_s, data.call_burst
    customer.name, customer.kind, customer.email, customer.tax_number = (
        data.name,
        data.kind,
        data.email,
        data.tax_number,
    )
    customer.timezone, customer.charging, customer.max_channels = data.timezone, data.charging, data.max_channels
    customer.allowed_classes = list(dict.fromkeys(data.allowed_classes))
    customer.max_daily_spend_micro, customer.low_balance_micro = data.max_daily_spend_micro, data.low_balance_micro
    check_values(customer)


def _shown_to_emergency_services(typed: str, country: str, faults: Faults) -> str:
    """E.164, or "". Whether it is the customer's own is looked at for each call: numbers come and go."""
    found = normalise(typed.strip(), country) if typed.strip() else None
    faults.unless(
        found is None or found.kind is DialledKind.E164, "emergency_number", _("A telephone number, or empty.")
    )
    return found.number if found is not None else ""


def _check_pace(data: CustomerData, faults: Faults) -> None:
    for field in ("calls_per_s", "call_burst"):
        value: int | None = getattr(data, field)
        is_rate = value is None or 1 <= value <= MOST_CALLS_PER_S
        faults.unless(is_rate, field, _("From 1 to %(most)s, or empty.") % {"most": MOST_CALLS_PER_S})
    is_meant = data.call_burst is None or data.calls_per_s is not None
    faults.unless(is_meant, "call_burst", _("Say also how many calls a second."))


@action("customers.status")
def set_customer_status(actor: Actor, customer: Customer, data: StatusData) -> Customer:
    """Suspend, block, terminate or reactivate a customer; new calls follow at once, running ones go on.

    Raises:
        StatusNotPossible: the present status does not lead there.
        InvalidInput: a reason is missing.
        NotFound
    """
    customer = locked(Customer.objects, actor, customer.pk)
    check_status(customer.status, data)
    with audited(actor, customer, data.status, reason=data.reason):
        customer.status, customer.status_reason = data.status, "" if data.status == Status.ACTIVE else data.reason
        customer.save(update_fields=["status", "status_reason"])
    return customer


# ---------------------------------------------------------------- users


@action("users.add")
def create_user(actor: Actor, data: UserData) -> User:
    """Create a user at a customer.

    Raises:
        InvalidInput: a value is wrong, or the customer is not visible or terminated.
    """
    customer = named(Customer.objects, actor, data.customer_id, "customer_id")
    if customer.status == Status.TERMINATED:
        raise InvalidInput(fields={"customer_id": _("%(customer)s is terminated.") % {"customer": customer}})
    ensure_room(customer.partner_id, Limited.USERS)
    user = User(partner_id=customer.partner_id, customer=customer)
    _fill_user(user, customer, data)
    with once(CLASHES), audited(actor, user, "create"):
        user.save(force_insert=True)
    return user


@action("users.change")
def update_user(actor: Actor, user: User, data: UserData) -> User:
    """Change a user.

    Raises:
        InvalidInput: a value is wrong, or the customer differs from before.
        NotFound
    """
    user = locked(User.objects, actor, user.pk)
    if data.customer_id != user.customer_id:
        raise InvalidInput(fields={"customer_id": _("A user stays with their customer.")})
    with once(CLASHES), audited(actor, user, "update"):
        _fill_user(user, user.customer, data)
        user.save()
    return user


def _fill_user(user: User, customer: Customer, data: UserData) -> None:
    extension = data.extension.strip()
    faults = Faults()
    faults.unless(not extension or is_extension(extension, customer.country), "extension", BAD_EXTENSION)
    for condition in ForwardingCondition:
        _fill_forwarding(user, customer, data, condition, faults)
    is_patient = SHORTEST_RING_S <= data.no_answer_s <= LONGEST_RING_S
    faults.unless(
        is_patient,
        "no_answer_s",
        _("Between %(shortest_ring_s)s and %(longest_ring_s)s seconds.")
        % {"shortest_ring_s": SHORTEST_RING_S, "longest_ring_s": LONGEST_RING_S},
    )
    user.emergency_number = _shown_to_emergency_services(data.emergency_number, customer.country, faults)
    faults.stop()
    user.name, user.email, user.extension, user.role = data.name, data.email, extension, data.role
    user.emergency_address, user.is_enabled = data.emergency_address, data.is_enabled
    user.no_answer_s = data.no_answer_s
    check_values(user)


def _fill_forwarding(
    user: User, customer: Customer, data: UserData, condition: ForwardingCondition, faults: Faults
) -> None:
    """Numbers are kept as E.164: what a customer's country means by a number may change, a destination may not."""
    is_on, typed = getattr(data, f"forwards_{condition}"), getattr(data, f"forward_{condition}_to").strip()
    field = f"forward_{condition}_to"
    destination = normalise(typed, customer.country) if typed else None
    faults.unless(destination is not None or not is_on, field, _("Say where to: an extension or a number."))
    if destination is not None:
        faults.unless(destination.kind is not DialledKind.INVALID, field, destination.reason)
        faults.unless(destination.kind is not DialledKind.EMERGENCY, field, NO_EMERGENCY)
        if destination.kind is DialledKind.EXTENSION:
            _check_destination(user, customer, data, destination.number, field, faults)
    setattr(user, f"forwards_{condition}", is_on)
    setattr(user, field, destination.number if destination is not None else "")


def _check_destination(
    user: User, customer: Customer, data: UserData, extension: str, field: str, faults: Faults
) -> None:
    own = extension in (user.extension, data.extension.strip())
    faults.unless(not own, field, _("%(extension)s is the user's own extension.") % {"extension": extension})
    is_somebodys = own or customer.users.filter(extension=extension).exists()
    faults.unless(
        is_somebodys,
        field,
        _("%(customer)s has no extension %(extension)s.") % {"customer": customer, "extension": extension},
    )


@action("users.change")
def connect_login(actor: Actor, user: User, login: Login) -> User:
    """Let a login of the user's own partner sign in as this user; `usecases.give_login` finds or makes that login.

    Raises:
        Conflict: the login belongs to another realm.
        NotFound
    """
    user = locked(User.objects, actor, user.pk)
    if login.realm != user.partner_id:
        raise Conflict(_("This sign-in belongs to another website."))
    with audited(actor, user, "connect_login"):
        user.login = login
        user.save(update_fields=["login"])
    return user


@action("users.delete")
def remove_user(actor: Actor, user: User) -> None:
    """Delete a user that holds nothing; their CDRs keep the name.

    Raises:
        Conflict: SIP endpoints, numbers or subscriptions are theirs.
        NotFound
    """
    user = locked(User.objects, actor, user.pk)
    try:
        with audited(actor, user, "remove"):
            user.delete()
    except ProtectedError:
        raise Conflict(
            _("SIP endpoints, numbers or subscriptions are this user's: take them away first, or disable the user.")
        ) from None
