"""What the dialogs of Price Lists and Costs ask for, and how they call the actions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from carillon.base.actor import Actor
from carillon.base.jobs import JobData, open_job, start_job
from carillon.base.models import Job
from carillon.business.pricing import actions, assignments, queries
from carillon.business.pricing.choices import Purpose, Traffic
from carillon.business.pricing.models import PriceAssignment, PriceList, PriceListVersion
from carillon.business.pricing.ratefile import MAX_BYTES
from carillon.panels.declaration import Field, Upload

AT_ONCE_BYTES = 2**20  # about 25,000 rates, a second's work
ENCODINGS = (("", _("Detect")), ("utf-8", "UTF-8"), ("utf-16", "UTF-16"), ("windows-1252", "Windows-1252 (Latin-1)"))
CSV_HELP = _(
    "CSV or XLSX with a header line. Needed are prefix (or group) and rate; name, fee, intervals, grace, minimum, "
    "maximum, window and from_s are known by their usual names. All lines are taken, or none."
)


NEW_VERSION_FIELDS = (
    Field("effective_from", _("Holds from"), help=_("Leave empty to begin with the approval.")),
    Field("copies_newest", _("Begin with the rates of the newest version")),
    Field("file", _("Rates (CSV or XLSX)"), help=CSV_HELP),
    Field("encoding", _("Encoding"), choices=ENCODINGS),
    Field("note", _("Note"), max_length=500),
)
RATES_FILE_FIELDS = (
    Field("file", _("Rates (CSV or XLSX)"), help=CSV_HELP, maximum=MAX_BYTES),
    Field("is_merge", _("Keep the rates that are there and change only those in the file")),
    Field("encoding", _("Encoding"), choices=ENCODINGS),
)
BUYER_FIELDS = (
    Field(
        "traffic",
        _("For"),
        help=_(
            "Calls received are priced by the caller's number. Without a list for them, calls received and calls that "
            "stay on the platform are free."
        ),
    ),
    Field("web_product_id", _("Web product"), lookup="web-products"),
    Field("customer_id", _("Customer"), lookup="customers"),
    Field("buyer_partner_id", _("Sub-partner"), lookup="partners"),
    Field("is_addition", _("Beside the lists that this buyer has"), help=_("Else it takes their place.")),
    Field(
        "weight",
        _("Weight"),
        minimum=0,
        maximum=assignments.MOST_WEIGHT,
        section=_("Among several lists"),
        help=_("The list with the highest weight that has a price for the number is taken."),
    ),
    Field("active_from", _("Active from"), section=_("Among several lists")),
    Field("active_until", _("Active until"), section=_("Among several lists")),
    Field(
        "allows_loss",
        _("Also below cost"),
        section=_("Among several lists"),
        help=_("Calls that cost you more than they bring in are put through all the same."),
    ),
)
ASSIGNMENT_FIELDS = tuple(  # an assignment stays with its buyer
    replace(one, only="create") if one.name in ("traffic", "is_addition") or one.name.endswith("_id") else one
    for one in BUYER_FIELDS
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewVersion:
    """The dialog that starts a version."""

    effective_from: datetime | None = None
    note: str = ""
    copies_newest: bool = False
    file: Upload | None = None
    encoding: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RatesFile:
    """The dialog that imports rates."""

    file: Upload
    is_merge: bool = False
    encoding: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Buyer(assignments.Terms):
    """The dialog that assigns a list."""

    traffic: Traffic = Traffic.CALLS
    web_product_id: int | None = None
    customer_id: int | None = None
    buyer_partner_id: int | None = None
    is_addition: bool = False


def start_version(actor: Actor, price_list: PriceList, data: NewVersion) -> PriceListVersion:
    """Start a version with what the dialog said."""
    file = data.file
    options = actions.ImportOptions(encoding=data.encoding, file_name=file.name if file else "")
    start = actions.VersionStart(
        effective_from=data.effective_from,
        note=data.note,
        copies_newest=data.copies_newest,
        content=file.content if file else b"",
        options=options,
    )
    return actions.start_version(actor, price_list, start)


def import_rates(actor: Actor, version: PriceListVersion, data: RatesFile) -> actions.ImportReport | Job:
    """Import the file that the dialog brought: a small one at once, a larger one by the worker."""
    file = data.file
    options = actions.ImportOptions(is_merge=data.is_merge, encoding=data.encoding, file_name=file.name)
    if file.size <= AT_ONCE_BYTES:
        return actions.import_rates(actor, version, file.content, options)
    prefix = queries.PERMISSION_PREFIX[Purpose(version.price_list.purpose)]
    panel = {"price_lists": "price-list-versions", "costs": "cost-versions"}[prefix]
    told = {"is_merge": data.is_merge, "encoding": data.encoding}
    wanted = JobData(kind="rates", panel=panel, name=file.name, object_id=str(version.pk), options=told)
    return start_job(actor, open_job(actor, wanted, file.pieces()))


def assign(actor: Actor, price_list: PriceList, data: Buyer) -> PriceAssignment:
    """Assign the list to the buyer that the dialog named."""
    told = {one.name: getattr(data, one.name) for one in fields(data)}
    wanted = assignments.AssignmentData(price_list_id=price_list.pk, **told)
    return assignments.assign_price_list(actor, wanted)


def imported(report: actions.ImportReport | Job) -> Mapping[str, str]:
    """What the dialog says after an import; of a job where it is found."""
    if isinstance(report, Job):
        return {"job": str(report.pk), "state": report.state}
    lines = {"rates": str(report.rows), "encoding": report.encoding}
    if report.ignored_columns:
        lines["ignored columns"] = ", ".join(report.ignored_columns)
    return lines
