"""The panels Gateways and Routing."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby

from django.utils.translation import gettext_lazy as _

from carillon.base.actor import Actor
from carillon.business.pricing.ratelines import ALL_NUMBERS
from carillon.business.routing import actions, queries
from carillon.business.routing.choices import Codec, GatewayMode, Presence, Strategy, Weekday
from carillon.business.routing.models import Gateway, Route
from carillon.faces.portal.gateways import DAY, HOUR, figure, gateway_page, known, latest_calls
from carillon.panels.declaration import Column, Detail, Extra, Field, Filter, Link, Panel, RowAction

USUAL_PORT = 5060


def gateway_choices(actor: Actor) -> list[tuple[int, str]]:
    """The gateways the actor sees, by name; those of sub-partners with the partner's name."""
    rows = queries.gateways_of(actor).order_by("name", "id")
    own = actor.partner_id
    return [(row.pk, row.name if row.partner_id == own else f"{row.name} ({row.partner})") for row in rows]


def gateway_ids(route: Route) -> list[int]:
    """The route's gateways in order; the rows come with them."""
    return [line.gateway_id for line in route.gateways.all()]


def weights(route: Route) -> list[int]:
    """The shares of the route's gateways in order; empty when none has one."""
    found = [line.weight for line in route.gateways.all()]
    return found if any(found) else []


def gateway_names(route: Route) -> str:
    """The names of the route's gateways in order, those that share calls with their share of the weights."""
    lines = list(route.gateways.all())
    names = []
    for _weight, neighbours in groupby(lines, key=lambda line: line.weight > 0):
        sharing = list(neighbours)
        whole = sum(line.weight for line in sharing)
        names += [_with_share(line.gateway.name, line.weight, whole if len(sharing) > 1 else 0) for line in sharing]
    return ", ".join(names)


def _with_share(name: str, weight: int, whole: int) -> str:
    return f"{name} {100 * weight / whole:.0f} %" if whole else name


def hours(route: Route) -> str:
    """When the route holds; empty: always."""
    days = [str(Weekday(day).label)[:3] for day in route.weekdays]
    clock = f"{route.begins}–{route.ends}" if route.begins else ""
    return " ".join((*days, clock, route.timezone)) if days or clock else ""


def route_values(route: Route) -> Mapping[str, object]:
    """What the form of a route starts with."""
    names = ("name", "prefix", "strategy", "priority", "is_stopper", "allows_loss", "is_emergency", "country")
    when = ("weekdays", "begins", "ends", "timezone")
    values = {name: getattr(route, name) for name in (*names, *when, "web_product_id", "customer_id", "partner_id")}
    return values | {"gateway_ids": tuple(gateway_ids(route)), "weights": tuple(weights(route))}


def source_of(route: Route) -> str:
    """Which calls the route is for; empty: all."""
    if route.is_emergency:
        return str(_("Emergency, %(country)s")) % {"country": route.country}
    return str(route.customer or route.web_product or "")


def prefix(route: Route) -> str:
    """The prefix as rates show it."""
    return route.prefix or ALL_NUMBERS


def address(gateway: Gateway) -> str:
    """Host and port, the usual port left out."""
    host = f"[{gateway.host}]" if ":" in gateway.host else gateway.host
    return host if gateway.port == USUAL_PORT else f"{host}:{gateway.port}"


GATEWAY_FIELDS = (
    Field("name", _("Name"), max_length=100),
    Field("host", _("Host"), max_length=253, placeholder="sip.carrier.example"),
    Field("port", _("Port"), minimum=1, maximum=65535),
    Field("transport", _("Transport")),
    Field("cost_list_id", _("Cost list"), lookup="costs", help=_("What this carrier charges.")),
    Field(
        "received_list_id",
        _("Cost list for received calls"),
        lookup="costs",
        help=_("What it charges for calls that it brings, by the number that is called: toll-free numbers, mostly."),
    ),
    Field(
        "source_addresses",
        _("Calls come in from"),
        kind="commas",
        wide=True,
        help=_(
            "Addresses or blocks, with commas between them: 192.0.2.7, 192.0.2.7:5060, 192.0.2.0/24. Leave empty when "
            "no calls come in."
        ),
    ),
    Field("mode", _("How it knows us"), section=_("Sign-in")),
    Field("auth_username", _("User name"), max_length=64, section=_("Sign-in")),
    Field(
        "auth_password",
        _("Password"),
        kind="password",
        max_length=128,
        section=_("Sign-in"),
        help=_("Leave empty to keep the present one."),
    ),
    Field("auth_realm", _("Realm"), max_length=253, section=_("Sign-in"), help=_("Needed when it is not the host.")),
    Field("number_format", _("Number format"), section=_("Numbers")),
    Field("country", _("Country"), max_length=2, section=_("Numbers"), placeholder="GB"),
    Field("strip", _("Take off digits"), minimum=0, maximum=15, section=_("Numbers")),
    Field("prepend", _("Put before"), max_length=16, section=_("Numbers")),
    Field(
        "codecs",
        _("Codecs"),
        choices=Codec.choices,
        section=_("Numbers"),
        wide=True,
        help=_("What it may be offered. Choose none to offer whatever the phone can."),
    ),
    Field("caller_header", _("Number asserted in"), section=_("Caller")),
    Field("caller_format", _("Number format"), section=_("Caller"), help=_("Leave empty for that of called numbers.")),
    Field("from_user", _("From names"), section=_("Caller")),
    Field("from_domain", _("From domain"), max_length=253, section=_("Caller"), help=_("Leave empty for our address.")),
    Field("sends_name", _("Send the caller's name"), section=_("Caller")),
    Field("sends_diversion", _("Tell who forwarded"), section=_("Caller"), help=_("Diversion and History-Info.")),
    Field(
        "shows_foreign_caller",
        _("Show the first caller of forwarded calls"),
        section=_("Caller"),
        help=_(
            "Only if this carrier accepts numbers that are not yours. Otherwise the forwarding user's own is shown."
        ),
    ),
    Field(
        "is_trusted",
        _("Trusted with withheld numbers"),
        section=_("Caller"),
        help=_("It gets them marked as private (RFC 3325), as the law often asks; otherwise the call is anonymous."),
    ),
    Field(
        "max_channels",
        _("Calls at a time"),
        minimum=1,
        maximum=actions.MOST_CHANNELS,
        section=_("Limits"),
        help=_("Calls that we send. When it is full the next gateway is tried. Leave empty for no limit."),
    ),
    Field(
        "calls_per_s",
        _("Calls a second"),
        minimum=1,
        maximum=actions.MOST_CALLS_PER_S,
        section=_("Limits"),
        help=_("That we begin there. Leave empty for no limit. Emergency calls pass all limits."),
    ),
    Field(
        "is_probed",
        _("Ask whether it is there"),
        section=_("Health"),
        help=_("By SIP OPTIONS. After three silences, also of calls, it is tried last until it answers anything."),
    ),
    Field(
        "probe_interval_s",
        _("Ask every (s)"),
        minimum=actions.SHORTEST_INTERVAL_S,
        maximum=actions.LONGEST_INTERVAL_S,
        section=_("Health"),
    ),
    Field("ring_timeout_s", _("Rings at most (s)"), minimum=5, maximum=300, section=_("Failover")),
    Field("reply_timeout_ms", _("Silent at most (ms)"), minimum=200, maximum=30_000, section=_("Failover")),
    Field("is_demo", _("Demo carrier"), only="create", section=_("Failover")),
    Field("partner_id", _("Partner"), lookup="partners", only="create", help=_("Leave empty for your own company.")),
)

ROUTE_FIELDS = (
    Field("name", _("Name"), max_length=100),
    Field("prefix", _("Prefix"), max_length=15, help=_("Digits, country code first. Leave empty for every number.")),
    Field("strategy", _("Strategy")),
    Field(
        "gateway_ids",
        _("Gateways"),
        kind="ordered",
        choices=gateway_choices,
        help=_("In the order they are tried; least cost and best quality sort them anew for each call."),
    ),
    Field(
        "weights",
        _("Shares"),
        kind="commas",
        placeholder="70, 30",
        help=_(
            "One number for each gateway, to send each its share of the calls; 0 for one that waits its turn. Leave "
            "empty to try them as listed."
        ),
    ),
    Field("priority", _("Priority"), minimum=0, maximum=10_000, help=_("Low comes first.")),
    Field("is_stopper", _("Stopper"), help=_("No later route is tried.")),
    Field(
        "allows_loss",
        _("Allow losses"),
        help=_("Also use carriers that cost more than the call brings in. Otherwise they are left out."),
    ),
    Field(
        "weekdays",
        _("Days"),
        choices=Weekday.choices,
        section=_("Only at these times"),
        wide=True,
        help=_("Choose none for every day. Hours that go on over midnight belong to the day on which they begin."),
    ),
    Field("begins", _("From"), max_length=5, placeholder="18:00", section=_("Only at these times")),
    Field("ends", _("To"), max_length=5, placeholder="08:00", section=_("Only at these times")),
    Field("timezone", _("Time zone"), max_length=64, placeholder="Europe/London", section=_("Only at these times")),
    Field("web_product_id", _("Web product"), lookup="web-products", section=_("Only for calls of")),
    Field("customer_id", _("Customer"), lookup="customers", section=_("Only for calls of")),
    Field("is_emergency", _("Emergency calls"), section=_("Emergency"), help=_("For nothing but emergency numbers.")),
    Field("country", _("Country"), max_length=2, section=_("Emergency"), placeholder="GB"),
    Field("partner_id", _("Partner"), lookup="partners", only="create", help=_("Leave empty for your own company.")),
)

GATEWAYS = Panel(
    slug="gateways",
    title=_("Gateways"),
    name=_("gateway"),
    section="settings",
    icon="server",
    model=Gateway,
    rows=queries.gateways_of,
    columns=(
        Column("name", _("Name"), width=125, grow=2),
        Column("host", _("Host"), kind="code", value=address, width=125, in_api=False),
        Column("health", _("Health"), kind="status", value=queries.presence_of, choices=Presence.choices, width=80),
        Column("round_trip_ms", _("Reply (ms)"), kind="integer", value=known("round_trip_ms"), width=78),
        Column("calls_day", _("Calls"), kind="integer", value=figure("calls", DAY), width=60),
        Column("asr_day", _("ASR %"), kind="decimal", value=figure("asr", DAY), width=60),
        Column("acd_day", _("ACD"), kind="duration", value=figure("acd_ms", DAY), width=55),
        Column("pdd_day_ms", _("PDD (ms)"), kind="integer", value=figure("pdd_ms", DAY), width=75),
        Column("cost_list", _("Cost list"), value="cost_list.name", width=95),
        Column("is_enabled", _("Enabled"), kind="bool", width=75),
        Column("partner", _("Partner"), value="partner.name", width=100),
    ),
    api=(
        Column("mode", _("Sign-in"), kind="choice", width=100),
        Column("source_addresses", _("Calls in from"), kind="list", width=130),
        Column("health_since", _("Health since"), kind="datetime", value=known("since")),
        Column("replied_at", _("Last reply"), kind="datetime", value=known("replied_at")),
        Column("reply_code", _("Last reply's code"), kind="integer", value=known("sip_code")),
        Column("is_probed", _("Asked whether it is there"), kind="bool"),
        Column("probe_interval_s", _("Asked every (s)"), kind="integer"),
        Column("calls_hour", _("Calls 1 h"), kind="integer", value=figure("calls", HOUR)),
        Column("asr_hour", _("ASR 1 h %"), kind="decimal", value=figure("asr", HOUR)),
        Column("acd_hour", _("ACD 1 h"), kind="duration", value=figure("acd_ms", HOUR)),
        Column("pdd_hour_ms", _("PDD 1 h (ms)"), kind="integer", value=figure("pdd_ms", HOUR)),
        Column("host", _("Host")),
        Column("port", _("Port"), kind="integer"),
        Column("transport", _("Transport")),
        Column("is_demo", _("Demo"), kind="bool"),
        Column("country", _("Country")),
        Column("auth_username", _("User name")),
        Column("auth_realm", _("Realm")),
        Column("number_format", _("Number format")),
        Column("strip", _("Take off digits"), kind="integer"),
        Column("prepend", _("Put before")),
        Column("ring_timeout_s", _("Rings at most"), kind="integer"),
        Column("reply_timeout_ms", _("Silent at most"), kind="integer"),
        Column("caller_header", _("Number asserted in")),
        Column("caller_format", _("Caller's number format")),
        Column("from_user", _("From names")),
        Column("from_domain", _("From domain")),
        Column("sends_name", _("Sends the caller's name"), kind="bool"),
        Column("is_trusted", _("Trusted with withheld numbers"), kind="bool"),
        Column("sends_diversion", _("Tells who forwarded"), kind="bool"),
        Column("shows_foreign_caller", _("Shows the first caller"), kind="bool"),
        Column("codecs", _("Codecs"), kind="list"),
        Column("max_channels", _("Calls at a time"), kind="integer"),
        Column("calls_per_s", _("Calls a second"), kind="integer"),
        Column("cost_list_id", _("Cost list"), kind="integer"),
        Column("received_list_id", _("Cost list for received calls"), kind="integer"),
        Column("partner_id", _("Partner"), kind="integer"),
        Column("created_at", _("Created"), kind="datetime"),
    ),
    filters=(
        Filter("name", _("Name"), lookup="istartswith"),
        Filter("host", _("Host"), lookup="startswith"),
        Filter("mode", _("Sign-in"), choices=GatewayMode.choices),
        Filter("health", _("Health"), choices=Presence.choices, apply=queries.with_presence),
        Filter("is_enabled", _("Enabled"), kind="bool"),
        Filter("partner_id", _("Partner"), kind="integer"),
    ),
    order=("name", "-id"),
    data=actions.GatewayData,
    fields=GATEWAY_FIELDS,
    create=actions.create_gateway,
    update=actions.update_gateway,
    remove=actions.remove_gateway,
    actions=(
        RowAction(
            "enable",
            _("Enable"),
            actions.enable_gateway,
            icon="player-play",
            applies=lambda gateway: not gateway.is_enabled,
        ),
        RowAction(
            "disable",
            _("Disable"),
            actions.disable_gateway,
            icon="player-pause",
            confirm=_("No call goes to this carrier, and its calls are refused."),
            danger=True,
            applies=lambda gateway: gateway.is_enabled,
        ),
    ),
    links=(
        Link(_("Routes through it"), "routes", {"gateway_id": "id"}),
        Link(_("Calls over it"), "cdrs", {"gateway_id": "id"}),
    ),
    detail=Detail("portal/routing/gateway.html", gateway_page, _("Health and calls")),
    extras=(Extra("quarters", latest_calls, _("Health and calls, by quarters of an hour"), many=True),),
    help=_(
        "Carriers' hosts. Calls go out to host and port, and come in from the addresses listed. A carrier either "
        "knows our address, or we register with user name and password. The cost list says what it charges. Each is "
        "asked every half minute whether it is there; one that is away is tried last. Calls, ASR, ACD and PDD are of "
        "all calls that were tried there in 24 hours, also of those that went on to the next gateway."
    ),
    empty=_("Add the carrier that takes your calls to the telephone network."),
)

ROUTES = Panel(
    slug="routes",
    title=_("Routing"),
    name=_("route"),
    section="settings",
    icon="route",
    model=Route,
    rows=queries.routes_of,
    columns=(
        Column("prefix", _("Prefix"), kind="code", value=prefix, width=85, in_api=False),
        Column("name", _("Name"), width=165, grow=2),
        Column("strategy", _("Strategy"), kind="choice", width=110),
        Column("gateways", _("Gateways"), value=gateway_names, width=165, grow=2, in_api=False),
        Column("source", _("For"), value=source_of, width=100, in_api=False),
        Column("hours", _("Holds"), value=hours, width=100, in_api=False),
        Column("priority", _("Priority"), kind="integer", width=75),
        Column("is_enabled", _("Enabled"), kind="bool", width=80),
    ),
    api=(
        Column("prefix", _("Prefix")),
        Column("is_stopper", _("Stopper"), kind="bool"),
        Column("allows_loss", _("Allows losses"), kind="bool"),
        Column("is_emergency", _("Emergency"), kind="bool"),
        Column("country", _("Country")),
        Column("gateway_ids", _("Gateways"), kind="list", value=gateway_ids),
        Column("weights", _("Shares"), kind="list", value=weights),
        Column("weekdays", _("Days"), kind="list"),
        Column("begins", _("From")),
        Column("ends", _("To")),
        Column("timezone", _("Time zone")),
        Column("web_product_id", _("Web product"), kind="integer"),
        Column("customer_id", _("Customer"), kind="integer"),
        Column("partner_id", _("Partner"), kind="integer"),
        Column("created_at", _("Created"), kind="datetime"),
    ),
    filters=(
        Filter("prefix", _("Prefix"), lookup="startswith"),
        Filter("name", _("Name"), lookup="istartswith"),
        Filter("strategy", _("Strategy"), choices=Strategy.choices),
        Filter("is_emergency", _("Emergency"), kind="bool"),
        Filter("is_enabled", _("Enabled"), kind="bool"),
        Filter("gateway_id", _("Gateway"), kind="integer", field="gateways__gateway_id"),
        Filter("partner_id", _("Partner"), kind="integer"),
    ),
    order=("prefix", "-id"),
    customer_field="customer_id",
    data=actions.RouteData,
    fields=ROUTE_FIELDS,
    initial=route_values,
    create=actions.create_route,
    update=actions.update_route,
    remove=actions.remove_route,
    actions=(
        RowAction(
            "enable", _("Enable"), actions.enable_route, icon="player-play", applies=lambda route: not route.is_enabled
        ),
        RowAction(
            "disable",
            _("Disable"),
            actions.disable_route,
            icon="player-pause",
            confirm=_("Calls pass this route over."),
            applies=lambda route: route.is_enabled,
        ),
    ),
    help=_(
        "Which carriers a call is offered to. Among the routes that fit a call the longest prefix wins; equal ones "
        "are tried by priority. Least cost asks the cheapest gateway first; best quality the one whose calls of the "
        "last four hours were answered most, then soonest, then talked longest (from 20 calls on, else the cheapest); "
        "shares spread calls over gateways; block refuses the call. Emergency calls use emergency routes of the "
        "caller's country only, and are never blocked."
    ),
    empty=_("Add a route with an empty prefix to send every call to your carrier."),
)

PANELS = (GATEWAYS, ROUTES)
