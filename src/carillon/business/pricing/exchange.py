"""Exchange rates: what converts a list's prices for accounts in another currency."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from carillon.base.actor import Actor
from carillon.base.changes import action, audited
from carillon.base.errors import Conflict, InvalidInput
from carillon.base.places import Faults
from carillon.base.rows import check_values, locked, once
from carillon.business.partners.queries import chosen_partner
from carillon.business.pricing.models import ExchangeRate

CLASHES = {
    "exchange_rate_once_per_moment": (
        "effective_from",
        _lazy("There is a rate of this pair from this moment on already."),
    )
}
HIGHEST = Decimal(10) ** 9
MOST_LOSS = 100
_PAIR = ("source", "target")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeRateData:
    """What one unit of `source` is worth in `target` for a partner (None: the actor's own) and everybody below it.

    `loss_percent` is added to what is charged: what converting costs. `effective_from` None: from now on. The pair and
    the partner stay.
    """

    source: str
    target: str
    rate: Decimal
    loss_percent: Decimal = Decimal(0)
    effective_from: datetime | None = None
    partner_id: int | None = None


class RateInForce(Conflict):
    """Calls were charged by it."""

    slug = "exchange-rate-in-force"
    title = _lazy("This rate holds already: add another one with a later date instead.")


@action("exchange_rates.add")
def add_exchange_rate(actor: Actor, data: ExchangeRateData) -> ExchangeRate:
    """Let a rate convert prices of the calls that begin after its date.

    Raises:
        InvalidInput: no currency, twice the same one, a rate that is not above zero or has more than ten decimals, or
            there is one from that moment on.
    """
    partner = chosen_partner(actor, data.partner_id)
    rate = ExchangeRate(partner=partner, source=data.source.upper(), target=data.target.upper())
    faults = Faults()
    for name in _PAIR:
        faults.currency(getattr(rate, name), name)
    faults.unless(rate.source != rate.target, "target", _("Choose two different currencies."))
    with once(CLASHES), audited(actor, rate, "create"):
        _fill(rate, data, faults)
        rate.save(force_insert=True)
    return rate


@action("exchange_rates.change")
def update_exchange_rate(actor: Actor, rate: ExchangeRate, data: ExchangeRateData) -> ExchangeRate:
    """Change a rate that does not hold yet.

    Raises:
        RateInForce: it does. InvalidInput: like `add_exchange_rate`, or another pair or partner than before. NotFound.
    """
    rate = locked(ExchangeRate.objects, actor, rate.pk)
    if rate.effective_from <= timezone.now():
        raise RateInForce
    is_same = all(getattr(data, name).upper() == getattr(rate, name) for name in _PAIR)
    if not is_same or data.partner_id not in (None, rate.partner_id):
        raise InvalidInput(fields={"source": _("The pair and the partner stay: add another rate.")})
    with once(CLASHES), audited(actor, rate, "update"):
        _fill(rate, data, Faults())
        rate.save()
    return rate


@action("exchange_rates.delete")
def remove_exchange_rate(actor: Actor, rate: ExchangeRate) -> None:
    """Let the rate before it hold again; calls that have begun keep theirs. Raises NotFound."""
    rate = locked(ExchangeRate.objects, actor, rate.pk)
    with audited(actor, rate, "remove"):
        rate.delete()


def _fill(rate: ExchangeRate, data: ExchangeRateData, faults: Faults) -> None:
    is_sound = data.rate.is_finite() and 0 < data.rate <= HIGHEST
    faults.unless(is_sound, "rate", _("Above zero, at most %(most)s.") % {"most": f"{HIGHEST:f}"})
    is_loss = data.loss_percent.is_finite() and 0 <= data.loss_percent <= MOST_LOSS
    faults.unless(is_loss, "loss_percent", _("Between 0 and %(most)s percent.") % {"most": MOST_LOSS})
    faults.stop()
    rate.rate, rate.loss_percent = data.rate, data.loss_percent
    rate.effective_from = data.effective_from or timezone.now()
    check_values(rate)
