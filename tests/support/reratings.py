"""Calls of the past under other prices: versions in force since before them, and what always holds of money."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Sum

from carillon.base.tenancy import tenant
from carillon.business.billing.models import Account, Entry, UnpostedCharge
from carillon.business.billing.queries import HOLDERS, ledger_sums
from carillon.business.partners.queries import system_actor
from carillon.business.pricing.actions import RateData, VersionData, add_rate, approve_version, create_version
from carillon.business.pricing.models import PriceList, PriceListVersion
from carillon.business.reports.models import SUMS, CallHour, CallShare

LONG_AGO = datetime.now(UTC) - timedelta(days=30)


def a_version(listed: str, per_minute: str, **more: Any) -> PriceListVersion:
    """A further version of a list, in force since long before the calls; the highest number wins."""
    with tenant(system_actor()) as actor:
        price_list = PriceList.objects.get(name=listed)
        first = PriceListVersion.objects.filter(price_list=price_list).order_by("number").first()
        assert first is not None
        draft = create_version(actor, VersionData(price_list_id=price_list.pk))
        prices: dict[str, Any] = {"prefix": "44", "name": "United Kingdom", "per_minute": Decimal(per_minute)} | more
        add_rate(actor, RateData(version_id=draft.pk, **prices))
        version = approve_version(actor, draft)
        PriceListVersion.objects.filter(pk=version.pk).update(effective_from=LONG_AGO)
        PriceListVersion.objects.filter(pk=first.pk).update(effective_from=LONG_AGO - timedelta(days=1))
        return version


def money() -> dict[int, tuple[int, int]]:
    """Every account: what it has, and what waits."""
    return {row.pk: (row.balance_micro, row.unposted_micro) for row in Account.objects.order_by("pk")}


def truths() -> None:
    """What always holds: the ledger sums to zero, caches are what they cache, hours are what the CDRs say."""
    with tenant(system_actor()) as actor:
        assert set(ledger_sums(actor).values()) <= {0}
        for account in Account.objects.all():
            entries = Entry.objects.filter(account=account).aggregate(total=Sum("amount_micro"))["total"] or 0
            waiting = UnpostedCharge.objects.filter(account=account).aggregate(total=Sum("amount_micro"))["total"] or 0
            assert account.balance_micro == entries
            assert account.unposted_micro == (waiting if account.kind in HOLDERS else 0)
        keys = ("partner_id", "hour", "tab", "destination", "currency")
        assert _sums(CallHour, keys) == _sums(CallShare, keys)


def _sums(model: Any, keys: tuple[str, ...]) -> dict[Any, Any]:
    rows = model.objects.values_list(*keys).annotate(*(Sum(name) for name in SUMS)).order_by()
    return {row[: len(keys)]: row[len(keys) :] for row in rows if any(row[len(keys) :])}
