"""The panels CDR Providers: how carriers' files look, the files compared, and their calls beside ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from carillon.base.actor import Actor
from carillon.business.routing import providers, queries
from carillon.business.routing.choices import Verdict
from carillon.business.routing.models import CdrProvider, ReconciledCall, Reconciliation
from carillon.faces.portal.routing import gateway_choices
from carillon.panels.cells import money_text
from carillon.panels.declaration import Column, Detail, Field, Filter, Link, Panel, RowAction, Tab, Upload
from carillon.usecases import reconcile_cdrs

TONES = {Verdict.MATCHED: "good", Verdict.DURATION: "warn", Verdict.PRICE: "warn"}
SHORT = (
    (Verdict.MATCHED, _("Same")),
    (Verdict.DURATION, _("Duration")),
    (Verdict.PRICE, _("Price")),
    (Verdict.THEIRS, _("Theirs")),
    (Verdict.OURS, _("Ours")),
)
DIVISORS = tuple((divisor, f"1/{divisor}") for divisor in providers.DIVISORS[1:])


@dataclass(frozen=True, slots=True, kw_only=True)
class FileInput:
    """The dialog that imports a file."""

    file: Upload
    since: datetime | None = None
    until: datetime | None = None


def reconcile(actor: Actor, provider: CdrProvider, data: FileInput) -> Reconciliation:
    """Compare the file that the dialog brought."""
    file = reconcile_cdrs.CdrFile(content=data.file.content, name=data.file.name, since=data.since, until=data.until)
    return reconcile_cdrs.reconcile_cdrs(actor, provider, file)


reconcile.permission = "cdr_providers.reconcile"  # type: ignore[attr-defined]


def told(done: Reconciliation) -> Mapping[str, str]:
    """What the dialog says after an import."""
    lines = {str(verdict.label): str(done.counts.get(verdict, 0)) for verdict in Verdict}
    lines[str(_("They ask more"))] = f"{money_text(done.overcharged_micro)} {done.currency}"
    return lines | {str(_("They ask less")): f"{money_text(done.undercharged_micro)} {done.currency}"}


def page(actor: Actor, done: Reconciliation) -> Mapping[str, Any]:
    """What the page of a file shows; two queries."""
    worst = queries.reconciled_calls_of(actor).filter(reconciliation=done).exclude(verdict=Verdict.MATCHED)
    return {
        "counts": [
            (verdict, verdict.label, done.counts.get(verdict, 0), TONES.get(verdict, "bad")) for verdict in Verdict
        ],
        "difference_micro": done.theirs_micro - done.ours_micro,
        "worst": worst.order_by("-overcharged_micro", "pk")[:12],
    }


def count_of(verdict: Verdict) -> Any:
    """How many calls of a file came to a verdict."""
    return lambda done: done.counts.get(verdict, 0)


FIELDS = (
    Field("name", _("Name"), max_length=100),
    Field("gateway_ids", _("Gateways"), choices=gateway_choices, wide=True, help=_("Whose calls its files are about.")),
    Field("started_column", _("Time"), max_length=60, section=_("Columns"), help=_("The title, or #1 for the first.")),
    Field("callee_column", _("Number called"), max_length=60, section=_("Columns")),
    Field("duration_column", _("Duration"), max_length=60, section=_("Columns")),
    Field("caller_column", _("Caller"), max_length=60, section=_("Columns")),
    Field("price_column", _("Price"), max_length=60, section=_("Columns")),
    Field("call_id_column", _("SIP Call-ID"), max_length=60, section=_("Columns")),
    Field("timezone", _("Time zone"), max_length=64, section=_("Format")),
    Field(
        "time_format",
        _("Time format"),
        max_length=60,
        section=_("Format"),
        placeholder="%d/%m/%Y %H:%M:%S",
        help=_("Leave empty for 2026-11-26 14:05:09."),
    ),
    Field("start_means", _("The time is"), section=_("Format")),
    Field("duration_unit", _("Durations in"), section=_("Format")),
    Field("decimal_mark", _("Decimal mark"), section=_("Format")),
    Field("currency", _("Currency"), max_length=3, section=_("Format"), placeholder="EUR"),
    Field("price_divisor", _("Prices in"), choices=((1, _("Whole units")), *DIVISORS), section=_("Format")),
    Field(
        "country",
        _("Country of short numbers"),
        max_length=2,
        section=_("Format"),
        placeholder="GB",
        help=_("When numbers come without country code."),
    ),
    Field("start_tolerance_s", _("Start (s)"), minimum=0, section=_("May differ by")),
    Field("duration_tolerance_s", _("Duration (s)"), minimum=0, section=_("May differ by")),
    Field("price_tolerance_micro", _("Price"), kind="money", minimum=0, section=_("May differ by")),
    Field("partner_id", _("Partner"), lookup="partners", only="create", help=_("Leave empty for your own company.")),
)
IMPORT = RowAction(
    "import",
    _("Compare a file"),
    reconcile,
    data=FileInput,
    icon="file-import",
    fields=(
        Field("file", _("CDR file (CSV or XLSX)"), help=_("At most 20 MB. All lines are taken, or none.")),
        Field("since", _("Our calls from"), help=_("Leave empty for the first call of the file.")),
        Field("until", _("Until"), help=_("Leave empty for its last call.")),
    ),
    result=told,
)
PROVIDERS = Panel(
    slug="cdr-providers",
    title=_("CDR Providers"),
    name=_("CDR provider"),
    section="settings",
    icon="exchange",
    model=CdrProvider,
    rows=queries.cdr_providers_of,
    columns=(
        Column("name", _("Name"), width=150, grow=2),
        Column("currency", _("Currency"), width=80),
        Column("timezone", _("Time zone"), width=120),
        Column("duration_unit", _("Durations in"), kind="choice", width=120),
        Column("start_tolerance_s", _("Start may differ (s)"), kind="integer", width=135),
        Column("partner", _("Partner"), value="partner.name", width=130),
    ),
    api=(
        *(Column(name, name.replace("_", " ").capitalize()) for name in providers.COLUMNS),
        Column("gateway_ids", _("Gateways"), kind="list"),
        Column("time_format", _("Time format")),
        Column("start_means", _("The time is")),
        Column("decimal_mark", _("Decimal mark")),
        Column("price_divisor", _("Prices in"), kind="integer"),
        Column("country", _("Country")),
        Column("duration_tolerance_s", _("Duration may differ"), kind="integer"),
        Column("price_tolerance", _("Price may differ"), kind="money", value="price_tolerance_micro"),
        Column("partner_id", _("Partner"), kind="integer"),
        Column("created_at", _("Created"), kind="datetime"),
    ),
    filters=(Filter("name", _("Name"), lookup="istartswith"), Filter("partner_id", _("Partner"), kind="integer")),
    order=("name", "-id"),
    data=providers.ProviderData,
    fields=FIELDS,
    create=providers.create_provider,
    update=providers.update_provider,
    remove=providers.remove_provider,
    actions=(IMPORT,),
    links=(Link(_("Files compared"), "reconciliations", {"provider_id": "id"}, icon="list"),),
    help=_(
        "Carriers send their CDRs in files. Say how a carrier's file looks and compare it: calls are matched by SIP "
        "Call-ID when the file has it, else by the number called and the time, and what differs shows with the money "
        "at stake. Only answered calls count."
    ),
    empty=_("Add the carrier whose files you want to check: which columns they have, and in which time zone they are."),
)
RECONCILIATIONS = Panel(
    slug="reconciliations",
    title=_("CDR files compared"),
    name=_("file"),
    section="",
    icon="exchange",
    permission="cdr_providers",
    model=Reconciliation,
    rows=queries.reconciliations_of,
    columns=(
        Column("provider", _("CDR provider"), value="provider.name", width=95, grow=2),
        Column("file_name", _("File"), width=105, grow=2),
        Column("since", _("From"), kind="datetime", width=125),
        Column("until", _("Until"), kind="datetime", in_grid=False),
        *(
            Column(str(verdict), verdict.label, kind="integer", value=count_of(verdict), width=75)
            for verdict in Verdict
        ),
        Column("overcharged", _("They ask more"), kind="money", value="overcharged_micro", width=105),
        Column("undercharged", _("They ask less"), kind="money", value="undercharged_micro", width=105),
    ),
    api=(
        Column("provider_id", _("CDR provider"), kind="integer"),
        Column("theirs_total", _("Theirs"), kind="money", value="theirs_micro"),
        Column("ours_total", _("Ours"), kind="money", value="ours_micro"),
        Column("created_at", _("Compared"), kind="datetime"),
    ),
    filters=(Filter("provider_id", _("CDR provider"), kind="integer"),),
    order=("-id",),
    search="file_name",
    remove=reconcile_cdrs.remove_reconciliation,
    detail=Detail("portal/routing/reconciliation.html", page),
    links=(Link(_("Calls"), "reconciled-calls", {"reconciliation_id": "id"}, icon="list"),),
    help=_("Each file that was compared, with what agreed, what differed, and the money at stake."),
    empty=_("Choose Compare a file in the menu of a CDR provider."),
)
CALLS = Panel(
    slug="reconciled-calls",
    title=_("Calls compared"),
    name=_("call"),
    section="",
    icon="exchange",
    permission="cdr_providers",
    model=ReconciledCall,
    rows=queries.reconciled_calls_of,
    columns=(
        Column("verdict", _("Result"), kind="status", width=115),
        Column("started_at", _("Time"), kind="datetime", width=140),
        Column("caller", _("From"), kind="code", width=115),
        Column("callee", _("To"), kind="code", width=120),
        Column("theirs_duration", _("Theirs"), kind="duration", value="theirs_ms", width=70),
        Column("ours_duration", _("Ours"), kind="duration", value="ours_ms", width=70),
        Column("theirs_price", _("They ask"), kind="money", value="theirs_micro", currency="reconciliation.currency"),
        Column("ours_price", _("Our cost"), kind="money", value="ours_micro", currency="reconciliation.currency"),
        Column("more", _("More"), kind="money", value="overcharged_micro", currency="reconciliation.currency"),
        Column("line", _("Line"), kind="integer", width=60),
    ),
    api=(
        Column("reconciliation_id", _("File"), kind="integer"),
        Column("call_id", _("Call")),
        Column("sip_call_id", _("SIP Call-ID")),
    ),
    filters=(
        Filter("reconciliation_id", _("File"), kind="integer"),
        Filter("verdict", _("Result"), choices=Verdict.choices),
        Filter("callee", _("To"), lookup="startswith"),
        Filter("caller", _("From"), lookup="startswith"),
    ),
    tabs=(
        Tab("different", _("Different"), ~Q(verdict=Verdict.MATCHED)),
        Tab("theirs", _("Only theirs"), Q(verdict=Verdict.THEIRS)),
        Tab("ours", _("Only ours"), Q(verdict=Verdict.OURS)),
        Tab("values", _("Duration or price"), Q(verdict__in=(Verdict.DURATION, Verdict.PRICE))),
        Tab("same", _("The same"), Q(verdict=Verdict.MATCHED)),
    ),
    order=("-started_at", "started_at", "-overcharged_micro", "-id"),
    search="callee",
    has_history=False,
    help=_("The calls of a carrier's file beside ours. More is what the carrier asks beyond our own reckoning."),
)
PANELS = (PROVIDERS, RECONCILIATIONS, CALLS)
