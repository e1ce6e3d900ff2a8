"""What a version of a price list changes: its page, and the panel of rates that are new, gone, dearer or cheaper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from carillon.base.actor import Actor
from carillon.business.pricing import comparison, queries
from carillon.business.pricing.choices import Purpose, RateChangeKind
from carillon.business.pricing.markup import newer_costs
from carillon.business.pricing.models import PriceListVersion, RateChange
from carillon.business.pricing.ratelines import ALL_NUMBERS
from carillon.business.pricing.terms import frozen_terms
from carillon.faces.portal.pricing_windows import week_picture
from carillon.panels.declaration import Column, Filter, Panel
from carillon.panels.manner import number_text

FILE_COLUMNS = "prefix,name,per_minute,connection_fee,intervals,grace_s,minimum,maximum,steps,windows"
STRONGEST = 8  # changes shown on the version's page, each way
TONES = {
    RateChangeKind.NEW: "calm",
    RateChangeKind.GONE: "bad",
    RateChangeKind.DEARER: "warn",
    RateChangeKind.CHEAPER: "good",
    RateChangeKind.OTHER: "calm",
}


def counts(version: PriceListVersion) -> Mapping[str, str]:
    """What a comparison says in the dialog and in REST."""
    found = {str(kind.label): str(version.changes.get(kind, 0)) for kind in RateChangeKind}
    before = version.compared_with
    return {str(_("Compared with")): str(before or _("nothing: it is the first version")), **found}


def version_page(actor: Actor, version: PriceListVersion) -> Mapping[str, Any]:
    """What the page of a version shows; four queries."""
    changes = queries.rate_changes_of(actor).filter(version=version)
    writers = [name for name in version.authors if not name.startswith("#")]
    is_sale = version.price_list.purpose == Purpose.SALE
    made_from = queries.versions_of(actor).filter(pk__in=version.made_from)
    return {
        "is_compared": comparison.is_compared(version),
        "counts": [(kind, kind.label, version.changes.get(kind, 0), TONES[kind]) for kind in RateChangeKind],
        "sides": [
            (_("Most dearer"), changes.filter(kind=RateChangeKind.DEARER).order_by("-percent", "pk")[:STRONGEST]),
            (_("Most cheaper"), changes.filter(kind=RateChangeKind.CHEAPER).order_by("percent", "pk")[:STRONGEST]),
        ],
        "writers": ", ".join(writers),
        "made_from": ", ".join(str(source) for source in made_from),
        "newer": ", ".join(str(source) for source in newer_costs(version)) if made_from else "",
        "changes_slug": "rate-changes" if is_sale else "cost-rate-changes",
        "rates_slug": "rates" if is_sale else "cost-rates",
        **week_picture(version),
        "rules_changed": rules_changed(version),
        "windows_slug": "price-windows" if is_sale else "cost-windows",
        "file_columns": FILE_COLUMNS,
        "approves": f"{queries.PERMISSION_PREFIX[Purpose(version.price_list.purpose)]}.approve",
    }


def rules_changed(version: PriceListVersion) -> bool:
    """Whether rules or windows of a version differ from those of the version it was compared with; four queries."""
    before = version.compared_with
    return before is not None and frozen_terms(before) != frozen_terms(version)


def further_text(text: str) -> str:
    """What `RateChange.further` keeps, in words."""
    if not text:
        return ""
    grace_s, minimum, maximum, steps, windows = text.split("\t")
    parts = [
        *([str(_("%(count)s s free") % {"count": grace_s})] if grace_s != "0" else []),
        *([f"≥ {number_text(minimum)}"] if minimum != "0" else []),
        *([f"≤ {number_text(maximum)}"] if maximum else []),
        *filter(None, (steps, windows)),
    ]
    return "; ".join(parts) or "–"


def changes_panel(slug: str, title: Any, permission: str, purpose: Purpose) -> Panel:
    """The panel of what versions change, reached from a version."""
    return Panel(
        slug=slug,
        title=title,
        name=_("change"),
        section="",
        icon="arrows-exchange",
        permission=permission,
        model=RateChange,
        rows=lambda actor: queries.rate_changes_of(actor).filter(version__price_list__purpose=purpose),
        columns=COLUMNS,
        api=API,
        filters=FILTERS,
        order=("prefix", "percent", "-id"),
        has_history=False,
        help=_(
            "What a version changes against the one that held before it. Dearer and cheaper go by rate, fee, "
            "least, most and grace; otherwise: one rose and one fell, or intervals, steps or windows changed. A prefix "
            "that is gone is charged by the next shorter prefix of the version, if there is one."
        ),
        empty=_(
            "Nothing changes; or all is new, because it is the first version of its list; or the version was not "
            "compared: choose Compare in its menu."
        ),
    )


COLUMNS = (
    Column("prefix", _("Prefix"), kind="code", value=lambda change: change.prefix or ALL_NUMBERS, width=95),
    Column("name", _("Destination"), width=165, grow=2),
    Column("kind", _("Change"), kind="status", width=95),
    Column("was_per_minute", _("Was"), kind="decimal", width=85),
    Column("per_minute", _("Becomes"), kind="decimal", width=85),
    Column("percent", _("%"), kind="decimal", width=75),
    Column("was_connection_fee", _("Fee was"), kind="decimal", width=80),
    Column("connection_fee", _("Fee becomes"), kind="decimal", width=100),
    Column("was_intervals", _("Intervals were"), width=105),
    Column("intervals", _("Become"), width=80),
    Column("was_further", _("Further was"), value=lambda change: further_text(change.was_further), width=110),
    Column("further", _("Further becomes"), value=lambda change: further_text(change.further), width=120),
)
API = (
    Column("version_id", _("Version"), kind="integer"),
    Column("price_list_id", _("List"), kind="integer", value="version.price_list_id"),
    Column("currency", _("Currency"), value="version.price_list.currency"),
)
FILTERS = (
    Filter("prefix", _("Prefix"), lookup="startswith"),
    Filter("name", _("Destination"), lookup="istartswith"),
    Filter("kind", _("Change"), choices=RateChangeKind.choices),
    Filter("version_id", _("Version"), kind="integer"),
)
PANELS = (
    changes_panel("rate-changes", _("What versions change"), "price_lists", Purpose.SALE),
    changes_panel("cost-rate-changes", _("What versions of costs change"), "costs", Purpose.COST),
)
