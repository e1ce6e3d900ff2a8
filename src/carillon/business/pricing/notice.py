"""Notice of new prices: customers and sub-partners hear of them in time; `usecases.announce_prices` tells them."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext as _
from procrastinate.contrib.django import app

from carillon.base.errors import InvalidInput
from carillon.business.pricing.choices import RateChangeKind
from carillon.business.pricing.models import PriceListVersion

LONGEST_DAYS = 180
SLACK = timedelta(minutes=5)  # "in 30 days" is typed a little before it is approved


def check_in_time(version: PriceListVersion) -> None:
    """Refuse prices that rise, or numbers that are no longer sold, before customers have had their days of notice.

    `version` is compared with the one before it; a list's first version tells nobody anything new. Raises InvalidInput.
    """
    days = version.price_list.notice_days
    is_worse = version.changes.get(RateChangeKind.DEARER.value) or version.changes.get(RateChangeKind.GONE.value)
    if not days or version.compared_with_id is None or not is_worse:
        return
    earliest = timezone.now() + timedelta(days=days)
    if version.effective_from < earliest - SLACK:
        text = _("Prices rise: customers hear of it %(days)s days before, so from %(date)s at the earliest.")
        values = {"days": days, "date": f"{earliest + SLACK:%Y-%m-%d %H:%M} UTC"}
        raise InvalidInput(fields={"effective_from": text % values})


def announce(version: PriceListVersion) -> None:
    """Have customers told of an approved version, if its list does so and it changes anything."""
    if version.price_list.notice_days is not None and version.compared_with_id is not None and version.changes:
        _defer(version)


def take_back(version: PriceListVersion) -> None:
    """Have customers told that a withdrawn version does not come, if they were told that it would."""
    if version.announced_at is not None and version.effective_from > timezone.now():
        _defer(version)


def _defer(version: PriceListVersion) -> None:
    app.configure_task("announce_prices").defer(version_id=version.pk)
