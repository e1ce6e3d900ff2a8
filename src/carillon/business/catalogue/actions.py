"""Changes to plans and add-ons, their fees and their packages. They hold from each subscription's next period on."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import ProtectedError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from carillon.base.actor import Actor
from carillon.base.changes import action, audited
from carillon.base.errors import AlreadySo, Conflict, InvalidInput
from carillon.base.places import Faults
from carillon.base.rows import check_values, locked, named, named_or_none, once
from carillon.business.brands.choices import DestinationKind
from carillon.business.brands.models import WebProduct
from carillon.business.catalogue.choices import Interval, Per, Period, ProductKind, ProductState, Unit
from carillon.business.catalogue.models import Fee, Package, Product
from carillon.business.partners.queries import chosen_partner
from carillon.business.pricing.choices import Purpose
from carillon.business.pricing.models import DestinationGroup, PriceList
from carillon.logic.money import MICRO, format_amount

MOST_MICRO = 1_000_000 * MICRO  # more than this is a slip of the keyboard
MOST_UNITS = 10_000_000  # minutes or messages
LONGEST_INTERVAL_S = 3_600
MOST_ROLLOVER = 12
LONGEST_TRIAL_DAYS = 366
LAST_BILLING_DAY = 28
HIGHEST_PRECEDENCE = 1_000
NAME_TAKEN = _lazy("There is another of this name already.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductData:
    """A plan or an add-on. `kind`, `currency`, `period` and `partner_id` (None: the actor's own) stay once created.

    `web_product_ids`: where it is sold; none: everywhere. `billing_day` (1 to 28): on which periods begin; None: on the
    day of the subscription. `is_tax_inclusive`: fees have the customer's taxes in them. `trial_days` 0: no trial. The
    limits of a trial are None for none.
    """

    name: str
    currency: str
    kind: ProductKind = ProductKind.PLAN
    description: str = ""
    period: Period = Period.MONTH
    billing_day: int | None = None
    web_product_ids: tuple[int, ...] = ()
    price_list_id: int | None = None
    precedence: int = 100
    is_tax_inclusive: bool = False
    trial_days: int = 0
    trial_goes_on: bool = False
    trial_max_channels: int | None = None
    trial_max_call_s: int | None = None
    trial_max_spend_micro: int | None = None
    trial_allowed_classes: tuple[DestinationKind, ...] = ()
    partner_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeData:
    """What a product costs, for each of `per`; `amount_micro` in the product's currency. The product stays."""

    product_id: int
    name: str
    amount_micro: int
    per: Per = Per.ACCOUNT
    interval: Interval = Interval.MONTH
    is_prorated: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageData:
    """What a product includes: `included` minutes (or messages) each period. The product stays.

    `group_id`: of the destination group that they are for; None: for all numbers.
    """

    product_id: int
    name: str
    included: int
    unit: Unit = Unit.SECOND
    group_id: int | None = None
    initial_s: int = 60
    increment_s: int = 60
    covers_fee: bool = True
    is_per_user: bool = False
    is_prorated: bool = True
    rollover_periods: int = 0
    blocks: bool = False


# ---------------------------------------------------------------- products


@action("plans.add")
def create_product(actor: Actor, data: ProductData) -> Product:
    """Create a plan or an add-on; nobody can subscribe to it before it is put on sale.

    Raises:
        InvalidInput: a value breaks a rule, or the partner has a product of that name.
    """
    partner = chosen_partner(actor, data.partner_id)
    currency = data.currency.strip().upper()
    product = Product(partner=partner, kind=data.kind, currency=currency, period=data.period)
    _fill(actor, product, data)
    with once({"product_name_once_per_partner": ("name", NAME_TAKEN)}), audited(actor, product, "create"):
        product.save(force_insert=True)
    return product


@action("plans.change")
def update_product(actor: Actor, product: Product, data: ProductData) -> Product:
    """Change a product; kind, currency and period stay.

    Raises:
        InvalidInput: a value breaks a rule, or the partner has another product of that name.
        NotFound
    """
    product = locked(Product.objects, actor, product.pk)
    with once({"product_name_once_per_partner": ("name", NAME_TAKEN)}), audited(actor, product, "update"):
        _fill(actor, product, data)
        product.save()
    return product


@action("plans.change")
def put_on_sale(actor: Actor, product: Product) -> Product:
    """Let customers subscribe to a product.

    Raises:
        AlreadySo
        NotFound
    """
    return _set_state(actor, product, ProductState.ON_SALE)


@action("plans.change")
def withdraw_product(actor: Actor, product: Product) -> Product:
    """Let nobody subscribe to a product any more; subscriptions that are there go on.

    Raises:
        AlreadySo
        NotFound
    """
    return _set_state(actor, product, ProductState.WITHDRAWN)


@action("plans.delete")
def remove_product(actor: Actor, product: Product) -> None:
    """Delete a product that nobody has ever had, with its fees and packages.

    Raises:
        Conflict: somebody has or had it.
        NotFound
    """
    product = locked(Product.objects, actor, product.pk)
    try:
        with audited(actor, product, "remove"):
            product.delete()
    except ProtectedError:
        raise Conflict(_("Customers have or had this product: withdraw it instead.")) from None


def _set_state(actor: Actor, product: Product, state: ProductState) -> Product:
    product = locked(Product.objects, actor, product.pk)
    if product.state == state:
        raise AlreadySo
    with audited(actor, product, state):
        product.state = state
        product.save(update_fields=["state"])
    return product


def _fill(actor: Actor, product: Product, data: ProductData) -> None:
    faults = Faults()
    faults.currency(product.currency)
    _check_numbers(data, faults)
    product.price_list = _price_list(actor, product, data.price_list_id, faults)
    product.web_product_ids = _sold_on(actor, product, data.web_product_ids, faults)
    faults.stop()
    product.name, product.description = data.name.strip(), data.description.strip()
    product.billing_day, product.precedence = data.billing_day, data.precedence
    product.is_tax_inclusive = data.is_tax_inclusive
    product.trial_days, product.trial_goes_on = data.trial_days, data.trial_goes_on
    product.trial_max_channels, product.trial_max_call_s = data.trial_max_channels, data.trial_max_call_s
    product.trial_max_spend_micro = data.trial_max_spend_micro
    product.trial_allowed_classes = list(dict.fromkeys(data.trial_allowed_classes))
    check_values(product)


def _check_numbers(data: ProductData, faults: Faults) -> None:
    for field, least, most in (
        ("billing_day", 1, LAST_BILLING_DAY),
        ("precedence", 0, HIGHEST_PRECEDENCE),
        ("trial_days", 0, LONGEST_TRIAL_DAYS),
        ("trial_max_channels", 1, 10_000),
        ("trial_max_call_s", 1, 86_400),
        ("trial_max_spend_micro", 0, MOST_MICRO),
    ):
        value: int | None = getattr(data, field)
        sentence = _("From %(least)s to %(most)s.") % {"least": least, "most": most}
        faults.unless(value is None or least <= value <= most, field, sentence)


def _price_list(actor: Actor, product: Product, list_id: int | None, faults: Faults) -> PriceList | None:
    found = named_or_none(PriceList.objects, actor, list_id, "price_list_id")
    if found is not None:
        faults.unless(found.purpose == Purpose.SALE, "price_list_id", _("This is a carrier's cost list."))
        is_own = found.partner_id == product.partner_id
        faults.unless(is_own, "price_list_id", _("This list is another partner's."))
        is_same = found.currency == product.currency
        sentence = _("This list is in %(currency)s.") % {"currency": found.currency}
        faults.unless(is_same, "price_list_id", sentence)
    return found


def _sold_on(actor: Actor, product: Product, ids: tuple[int, ...], faults: Faults) -> list[int]:
    wanted = sorted(set(ids))
    own = WebProduct.objects.visible_to(actor).filter(partner_id=product.partner_id, pk__in=wanted)
    found = {row.pk: row for row in own}
    lost = [key for key in wanted if key not in found]
    faults.unless(not lost, "web_product_ids", _("There is no web product %(lost)s.") % {"lost": lost and lost[0]})
    for row in found.values():
        sells = product.currency in row.currencies
        sentence = _("%(product)s does not sell in %(currency)s.")
        faults.unless(sells, "web_product_ids", sentence % {"product": row, "currency": product.currency})
    return wanted


# ---------------------------------------------------------------- fees


@action("plans.change")
def add_fee(actor: Actor, data: FeeData) -> Fee:
    """Add a fee to a product.

    Raises:
        InvalidInput: a value breaks a rule, or the product has a fee of that name.
    """
    product = named(Product.objects, actor, data.product_id, "product_id")
    fee = Fee(partner_id=product.partner_id, product=product)
    _fill_fee(fee, data)
    with once({"fee_name_once_per_product": ("name", NAME_TAKEN)}), audited(actor, fee, "create"):
        fee.save(force_insert=True)
    return fee


@action("plans.change")
def update_fee(actor: Actor, fee: Fee, data: FeeData) -> Fee:
    """Change a fee; what was charged stays charged.

    Raises:
        InvalidInput: a value breaks a rule, or the product has another fee of that name.
        NotFound
    """
    fee = locked(Fee.objects.select_related("product"), actor, fee.pk)
    _stay(fee.product_id, data.product_id)
    with once({"fee_name_once_per_product": ("name", NAME_TAKEN)}), audited(actor, fee, "update"):
        _fill_fee(fee, data)
        fee.save()
    return fee


@action("plans.change")
def remove_fee(actor: Actor, fee: Fee) -> None:
    """Charge a fee no more; what was charged stays charged.

    Raises:
        NotFound
    """
    fee = locked(Fee.objects, actor, fee.pk)
    with audited(actor, fee, "remove"):
        fee.delete()


def _fill_fee(fee: Fee, data: FeeData) -> None:
    faults = Faults()
    most = format_amount(MOST_MICRO, fee.product.currency)
    is_amount = 0 <= data.amount_micro <= MOST_MICRO
    faults.unless(is_amount, "amount_micro", _("A fee is from 0 to %(most)s.") % {"most": most})
    is_fit = not (fee.product.period == Period.YEAR and data.interval == Interval.MONTH)
    faults.unless(is_fit, "interval", _("This product's period is a year: its fees are yearly, or charged once."))
    faults.stop()
    fee.name, fee.per, fee.interval = data.name.strip(), data.per, data.interval
    fee.amount_micro, fee.is_prorated = data.amount_micro, data.is_prorated
    check_values(fee)


def _stay(product_id: int, wanted: int) -> None:
    if product_id != wanted:
        raise InvalidInput(fields={"product_id": _("It stays with its product.")})


# ---------------------------------------------------------------- packages


@action("plans.change")
def add_package(actor: Actor, data: PackageData) -> Package:
    """Add a package to a product.

    Raises:
        InvalidInput: a value breaks a rule, or the product has a package of that name.
    """
    product = named(Product.objects, actor, data.product_id, "product_id")
    package = Package(partner_id=product.partner_id, product=product)
    _fill_package(actor, package, data)
    with once({"package_name_once_per_product": ("name", NAME_TAKEN)}), audited(actor, package, "create"):
        package.save(force_insert=True)
    return package


@action("plans.change")
def update_package(actor: Actor, package: Package, data: PackageData) -> Package:
    """Change a package; what was given for periods that have begun stays as it is.

    Raises:
        InvalidInput: a value breaks a rule, or the product has another package of that name.
        NotFound
    """
    package = locked(Package.objects, actor, package.pk)
    _stay(package.product_id, data.product_id)
    with once({"package_name_once_per_product": ("name", NAME_TAKEN)}), audited(actor, package, "update"):
        _fill_package(actor, package, data)
        package.save()
    return package


@action("plans.change")
def remove_package(actor: Actor, package: Package) -> None:
    """Give a package no more; what was given for periods that have begun stays.

    Raises:
        NotFound
    """
    package = locked(Package.objects, actor, package.pk)
    with audited(actor, package, "remove"):
        package.delete()


def _fill_package(actor: Actor, package: Package, data: PackageData) -> None:
    faults = Faults()
    package.group = named_or_none(DestinationGroup.objects, actor, data.group_id, "group_id")
    is_own = package.group is None or package.group.partner_id == package.partner_id
    faults.unless(is_own, "group_id", _("This destination group is another partner's."))
    for field, least, most in (
        ("included", 1, MOST_UNITS),
        ("initial_s", 1, LONGEST_INTERVAL_S),
        ("increment_s", 1, LONGEST_INTERVAL_S),
        ("rollover_periods", 0, MOST_ROLLOVER),
    ):
        is_right = least <= getattr(data, field) <= most
        faults.unless(is_right, field, _("From %(least)s to %(most)s.") % {"least": least, "most": most})
    faults.stop()
    package.name, package.unit, package.included = data.name.strip(), data.unit, data.included
    package.initial_s, package.increment_s, package.covers_fee = data.initial_s, data.increment_s, data.covers_fee
    package.is_per_user, package.is_prorated = data.is_per_user, data.is_prorated
    package.rollover_periods, package.blocks = data.rollover_periods, data.blocks
    check_values(package)
