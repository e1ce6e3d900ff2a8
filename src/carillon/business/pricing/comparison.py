"""What a version changes against the one that held before it: one statement, whatever the number of rates.

The first version of a list has nothing before it: all its rates are new, which their number says.
"""

from __future__ import annotations

from django.db import connection
from django.db.models import Count
from django.utils import timezone

from carillon.base.actor import Actor
from carillon.base.changes import action
from carillon.base.rows import locked
from carillon.business.pricing.choices import RateChangeKind, VersionState
from carillon.business.pricing.models import PriceListVersion, RateChange
from carillon.business.pricing.queries import permit

# Every amount that a call can be dearer by, so that it rises with each; no maximum is the highest, and time that is
# free counts down.
_PRICES = """
    select *, array[per_minute, connection_fee, minimum, coalesce(maximum, 1000000), -grace_s] as amounts,
           concat_ws(e'\\t', grace_s, trim_scale(minimum), coalesce(trim_scale(maximum)::text, ''), steps, windows)
               as further
    from pricing_rate where version_id = """
COMPARE = f"""
insert into pricing_ratechange (partner_id, version_id, prefix, name, kind, was_per_minute, per_minute,
    was_connection_fee, connection_fee, was_intervals, intervals, was_further, further, percent)
select %(partner)s, %(version)s, prefix, coalesce(new.name, old.name),
    case when old.id is null then 'new' when new.id is null then 'gone'
         when (new.steps, new.windows) <> (old.steps, old.windows) or new.amounts = old.amounts then 'other'
         when not exists (select from unnest(new.amounts, old.amounts) a (new, old) where a.new < a.old) then 'dearer'
         when not exists (select from unnest(new.amounts, old.amounts) a (new, old) where a.new > a.old) then 'cheaper'
         else 'other' end,
    old.per_minute, new.per_minute, old.connection_fee, new.connection_fee,
    coalesce(old.initial_s || '/' || old.increment_s, ''), coalesce(new.initial_s || '/' || new.increment_s, ''),
    case when old.further is distinct from new.further then coalesce(old.further, '') else '' end,
    case when old.further is distinct from new.further then coalesce(new.further, '') else '' end,
    case when old.per_minute > 0 and new.id is not null
         then round((new.per_minute - old.per_minute) * 100 / old.per_minute, 2) else 0 end
from ({_PRICES}%(version)s) new
full join ({_PRICES}%(before)s) old using (prefix)
where (new.amounts, new.initial_s, new.increment_s, new.steps, new.windows)
    is distinct from (old.amounts, old.initial_s, old.increment_s, old.steps, old.windows)
"""  # noqa: S608 - constant names


def version_before(version: PriceListVersion) -> PriceListVersion | None:
    """Return the approved version that `version` replaces on its day; None when it is the first. One query."""
    others = PriceListVersion.objects.filter(price_list=version.price_list_id, state=VersionState.APPROVED)
    earlier = others.exclude(pk=version.pk).filter(effective_from__lte=version.effective_from)
    return earlier.order_by("-effective_from", "-number").first()


def is_compared(version: PriceListVersion) -> bool:
    """Tell whether what the comparison says still holds; one query."""
    before = version_before(version)
    return version.compared_at is not None and version.compared_with_id == (before.pk if before else None)


@action("price_lists.view", "costs.view")
def compare_version(actor: Actor, version: PriceListVersion) -> PriceListVersion:
    """Find what a version changes; `changes` counts it by kind, the rows are in `rate_changes` (of a first one: none).

    Raises:
        NotPermitted, NotFound

    Cost: five statements; the one that compares reads both versions once (a million rates each: a few seconds).
    """
    version = locked(PriceListVersion.objects, actor, version.pk)
    permit(actor, version.price_list, "view")
    return compare(version)


def compare(version: PriceListVersion) -> PriceListVersion:
    """Do what `compare_version` says with a version that the caller has locked."""
    before = version_before(version)
    with connection.cursor() as cursor:
        cursor.execute("delete from pricing_ratechange where version_id = %s", [version.pk])
    version.changes = _changes(version, before) if before else _all_new(version)
    version.compared_with, version.compared_at = before, timezone.now()
    version.save(update_fields=["changes", "compared_with", "compared_at"])
    return version


def _changes(version: PriceListVersion, before: PriceListVersion) -> dict[str, int]:
    values = {"partner": version.partner_id, "version": version.pk, "before": before.pk}
    with connection.cursor() as cursor:
        cursor.execute("set local work_mem = '128MB'")  # a million rates on either side are joined in memory
        cursor.execute(COMPARE, values)
    counted = RateChange.objects.filter(version=version).values("kind").annotate(count=Count("pk")).order_by()
    return {row["kind"]: row["count"] for row in counted}


def _all_new(version: PriceListVersion) -> dict[str, int]:
    """A row for each of a million rates would say nothing that the rates don't, and cost half of their import."""
    return {RateChangeKind.NEW.value: version.rate_count} if version.rate_count else {}
