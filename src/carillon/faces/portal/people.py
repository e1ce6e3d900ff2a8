"""Panels of the people who sign in to the portal: staff, their roles, sessions and API tokens."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from carillon.base.actor import Actor
from carillon.business.customers.models import Customer
from carillon.business.partners import actions, ownroles, queries, signins, tokens
from carillon.business.partners.choices import Role, TokenState
from carillon.business.partners.models import ApiToken, Membership, OwnRole, SignIn
from carillon.faces.portal.catalogue import permission_choices
from carillon.logic.devices import device_of
from carillon.panels.declaration import Column, Field, Filter, Link, Panel, RowAction, Tab
from carillon.usecases.invite_staff import add_staff, invite_again
from carillon.usecases.sign_in_as import SignInAsData, sign_in_as_staff

TRUSTED = _("Addresses or blocks with commas between them, such as 203.0.113.0/24, 2001:db8::/48. Leave empty for any.")


def _staff_values(row: Membership) -> Mapping[str, Any]:
    who = row.login or row.partner  # who is invited gets the partner's language and time zone
    return {
        "email": row.login.email if row.login else row.invited_email,
        "name": row.login.name if row.login else row.invited_name,
        "role": Role(row.role),
        "own_role_id": row.own_role_id,
        "partner_id": row.partner_id,
        "password": "",
        "culture": who.culture,
        "timezone": who.timezone,
        "is_active": row.login.is_active if row.login else True,
    }


def _can_sign_in(row: Membership) -> bool:
    return row.login.is_active if row.login else row.login_id is not None


def _role_name(row: Membership) -> str:
    return row.own_role.name if row.own_role else str(Role(row.role).label)


def _locked_until(row: Membership) -> datetime | None:
    until = row.login.locked_until if row.login else None
    return until if until is not None and until > timezone.now() else None


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
        Column("name", _("Name"), value="person", width=150),
        Column("role_name", _("Role"), value=_role_name, width=140),
        Column("partner", _("Partner"), value="partner.name", width=160),
        Column("is_active", _("Can sign in"), value=_can_sign_in, kind="bool", width=90),
        Column("invited_until", _("Invited until"), kind="datetime", width=130),
        Column("locked", _("Locked until"), value=_locked_until, kind="datetime", width=130),
        Column("last_login", _("Last sign-in"), value="login.last_login", kind="datetime", width=140),
    ),
    api=(
        Column("partner_id", _("Partner"), kind="integer"),
        Column("role", _("Role"), kind="choice"),
        Column("own_role_id", _("Own role"), kind="integer"),
    ),
    filters=(
        Filter("email", _("E-mail"), lookup="istartswith"),
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
            only="update",
            help=_("Leave empty to keep the present one."),
        ),
        Field("is_active", _("Can sign in"), only="update"),
        Field("timezone", _("Time zone"), max_length=64, only="update"),
        Field("culture", _("Language"), max_length=12, only="update"),
    ),
    initial=_staff_values,
    create=add_staff,
    update=actions.update_staff,
    remove=actions.remove_staff,
    actions=(
        RowAction(
            "invite-again",
            _("Invite again"),
            invite_again,
            icon="mail",
            confirm=_("The person gets a new mail. The link of the last one works no longer."),
            applies=lambda row: row.login_id is None,
            done=_("The invitation is on its way."),
        ),
        RowAction(
            "sign-in-as",
            _("Sign in as"),
            sign_in_as_staff,
            data=SignInAsData,
            fields=(Field("reason", _("Reason"), kind="textarea", help=_("Kept in history, with your name.")),),
            icon="user",
            confirm=_(
                "For an hour, or until you sign out, you see and may do what this person does. History names you."
            ),
            applies=lambda row: row.login is not None and row.login.is_active,
            opens=lambda ticket: f"/accounts/as/{ticket}/go/",
            for_many=False,
            in_api=False,
        ),
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
            applies=lambda row: row.login is not None,
        ),
        RowAction(
            "create-token",
            _("Create my API token"),
            tokens.create_own_token,
            data=tokens.TokenData,
            fields=(
                Field("name", _("What it is for"), max_length=100),
                Field(
                    "scopes",
                    _("May do"),
                    kind="matrix",
                    choices=permission_choices,
                    help=_("Never more than you may do yourself at that moment, whatever is chosen here."),
                ),
                Field("expires_at", _("Ends"), help=_("Leave empty to let it hold until you revoke it.")),
                Field(
                    "networks",
                    _("Works from"),
                    kind="commas",
                    max_length=50,
                    help=_("Addresses or blocks with commas between them. Leave empty for where you may sign in from."),
                ),
            ),
            icon="api",
            result=lambda made: {"id": made[0].pk, "name": made[0].name, "token": made[1]},
            is_secret=True,
            done=_("Copy the token now: it is shown once."),
        ),
    ),
    search="email",
    help=_(
        "Who works for you and what they may do. Whom you add gets a mail with a link that works once, for a week, and"
        " chooses a password there; remove the row to withdraw it. Roles: administrator, sales, billing, support, read"
        " only."
    ),
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
    api=(
        Column("partner_id", _("Partner"), kind="integer"),
        Column("networks", _("Trusted networks"), kind="list"),
    ),
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
        Field("networks", _("They sign in from"), kind="commas", wide=True, max_length=50, help=TRUSTED),
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
        Column("email", _("E-mail"), width=200, grow=2),
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
        Filter("email", _("E-mail"), lookup="istartswith"),
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
    search="email",
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
        Column("owner", _("Owner"), width=180),
        Column("state", _("State"), kind="status", value=tokens.state_of, choices=TokenState.choices, width=110),
        Column("scopes", _("May do"), kind="list", width=180),
        Column("networks", _("Works from"), kind="list", width=130),
        Column("expires_at", _("Ends"), kind="datetime", width=140),
        Column("revoked_at", _("Revoked"), kind="datetime", width=140),
        Column("last_used_at", _("Last used"), kind="datetime", width=140),
    ),
    filters=(Filter("name", _("Name"), lookup="istartswith"),),
    order=("-id",),
    actions=(
        RowAction(
            "renew",
            _("Renew"),
            tokens.renew_token,
            icon="refresh",
            confirm=_("Your role asks for a second factor now. Programs that use this token work again."),
            applies=lambda row: tokens.state_of(row) == TokenState.STOPPED,
        ),
        RowAction(
            "revoke",
            _("Revoke"),
            tokens.revoke_token,
            icon="ban",
            danger=True,
            confirm=_("Programs that use this token are refused from now on."),
            applies=lambda row: row.revoked_at is None,
        ),
    ),
    help=_(
        "Bearer tokens for the API. Create one from your own row under Staff and roles. When a role begins to ask for a"
        " second factor, tokens made without one stop until their owners renew them here."
    ),
    empty=_("No tokens yet. Create one from your own row under Staff and roles."),
)

PANELS = (STAFF, ROLES, SESSIONS, TOKENS)
