"""Sale lists made of costs: the panel of rules, the list's page with a preview, and the dialog that makes the draft."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from carillon.base.actor import Actor
from carillon.base.errors import InvalidInput
from carillon.business.pricing import markup, queries
from carillon.business.pricing.choices import RateChangeKind
from carillon.business.pricing.models import MarkupRule, PriceList, PriceListVersion
from carillon.business.pricing.ratelines import ALL_NUMBERS
from carillon.business.pricing.ratevalues import MAX_INTERVAL_S, MAX_PRICE
from carillon.faces.portal.pricing_changes import counts
from carillon.panels.declaration import Column, Extra, Field, Filter, Link, Panel, RowAction, Text

MOST_CHOICES = 200
WORDS = {
    RateChangeKind.NEW.value: (RateChangeKind.NEW.label, "calm"),
    RateChangeKind.DEARER.value: (RateChangeKind.DEARER.label, "warn"),
    RateChangeKind.CHEAPER.value: (RateChangeKind.CHEAPER.label, "good"),
    "same": (_("Unchanged"), "calm"),
}


def cost_list_choices(actor: Actor) -> list[tuple[int, str]]:
    """The cost lists of the actor's own company that a sale list may be made from, with their currencies."""
    rows = queries.cost_lists_of(actor).filter(partner_id=actor.partner_id or 0).order_by("name", "id")[:MOST_CHOICES]
    return [(row.pk, f"{row.name} ({row.currency})") for row in rows]


def group_choices(actor: Actor) -> list[tuple[int, str]]:
    """The destination groups of the actor's own company."""
    rows = queries.groups_of(actor).filter(partner_id=actor.partner_id or 0).order_by("name", "id")[:MOST_CHOICES]
    return [(row.pk, row.name) for row in rows]


def rule_numbers(rule: MarkupRule) -> str:
    """The prefix or the group that a rule is for."""
    return rule.group.name if rule.group else rule.prefix or ALL_NUMBERS


def list_page(actor: Actor, price_list: PriceList) -> Mapping[str, Any]:
    """What the page of a sale list shows: its rules and what they would make of the present costs."""
    found, refusal = None, ""
    if price_list.cost_list_ids and actor.may("costs.view"):
        try:
            found = markup.preview(actor, price_list, markup.MarkupData(cost_list_ids=tuple(price_list.cost_list_ids)))
        except InvalidInput as error:
            refusal = " ".join(error.fields.values()) or error.detail
    sources = queries.cost_lists_of(actor).filter(pk__in=price_list.cost_list_ids)
    return {
        "rules": queries.markup_rules_of(actor).filter(price_list=price_list).order_by("prefix", "destination"),
        "sources": ", ".join(str(source) for source in sources) if actor.may("costs.view") else "",
        "preview": found,
        "refusal": refusal,
        "counts": [(*WORDS[kind], found.counts[kind]) for kind in WORDS if found and found.counts.get(kind)],
    }


def preview_of(actor: Actor, price_list: PriceList) -> Mapping[str, Any]:
    """The same in REST: the first 200 lines; decimals are texts."""
    if not price_list.cost_list_ids:
        return {"counts": {}, "looked_at": 0, "is_cut": False, "lines": []}
    data = markup.MarkupData(cost_list_ids=tuple(price_list.cost_list_ids))
    found = markup.preview(actor, price_list, data)
    lines = [
        {
            "prefix": line.sale.prefix,
            "name": line.sale.name,
            "cost": f"{line.sale.cost:f}",
            "per_minute": f"{line.sale.per_minute:f}",
            "was": None if line.was is None else f"{line.was:f}",
        }
        for line in found.lines
    ]
    return {"counts": dict(found.counts), "looked_at": found.looked_at, "is_cut": found.is_cut, "lines": lines}


def list_name(rule: MarkupRule) -> Text:
    """The list that a rule is of; of a rule without one what it is for."""
    return rule.price_list.name if rule.price_list else _("Numbers in none of the lists")


def made(version: PriceListVersion) -> Mapping[str, str]:
    """What the dialog says when the draft is there."""
    return {str(_("Draft")): str(version), str(_("Rates")): str(version.rate_count), **counts(version)}


MARK_UP = RowAction(
    "mark-up",
    _("Make from costs"),
    markup.mark_up,
    data=markup.MarkupData,
    icon="coins",
    fields=(
        Field(
            "cost_list_ids",
            _("Cost lists"),
            kind="ordered",
            choices=cost_list_choices,
            help=_("A number that several carriers price is sold by the dearest of them."),
        ),
        Field("effective_from", _("Holds from"), help=_("Leave empty to begin with the approval.")),
        Field("note", _("Note"), max_length=500),
    ),
    initial=lambda price_list: {"cost_list_ids": tuple(price_list.cost_list_ids)},
    confirm=_("Makes a draft from the costs now in force by the list's rules. Open the list to see what would come."),
    result=made,
)
PREVIEW = Extra("markup-preview", preview_of, _("What the rules would make of the present costs."))

RULES = Panel(
    slug="markup-rules",
    title=_("Mark-up rules"),
    name=_("rule"),
    section="",
    icon="coins",
    permission="price_lists",
    model=MarkupRule,
    rows=queries.markup_rules_of,
    columns=(
        Column("prefix", _("Prefix or group"), kind="code", value=rule_numbers, width=110),
        Column("destination", _("Destination begins with"), width=165, grow=2),
        Column("percent", _("Percent"), kind="decimal", width=80),
        Column("fixed", _("Per minute"), kind="decimal", width=90),
        Column("minimum_margin", _("Least margin"), kind="decimal", width=105),
        Column("floor", _("Least price"), kind="decimal", width=95),
        Column("cap", _("Highest price"), kind="decimal", width=105),
        Column("step", _("Rounded up to"), kind="decimal", width=110),
        Column("is_left_out", _("Not sold"), kind="bool", width=80),
        Column("price_list", _("List"), value=list_name, width=150),
    ),
    api=(
        Column("price_list_id", _("List"), kind="integer"),
        Column("group_id", _("Destination group"), kind="integer"),
        Column("initial_s", _("First interval"), kind="integer"),
        Column("increment_s", _("Next intervals"), kind="integer"),
        Column("partner_id", _("Partner"), kind="integer"),
    ),
    filters=(
        Filter("prefix", _("Prefix"), lookup="startswith"),
        Filter("destination", _("Destination"), lookup="istartswith"),
        Filter("price_list_id", _("List"), kind="integer"),
    ),
    order=("prefix", "-id"),
    search="destination",
    data=markup.RuleData,
    fields=(
        Field(
            "price_list_id",
            _("List"),
            lookup="price-lists",
            only="create",
            help=_("Leave empty for numbers that none of your lists has: they are sold by what you pay yourself."),
        ),
        Field("prefix", _("Prefix"), max_length=16, help=_("Leave empty for every number."), section=_("For")),
        Field("group_id", _("Destination group"), choices=group_choices, section=_("For")),
        Field(
            "destination",
            _("Destination begins with"),
            max_length=100,
            help=_("As the carrier names it; goes before a rule for a prefix."),
            section=_("For"),
        ),
        Field("percent", _("Percent on top"), minimum=-100, maximum=10_000, section=_("Price")),
        Field("fixed", _("Per minute on top"), section=_("Price")),
        Field("minimum_margin", _("Least margin per minute"), section=_("Price")),
        Field("floor", _("Least price per minute"), minimum=0, maximum=int(MAX_PRICE), section=_("Price")),
        Field(
            "cap",
            _("Highest price per minute"),
            minimum=0,
            maximum=int(MAX_PRICE),
            section=_("Price"),
            help=_("Goes before all others; leave empty for none."),
        ),
        Field(
            "step",
            _("Rounded up to a multiple of"),
            minimum=0,
            maximum=int(MAX_PRICE),
            section=_("Price"),
            help=_("Such as 0.005; 0 leaves prices as they are."),
        ),
        Field(
            "initial_s",
            _("First interval (s)"),
            minimum=1,
            maximum=MAX_INTERVAL_S,
            section=_("Intervals"),
            help=_("Leave empty for the carrier's."),
        ),
        Field("increment_s", _("Next intervals (s)"), minimum=1, maximum=MAX_INTERVAL_S, section=_("Intervals")),
        Field("is_left_out", _("Do not sell these numbers"), section=_("Intervals")),
        Field("partner_id", _("Partner"), lookup="partners", only="create", section=_("Intervals")),
    ),
    create=markup.add_rule,
    update=markup.update_rule,
    remove=markup.remove_rule,
    links=(
        Link(
            _("Its list"),
            "price-lists",
            {"name": "price_list.name"},
            icon="list",
            applies=lambda rule: rule.price_list_id is not None,
        ),
    ),
    help=_(
        "How a sale list is made of costs: percent and an amount per minute come on top of what the carrier charges, "
        "the margin is never below the least, and prices are rounded up. The rule with the longest destination wins, "
        "then the one with the longest prefix. Numbers that no rule fits are not sold. Rules without a list are for "
        "numbers that none of your lists has when somebody calls them: they come on top of what you pay yourself, in "
        "the currency of the list by which you buy."
    ),
    empty=_("Add a rule without a prefix: it is for every number that has no rule of its own."),
)
