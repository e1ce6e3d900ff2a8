"""What-if: asking what a version would have charged for calls of the past; `usecases.try_prices` works it out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext as _
from procrastinate.contrib.django import app

from carillon.base.actor import Actor
from carillon.base.changes import action, witnessed
from carillon.base.errors import Conflict, InvalidInput, NotPermitted
from carillon.base.rows import locked
from carillon.business.pricing.choices import TrialState
from carillon.business.pricing.errors import VersionEmpty
from carillon.business.pricing.models import PriceListVersion, PriceTrial
from carillon.business.pricing.queries import permit

MOST_DAYS = 92


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialData:
    """How far back to look, in days."""

    days: int = 30


@action("price_lists.view", "costs.view")
def start_trial(actor: Actor, version: PriceListVersion, data: TrialData) -> PriceTrial:
    """Ask what a version would have charged in the last days; the worker finds out.

    Raises:
        InvalidInput: not 1 to 92 days. VersionEmpty: it has no rates. Conflict: this version is being tried already.
        NotPermitted: the actor may not read CDRs.

    Cost: three queries, and a job that goes once through the calls of these days.
    """
    if not actor.may("cdrs.view"):
        raise NotPermitted(_("This needs the permission cdrs.view."))
    if not 1 <= data.days <= MOST_DAYS:
        raise InvalidInput(fields={"days": _("Between 1 and %(most)s days.") % {"most": MOST_DAYS}})
    version = locked(PriceListVersion.objects, actor, version.pk)
    price_list = permit(actor, version.price_list, "view")
    if version.rate_count == 0:
        raise VersionEmpty
    if PriceTrial.objects.filter(version=version, state=TrialState.WAITING).exists():
        raise Conflict(_("This version is being tried already: its result will be among the what-ifs."))
    until = timezone.now()
    trial = PriceTrial.objects.create(
        partner_id=version.partner_id,
        version=version,
        since=until - timedelta(days=data.days),
        until=until,
        currency=price_list.currency,
        login_id=actor.login_id,
    )
    witnessed(actor, version, "try", reason=f"what it would have charged in {data.days} days")
    app.configure_task("try_prices", queueing_lock=f"try_prices:{trial.pk}").defer(trial_id=trial.pk)
    return trial
