"""The panels of re-ratings: runs, and the charges that each of them changes; and the job that works on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as now_
from django.utils.translation import gettext_lazy as _

from carillon.base.actor import Actor
from carillon.base.choices import JobState
from carillon.base.errors import NotPermitted
from carillon.base.jobs import Progress, end_job
from carillon.base.models import Job
from carillon.base.tenancy import tenant
from carillon.business.billing import queries
from carillon.business.billing.choices import ReratedState, ReratingState
from carillon.business.billing.models import ReratedCharge, Rerating
from carillon.business.partners.queries import system_actor
from carillon.panels.declaration import Column, Detail, Extra, Field, Filter, Link, Panel, RowAction, Tab
from carillon.usecases import rerate_calls
from carillon.usecases.apply_rerating import carry_out_rerating

WORST = 12
GROUPS = (("buyer", _("Who pays")), ("destination", _("Destination")), ("tier", _("Tier")))


def run_rerating(actor: Actor, job: Job, progress: Progress) -> None:
    """Work a re-rating out, or apply it, as its job says; the job has ended when this returns."""
    run_id, is_applied = int(job.object_id), job.options["step"] == rerate_calls.APPLY
    if not actor.may("reratings.apply" if is_applied else "reratings.add"):
        raise NotPermitted
    try:
        (carry_out_rerating if is_applied else rerate_calls.work_out_rerating)(actor, run_id, progress)
    except BaseException:
        with tenant(system_actor()) as system:
            rerate_calls.fail_rerating(system, run_id)
        raise
    with tenant(actor):
        run = Rerating.objects.visible_to(actor).get(pk=run_id)
        words = {"calls": run.calls, "different": run.different, "applied": run.applied}
        applied, found = now_("%(applied)d charges were changed."), now_("%(different)d of %(calls)d charges differ.")
        end_job(job, JobState.DONE, (applied if is_applied else found) % words, done=job.total)


# ---------------------------------------------------------------- what is shown


def _runs(actor: Actor) -> QuerySet[Rerating]:
    return queries.reratings_of(actor)


def what(run: Rerating) -> str:
    """Whose charges, in words."""
    if run.undoes_id:
        return now_("Takes back re-rating %(number)s") % {"number": run.undoes_id}
    names = (run.customer, run.price_list, run.buyer_partner)
    return ", ".join(str(one) for one in names if one is not None)


def prices(run: Rerating) -> str:
    """By which prices."""
    return str(run.version) if run.version else now_("in force at the call")


def difference(charge: ReratedCharge) -> int:
    """What a charge costs more."""
    return charge.amount_micro - charge.was_micro


def page(actor: Actor, run: Rerating) -> Mapping[str, Any]:
    """What the page of a run shows."""
    charges = queries.rerated_charges_of(actor).filter(rerating=run)
    return {
        "run": run,
        "what": what(run),
        "prices": prices(run),
        "sums": [_more(line) for line in run.sums],
        "groups": [
            (title, [_more(line, _tier if name == "tier" else str) for line in run.groups.get(name, ())])
            for name, title in GROUPS
        ],
        "worst": [(one, difference(one)) for one in charges.order_by("pk")[:WORST]],
        "undone_by": Rerating.objects.visible_to(actor).filter(undoes=run).first(),
    }


def _more(line: Mapping[str, Any], told: Any = str) -> dict[str, Any]:
    name = told(line["name"]) if "name" in line else ""
    return {**line, "name": name, "more_micro": line["amount_micro"] - line["was_micro"]}


def _tier(key: str) -> str:
    """ "0:Northwind" and "cost:Level Platform" in words."""
    place, _colon, name = key.partition(":")
    if place == "cost":
        return now_("Carriers of %(name)s") % {"name": name}
    return (now_("Customers of %(name)s") if place == "0" else now_("Sub-partners of %(name)s")) % {"name": name}


def is_ready(run: Rerating) -> bool:
    """Whether there is something to apply."""
    waits = run.state in (ReratingState.READY, ReratingState.APPLYING)
    return waits and run.different > run.applied + run.changed


def has_changed(run: Rerating) -> bool:
    """Whether there is something to take back."""
    return run.applied > 0 and run.state != ReratingState.APPLYING


RERATINGS = Panel(
    slug="reratings",
    title=_("Re-rating"),
    name=_("re-rating"),
    section="main",
    icon="refresh",
    model=Rerating,
    rows=_runs,
    columns=(
        Column("id", _("Number"), kind="integer", width=75),
        Column("what", _("Charges"), value=what, width=170, grow=3),
        Column("state", _("State"), kind="status", width=125),
        Column("since", _("Calls from"), kind="datetime", width=130),
        Column("until", _("Until"), kind="datetime", width=130),
        Column("prices", _("Prices"), value=prices, width=125, grow=2),
        Column("calls", _("Looked at"), kind="integer", width=80),
        Column("different", _("Different"), kind="integer", width=80),
        Column("applied", _("Applied"), kind="integer", width=75),
        Column("actor_name", _("By"), width=110),
    ),
    api=(
        Column("customer_id", _("Customer"), kind="integer"),
        Column("price_list_id", _("List"), kind="integer"),
        Column("buyer_partner_id", _("Sub-partner"), kind="integer"),
        Column("version_id", _("Version"), kind="integer"),
        Column("is_whole_chain", _("Whole chain"), kind="bool"),
        Column("reason", _("Reason")),
        Column("undoes_id", _("Takes back"), kind="integer"),
        Column("unpriced", _("Without a price"), kind="integer"),
        Column("invoiced", _("On an invoice"), kind="integer"),
        Column("changed", _("Changed meanwhile"), kind="integer"),
        Column("job_id", _("Job")),
        Column("created_at", _("Asked"), kind="datetime"),
        Column("applied_at", _("Applied at"), kind="datetime"),
    ),
    filters=(
        Filter("state", _("State"), choices=ReratingState.choices),
        Filter("customer_id", _("Customer"), kind="integer"),
        Filter("price_list_id", _("List"), kind="integer"),
    ),
    order=("-id",),
    data=rerate_calls.ReratingData,
    fields=(
        Field("since", _("Calls from")),
        Field("until", _("Until"), help=_("Not including it.")),
        Field("customer_id", _("Customer"), lookup="customers", section=_("Whose charges")),
        Field("price_list_id", _("Price list"), lookup="price-lists", section=_("Whose charges")),
        Field("cost_list_id", _("or cost list"), lookup="costs", section=_("Whose charges")),
        Field(
            "buyer_partner_id",
            _("Sub-partner"),
            lookup="partners",
            section=_("Whose charges"),
            help=_("What it pays for its calls. Several of these: all of them together."),
        ),
        Field(
            "version_id",
            _("Version"),
            lookup="price-list-versions",
            section=_("Prices"),
            help=_("Empty: the version of each charge's own list that was in force when the call began."),
        ),
        Field(
            "is_whole_chain",
            _("Whole chain"),
            section=_("Prices"),
            help=_("Also what the other tiers and carriers charge for these calls, by their lists in force then."),
        ),
        Field("reason", _("Reason"), max_length=500, section=_("Prices"), help=_("History keeps it.")),
    ),
    create=rerate_calls.start_rerating,
    remove=rerate_calls.remove_rerating,
    undoes=frozenset(),
    imports=False,
    actions=(
        RowAction(
            "apply",
            _("Apply"),
            rerate_calls.apply_rerating,
            icon="check",
            confirm=_(
                "Each charge that differs is taken back and made anew in the ledger, and its call says why. Balances "
                "change at once. Charges that have changed since, or are on an invoice, stay as they are."
            ),
            applies=is_ready,
            for_many=False,
            done=_("It is being applied."),
        ),
        RowAction(
            "take-back",
            _("Take back"),
            rerate_calls.undo_rerating,
            icon="history",
            confirm=_("A new run is worked out that puts the old prices back. You look at it and apply it."),
            applies=has_changed,
            for_many=False,
            done=_("A run that takes this back is being worked out."),
        ),
    ),
    links=(Link(_("Its charges"), "rerated-charges", {"rerating_id": "id"}, icon="list"),),
    detail=Detail("portal/calls/rerating.html", page),
    extras=(
        Extra("sums", lambda _actor, run: run.sums, _("What the charges are and would be, by currency."), many=True),
        Extra(
            "groups",
            lambda _actor, run: run.groups,
            _("The same by who pays, destination and tier: those with the largest difference."),
        ),
    ),
    customer_field="customer_id",
    search="reason",
    refresh_s=3,
    help=_(
        "Calls of the past charged again: after a list was wrong, a customer had the wrong one, or a carrier's prices "
        "came late. A run is worked out first and changes nothing; look at the differences, then apply it. It is "
        "applied once, and can be taken back by another run."
    ),
    empty=_("Add a run to see what calls of the past would cost by other prices."),
)
CHARGES = Panel(
    slug="rerated-charges",
    title=_("Charges of a re-rating"),
    name=_("charge"),
    section="",
    icon="refresh",
    permission="reratings",
    model=ReratedCharge,
    rows=queries.rerated_charges_of,
    columns=(
        Column("state", _("State"), kind="status", width=110),
        Column("started_at", _("Time"), kind="datetime", width=135),
        Column("buyer", _("Who pays"), width=120, grow=2),
        Column("seller", _("Seller"), width=120, grow=2),
        Column("callee", _("To"), kind="code", width=115),
        Column("destination", _("Destination"), width=110, grow=2),
        Column("duration", _("Duration"), kind="duration", value="duration_ms", width=75),
        Column("was", _("Was"), kind="money", value="was_micro", total="was_micro", width=90),
        Column("amount", _("Would be"), kind="money", value="amount_micro", total="amount_micro", width=90),
        Column("difference", _("Difference"), kind="money", value=difference, width=95),
    ),
    api=(
        Column("rerating_id", _("Re-rating"), kind="integer"),
        Column("cdr_id", _("CDR"), kind="integer"),
        Column("call_id", _("Call")),
        Column("tier", _("Tier"), kind="integer"),
        Column("is_carrier_cost", _("Carrier's cost"), kind="bool"),
    ),
    filters=(
        Filter("rerating_id", _("Re-rating"), kind="integer"),
        Filter("state", _("State"), choices=ReratedState.choices),
        Filter("buyer", _("Who pays"), lookup="istartswith"),
        Filter("destination", _("Destination"), lookup="istartswith"),
        Filter("callee", _("To"), lookup="startswith"),
        Filter("cdr_id", _("CDR"), kind="integer"),
    ),
    tabs=(
        Tab("all", _("All"), Q()),
        Tab("left", _("Left as they are"), Q(state__in=(ReratedState.CHANGED, ReratedState.INVOICED))),
    ),
    order=("-id",),
    search="callee",
    has_history=False,
    links=(Link(_("The call"), "cdrs", {"call_id": "call_id"}, icon="phone-call"),),
    help=_("Each charge that a re-rating changes: what it was and what it is from then on. They are kept for good."),
)
PANELS = (RERATINGS, CHARGES)
