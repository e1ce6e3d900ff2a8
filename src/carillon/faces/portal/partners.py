"""Panels of the partner tree: partners, staff and roles, API tokens."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from carillon.base.actor import Actor
from carillon.business.customers.models import Customer
from carillon.business.partners import actions, blacklists, ownroles, queries, signins
from carillon.business.partners.choices import NEXT_STATUSES, BlacklistKind, Feature, Role, Status
from carillon.business.partners.models import ApiToken, BlacklistEntry, Membership, OwnRole, Partner, SignIn
from carillon.business.partners.statuses import StatusData
from carillon.business.partners.terms import TermsData, set_partner_terms
from carillon.faces.portal.catalogue import permission_choices
from carillon.logic.devices import device_of
from carillon.panels.declaration import Column, Field, Filter, Link, Panel, RowAction, Tab, Text
from carillon.usecases.move_partner import MoveData, move_partner
from carillon.usecases.open_partner import open_partner

STATUS_FIELDS = (
    Field("status", _("New status")),
    Field("reason", _("Reason"), kind="textarea", help=_("Kept in history and shown beside the status.")),
)


LIMIT_TITLES: Mapping[str, Text] = {
    "max_partners": _("Partners at most"),
    "max_web_products": _("Web products at most"),
    "max_customers": _("Customers at most"),
    "max_users": _("Users at most"),
    "max_endpoints": _("SIP endpoints at most"),
}
TERMS_FIELDS = (
    Field("features", _("May have"), choices=tuple(Feature.choices), wide=True),
    *(Field(name, title, minimum=0, section=_("Limits, empty for none")) for name, title in LIMIT_TITLES.items()),
    Field("reason", _("Reason"), kind="textarea"),
)


def _terms_values(row: Partner) -> Mapping[str, Any]:
    features = [feature.value for feature in Feature if feature.value not in row.withheld]
    return {"features": features} | {name: getattr(row, name) for name in LIMIT_TITLES}


def _staff_values(row: Membership) -> Mapping[str, Any]:
    return {
        "email": row.login.email,
        "name": row.login.name,
        "role": Role(row.role),
        "own_role_id": row.own_role_id,
        "partner_id": row.partner_id,
        "password": "",
        "culture": row.login.culture,
        "timezone": row.login.timezone,
        "is_active": row.login.is_active,
    }


def _role_name(row: Membership) -> str:
    return row.own_role.name if row.own_role else str(Role(row.role).label)


def _locked_until(row: Membership) -> datetime | None:
    until = row.login.locked_until
    return until if until is not None and until > timezone.now() else None


def _partner_values(row: Partner) -> Mapping[str, Any]:
    columns = ("name", "country", "currency", "parent_id", "timezone", "culture", "trace_days", "second_factor")
    return {name: getattr(row, name) for name in columns} | {"portal_hostname": row.portal_hostname or ""}


PARTNERS = Panel(
    slug="partners",
    title=_("Partners"),
    name=_("partner"),
    section="main",
    icon="building-skyscraper",
    model=Partner,
    rows=queries.partners_of,
    columns=(
        Column("name", _("Name"), width=180, grow=2),
        Column("parent", _("Buys from"), value="parent.name", width=160),
        Column("status", _("Status"), kind="status", width=100),
        Column("country", _("Country"), width=80),
        Column("currency", _("Currency"), width=80),
        Column("portal_hostname", _("Portal hostname"), kind="code", width=180),
        Column("status_reason", _("Reason"), width=160),
        Column("created_at", _("Since"), kind="datetime", width=140),
    ),
    api=(
        Column("parent_id", _("Parent"), kind="integer"),
        Column("timezone", _("Time zone")),
        Column("culture", _("Culture")),
        Column("trace_days", _("SIP messages kept, days"), kind="integer"),
        Column("withheld", _("Not granted"), kind="list"),
        *(Column(name, title, kind="integer") for name, title in LIMIT_TITLES.items()),
        Column("second_factor", _("Second factor")),
    ),
    filters=(
        Filter("name", _("Name"), lookup="istartswith"),
        Filter("status", _("Status"), choices=Status.choices),
        Filter("country", _("Country")),
        Filter("parent_id", _("Parent"), kind="integer"),
    ),
    order=("name", "-id"),
    data=actions.PartnerData,
    fields=(
        Field("name", _("Name"), max_length=100),
        Field(
            "parent_id", _("Buys from"), lookup="partners", only="create", help=_("Leave empty for your own company.")
        ),
        Field("country", _("Country"), max_length=2, placeholder="GB", help=_("Two letters.")),
        Field("currency", _("Currency"), max_length=3, placeholder="EUR", only="create"),
        Field("timezone", _("Time zone"), max_length=64, placeholder="Europe/London"),
        Field("culture", _("Language"), max_length=12, placeholder="en"),
        Field(
            "portal_hostname",
            _("Portal hostname"),
            kind="code",
            max_length=253,
            help=_("Where this partner's staff sign in under its own name. Leave empty to have them sign in at yours."),
        ),
        Field("second_factor", _("Second factor"), help=_("What this partner's staff needs beside the password.")),
        Field(
            "trace_days",
            _("SIP messages kept, days"),
            minimum=1,
            maximum=actions.MOST_TRACE_DAYS,
            help=_("Leave empty to keep them as long as whoever this partner buys from; 30 days when nobody says."),
        ),
    ),
    initial=_partner_values,
    create=open_partner,
    update=actions.update_partner,
    actions=(
        RowAction(
            "status",
            _("Change status"),
            actions.set_partner_status,
            data=StatusData,
            fields=STATUS_FIELDS,
            icon="ban",
            danger=True,
            confirm=_("Calls of this partner and of everybody below it follow the status at once."),
            applies=lambda row: bool(NEXT_STATUSES[row.status]) and row.parent_id is not None,
        ),
        RowAction(
            "terms",
            _("Features and limits"),
            set_partner_terms,
            data=TermsData,
            fields=TERMS_FIELDS,
            icon="adjustments",
            confirm=_("What is there already stays. Limits count the partner with everything below it."),
            applies=lambda row: row.parent_id is not None,
            initial=_terms_values,
            done=_("The terms hold from now on."),
        ),
        RowAction(
            "move",
            _("Move"),
            move_partner,
            data=MoveData,
            fields=(
                Field("parent_id", _("Buys from now on from"), lookup="partners"),
                Field("reason", _("Reason"), kind="textarea"),
            ),
            icon="git-branch",
            danger=True,
            confirm=_(
                "Everything below moves with it. Its wholesale prices end: calls are refused until the new seller has "
                "assigned a price list and there is money on the new account."
            ),
            applies=lambda row: row.parent_id is not None,
        ),
    ),
    links=(Link(_("Staff"), "staff", {"partner_id": "id"}),),
    help=_("Resellers that buy from you and sell to their own customers, each with everything below it."),
    empty=_("No partners yet. Add one when somebody wants to sell under their own brand."),
)

STAFF = Panel(
    slug="staff",
    title=_("Staff and roles"),
    name=_("member of staff"),
    section="settings",
    icon="id",
    model=Membership,
    rows=queries.staff_of,
    columns=(
        Column("email", _("E-mail"), width=200, grow=2),
        Column("name", _("Name"), value="login.name", width=150),
        Column("role_name", _("Role"), value=_role_name, width=140),
        Column("partner", _("Partner"), value="partner.name", width=160),
        Column("is_active", _("Can sign in"), value="login.is_active", kind="bool", width=90),
        Column("locked", _("Locked until"), value=_locked_until, kind="datetime", width=130),
        Column("last_login", _("Last sign-in"), value="login.last_login", kind="datetime", width=140),
    ),
    api=(
        Column("partner_id", _("Partner"), kind="integer"),
        Column("role", _("Role"), kind="choice"),
        Column("own_role_id", _("Own role"), kind="integer"),
    ),
    filters=(
        Filter("email", _("E-mail"), field="login__email", lookup="istartswith"),
        Filter("role", _("Role"), choices=Role.choices),
        Filter("own_role_id", _("Own role"), kind="integer"),
        Filter("partner_id", _("Partner"), kind="integer"),
    ),
    order=("-id",),
    data=actions.StaffData,
    fields=(
        Field("email", _("E-mail"), kind="email", only="create", max_length=254),
        Field("name", _("Name"), max_length=100),
        Field("role", _("Role"), help=_("A built-in role.")),
        Field("own_role_id", _("Own role"), lookup="roles", help=_("A role of yours instead, from the panel Roles.")),
        Field(
            "partner_id", _("Partner"), lookup="partners", only="create", help=_("Leave empty for your own company.")
        ),
        Field(
            "password",
            _("Password"),
            kind="password",
            max_length=128,
            help=_("Leave empty to keep the present one, or to let the person choose it by mail."),
        ),
        Field("is_active", _("Can sign in")),
        Field("timezone", _("Time zone"), max_length=64),
        Field("culture", _("Language"), max_length=12),
    ),
    initial=_staff_values,
    create=actions.create_staff,
    update=actions.update_staff,
    remove=actions.remove_staff,
    actions=(
        RowAction(
            "unlock",
            _("Unlock"),
            signins.unlock_staff,
            icon="lock",
            confirm=_("The next password is looked at again. Five wrong ones in a row lock for five minutes."),
            applies=lambda row: _locked_until(row) is not None,
        ),
        RowAction(
            "reset-second-factors",
            _("Remove second factors"),
            actions.reset_second_factors,
            data=actions.ReasonData,
            fields=(Field("reason", _("Reason"), kind="textarea", help=_("Kept in history.")),),
            icon="lock",
            danger=True,
            confirm=_(
                "For somebody who has lost phone and keys. The password alone signs them in until they set one up."
            ),
        ),
        RowAction(
            "create-token",
            _("Create my API token"),
            actions.create_own_token,
            data=actions.TokenData,
            fields=(
                Field("name", _("What it is for"), max_length=100),
                Field(
                    "scopes",
                    _("May do"),
                    kind="commas",
                    help=_("With commas between them, such as customers.*, *.view."),
                ),
                Field("expires_at", _("Ends"), help=_("Leave empty to let it hold until you revoke it.")),
            ),
            icon="api",
            result=lambda made: {"id": made[0].pk, "name": made[0].name, "token": made[1]},
            is_secret=True,
            done=_("Copy the token now: it is shown once."),
        ),
    ),
    search="login__email",
    help=_("Who works for you and what they may do. Roles: administrator, sales, billing, support, read only."),
)

ROLES = Panel(
    slug="roles",
    title=_("Roles"),
    section="settings",
    icon="shield-lock",
    model=OwnRole,
    rows=queries.roles_of,
    columns=(
        Column("name", _("Name"), width=180),
        Column("permissions", _("May do"), kind="list", width=380, grow=4),
        Column("second_factor", _("Second factor"), kind="choice", width=150),
        Column("people", _("People"), kind="integer", width=80),
        Column("partner", _("Partner"), value="partner.name", width=160),
        Column("created_at", _("Since"), kind="datetime", width=140),
    ),
    api=(Column("partner_id", _("Partner"), kind="integer"),),
    filters=(
        Filter("name", _("Name"), lookup="istartswith"),
        Filter("partner_id", _("Partner"), kind="integer"),
    ),
    order=("name", "-id"),
    data=ownroles.OwnRoleData,
    fields=(
        Field("name", _("Name"), max_length=60),
        Field(
            "partner_id", _("Partner"), lookup="partners", only="create", help=_("Leave empty for your own company.")
        ),
        Field("second_factor", _("Second factor"), help=_("What people of this role need beside the password.")),
        Field(
            "permissions",
            _("May do"),
            kind="matrix",
            choices=permission_choices,
            help=_("You can give what you may do yourself. A change holds at once for everybody who has the role."),
        ),
    ),
    create=ownroles.create_role,
    update=ownroles.update_role,
    remove=ownroles.remove_role,
    links=(Link(_("Staff"), "staff", {"own_role_id": "id"}),),
    help=_(
        "Your own roles, beside the built-in ones (administrator, sales, billing, support, read only). Give them to"
        " people under Staff and roles."
    ),
    empty=_("No roles of your own yet. The built-in ones are always there; add one that fits you better."),
)


def _sign_ins(actor: Actor) -> QuerySet[SignIn]:
    """Who is signed in, of customers' people with the customer and the web product on whose website they are."""
    own = Customer.objects.visible_to(actor).filter(pk=OuterRef("customer_id"))
    return queries.sign_ins_of(actor).annotate(
        customer_name=Subquery(own.values("name")[:1]), web_product_name=Subquery(own.values("web_product__name")[:1])
    )


SESSIONS = Panel(
    slug="sessions",
    title=_("Sessions"),
    name=_("session"),
    section="main",
    icon="device-desktop",
    model=SignIn,
    rows=_sign_ins,
    columns=(
        Column("email", _("E-mail"), value="login.email", width=200, grow=2),
        Column("customer", _("Customer"), value="customer_name", width=140),
        Column("web_product", _("Web product"), value="web_product_name", width=140),
        Column("device", _("Device"), value=lambda row: device_of(row.user_agent), width=150),
        Column("address", _("Address"), kind="code", width=140),
        Column("partner", _("Partner"), value="partner.name", width=150),
        Column("created_at", _("Since"), kind="datetime", width=140),
        Column("last_seen_at", _("Last seen"), kind="datetime", width=140),
    ),
    api=(
        Column("partner_id", _("Partner"), kind="integer"),
        Column("customer_id", _("Customer"), kind="integer"),
        Column("user_agent", _("Program")),
    ),
    filters=(
        Filter("email", _("E-mail"), field="login__email", lookup="istartswith"),
        Filter("address", _("Address"), lookup="istartswith"),
        Filter("partner_id", _("Partner"), kind="integer"),
    ),
    order=("-id",),
    tabs=(
        Tab("staff", _("Staff"), Q(customer_id=None)),
        Tab("customers", _("Customers' people"), Q(customer_id__isnull=False)),
    ),
    actions=(
        RowAction(
            "end",
            _("Sign out"),
            signins.end_session,
            icon="logout",
            danger=True,
            confirm=_("The next click in that browser asks to sign in."),
        ),
    ),
    customer_field="customer_id",
    search="login__email",
    has_history=False,
    help=_(
        "Who is signed in, where and since when, in the portal and on your web sites: visitors who have not signed in"
        " will show once the web sites are there. Your own sessions are in the menu at the top right. A changed"
        " password and a lesser role end a person's sessions by themselves."
    ),
    empty=_("Nobody is signed in."),
)

TOKENS = Panel(
    slug="tokens",
    title=_("API tokens"),
    name=_("API token"),
    section="settings",
    icon="api",
    model=ApiToken,
    rows=queries.tokens_of,
    columns=(
        Column("name", _("Name"), width=160, grow=2),
        Column("prefix", _("Begins with"), kind="code", width=120),
        Column("owner", _("Owner"), value="login.email", width=180),
        Column("scopes", _("May do"), kind="list", width=180),
        Column("expires_at", _("Ends"), kind="datetime", width=140),
        Column("revoked_at", _("Revoked"), kind="datetime", width=140),
        Column("last_used_at", _("Last used"), kind="datetime", width=140),
    ),
    filters=(Filter("name", _("Name"), lookup="istartswith"),),
    order=("-id",),
    actions=(
        RowAction(
            "revoke",
            _("Revoke"),
            actions.revoke_token,
            icon="ban",
            danger=True,
            confirm=_("Programs that use this token are refused from now on."),
            applies=lambda row: row.revoked_at is None,
        ),
    ),
    help=_("Bearer tokens for the API. Create one from your own row under Staff and roles."),
    empty=_("No tokens yet. Create one from your own row under Staff and roles."),
)

BLACKLISTS = Panel(
    slug="blacklists",
    title=_("Blacklists"),
    name=_("blacklist entry"),
    section="settings",
    icon="ban",
    model=BlacklistEntry,
    rows=queries.blacklist_of,
    columns=(
        Column("value", _("Blocked"), kind="code", width=170, grow=2),
        Column("kind", _("Kind"), kind="choice", width=130),
        Column("reason", _("Reason"), width=220, grow=2),
        Column("partner", _("For"), value="partner.name", width=150),
        Column("expires_at", _("Until"), kind="datetime", width=140),
        Column("created_at", _("Since"), kind="datetime", width=140),
    ),
    api=(Column("partner_id", _("Partner"), kind="integer"),),
    filters=(
        Filter("value", _("Blocked"), lookup="istartswith"),
        Filter("kind", _("Kind"), choices=BlacklistKind.choices),
        Filter("partner_id", _("Partner"), kind="integer"),
    ),
    order=("-id",),
    search="value",
    data=blacklists.BlacklistData,
    fields=(
        Field("kind", _("Kind"), only="create"),
        Field(
            "value",
            _("Blocked"),
            kind="code",
            max_length=253,
            only="create",
            placeholder="+4490 / 203.0.113.0/24 / mail.example",
            help=_(
                "A number or its beginning with the calling code; an address or a block of addresses; or the domain of "
                "e-mail addresses, with everything below it."
            ),
        ),
        Field("reason", _("Reason"), max_length=200, help=_("For your own people: callers are not told.")),
        Field("expires_at", _("Until"), help=_("Leave empty to block until you remove the entry.")),
        Field(
            "partner_id",
            _("For"),
            lookup="partners",
            only="create",
            help=_("The partner and everybody below it. Leave empty for your own company."),
        ),
    ),
    create=blacklists.block,
    update=blacklists.update_blacklist_entry,
    remove=blacklists.unblock,
    help=_(
        "Calls to and from blocked numbers are refused, for you and everybody below you. Blocked networks can't "
        "register, call, or sign in on your customers' websites. Gateways are spared unless their own address is "
        "blocked. Nobody signs up from a blocked network or with an e-mail address of a blocked domain."
    ),
    empty=_("Nothing is blocked. Add a number that is called by fraudsters, or a network that attacks you."),
)

PANELS = (PARTNERS, STAFF, ROLES, SESSIONS, TOKENS, BLACKLISTS)
