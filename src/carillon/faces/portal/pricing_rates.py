"""Rates of price lists and of costs: what calls to a prefix cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from carillon.business.pricing import actions, queries, terms
from carillon.business.pricing.choices import VersionState
from carillon.business.pricing.models import Rate, WholesaleRate
from carillon.business.pricing.ratelines import ALL_NUMBERS
from carillon.business.pricing.ratevalues import MAX_INTERVAL_S
from carillon.faces.portal.pricing_windows import PRICE_FIELDS
from carillon.faces.portal.pricing_words import Words, needing
from carillon.logic.pricetext import plain, windows_of
from carillon.panels.declaration import Column, Field, Filter, Panel
from carillon.panels.manner import number_text


def rate_values(rate: Rate) -> Mapping[str, Any]:
    """What the form of a rate starts with."""
    names = ("version_id", "name", *terms.PRICE)
    return {name: getattr(rate, name) for name in names} | {"prefix": rate.prefix or ALL_NUMBERS}


def intervals(rate: Rate) -> str:
    """As the trade writes them: seconds of the first interval and of the next ones."""
    return f"{rate.initial_s}/{rate.increment_s}"


def further(rate: Rate | WholesaleRate) -> str:
    """What a price says beside fee, rate and intervals, in short."""
    parts = [
        *([_("%(count)s s free") % {"count": rate.grace_s}] if rate.grace_s else []),
        *([f"≥ {number_text(plain(rate.minimum))}"] if rate.minimum else []),
        *([f"≤ {number_text(plain(rate.maximum))}"] if rate.maximum is not None else []),
        *([_("steps")] if rate.steps else []),
        *(price.window for price in windows_of(rate.windows)),
    ]
    return ", ".join(str(part) for part in parts)


LIMITS = (
    Column("grace_s", _("Grace"), kind="integer"),
    Column("minimum", _("Minimum"), kind="decimal"),
    Column("maximum", _("Maximum"), kind="decimal"),
    Column("steps", _("Steps")),
    Column("windows", _("Windows")),
)
RATE_COLUMNS = (
    Column("prefix", _("Prefix"), kind="code", value=lambda rate: rate.prefix or ALL_NUMBERS, width=105),
    Column("name", _("Destination"), width=175, grow=2),
    Column("per_minute", _("Rate"), kind="decimal", width=95),
    Column("connection_fee", _("Fee"), kind="decimal", width=70),
    Column("intervals", _("Intervals"), value=intervals, width=80, in_api=False),
    Column("further", _("Further"), value=further, width=130, in_api=False),
    Column("price_list", _("List"), value="version.price_list.name", width=100),
    Column("version", _("Version"), kind="integer", value="version.number", width=70),
    Column("state", _("State"), kind="status", value="version.state", choices=VersionState.choices, width=95),
)
RATE_API = (
    Column("initial_s", _("First interval"), kind="integer"),
    Column("increment_s", _("Next intervals"), kind="integer"),
    *LIMITS,
    Column("unit", _("Unit"), value="version.price_list.unit"),
    Column("currency", _("Currency"), value="version.price_list.currency"),
    Column("version_id", _("Version"), kind="integer"),
    Column("price_list_id", _("List"), kind="integer", value="version.price_list_id"),
    Column("partner_id", _("Partner"), kind="integer"),
)
RATE_FILTERS = (
    Filter("prefix", _("Prefix"), lookup="startswith"),
    Filter("name", _("Destination"), lookup="istartswith"),
    Filter("number", _("For number"), apply=queries.by_number),
    Filter("state", _("State"), field="version__state", choices=VersionState.choices),
    Filter("version_id", _("Version"), kind="integer"),
    Filter("price_list_id", _("List"), kind="integer", field="version__price_list_id"),
)
RATE_FIELDS = (
    Field("prefix", _("Prefix"), max_length=17, help=_("Digits, country code first; * is every number.")),
    Field("name", _("Destination"), max_length=100),
    Field("per_minute", _("Rate"), minimum=0, maximum=1000, help=_("Per minute, or per the list's other unit.")),
    Field("connection_fee", _("Connection fee"), minimum=0, maximum=1000),
    Field("initial_s", _("First interval (s)"), minimum=1, maximum=MAX_INTERVAL_S),
    Field("increment_s", _("Next intervals (s)"), minimum=1, maximum=MAX_INTERVAL_S),
    Field(
        "grace_s",
        _("Grace (s)"),
        minimum=0,
        maximum=MAX_INTERVAL_S,
        section=_("Limits"),
        help=_("Calls no longer than that are free."),
    ),
    Field("minimum", _("Least a call costs"), minimum=0, maximum=1000, section=_("Limits")),
    Field("maximum", _("Most a call costs"), minimum=0, maximum=1000, section=_("Limits"), help=_("Empty: no limit.")),
    *PRICE_FIELDS,
)


def rates_panel(words: Words) -> Panel:
    """The panel of rates, reached from lists and versions."""
    draft = Field("version_id", _("Version (a draft)"), lookup=words.versions, only="create")
    return Panel(
        slug=words.rates,
        title=words.rates_title,
        name=_("rate"),
        section="",
        icon=words.icon,
        permission=words.permission,
        model=Rate,
        rows=lambda actor: queries.rates_of(actor).filter(version__price_list__purpose=words.purpose),
        columns=RATE_COLUMNS,
        api=RATE_API,
        filters=RATE_FILTERS,
        order=("prefix", "-id"),
        data=actions.RateData,
        fields=(draft, *RATE_FIELDS),
        initial=rate_values,
        create=needing(words, actions.add_rate),
        update=needing(words, actions.update_rate),
        remove=needing(words, actions.remove_rate),
        help=_(
            "A call is charged by the longest prefix of the number called: the connection fee, then the rate for the "
            "first interval as a whole and for every started interval after it. Steps change the rate inside a call, "
            "windows by the clock; grace, least and most hold whatever the window."
        ),
    )
