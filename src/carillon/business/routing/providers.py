"""Changes to CDR providers: how carriers' CDR files look."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from carillon.base.actor import Actor
from carillon.base.changes import action, audited
from carillon.base.places import Faults
from carillon.base.rows import check_values, locked, named, once
from carillon.business.partners.queries import chosen_partner
from carillon.business.routing.choices import DecimalMark, DurationUnit, StartMeans
from carillon.business.routing.models import CdrProvider, Gateway

CLASHES = {"cdr_provider_name_once_per_partner": ("name", _lazy("There is a CDR provider of this name already."))}
DIVISORS = (1, 100, 1000, 10_000, 1_000_000)
MOST_TOLERANCE_S = 6 * 3600
MOST_GATEWAYS = 20
COLUMNS = ("started_column", "callee_column", "duration_column", "caller_column", "price_column", "call_id_column")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderData:
    """A carrier's CDR files; see `models.CdrProvider`. `partner_id` (None: the actor's own) stays once created.

    `price_tolerance_micro` is in micro-units of `currency`.
    """

    name: str
    gateway_ids: tuple[int, ...]
    started_column: str
    callee_column: str
    duration_column: str
    currency: str
    caller_column: str = ""
    price_column: str = ""
    call_id_column: str = ""
    timezone: str = "UTC"
    time_format: str = ""
    start_means: StartMeans = StartMeans.SETUP
    duration_unit: DurationUnit = DurationUnit.SECONDS
    decimal_mark: DecimalMark = DecimalMark.POINT
    price_divisor: int = 1
    country: str = ""
    start_tolerance_s: int = 60
    duration_tolerance_s: int = 1
    price_tolerance_micro: int = 100
    partner_id: int | None = None


@action("cdr_providers.add")
def create_provider(actor: Actor, data: ProviderData) -> CdrProvider:
    """Describe a carrier's CDR files.

    Raises:
        InvalidInput: a value breaks a rule, a gateway is not the partner's own, or the name is taken.
    """
    provider = CdrProvider(partner=chosen_partner(actor, data.partner_id))
    _fill(actor, provider, data)
    with once(CLASHES), audited(actor, provider, "create"):
        provider.save(force_insert=True)
    return provider


@action("cdr_providers.change")
def update_provider(actor: Actor, provider: CdrProvider, data: ProviderData) -> CdrProvider:
    """Describe them otherwise; files compared before stay as they are. Raises like `create_provider`."""
    provider = locked(CdrProvider.objects, actor, provider.pk)
    with once(CLASHES), audited(actor, provider, "update"):
        _fill(actor, provider, data)
        provider.save()
    return provider


@action("cdr_providers.delete")
def remove_provider(actor: Actor, provider: CdrProvider) -> None:
    """Remove a provider with all that was compared."""
    provider = locked(CdrProvider.objects, actor, provider.pk)
    with audited(actor, provider, "remove"):
        provider.delete()


def _fill(actor: Actor, provider: CdrProvider, data: ProviderData) -> None:
    _check(actor, provider, data)
    provider.name, provider.gateway_ids = data.name.strip(), list(dict.fromkeys(data.gateway_ids))
    for name in COLUMNS:
        setattr(provider, name, getattr(data, name).strip())
    for name in ("timezone", "time_format", "start_means", "duration_unit", "decimal_mark", "currency"):
        setattr(provider, name, getattr(data, name))
    for name in ("price_divisor", "country", "start_tolerance_s", "duration_tolerance_s", "price_tolerance_micro"):
        setattr(provider, name, getattr(data, name))
    check_values(provider)


def _check(actor: Actor, provider: CdrProvider, data: ProviderData) -> None:
    faults = Faults()
    faults.currency(data.currency)
    faults.timezone(data.timezone)
    if data.country:
        faults.country(data.country)
    faults.unless(_is_format(data.time_format), "time_format", _("This is no format such as %d/%m/%Y %H:%M:%S."))
    faults.unless(
        data.price_divisor in DIVISORS,
        "price_divisor",
        _("Choose one of %(divisors)s.") % {"divisors": ", ".join(map(str, DIVISORS))},
    )
    for name in ("start_tolerance_s", "duration_tolerance_s"):
        is_right = 0 <= getattr(data, name) <= MOST_TOLERANCE_S
        faults.unless(is_right, name, _("Between 0 and %(most)s seconds.") % {"most": MOST_TOLERANCE_S})
    faults.unless(0 <= data.price_tolerance_micro <= 10**12, "price_tolerance_micro", _("This must not be negative."))
    is_one = 1 <= len(data.gateway_ids) <= MOST_GATEWAYS
    faults.unless(is_one, "gateway_ids", _("Choose one gateway or more, at most %(most)s.") % {"most": MOST_GATEWAYS})
    for gateway_id in data.gateway_ids[:MOST_GATEWAYS]:
        gateway = named(Gateway.objects, actor, gateway_id, "gateway_ids")
        faults.unless(
            gateway.partner_id == provider.partner_id,
            "gateway_ids",
            _("%(gateway)s is another partner's.") % {"gateway": gateway},
        )
    faults.stop()


def _is_format(text: str) -> bool:
    """Whether a moment comes back from what the format writes."""
    if not text:
        return True
    moment = datetime(2026, 11, 26, 14, 5, 9)
    try:
        return datetime.strptime(moment.strftime(text), text).replace(second=9) == moment
    except (ValueError, re.error):  # the latter for what is there twice
        return False
