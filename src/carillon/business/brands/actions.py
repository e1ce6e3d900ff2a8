"""Changes to web products."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from django.db.models import ProtectedError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from carillon.base.actor import Actor
from carillon.base.changes import action, audited
from carillon.base.errors import Conflict
from carillon.base.pictures import LOGO, MEDIA_TYPE, redrawn
from carillon.base.places import Faults
from carillon.base.rows import check_values, locked, once
from carillon.business.brands.choices import DestinationKind, WebProductKind, WebProductStatus
from carillon.business.brands.models import ACCENT, Logo, WebProduct
from carillon.business.partners.choices import Limited
from carillon.business.partners.limits import ensure_room
from carillon.business.partners.queries import chosen_partner, is_hostname_taken
from carillon.logic.contrast import is_colour

# Nothing here says whose it is: names in use elsewhere are other partners' business.
CLASHES = {
    "web_product_name_once_per_partner": ("name", _lazy("There is a web product of this name already.")),
    "brands_webproduct_hostname_key": ("hostname", _lazy("This hostname is in use already.")),
    "brands_webproduct_sip_domain_key": ("sip_domain", _lazy("This SIP domain is in use already.")),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WebProductData:
    """What is said about a web product. `partner_id` (None: the actor's own partner) stays once created.

    `low_balance_micro`: customers who pay in the default currency are told when less is left, None: they are not.
    """

    name: str
    kind: WebProductKind
    hostname: str
    sip_domain: str
    country: str
    currencies: tuple[str, ...]
    default_currency: str = ""  # empty: the first of `currencies`
    cultures: tuple[str, ...] = ("en",)
    default_culture: str = ""  # empty: the first of `cultures`
    allowed_classes: tuple[DestinationKind, ...] = ()
    has_shop: bool = False
    accent: str = ACCENT  # "#rrggbb"
    headline: str = ""
    tagline: str = ""
    mail_name: str = ""
    imprint: str = ""
    terms: str = ""
    privacy: str = ""
    low_balance_micro: int | None = None
    partner_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonData:
    """Why something is done."""

    reason: str


@action("web_products.add")
def create_web_product(actor: Actor, data: WebProductData) -> WebProduct:
    """Create a live web product: its hostname answers within seconds, its SIP domain at once.

    Raises:
        InvalidInput: a value is wrong; hostname or SIP domain are in use anywhere on the platform.
    """
    partner = chosen_partner(actor, data.partner_id)
    ensure_room(partner.pk, Limited.WEB_PRODUCTS)
    product = WebProduct(partner=partner, sip_domain=_domain(data.sip_domain))
    faults = Faults()
    faults.hostname(product.sip_domain, "sip_domain")
    faults.stop()
    _fill(product, data)
    with once(CLASHES), audited(actor, product, "create"):
        product.save(force_insert=True)
    return product


@action("web_products.change")
def update_web_product(actor: Actor, product: WebProduct, data: WebProductData) -> WebProduct:
    """Change a web product, but for its SIP domain: `usecases.rename_sip_domain` does that and calls this.

    Raises:
        InvalidInput: a value is wrong, or partner or SIP domain differ from before.
        NotFound
    """
    product = locked(WebProduct.objects, actor, product.pk)
    faults = Faults()
    faults.unless(
        data.partner_id in (None, product.partner_id), "partner_id", _("A web product stays with its partner.")
    )
    faults.unless(_domain(data.sip_domain) == product.sip_domain, "sip_domain", _("The SIP domain can't change here."))
    faults.stop()
    with once(CLASHES), audited(actor, product, "update"):
        _fill(product, data)
        product.save()
    return product


@action("web_products.change")
def change_sip_domain(actor: Actor, product: WebProduct, sip_domain: str) -> WebProduct:
    """Give a web product another SIP domain; the caller re-derives its endpoints' HA1 in the same transaction.

    Raises:
        InvalidInput: it is no domain, or in use anywhere on the platform.
        NotFound
    """
    product = locked(WebProduct.objects, actor, product.pk)
    faults = Faults()
    faults.hostname(_domain(sip_domain), "sip_domain")
    faults.stop()
    with once(CLASHES), audited(actor, product, "rename_sip_domain"):
        product.sip_domain = _domain(sip_domain)
        product.save(update_fields=["sip_domain"])
    return product


def is_renamed(product: WebProduct, data: WebProductData) -> bool:
    """Tell whether `data` asks for another SIP domain."""
    return _domain(data.sip_domain) != product.sip_domain


@action("web_products.change")
def close_web_product(actor: Actor, product: WebProduct, data: ReasonData) -> WebProduct:
    """Take a web product off the air: website and SIP domain answer no longer. Its names stay reserved.

    Raises:
        Conflict: it is closed already.
        NotFound
    """
    return _turn(actor, product, WebProductStatus.CLOSED, "close", data.reason)


@action("web_products.change")
def reopen_web_product(actor: Actor, product: WebProduct) -> WebProduct:
    """Put a closed web product or a draft on the air.

    Raises:
        Conflict: it is live already.
        NotFound
    """
    return _turn(actor, product, WebProductStatus.LIVE, "reopen", "")


def _turn(actor: Actor, product: WebProduct, status: WebProductStatus, verb: str, reason: str) -> WebProduct:
    product = locked(WebProduct.objects, actor, product.pk)
    if product.status == status:
        raise Conflict(_("This web product is %(label)s already.") % {"label": status.label.lower()})
    with audited(actor, product, verb, reason=reason):
        product.status = status
        product.save(update_fields=["status"])
    return product


@action("web_products.delete")
def remove_web_product(actor: Actor, product: WebProduct) -> None:
    """Delete a web product that nobody has bought from; others are closed.

    Raises:
        Conflict: customers, endpoints or prices refer to it.
        NotFound
    """
    product = locked(WebProduct.objects, actor, product.pk)
    try:
        with audited(actor, product, "remove"):
            product.delete()
    except ProtectedError:
        raise Conflict(_("This web product has customers: close it instead.")) from None


@action("web_products.change")
def set_logo(actor: Actor, product: WebProduct, content: bytes) -> Logo:
    """Give a web product a logo; `base.pictures` says which are taken.

    Raises:
        InvalidInput: on "logo".
        NotFound
    """
    product = locked(WebProduct.objects, actor, product.pk)
    drawn = redrawn(content, "logo", LOGO)
    logo = Logo.objects.filter(web_product=product).first() or Logo(web_product=product)
    with audited(actor, logo, "set"):
        logo.partner_id, logo.media_type, logo.content = product.partner_id, MEDIA_TYPE, drawn
        logo.digest = sha256(drawn).hexdigest()[:16]
        logo.save()
    return logo


@action("web_products.change")
def remove_logo(actor: Actor, product: WebProduct) -> None:
    """Take a web product's logo away; its name stands there again."""
    product = locked(WebProduct.objects, actor, product.pk)
    for logo in Logo.objects.filter(web_product=product):
        with audited(actor, logo, "remove"):
            logo.delete()


def _fill(product: WebProduct, data: WebProductData) -> None:
    hostname = data.hostname.strip().lower()
    product.default_currency = data.default_currency or next(iter(data.currencies), "")
    product.default_culture = data.default_culture or next(iter(data.cultures), "")
    faults = Faults()
    if hostname != product.hostname:
        faults.hostname(hostname, "hostname")
        faults.unless(not is_hostname_taken(hostname), "hostname", CLASHES["brands_webproduct_hostname_key"][1])
    faults.country(data.country)
    for currency in data.currencies:
        faults.currency(currency, "currencies")
    for culture in data.cultures:
        faults.culture(culture, "cultures")
    is_sold = product.default_currency in data.currencies
    faults.unless(is_sold, "default_currency", _("The default currency must be one of the currencies."))
    is_spoken = product.default_culture in data.cultures
    faults.unless(is_spoken, "default_culture", _("The default culture must be one of the cultures."))
    accent = data.accent.strip().lower()
    faults.unless(is_colour(accent), "accent", _("This is no colour: give one such as #0b5cad."))
    low = data.low_balance_micro
    faults.unless(low is None or low >= 0, "low_balance_micro", _("An amount of money, or empty."))
    is_one_line = not any(character in data.mail_name for character in "\r\n")
    faults.unless(is_one_line, "mail_name", _("The sender's name must be on one line."))
    faults.stop()
    product.accent, product.has_shop, product.low_balance_micro = accent, data.has_shop, low
    for name in ("headline", "tagline", "mail_name", "imprint", "terms", "privacy"):
        setattr(product, name, getattr(data, name).strip())
    product.name, product.kind, product.hostname, product.country = data.name, data.kind, hostname, data.country
    product.currencies, product.cultures = list(dict.fromkeys(data.currencies)), list(dict.fromkeys(data.cultures))
    product.allowed_classes = list(dict.fromkeys(data.allowed_classes))
    check_values(product)


def _domain(text: str) -> str:
    return text.strip().lower()
