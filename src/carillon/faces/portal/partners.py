"""Panels of the partner tree: partners, and what they have nothing to do with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from carillon.business.partners import actions, blacklists, queries
from carillon.business.partners.choices import NEXT_STATUSES, BlacklistKind, Feature, Status
from carillon.business.partners.models import BlacklistEntry, Partner
from carillon.business.partners.statuses import StatusData
from carillon.business.partners.terms import TermsData, set_partner_terms
from carillon.faces.portal.people import TRUSTED
from carillon.panels.declaration import Column, Field, Filter, Link, Panel, RowAction, Text
from carillon.usecases.move_partner import MoveData, move_partner
from carillon.usecases.open_partner import open_partner
from carillon.usecases.sign_in_as import SignInAsData, sign_in_as_partner

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


def _partner_values(row: Partner) -> Mapping[str, Any]:
    columns = ("name", "country", "currency", "parent_id", "timezone", "culture", "trace_days", "second_factor")
    more = {"portal_hostname": row.portal_hostname or "", "networks": tuple(row.networks)}
    return {name: getattr(row, name) for name in columns} | more


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
        Column("networks", _("Trusted networks"), kind="list"),
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
        Field("networks", _("Staff sign in from"), kind="commas", wide=True, max_length=50, help=TRUSTED),
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
            "sign-in-as",
            _("Sign in as"),
            sign_in_as_partner,
            data=SignInAsData,
            fields=(Field("reason", _("Reason"), kind="textarea", help=_("Kept in history, with your name.")),),
            icon="user",
            confirm=_(
                "For an hour, or until you sign out, you work in this partner's portal as its first administrator."
                " History names you."
            ),
            applies=lambda row: row.parent_id is not None and row.status in (Status.ACTIVE, Status.SUSPENDED),
            opens=lambda ticket: f"/accounts/as/{ticket}/go/",
            for_many=False,
            in_api=False,
        ),
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

PANELS = (PARTNERS, BLACKLISTS)
