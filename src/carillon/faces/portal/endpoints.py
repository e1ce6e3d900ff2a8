"""The panels SIP Endpoints and SIP Locations."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from carillon.base.actor import Actor
from carillon.base.choices import Transport
from carillon.business.endpoints import actions, queries
from carillon.business.endpoints.choices import BanReason
from carillon.business.endpoints.models import Ban, Endpoint, Location
from carillon.panels.declaration import Column, Field, Filter, Link, Panel, RowAction, Tab
from carillon.usecases.drop_location import drop_location
from carillon.usecases.lift_ban import is_standing, lift_ban


@dataclass(frozen=True, slots=True)
class SipAccount:
    """What a person types into a device."""

    username: str
    domain: str
    secret: str


@functools.wraps(actions.reveal_secret)
def show_secret(actor: Actor, endpoint: Endpoint) -> SipAccount:
    """Return the account with its secret in clear; history says who looked."""
    return SipAccount(
        endpoint.username, queries.domain_of(endpoint.web_product_id), actions.reveal_secret(actor, endpoint)
    )


@functools.wraps(actions.regenerate_secret)
def new_secret(actor: Actor, endpoint: Endpoint) -> None:
    """Replace the secret; it is shown on demand only."""
    actions.regenerate_secret(actor, endpoint)


def address_of_record(endpoint: Endpoint) -> str:
    """`username@domain`."""
    return f"{endpoint.username}@{getattr(endpoint, 'domain', '')}"


def device(location: Location) -> str:
    """What the device calls itself; the edge writes "n/a" when it does not say."""
    return "" if location.user_agent == "n/a" else location.user_agent


STANDING = Q(until__gt=Now(), lifted_at__isnull=True)

ROW_ACTIONS = (
    RowAction(
        "reveal",
        _("Show secret"),
        show_secret,
        icon="eye",
        confirm=_("The history will tell that you looked."),
        result=lambda account: {
            "username": account.username,
            "domain": account.domain,
            "secret": account.secret,
        },
        is_secret=True,
    ),
    RowAction(
        "regenerate",
        _("New secret"),
        new_secret,
        icon="key",
        confirm=_("The device cannot register or call until it has the new secret."),
        danger=True,
    ),
    RowAction(
        "enable",
        _("Enable"),
        actions.enable_endpoint,
        icon="player-play",
        applies=lambda endpoint: not endpoint.is_enabled,
    ),
    RowAction(
        "disable",
        _("Disable"),
        actions.disable_endpoint,
        icon="player-pause",
        confirm=_("The device can neither register nor call."),
        danger=True,
        applies=lambda endpoint: endpoint.is_enabled,
    ),
)

PANELS = (
    Panel(
        slug="sip-endpoints",
        title=_("SIP Endpoints"),
        name=_("SIP endpoint"),
        section="main",
        icon="device-landline-phone",
        audiences=frozenset({"operator", "partner", "customer"}),
        model=Endpoint,
        rows=queries.endpoints_of,
        columns=(
            Column("username", _("Username"), kind="code", width=120),
            Column("domain", _("SIP domain"), width=130),
            Column("label", _("Label"), width=90),
            Column("customer", _("Customer"), value="customer.name", width=125, grow=2),
            Column("user", _("User"), value="user.name", width=100),
            Column("caller_id", _("Caller ID"), kind="code", value="caller_id.e164", width=130),
            Column("is_enabled", _("Enabled"), kind="bool", width=80),
            Column("offline_since", _("Offline since"), kind="datetime", width=135),
        ),
        api=(
            Column("address_of_record", _("Address of record"), value=address_of_record),
            Column("transport", _("Transport")),
            Column("source_addresses", _("Calls without a password from"), kind="list"),
            Column("fixed_address", _("Calls go to")),
            Column("customer_id", _("Customer"), kind="integer"),
            Column("user_id", _("User"), kind="integer"),
            Column("caller_id_id", _("Caller ID"), kind="integer"),
            Column("offline_alert_minutes", _("Tell when offline (minutes)"), kind="integer"),
            Column("web_product_id", _("Web product"), kind="integer"),
            Column("partner_id", _("Partner"), kind="integer"),
            Column("created_at", _("Created"), kind="datetime"),
        ),
        filters=(
            Filter("username", _("Username"), lookup="startswith"),
            Filter("label", _("Label"), lookup="istartswith"),
            Filter("transport", _("Transport"), choices=Transport.choices),
            Filter("is_enabled", _("Enabled"), kind="bool"),
            Filter("user_id", _("User"), kind="integer"),
            Filter("web_product_id", _("Web product"), kind="integer"),
            Filter("partner_id", _("Partner"), kind="integer"),
        ),
        order=("username", "-id"),
        customer_field="customer_id",
        search="username",
        searched="endpoints",
        data=actions.EndpointData,
        fields=(
            Field("customer_id", _("Customer"), lookup="customers", only="create"),
            Field("username", _("Username"), only="create", max_length=64, help=_("Leave empty to have one made.")),
            Field("user_id", _("User"), lookup="users", help=_("Whose device it is.")),
            Field("label", _("Label"), max_length=100, placeholder=_("Desk phone, second floor")),
            Field(
                "caller_id_id",
                _("Caller ID"),
                lookup="numbers",
                help=_("One of the customer's numbers. Leave empty for the user's own, else the customer's."),
            ),
            Field("transport", _("Transport"), help=_("What the device should be set to.")),
            Field(
                "withholds_caller",
                _("Withholds its number"),
                help=_("Called parties see no number, emergency services do. *82 shows it for one call."),
            ),
            Field(
                "offline_alert_minutes",
                _("Tell when offline (minutes)"),
                minimum=1,
                maximum=actions.LONGEST_OFFLINE_MINUTES,
                help=_("So long it may be unregistered. Then its partner gets an alert, and another when it is back."),
            ),
            Field(
                "source_addresses",
                _("Calls without a password from"),
                kind="commas",
                wide=True,
                help=_(
                    "For a telephone system with addresses of its own: 192.0.2.7, 192.0.2.7:5060 or 192.0.2.0/28, with "
                    "commas between them. Whatever calls from there is charged to this account."
                ),
            ),
            Field(
                "fixed_address",
                _("Calls go to"),
                max_length=47,
                placeholder="192.0.2.7:5060",
                help=_(
                    "For a telephone system with an address of its own: 192.0.2.7 or 192.0.2.7:5060. Calls to this "
                    "account go there over its transport, registered or not, with the number that was called."
                ),
            ),
        ),
        together=("transport",),
        create=actions.create_endpoint,
        update=actions.update_endpoint,
        remove=actions.remove_endpoint,
        actions=ROW_ACTIONS,
        links=(Link(_("Registrations"), "sip-locations", {"endpoint_id": "id"}),),
        help=_(
            "A SIP account for one device. The device registers as username@domain with the secret, which was made "
            "at random, is stored encrypted and shown on demand: history tells to whom."
        ),
        empty=_("Add a SIP endpoint to give a customer's device an account."),
    ),
    Panel(
        slug="sip-locations",
        title=_("SIP Locations"),
        name=_("SIP location"),
        section="main",
        icon="map-pin",
        audiences=frozenset({"operator", "partner", "customer"}),
        model=Location,
        rows=queries.locations_of,
        columns=(
            Column("address_of_record", _("Registered"), kind="code", width=180),
            Column("contact", _("Contact"), kind="code", width=200, grow=2),
            Column("transport", _("Transport"), kind="choice", choices=Transport.choices, width=85),
            Column("user_agent", _("Device"), value=device, width=165),
            Column("expires_at", _("Until"), kind="datetime", width=155),
        ),
        api=(
            Column("customer", _("Customer"), value="customer.name"),
            Column("received", _("Seen from")),
            Column("registered_at", _("Since"), kind="datetime"),
            Column("customer_id", _("Customer"), kind="integer"),
            Column("endpoint_id", _("SIP endpoint"), kind="integer"),
            Column("partner_id", _("Partner"), kind="integer"),
        ),
        filters=(
            Filter("address_of_record", _("Registered"), lookup="startswith"),
            Filter("transport", _("Transport")),
            Filter("endpoint_id", _("SIP endpoint"), kind="integer"),
            Filter("partner_id", _("Partner"), kind="integer"),
        ),
        order=("-id",),
        customer_field="customer_id",
        search="address_of_record",
        refresh_s=3,
        has_history=False,
        actions=(
            RowAction(
                "drop",
                _("Drop"),
                drop_location,
                icon="x",
                confirm=_("The device gets no calls until it registers again, which most do by themselves in time."),
                danger=True,
                done=_("The registration is dropped."),
            ),
        ),
        links=(Link(_("SIP endpoint"), "sip-endpoints", {"username": "endpoint.username"}),),
        help=_("Devices that are registered now: where they are, what they are and how long it lasts."),
        empty=_("No device is registered."),
    ),
    Panel(
        slug="bans",
        title=_("Bans"),
        name=_("ban"),
        section="main",
        icon="shield-lock",
        model=Ban,
        rows=queries.bans_of,
        columns=(
            Column("source", _("Address"), kind="code", width=150),
            Column("account", _("Account"), kind="code", width=180, grow=2),
            Column("reason", _("Why"), kind="choice", choices=BanReason.choices, width=150),
            Column("since", _("Since"), kind="datetime", width=150),
            Column("until", _("Until"), kind="datetime", width=150),
            Column("hits", _("Turned away"), kind="integer", width=100),
        ),
        api=(
            Column("lifted_at", _("Lifted"), kind="datetime"),
            Column("partner_id", _("Partner"), kind="integer"),
        ),
        filters=(
            Filter("source", _("Address"), lookup="startswith"),
            Filter("account", _("Account"), lookup="startswith"),
            Filter("reason", _("Why"), choices=BanReason.choices),
            Filter("partner_id", _("Partner"), kind="integer"),
        ),
        tabs=(
            Tab("standing", _("In force"), STANDING),
            Tab("over", _("Over"), ~STANDING),
        ),
        order=("-id",),
        search="source",
        refresh_s=5,
        actions=(
            RowAction(
                "lift",
                _("Lift"),
                lift_ban,
                icon="check",
                confirm=_("The edge hears this address again at once, and forgets what it has seen of it."),
                applies=is_standing,
            ),
        ),
        help=_(
            "Addresses, or single accounts at an address, that are not heard for a while because they guess passwords,"
            " scan or flood. An account that has registered from an address is heard there all the same. To shut an"
            " address out for good, put it on a blacklist."
        ),
        empty=_("Nobody is banned."),
    ),
)
