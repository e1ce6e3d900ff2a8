"""The panels Price Lists and Costs: the same lists, versions and rates, for what we charge and for what we pay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from carillon.base.actor import Actor
from carillon.business.pricing import actions, assignments, comparison, queries
from carillon.business.pricing import trials as asked
from carillon.business.pricing.choices import Purpose, Traffic, VersionState
from carillon.business.pricing.models import PriceAssignment, PriceList, PriceListVersion
from carillon.business.pricing.notice import LONGEST_DAYS
from carillon.faces.portal import pricing_changes as changes
from carillon.faces.portal import pricing_dialogs as dialogs
from carillon.faces.portal import pricing_groups as groups
from carillon.faces.portal import pricing_markup as markup
from carillon.faces.portal import pricing_trials as trials
from carillon.faces.portal import pricing_windows as windows
from carillon.faces.portal.pricing_rates import rates_panel
from carillon.faces.portal.pricing_words import COST, SALE, Words, needing
from carillon.panels.declaration import Column, Detail, Field, Filter, Link, Panel, RowAction, Text


def is_draft(version: PriceListVersion) -> bool:
    """Whether the version can still be changed."""
    return version.state == VersionState.DRAFT


def sold_by(actor: Actor) -> QuerySet[PriceAssignment]:
    """The assignments by which the actor's part of the tree sells; not those by which it buys."""
    return queries.assignments_of(actor).filter(partner_id__in=actor.scope)


def buyer_name(assignment: PriceAssignment) -> Text:
    """Who pays by the list."""
    return str(assignment.customer or assignment.web_product or assignment.buyer_partner or _("Everybody else"))


def assignment_values(assignment: PriceAssignment) -> Mapping[str, Any]:
    """What the form of an assignment starts with, and what brings a removed one back: beside the others."""
    names = {one.name for one in fields(assignments.AssignmentData)} - {"is_addition"}
    return {name: getattr(assignment, name) for name in names} | {"is_addition": True}


LIST_COLUMNS = (
    Column("name", _("Name"), width=132, grow=2),
    Column("currency", _("Currency"), width=80),
    Column("version_in_force", _("Version"), kind="integer", width=72),
    Column("rates_in_force", _("Rates"), kind="integer", width=60),
    Column("in_force_since", _("Holds since"), kind="datetime", width=150),
    Column("next_from", _("Next version"), kind="datetime", width=150),
    Column("partner", _("Partner"), value="partner.name", width=145),
)
LIST_API = (
    Column("is_tax_inclusive", _("With tax"), kind="bool"),
    Column("decimals", _("Decimals"), kind="integer"),
    Column("rounding", _("Rounding"), kind="choice"),
    Column("unit", _("Unit"), kind="choice"),
    Column("timezone", _("Time zone of windows")),
    Column("is_split", _("Intervals split"), kind="bool"),
    Column("is_fee_deductible", _("Fee deductible"), kind="bool"),
    Column("ends_at_maximum", _("Ends at the most"), kind="bool"),
    Column("rounds_increments", _("Every interval rounded"), kind="bool"),
    Column("needs_second_person", _("Approval by a second person"), kind="bool"),
    Column("notice_days", _("Days of notice"), kind="integer"),
    Column("cost_list_ids", _("Made from cost lists"), kind="list"),
    Column("note", _("Note")),
    Column("partner_id", _("Partner"), kind="integer"),
    Column("created_at", _("Created"), kind="datetime"),
)
LIST_FILTERS = (
    Filter("name", _("Name"), lookup="istartswith"),
    Filter("currency", _("Currency")),
    Filter("partner_id", _("Partner"), kind="integer"),
)
LIST_FIELDS = (
    Field("name", _("Name"), max_length=100),
    Field("currency", _("Currency"), max_length=3, only="create", placeholder="EUR"),
    Field("unit", _("Rates are per"), only="create"),
    Field("is_tax_inclusive", _("Prices include tax"), section=_("Rounding and tax")),
    Field("decimals", _("Decimals of a call's price"), minimum=0, maximum=6, section=_("Rounding and tax")),
    Field("rounding", _("Rounding"), section=_("Rounding and tax")),
    Field(
        "rounds_increments",
        _("Round every interval by itself"),
        section=_("Rounding and tax"),
        help=_("As some billing systems do. Otherwise a call is rounded once."),
    ),
    Field(
        "is_fee_deductible",
        _("The connection fee is the least a call costs"),
        section=_("Rules"),
        help=_("Otherwise it comes on top. Rules hold for versions that are approved from now on."),
    ),
    Field(
        "ends_at_maximum",
        _("A call that has reached its most is ended"),
        section=_("Rules"),
        help=_("Otherwise it goes on for nothing."),
    ),
    Field(
        "is_split",
        _("Each second by its own window and step"),
        section=_("Rules"),
        help=_("Otherwise an interval costs what holds at its beginning."),
    ),
    Field("timezone", _("Time zone of windows"), max_length=64, placeholder="Europe/London", section=_("Rules")),
    Field(
        "needs_second_person",
        _("Approval by a second person"),
        section=_("Approval"),
        help=_("Nobody who has written on a draft can approve it."),
    ),
    Field(
        "notice_days",
        _("Days of notice"),
        minimum=0,
        maximum=LONGEST_DAYS,
        section=_("Approval"),
        help=_(
            "Customers get a mail, sub-partners an alert, when a new version is approved, and prices rise so many days"
            " later at the earliest. Leave empty to tell them nothing."
        ),
    ),
    Field("note", _("Note"), max_length=500),
    Field("partner_id", _("Partner"), lookup="partners", only="create", help=_("Leave empty for your own company.")),
)
ASSIGN = RowAction(
    "assign",
    _("Assign"),
    needing(SALE, dialogs.assign, like=assignments.assign_price_list),
    data=dialogs.Buyer,
    icon="users",
    fields=dialogs.BUYER_FIELDS,
    confirm=_("Choose one buyer; none makes this the list of everybody who has no other."),
    done=_("The list holds from the next call on."),
)


def lists_panel(words: Words) -> Panel:
    """The panel of lists."""
    start = RowAction(
        "new-version",
        _("New version"),
        needing(words, dialogs.start_version, like=actions.start_version),
        data=dialogs.NewVersion,
        icon="plus",
        fields=dialogs.NEW_VERSION_FIELDS,
        done=_("The draft is among the versions."),
    )
    is_sale = words.purpose == Purpose.SALE
    return Panel(
        slug=words.lists,
        title=words.title,
        name=words.name,
        section="settings",
        icon=words.icon,
        permission=words.permission,
        model=PriceList,
        rows=queries.price_lists_of if is_sale else queries.cost_lists_of,
        columns=LIST_COLUMNS,
        api=LIST_API,
        filters=LIST_FILTERS,
        order=("name", "-id"),
        data=actions.PriceListData,
        fields=LIST_FIELDS,
        create=words.create,
        update=needing(words, actions.update_price_list),
        actions=(start, markup.MARK_UP, ASSIGN) if is_sale else (start,),
        links=list_links(words),
        detail=Detail("portal/pricing/list.html", markup.list_page) if is_sale else None,
        extras=(markup.PREVIEW,) if is_sale else (),
        help=words.help,
        empty=words.empty,
    )


def list_links(words: Words) -> tuple[Link, ...]:
    """Where a list's menu leads to."""
    to_this = {"price_list_id": "id"}
    links = (
        Link(_("Versions"), words.versions, to_this, icon="list"),
        Link(_("Rates"), words.rates, to_this, icon="list"),
    )
    if words is not SALE:
        return links
    rules = Link(_("Mark-up rules"), "markup-rules", to_this, icon="coins")
    return (*links, rules, Link(_("Who pays by it"), "price-assignments", to_this, icon="users"))


VERSION_COLUMNS = (
    Column("price_list", _("List"), value="price_list.name", width=180, grow=2),
    Column("number", _("Version"), kind="integer", width=75),
    Column("state", _("State"), kind="status", width=100),
    Column("effective_from", _("Holds from"), kind="datetime", width=155),
    Column("rate_count", _("Rates"), kind="integer", width=80),
    Column("changes", _("Changes"), kind="integer", value=lambda row: sum(row.changes.values()), width=85),
    Column("note", _("Note"), width=160, grow=2),
)
VERSION_API = (
    Column("price_list_id", _("List"), kind="integer"),
    Column("currency", _("Currency"), value="price_list.currency"),
    Column("partner_id", _("Partner"), kind="integer"),
    Column("created_at", _("Created"), kind="datetime"),
)
VERSION_FILTERS = (
    Filter("price_list_id", _("List"), kind="integer"),
    Filter("state", _("State"), choices=VersionState.choices),
)


def versions_panel(words: Words) -> Panel:
    """The panel of versions, reached from the lists."""
    return Panel(
        slug=words.versions,
        title=words.versions_title,
        name=_("version"),
        section="",
        icon=words.icon,
        permission=words.permission,
        model=PriceListVersion,
        rows=lambda actor: queries.versions_of(actor).filter(price_list__purpose=words.purpose),
        columns=VERSION_COLUMNS,
        api=VERSION_API,
        filters=VERSION_FILTERS,
        order=("-id",),
        search="price_list__name",
        data=actions.VersionData,
        fields=(
            Field("price_list_id", _("List"), lookup=words.lists, only="create"),
            Field("effective_from", _("Holds from"), help=_("Leave empty to begin with the approval.")),
            Field("copies_version_id", _("Begin with the rates of"), lookup=words.versions, only="create"),
            Field("note", _("Note"), max_length=500),
        ),
        create=needing(words, actions.create_version),
        update=needing(words, actions.update_version),
        actions=(import_action(words), try_action(words), *version_actions(words)),
        detail=Detail("portal/pricing/version.html", changes.version_page),
        links=(
            Link(_("Rates"), words.rates, {"version_id": "id"}, icon="list"),
            Link(_("Time windows"), words.windows, {"version_id": "id"}, icon="calendar"),
            Link(_("What it changes"), words.changes, {"version_id": "id"}, icon="arrows-exchange"),
            Link(_("What-ifs"), words.trials, {"version_id": "id"}, icon="adjustments"),
        ),
        help=_(
            "A draft can be changed and imported into. Once approved it holds from its date on and never changes; "
            "the version before it ends then."
        ),
    )


def import_action(words: Words) -> RowAction:
    """Import a file into a draft."""
    return RowAction(
        "import",
        _("Import rates"),
        needing(words, dialogs.import_rates, like=actions.import_rates),
        data=dialogs.RatesFile,
        icon="file-import",
        fields=dialogs.RATES_FILE_FIELDS,
        applies=is_draft,
        result=dialogs.imported,
    )


def try_action(words: Words) -> RowAction:
    """What a version would have charged for calls of the past."""
    return RowAction(
        "try",
        _("What if"),
        needing(words, asked.start_trial),
        data=asked.TrialData,
        fields=trials.TRIAL_FIELDS,
        icon="adjustments",
        applies=lambda version: version.rate_count > 0,
        done=_("It is being worked out: see the what-ifs of this version."),
    )


def version_actions(words: Words) -> tuple[RowAction, ...]:
    """Compare, approve and withdraw."""
    return (
        RowAction(
            "compare",
            _("Compare"),
            needing(words, comparison.compare_version),
            icon="arrows-exchange",
            confirm=_("Finds what this version changes against the one that holds before it."),
            result=changes.counts,
        ),
        RowAction(
            "approve",
            _("Approve"),
            needing(words, actions.approve_version),
            data=actions.Approval,
            fields=(Field("effective_from", _("Holds from"), help=_("Leave empty for the date of the draft.")),),
            initial=lambda version: {"effective_from": version.effective_from},
            icon="check",
            confirm=_("An approved version never changes. Calls are charged by it from its date on."),
            applies=is_draft,
        ),
        RowAction(
            "withdraw",
            _("Withdraw"),
            needing(words, actions.withdraw_version),
            icon="ban",
            confirm=_("The version before it holds again. Calls already charged stay as they are."),
            needs_reason=True,
            danger=True,
            applies=lambda version: version.state != VersionState.WITHDRAWN,
        ),
    )


ASSIGNMENTS = Panel(
    slug="price-assignments",
    title=_("Who pays by which list"),
    name=_("assignment"),
    section="",
    icon="users",
    permission="price_lists",
    model=PriceAssignment,
    rows=sold_by,
    columns=(
        Column("price_list", _("Price list"), value="price_list.name", width=180, grow=2),
        Column("traffic", _("For"), kind="choice", width=190),
        Column("buyer", _("Who pays"), value=buyer_name, width=180, grow=2),
        Column("weight", _("Weight"), kind="integer", width=75),
        Column("active_from", _("Active from"), kind="datetime", width=140),
        Column("active_until", _("Active until"), kind="datetime", width=140),
        Column("allows_loss", _("Below cost"), kind="bool", width=85),
    ),
    api=(
        Column("price_list_id", _("Price list"), kind="integer"),
        Column("web_product_id", _("Web product"), kind="integer"),
        Column("customer_id", _("Customer"), kind="integer"),
        Column("buyer_partner_id", _("Sub-partner"), kind="integer"),
        Column("partner_id", _("Partner"), kind="integer"),
    ),
    filters=(
        Filter("price_list_id", _("Price list"), kind="integer"),
        Filter("web_product_id", _("Web product"), kind="integer"),
        Filter("buyer_partner_id", _("Sub-partner"), kind="integer"),
        Filter("traffic", _("For"), choices=Traffic.choices),
    ),
    order=("-id",),
    customer_field="customer_id",
    search="price_list__name",
    data=assignments.AssignmentData,
    fields=(Field("price_list_id", _("Price list"), lookup="price-lists", only="create"), *dialogs.ASSIGNMENT_FIELDS),
    initial=assignment_values,
    create=assignments.assign_price_list,
    update=assignments.update_assignment,
    remove=assignments.unassign_price_list,
    help=_(
        "The most exact buyer counts: the customer, then its web product, then the partner's default. Of the lists "
        "that are active there, the one with the highest weight that has a price for the number is taken, so that a "
        "small list can go before a large one; of equal weights the one that was activated last."
    ),
)

PANELS = (
    lists_panel(SALE),
    versions_panel(SALE),
    rates_panel(SALE),
    windows.windows_panel(SALE),
    ASSIGNMENTS,
    lists_panel(COST),
    versions_panel(COST),
    rates_panel(COST),
    windows.windows_panel(COST),
    *windows.PANELS,
    *groups.PANELS,
    *changes.PANELS,
    markup.RULES,
    *trials.PANELS,
)
