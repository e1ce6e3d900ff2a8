"""Changes to SIP accounts. Secrets are encrypted, never in history, and shown to those allowed only, with a trace."""

from __future__ import annotations

import ipaddress
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db.models.functions import Now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from carillon.base.actor import Actor
from carillon.base.changes import action, audited, witnessed
from carillon.base.choices import Transport
from carillon.base.errors import InvalidInput
from carillon.base.places import Faults
from carillon.base.rows import check_values, locked, named, named_or_none, once
from carillon.base.secrets import decrypt, encrypt, ha1_md5, ha1_sha256, make_secret
from carillon.base.sources import is_source_taken, split_port, written_source
from carillon.base.switches import switch
from carillon.business.brands.models import WebProduct
from carillon.business.customers.models import Customer, User
from carillon.business.endpoints.models import Endpoint, Location, Reachability
from carillon.business.endpoints.queries import domain_of
from carillon.business.numbers.choices import NumberState
from carillon.business.numbers.models import Number
from carillon.business.partners.choices import Limited
from carillon.business.partners.limits import ensure_room

USERNAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?", re.ASCII)
USERNAME_RULE = _lazy("Use small letters, digits, dots, dashes and underscores; begin and end with a letter or digit.")
TAKEN = _lazy("This SIP domain has an account of that name already.")
SHORTEST_SECRET, LONGEST_SECRET = 16, 64
GENERATED_DIGITS = 10
LONGEST_OFFLINE_MINUTES = 10_080
MAX_SOURCES = 20
# A trunk's block is one site's: the smallest that the Internet routes, of IPv6 one network (RFC 4291, 2.5.1).
# Whoever is inside calls at the customer's expense and is never banned.
WIDEST_IPV4, WIDEST_IPV6 = 24, 64
SOURCE_TAKEN = _lazy("One of these addresses is known to the platform as another sender already.")
ADDRESS_TAKEN = _lazy("This address is known to the platform as another sender already: a carrier or another customer.")
ADDRESSES_ARE_THE_SELLERS = _lazy("Only your provider sets the addresses of telephone systems.")


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointData:
    """A SIP account. `customer_id` and `username` ("": made for you) stay once created.

    `offline_alert_minutes`: so long it may be unregistered before its partner is told, once; None: never.
    `source_addresses` (`192.0.2.7`, `192.0.2.7:5060`, `192.0.2.0/28`) make it a trunk: calls from there are its own
    without a password.
    `fixed_address` (one, without a port the transport's usual one) is where calls to it go, registered or not.
    """

    customer_id: int
    username: str = ""
    user_id: int | None = None
    label: str = ""
    caller_id_id: int | None = None
    transport: Transport = Transport.UDP
    withholds_caller: bool = False
    offline_alert_minutes: int | None = None
    source_addresses: tuple[str, ...] = ()
    fixed_address: str = ""


@action("sip_endpoints.add")
def create_endpoint(actor: Actor, data: EndpointData, *, secret: str = "") -> Endpoint:
    """Create a SIP account in the SIP domain of its customer's web product; the secret is generated.

    Args:
        secret: one brought from another platform, 16 to 64 printable characters; "" generates 24.

    Raises:
        InvalidInput: a value breaks a rule, or the username is taken.
    """
    customer = named(Customer.objects, actor, data.customer_id, "customer_id")
    ensure_room(customer.partner_id, Limited.ENDPOINTS)
    endpoint = Endpoint(partner_id=customer.partner_id, customer=customer, web_product_id=customer.web_product_id)
    endpoint.username = _checked_username(data.username.strip().lower()) or _free_username(customer)
    _fill(actor, endpoint, data)
    _keep_secret(endpoint, _checked_secret(secret) if secret else make_secret())
    check_values(endpoint)
    with once({"username_once_per_domain": ("username", TAKEN)}), audited(actor, endpoint, "create"):
        endpoint.save(force_insert=True)
    return endpoint


@action("sip_endpoints.change")
def update_endpoint(actor: Actor, endpoint: Endpoint, data: EndpointData) -> Endpoint:
    """Change anything but customer and username.

    Raises:
        InvalidInput: a value breaks a rule.
    """
    endpoint = locked(Endpoint.objects, actor, endpoint.pk)
    with audited(actor, endpoint, "update"):
        _fill(actor, endpoint, data)
        check_values(endpoint)
        endpoint.save(
            update_fields=[
                "user",
                "label",
                "caller_id",
                "transport",
                "withholds_caller",
                "offline_alert_minutes",
                "source_addresses",
                "fixed_address",
            ]
        )
    return endpoint


@action("sip_endpoints.change")
def enable_endpoint(actor: Actor, endpoint: Endpoint) -> Endpoint:
    """Let the device register and call again. Raises AlreadySo when it may already."""
    return switch(actor, endpoint, is_enabled=True)


@action("sip_endpoints.change")
def disable_endpoint(actor: Actor, endpoint: Endpoint) -> Endpoint:
    """Refuse the device's registrations and calls. Raises AlreadySo when they are refused already."""
    return switch(actor, endpoint, is_enabled=False)


@action("sip_endpoints.reveal")
def reveal_secret(actor: Actor, endpoint: Endpoint) -> str:
    """Return the secret in clear; history says who looked.

    Raises:
        SecretUnreadable: it was encrypted with another installation's key.
    """
    endpoint = locked(Endpoint.objects, actor, endpoint.pk)
    secret = decrypt(endpoint.secret)
    witnessed(actor, endpoint, "reveal_secret")
    return secret


@action("sip_endpoints.change")
def regenerate_secret(actor: Actor, endpoint: Endpoint) -> Endpoint:
    """Replace the secret by a new one; the device is refused until it has it."""
    endpoint = locked(Endpoint.objects, actor, endpoint.pk)
    _keep_secret(endpoint, make_secret())
    endpoint.save(update_fields=["secret", "ha1_md5", "ha1_sha256"])
    witnessed(actor, endpoint, "regenerate_secret")
    return endpoint


@action("sip_endpoints.delete")
def remove_endpoint(actor: Actor, endpoint: Endpoint) -> None:
    """Remove a SIP account; its CDRs stay."""
    endpoint = locked(Endpoint.objects, actor, endpoint.pk)
    with audited(actor, endpoint, "remove"):
        endpoint.delete()


@action("sip_endpoints.change")
def derive_hashes(actor: Actor, web_product: WebProduct) -> int:
    """Derive the hashes of all accounts of a web product anew: its SIP domain, their realm, has changed.

    Returns: how many accounts. Devices are refused until they use the new domain.

    Raises:
        SecretUnreadable: a secret was encrypted with another installation's key.

    Cost: one query and one per 500 accounts.
    """
    rows = Endpoint.objects.visible_to(actor).filter(web_product=web_product).select_for_update(of=("self",))
    found = list(rows.order_by("pk"))
    domain = domain_of(web_product.pk)
    for endpoint in found:
        _derive(endpoint, domain, decrypt(endpoint.secret))
    Endpoint.objects.bulk_update(found, ["ha1_md5", "ha1_sha256"], batch_size=500)
    return len(found)


@action("numbers.assign")
def forget_caller_id(actor: Actor, number: Number) -> int:
    """Let devices that show `number` fall back to their user's or customer's own; return how many did.

    It needs the permission to take the number away: that is why this happens.
    """
    found = list(Endpoint.objects.visible_to(actor).filter(caller_id=number).select_for_update(of=("self",)))
    for endpoint in found:
        with audited(actor, endpoint, "update"):
            endpoint.caller_id = None
            endpoint.save(update_fields=["caller_id"])
    return len(found)


@action("sip_locations.note")
def note_reachability(actor: Actor) -> int:
    """Compare the registrations with those of last time; return how many accounts were lost or came back.

    Cost: three queries over all registrations, and one per thousand accounts that register for the first time.
    """
    registered = Location.objects.visible_to(actor).order_by().values("endpoint_id")
    known = Reachability.objects.order_by()
    back = known.filter(offline_since__isnull=False, endpoint_id__in=registered).update(offline_since=None)
    lost = known.filter(offline_since=None).exclude(endpoint_id__in=registered).update(offline_since=Now())
    new = registered.exclude(endpoint_id__in=known.values("endpoint_id")).distinct()
    first = [Reachability(endpoint_id=row["endpoint_id"]) for row in new]
    Reachability.objects.bulk_create(first, batch_size=1000, ignore_conflicts=True)
    return back + lost


# ---------------------------------------------------------------- steps


def _free_username(customer: Customer) -> str:
    """Digits, so that a desk phone's keypad can type it; ten of them are hardly ever taken."""
    while True:
        username = str(secrets.randbelow(9 * 10 ** (GENERATED_DIGITS - 1)) + 10 ** (GENERATED_DIGITS - 1))
        if not Endpoint.objects.filter(web_product=customer.web_product_id, username=username).exists():
            return username


def _checked_username(username: str) -> str:
    if username and not USERNAME.fullmatch(username):
        raise InvalidInput(USERNAME_RULE, fields={"username": USERNAME_RULE})
    return username


def _checked_secret(secret: str) -> str:
    is_right = SHORTEST_SECRET <= len(secret) <= LONGEST_SECRET and secret.isascii() and secret.isprintable()
    if not is_right or " " in secret:
        why = _("A secret has %(least)s to %(most)s printable characters without spaces.") % {
            "least": SHORTEST_SECRET,
            "most": LONGEST_SECRET,
        }
        raise InvalidInput(why, fields={"secret": why})
    return secret


def _keep_secret(endpoint: Endpoint, secret: str) -> None:
    endpoint.secret = encrypt(secret)
    _derive(endpoint, domain_of(endpoint.web_product_id), secret)


def _derive(endpoint: Endpoint, domain: str, secret: str) -> None:
    endpoint.ha1_md5 = ha1_md5(endpoint.username, domain, secret)
    endpoint.ha1_sha256 = ha1_sha256(endpoint.username, domain, secret)


def _fill(actor: Actor, endpoint: Endpoint, data: EndpointData) -> None:
    user = named_or_none(User.objects, actor, data.user_id, "user_id")
    number = named_or_none(Number.objects, actor, data.caller_id_id, "caller_id_id")
    faults = Faults()
    if user:
        faults.unless(user.customer_id == endpoint.customer_id, "user_id", _("This user belongs to another customer."))
    if number:
        is_own = number.customer_id == endpoint.customer_id and number.state == NumberState.IN_SERVICE
        faults.unless(is_own, "caller_id_id", _("A caller ID must be one of the customer's numbers in service."))
    minutes = data.offline_alert_minutes
    is_time = minutes is None or 1 <= minutes <= LONGEST_OFFLINE_MINUTES
    faults.unless(
        is_time,
        "offline_alert_minutes",
        _("From 1 to %(longest_offline_minutes)s minutes, or empty.")
        % {"longest_offline_minutes": LONGEST_OFFLINE_MINUTES},
    )
    sources = _sources(data.source_addresses, faults)
    _check_sources(actor, endpoint, sources, faults)
    fixed_address = _fixed_address(data, faults)
    _check_fixed_address(actor, endpoint, fixed_address, faults)
    faults.stop()
    endpoint.user, endpoint.caller_id = user, number
    endpoint.label, endpoint.transport = data.label.strip(), data.transport
    endpoint.withholds_caller = data.withholds_caller
    endpoint.offline_alert_minutes = data.offline_alert_minutes
    endpoint.source_addresses, endpoint.fixed_address = sources, fixed_address


def _sources(written: Sequence[str], faults: Faults) -> list[str]:
    found = dict.fromkeys(_source(text.strip(), faults) for text in written)
    faults.unless(
        len(found) <= MAX_SOURCES, "source_addresses", _("Give at most %(most)s addresses.") % {"most": MAX_SOURCES}
    )
    return [source for source in found if source]


def _source(text: str, faults: Faults) -> str:
    """The one spelling of an address, with its port if it has one, or of a block; "" and a fault for anything else."""
    if "/" not in text:
        return _address(text, "source_addresses", faults)
    try:
        block = ipaddress.ip_network("" if "%" in text else text, strict=False)
    except ValueError:
        faults.unless(
            False,
            "source_addresses",
            _("“%(text)s” is no block of addresses such as 192.0.2.0/28.") % {"text": text[:60]},
        )
        return ""
    widest = WIDEST_IPV4 if block.version == 4 else WIDEST_IPV6
    sentence = _(
        "%(block)s is too wide: whoever is in it would call at this customer's expense. Give at most /%(widest)s."
    )
    faults.unless(block.prefixlen >= widest, "source_addresses", sentence % {"block": block, "widest": widest})
    for address in (block[0], block[-1]):
        _check_reachable(address, "source_addresses", faults)
    return str(block) if block.num_addresses > 1 else str(block[0])


def _address(text: str, field: str, faults: Faults, *, usual_port: str = "") -> str:
    """The one spelling of a single host's address, with its port if it has one; "" and a fault for anything else."""
    host, port = split_port(text)
    try:
        address = ipaddress.ip_address("" if "%" in host else host)  # a zone means something on one machine only
    except ValueError:
        faults.unless(
            False, field, _("“%(text)s” is no address such as 192.0.2.7 or 192.0.2.7:5060.") % {"text": text[:60]}
        )
        return ""
    _check_reachable(address, field, faults)
    return written_source(address, port or usual_port)


def _check_reachable(address: ipaddress.IPv4Address | ipaddress.IPv6Address, field: str, faults: Faults) -> None:
    is_one = not (address.is_multicast or address.is_unspecified)
    is_reachable = address.is_global or settings.TRUNKS_MAY_BE_PRIVATE
    faults.unless(
        is_one and is_reachable, field, _("%(address)s is no address on the public Internet.") % {"address": address}
    )


def _check_sources(actor: Actor, endpoint: Endpoint, sources: list[str], faults: Faults) -> None:
    """Who names an address gets the calls of whoever is there: no customer may do that for itself."""
    if sources == endpoint.source_addresses:
        return
    faults.unless(actor.customer_id is None, "source_addresses", ADDRESSES_ARE_THE_SELLERS)
    is_taken = is_source_taken(sources, endpoint_id=endpoint.pk, with_gateways=True)
    faults.unless(not is_taken, "source_addresses", SOURCE_TAKEN)


def _fixed_address(data: EndpointData, faults: Faults) -> str:
    written, usual_port = data.fixed_address.strip(), "5061" if data.transport == Transport.TLS else "5060"
    return _address(written, "fixed_address", faults, usual_port=usual_port) if written else ""


def _check_fixed_address(actor: Actor, endpoint: Endpoint, address: str, faults: Faults) -> None:
    """Carriers and other customers' systems believe what comes from us: they get no calls as if they were a phone."""
    if address == endpoint.fixed_address:
        return
    faults.unless(actor.customer_id is None, "fixed_address", ADDRESSES_ARE_THE_SELLERS)
    is_taken = bool(address) and is_source_taken([address], endpoint_id=endpoint.pk, with_gateways=True)
    faults.unless(not is_taken, "fixed_address", ADDRESS_TAKEN)
