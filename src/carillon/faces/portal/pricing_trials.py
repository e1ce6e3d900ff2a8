"""What-if: what versions would have charged for calls of the past."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from carillon.base.actor import Actor
from carillon.business.pricing import queries, trials
from carillon.business.pricing.choices import Purpose, TrialState
from carillon.business.pricing.models import PriceTrial
from carillon.panels.declaration import Column, Detail, Extra, Field, Filter, Panel

TRIAL_FIELDS = (
    Field(
        "days",
        _("Days back"),
        minimum=1,
        maximum=trials.MOST_DAYS,
        help=_("Calls that this list has charged in these days, charged again by this version."),
    ),
)


def difference(trial: PriceTrial) -> int:
    """What the version would have charged more."""
    return trial.then_micro - trial.now_micro


def page(actor: Actor, trial: PriceTrial) -> Mapping[str, Any]:
    """What the page of a what-if shows."""
    groups = ((_("Destination"), trial.destinations), (_("Who pays"), trial.customers))
    is_sale = trial.version.price_list.purpose == Purpose.SALE
    return {
        "groups": [
            (title, [{**line, "more_micro": line["then_micro"] - line["now_micro"]} for line in lines])
            for title, lines in groups
        ],
        "is_sale": is_sale,
        "more_micro": difference(trial),
        "margin_now_micro": trial.now_micro - trial.cost_micro,
        "margin_then_micro": trial.then_micro - trial.cost_micro,
    }


def destinations(actor: Actor, trial: PriceTrial) -> list[dict[str, Any]]:
    """The destinations with the largest difference, in REST."""
    return list(trial.destinations)


def customers(actor: Actor, trial: PriceTrial) -> list[dict[str, Any]]:
    """Who pays, those with the largest difference, in REST."""
    return list(trial.customers)


COLUMNS = (
    Column("version", _("Version"), value="version.__str__", width=150, grow=2),
    Column("state", _("State"), kind="status", width=85),
    Column("since", _("Calls from"), kind="datetime", width=140),
    Column("until", _("Until"), kind="datetime", width=140),
    Column("calls", _("Calls"), kind="integer", width=75),
    Column("now", _("Charged"), kind="money", value="now_micro", width=95),
    Column("then", _("Would be"), kind="money", value="then_micro", width=95),
    Column("difference", _("Difference"), kind="money", value=difference, width=95),
    Column("cost", _("Cost"), kind="money", value="cost_micro", width=85),
)
API = (
    Column("version_id", _("Version"), kind="integer"),
    Column("minutes", _("Minutes"), kind="integer"),
    Column("unpriced", _("Calls without a rate"), kind="integer"),
    Column("left_out", _("Calls in another currency"), kind="integer"),
    Column("is_cut", _("Only the newest calls"), kind="bool"),
    Column("created_at", _("Asked"), kind="datetime"),
    Column("finished_at", _("Done"), kind="datetime"),
)


def trials_panel(slug: str, title: Any, permission: str, purpose: Purpose) -> Panel:
    """The panel of what-ifs, reached from a version."""
    return Panel(
        slug=slug,
        title=title,
        name=_("what-if"),
        section="",
        icon="adjustments",
        permission=permission,
        model=PriceTrial,
        rows=lambda actor: queries.trials_of(actor).filter(version__price_list__purpose=purpose),
        columns=COLUMNS,
        api=API,
        filters=(
            Filter("version_id", _("Version"), kind="integer"),
            Filter("state", _("State"), choices=TrialState.choices),
        ),
        order=("-id",),
        search="version__price_list__name",
        refresh_s=5,
        has_history=False,
        detail=Detail("portal/pricing/trial.html", page),
        extras=(
            Extra("destinations", destinations, _("The destinations with the largest difference."), many=True),
            Extra("customers", customers, _("Who pays, those with the largest difference."), many=True),
        ),
        help=_(
            "Calls that a list has charged, charged again by one of its versions with the rating of live calls. Calls "
            "that were cut for money, or would have been, are charged for as long as they lasted."
        ),
        empty=_("Choose What if in the menu of a version."),
    )


PANELS = (
    trials_panel("price-trials", _("What if"), "price_lists", Purpose.SALE),
    trials_panel("cost-trials", _("What if costs change"), "costs", Purpose.COST),
)
