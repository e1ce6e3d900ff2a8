"""Changes to gateways and routes."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from carillon.base.actor import Actor
from carillon.base.changes import action, audited, witnessed
from carillon.base.choices import Transport
from carillon.base.places import Faults
from carillon.base.rows import check_values, locked, named, named_or_none, once
from carillon.base.secrets import decrypt, encrypt, ha1_md5
from carillon.base.sources import is_source_taken, split_port, written_source
from carillon.base.switches import switch
from carillon.business.brands.models import WebProduct
from carillon.business.customers.models import Customer
from carillon.business.partners.choices import Feature
from carillon.business.partners.limits import ensure_feature
from carillon.business.partners.queries import chosen_partner
from carillon.business.pricing.choices import Purpose
from carillon.business.pricing.models import PriceList
from carillon.business.routing.choices import (
    CallerHeader,
    Codec,
    FromUser,
    GatewayMode,
    NumberFormat,
    Strategy,
    Weekday,
)
from carillon.business.routing.errors import GatewayInUse
from carillon.business.routing.models import Gateway, Route, RouteGateway

NAME_TAKEN = _lazy("There is a gateway of this name already.")
WIDEST_IPV4, WIDEST_IPV6 = 8, 32  # a carrier's own network at most, never the whole Internet
MAX_SOURCES = 100
SOURCE_TAKEN = _lazy("One of these addresses is known to the platform as another sender already.")
MAX_GATEWAYS = 20
MOST_CHANNELS = 100_000
MOST_CALLS_PER_S = 1000
LONGEST_PREFIX = 15
HEAVIEST = 1000
CLOCK = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")
SHORTEST_INTERVAL_S, LONGEST_INTERVAL_S = 10, 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayData:
    """A carrier's host. `partner_id` (None: the actor's own) stays once created.

    `auth_password` "" keeps the stored one, as long as there is an `auth_username`. `source_addresses` are addresses
    (`192.0.2.1:5060`: that port only) or CIDR blocks from which its calls come in; several gateways may share one.
    `cost_list_id` is what it charges, `received_list_id` for calls that it brings. `caller_format` None: as called
    numbers. `from_domain` "": our own address. `is_trusted`: it may learn numbers that are withheld. `codecs`: which it
    may be offered, none: all.
    `max_channels`: calls that we have there at once, `calls_per_s`: that we begin there in a second; None: no limit.
    `is_probed`: asked by OPTIONS every `probe_interval_s` seconds whether it is there, and tried last while it is not.
    """

    name: str
    host: str
    port: int = 5060
    transport: Transport = Transport.UDP
    mode: GatewayMode = GatewayMode.ADDRESS
    country: str = ""
    auth_username: str = ""
    auth_password: str = ""
    auth_realm: str = ""
    source_addresses: tuple[str, ...] = ()
    number_format: NumberFormat = NumberFormat.E164
    strip: int = 0
    prepend: str = ""
    ring_timeout_s: int = 60
    reply_timeout_ms: int = 4000
    caller_header: CallerHeader = CallerHeader.PAI
    caller_format: NumberFormat | None = None
    from_user: FromUser = FromUser.CALLER
    from_domain: str = ""
    sends_name: bool = False
    is_trusted: bool = True
    sends_diversion: bool = True
    shows_foreign_caller: bool = False
    codecs: tuple[Codec, ...] = ()
    max_channels: int | None = None
    calls_per_s: int | None = None
    is_probed: bool = True
    probe_interval_s: int = 30
    cost_list_id: int | None = None
    received_list_id: int | None = None
    is_demo: bool = False
    partner_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteData:
    """A line of the routing table; `gateway_ids` in the order they are tried (static) or compared (least cost).

    `weights`: of each gateway in order, what it gets of the calls beside neighbours that have one too (static only);
    none: they are tried as listed. `weekdays`, `begins` and `ends` ("HH:MM", in `timezone`) say when the route holds.
    `allows_loss`: also carriers that cost more than the call brings in. `partner_id` (None: the actor's own) stays once
    created.
    """

    name: str
    prefix: str = ""
    strategy: Strategy = Strategy.STATIC
    gateway_ids: tuple[int, ...] = ()
    weights: tuple[int, ...] = ()
    priority: int = 100
    is_stopper: bool = False
    allows_loss: bool = False
    is_emergency: bool = False
    country: str = ""
    weekdays: tuple[Weekday, ...] = ()
    begins: str = ""
    ends: str = ""
    timezone: str = "UTC"
    web_product_id: int | None = None
    customer_id: int | None = None
    partner_id: int | None = None


# ---------------------------------------------------------------- gateways


@action("gateways.add")
def create_gateway(actor: Actor, data: GatewayData) -> Gateway:
    """Create a gateway, enabled.

    Raises:
        InvalidInput: a value breaks a rule, or the partner has a gateway of that name.
    """
    partner = chosen_partner(actor, data.partner_id)
    ensure_feature(partner.pk, Feature.GATEWAYS)
    gateway = Gateway(partner=partner, is_demo=data.is_demo)
    with once({"gateway_name_once_per_partner": ("name", NAME_TAKEN)}), audited(actor, gateway, "create"):
        _fill_gateway(actor, gateway, data)
        gateway.save(force_insert=True)
    return gateway


@action("gateways.change")
def update_gateway(actor: Actor, gateway: Gateway, data: GatewayData) -> Gateway:
    """Change a gateway; the next call uses it.

    Raises:
        InvalidInput: a value breaks a rule, or the partner has another gateway of that name.
    """
    gateway = locked(Gateway.objects, actor, gateway.pk)
    with once({"gateway_name_once_per_partner": ("name", NAME_TAKEN)}), audited(actor, gateway, "update"):
        _fill_gateway(actor, gateway, data)
        gateway.save()
    if data.auth_password:
        witnessed(actor, gateway, "replace_secret")
    return gateway


@action("gateways.change")
def enable_gateway(actor: Actor, gateway: Gateway) -> Gateway:
    """Send calls to the gateway and take its calls again. Raises AlreadySo when that is so already."""
    return switch(actor, gateway, is_enabled=True)


@action("gateways.change")
def disable_gateway(actor: Actor, gateway: Gateway) -> Gateway:
    """Send no call to the gateway and refuse its calls. Raises AlreadySo when that is so already."""
    return switch(actor, gateway, is_enabled=False)


@action("gateways.delete")
def remove_gateway(actor: Actor, gateway: Gateway) -> None:
    """Remove a gateway that no route uses; its CDRs stay.

    Raises:
        GatewayInUse: routes send calls to it.
    """
    gateway = locked(Gateway.objects, actor, gateway.pk)
    if RouteGateway.objects.filter(gateway=gateway).exists():
        raise GatewayInUse
    with audited(actor, gateway, "remove"):
        gateway.delete()


# ---------------------------------------------------------------- routes


@action("routes.add")
def create_route(actor: Actor, data: RouteData) -> Route:
    """Create a route, enabled.

    Raises:
        InvalidInput: a value breaks a rule, or a gateway, customer or web product is not the partner's own.
    """
    route = Route(partner=chosen_partner(actor, data.partner_id))
    gateways = _fill_route(actor, route, data)
    with audited(actor, route, "create"):
        route.save(force_insert=True)
        _set_gateways(route, gateways, data.weights)
    return route


@action("routes.change")
def update_route(actor: Actor, route: Route, data: RouteData) -> Route:
    """Change a route; the next call uses it. Raises like `create_route`."""
    route = locked(Route.objects, actor, route.pk)
    with audited(actor, route, "update"):
        gateways = _fill_route(actor, route, data)
        route.save()
        _set_gateways(route, gateways, data.weights)
    return route


@action("routes.change")
def enable_route(actor: Actor, route: Route) -> Route:
    """Use the route again. Raises AlreadySo when it is used already."""
    return switch(actor, route, is_enabled=True)


@action("routes.change")
def disable_route(actor: Actor, route: Route) -> Route:
    """Pass the route over. Raises AlreadySo when it is passed over already."""
    return switch(actor, route, is_enabled=False)


@action("routes.delete")
def remove_route(actor: Actor, route: Route) -> None:
    """Remove a route."""
    route = locked(Route.objects, actor, route.pk)
    with audited(actor, route, "remove"):
        route.delete()


# ---------------------------------------------------------------- steps


def _fill_gateway(actor: Actor, gateway: Gateway, data: GatewayData) -> None:
    cost_list = named_or_none(PriceList.objects, actor, data.cost_list_id, "cost_list_id")
    received_list = named_or_none(PriceList.objects, actor, data.received_list_id, "received_list_id")
    gateway.name, gateway.host, gateway.port = data.name.strip(), data.host.strip().lower(), data.port
    gateway.transport, gateway.mode, gateway.country = data.transport, data.mode, data.country.strip().upper()
    gateway.auth_username, gateway.auth_realm = data.auth_username.strip(), data.auth_realm.strip()
    gateway.number_format, gateway.strip, gateway.prepend = data.number_format, data.strip, data.prepend.strip()
    gateway.ring_timeout_s, gateway.reply_timeout_ms = data.ring_timeout_s, data.reply_timeout_ms
    gateway.cost_list, gateway.received_list = cost_list, received_list
    gateway.caller_header, gateway.caller_format = data.caller_header, data.caller_format or ""
    gateway.from_user, gateway.from_domain = data.from_user, data.from_domain.strip().lower()
    gateway.sends_name, gateway.is_trusted = data.sends_name, data.is_trusted
    gateway.sends_diversion, gateway.shows_foreign_caller = data.sends_diversion, data.shows_foreign_caller
    gateway.codecs = list(data.codecs)
    gateway.max_channels, gateway.calls_per_s = data.max_channels, data.calls_per_s
    gateway.is_probed, gateway.probe_interval_s = data.is_probed, data.probe_interval_s
    faults = Faults()
    gateway.source_addresses = _networks(data.source_addresses, faults)
    faults.unless(not is_source_taken(gateway.source_addresses), "source_addresses", SOURCE_TAKEN)
    _check_host(actor, gateway, faults)
    _check_gateway(gateway, data, faults)
    _keep_secret(gateway, data.auth_password)
    check_values(gateway)


def _keep_secret(gateway: Gateway, password: str) -> None:
    """Encrypt a new password, keep the old one for "", forget it with its user name; derive HA1 (RFC 2617)."""
    if not gateway.auth_username:
        gateway.auth_secret = gateway.auth_ha1 = ""
        return
    if password:
        gateway.auth_secret = encrypt(password)
    realm = gateway.auth_realm or gateway.host
    gateway.auth_ha1 = ha1_md5(gateway.auth_username, realm, decrypt(gateway.auth_secret))


def _check_host(actor: Actor, gateway: Gateway, faults: Faults) -> None:
    """A carrier in our own network is the operator's: others could have us ask hosts they cannot reach."""
    if not _is_address(gateway.host):
        faults.hostname(gateway.host, "host")
        return
    is_ours = actor.is_operator or settings.TRUNKS_MAY_BE_PRIVATE or ipaddress.ip_address(gateway.host).is_global
    sentence = _("%(address)s is no address on the public Internet: only the operator can name it.")
    faults.unless(is_ours, "host", sentence % {"address": gateway.host})


def _check_gateway(gateway: Gateway, data: GatewayData, faults: Faults) -> None:
    faults.unless(1 <= gateway.port <= 65535, "port", _("A port is a number from 1 to 65535."))
    if gateway.country:
        faults.country(gateway.country)
    if gateway.from_domain and not _is_address(gateway.from_domain):
        faults.hostname(gateway.from_domain, "from_domain")
    names_account = gateway.from_user == FromUser.ACCOUNT
    faults.unless(
        not names_account or bool(gateway.auth_username), "from_user", _("There is no user name to put there.")
    )
    is_national = NumberFormat.NATIONAL in (gateway.number_format, gateway.caller_format)
    faults.unless(not is_national or bool(gateway.country), "country", _("The national format needs the country."))
    is_prefix = not gateway.prepend or (gateway.prepend.isascii() and gateway.prepend.lstrip("+").isdigit())
    faults.unless(is_prefix, "prepend", _("Only digits can be put before a number."))
    faults.unless(gateway.strip <= 15, "strip", _("At most 15 digits can be taken off a number."))
    faults.unless(5 <= gateway.ring_timeout_s <= 300, "ring_timeout_s", _("Ringing lasts 5 to 300 seconds."))
    faults.unless(200 <= gateway.reply_timeout_ms <= 30_000, "reply_timeout_ms", _("Give 200 to 30,000 milliseconds."))
    is_interval = SHORTEST_INTERVAL_S <= gateway.probe_interval_s <= LONGEST_INTERVAL_S
    faults.unless(is_interval, "probe_interval_s", _("Ask every 10 to 3,600 seconds."))
    for field, value, most in (
        ("max_channels", gateway.max_channels, MOST_CHANNELS),
        ("calls_per_s", gateway.calls_per_s, MOST_CALLS_PER_S),
    ):
        faults.unless(value is None or 1 <= value <= most, field, _("From 1 to %(most)s, or empty.") % {"most": most})
    _check_sign_in(gateway, data, faults)
    for field, chosen in (("cost_list_id", gateway.cost_list), ("received_list_id", gateway.received_list)):
        is_own = chosen is None or (chosen.partner_id == gateway.partner_id and chosen.purpose == Purpose.COST)
        faults.unless(is_own, field, _("Choose a cost list of the gateway's partner."))
    faults.stop()


def _check_sign_in(gateway: Gateway, data: GatewayData, faults: Faults) -> None:
    registers = gateway.mode == GatewayMode.REGISTRATION
    faults.unless(not registers or bool(gateway.auth_username), "auth_username", _("A registration needs a user name."))
    has_password = bool(data.auth_password or gateway.auth_secret)
    sentence = _("Give the password that belongs to the user name.")
    faults.unless(not gateway.auth_username or has_password, "auth_password", sentence)
    faults.unless(len(data.auth_password) <= 128, "auth_password", _("A password has at most 128 characters."))
    # they travel in SIP headers between quotes
    for field, text in (("auth_username", gateway.auth_username), ("auth_realm", gateway.auth_realm)):
        is_plain = text.isascii() and text.isprintable() and not set(text) & set('"\\<> ')
        faults.unless(is_plain, field, _("Use printable ASCII characters without spaces, quotes and brackets."))


def _is_address(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return not address.is_unspecified and not address.is_multicast


def _networks(written: Sequence[str], faults: Faults) -> list[str]:
    found: dict[str, None] = {}
    for text in written:
        block, port = split_port(text.strip())
        try:
            network = ipaddress.ip_network(block, strict=False)
        except ValueError:
            faults.unless(
                False,
                "source_addresses",
                _("“%(text)s” is no address or block such as 192.0.2.0/24.") % {"text": text[:60]},
            )
            continue
        if port and network.num_addresses == 1:
            address = network.network_address
            found[written_source(address, port)] = None
            continue
        widest = WIDEST_IPV4 if network.version == 4 else WIDEST_IPV6
        sentence = _("%(network)s is too wide: whoever is in it could send calls as this carrier.")
        faults.unless(network.prefixlen >= widest, "source_addresses", sentence % {"network": network})
        found[str(network)] = None
    faults.unless(
        len(found) <= MAX_SOURCES, "source_addresses", _("Give at most %(most)s addresses.") % {"most": MAX_SOURCES}
    )
    return list(found)


def _fill_route(actor: Actor, route: Route, data: RouteData) -> list[Gateway]:
    """Set a route's values; return its gateways in order."""
    route.web_product = named_or_none(WebProduct.objects, actor, data.web_product_id, "web_product_id")
    route.customer = named_or_none(Customer.objects, actor, data.customer_id, "customer_id")
    route.name, route.prefix = data.name.strip(), data.prefix.strip().removeprefix("+").removeprefix("*")
    route.strategy, route.priority, route.is_stopper = data.strategy, data.priority, data.is_stopper
    route.allows_loss = data.allows_loss
    route.weekdays = [day.value for day in Weekday if day in data.weekdays]
    route.timezone = data.timezone.strip() or "UTC"
    route.begins, route.ends = data.begins.strip(), data.ends.strip()
    route.is_emergency, route.country = data.is_emergency, data.country.strip().upper()
    gateways = [named(Gateway.objects, actor, gateway_id, "gateway_ids") for gateway_id in data.gateway_ids]
    faults = Faults()
    for field, owned in (("web_product_id", route.web_product), ("customer_id", route.customer)):
        is_own = owned is None or owned.partner_id == route.partner_id
        faults.unless(is_own, field, _("This belongs to another partner than the route."))
    for gateway in gateways:
        is_own = gateway.partner_id == route.partner_id
        faults.unless(
            is_own, "gateway_ids", _("%(name)s belongs to another partner than the route.") % {"name": gateway.name}
        )
    _check_weights(route, data, faults)
    _check_hours(route, faults)
    _check_route(route, data.gateway_ids, faults)
    check_values(route)
    return gateways


def _check_weights(route: Route, data: RouteData, faults: Faults) -> None:
    is_each = len(data.weights) in (0, len(data.gateway_ids))
    faults.unless(is_each, "weights", _("Give one share for each gateway, or none at all."))
    is_small = all(0 <= weight <= HEAVIEST for weight in data.weights)
    faults.unless(is_small, "weights", _("A share is a number from 0 to %(heaviest)s.") % {"heaviest": HEAVIEST})
    is_listed = route.strategy == Strategy.STATIC or not any(data.weights)
    faults.unless(is_listed, "weights", _("Only gateways that are tried as listed can share calls."))


def _check_hours(route: Route, faults: Faults) -> None:
    for field, value in (("begins", route.begins), ("ends", route.ends)):
        faults.unless(not value or bool(CLOCK.fullmatch(value)), field, _("Give a time such as 18:00."))
    faults.unless(bool(route.begins) == bool(route.ends), "ends", _("Give both times, or none."))
    faults.timezone(route.timezone)
    is_limited = bool(route.begins or route.weekdays)
    faults.unless(not (route.is_emergency and is_limited), "begins", _("Emergency routes hold at any time."))


def _check_route(route: Route, gateway_ids: Sequence[int], faults: Faults) -> None:
    is_prefix = not route.prefix or (route.prefix.isascii() and route.prefix.isdigit() and route.prefix[0] != "0")
    faults.unless(is_prefix, "prefix", _("A prefix is digits, country code first; empty is every number."))
    faults.unless(
        len(route.prefix) <= LONGEST_PREFIX,
        "prefix",
        _("A prefix has at most %(longest_prefix)s digits.") % {"longest_prefix": LONGEST_PREFIX},
    )
    blocks = route.strategy == Strategy.BLOCK
    faults.unless(not (blocks and gateway_ids), "gateway_ids", _("A blocking route has no gateways."))
    faults.unless(blocks or bool(gateway_ids), "gateway_ids", _("Choose at least one gateway."))
    faults.unless(len(set(gateway_ids)) == len(gateway_ids), "gateway_ids", _("A gateway is in the list twice."))
    faults.unless(
        len(gateway_ids) <= MAX_GATEWAYS, "gateway_ids", _("Choose at most %(most)s gateways.") % {"most": MAX_GATEWAYS}
    )
    faults.unless(route.priority <= 10_000, "priority", _("A priority is a number from 0 to 10,000; low comes first."))
    if route.is_emergency:
        faults.country(route.country)
        faults.unless(not route.prefix, "prefix", _("An emergency route serves all emergency numbers of its country."))
        faults.unless(not blocks, "strategy", _("Emergency calls are never blocked."))
    else:
        faults.unless(not route.country, "country", _("Only emergency routes have a country."))
    faults.stop()


def _set_gateways(route: Route, gateways: Sequence[Gateway], weights: Sequence[int]) -> None:
    shares = [int(weight) for weight in weights] or [0] * len(gateways)
    wanted = [(gateway.pk, share) for gateway, share in zip(gateways, shares, strict=True)]
    if wanted == list(route.gateways.order_by("position").values_list("gateway_id", "weight")):
        return
    route.gateways.all().delete()
    RouteGateway.objects.bulk_create(
        RouteGateway(partner_id=route.partner_id, route=route, gateway_id=key, position=position, weight=weight)
        for position, (key, weight) in enumerate(wanted)
    )
