"""Many rates at once, in few statements. COPY is refused on tables with row-level security, so arrays are inserted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice

from django.db import connection

from carillon.business.pricing.models import PriceListVersion, Rate
from carillon.business.pricing.ratevalues import RateValues
from carillon.business.pricing.terms import PRICE
from carillon.logic.pricetext import steps_text, windows_text

COLUMNS = ("prefix", "name", *PRICE)
NAMES = ", ".join(COLUMNS)
TYPES = (
    *("text", "text", "numeric", "numeric", "int", "int"),
    *("int", "numeric", "numeric", "text", "text"),
)
BATCH = 20_000  # rates per statement: about 2 MB

INSERT = f"""
insert into pricing_rate (partner_id, version_id, {NAMES})
select %s, %s, * from unnest({", ".join(f"%s::{kind}[]" for kind in TYPES)})
on conflict (version_id, prefix) do update set {", ".join(f"{name} = excluded.{name}" for name in COLUMNS[1:])}
"""  # noqa: S608 - constant names
COPY = f"""
insert into pricing_rate (partner_id, version_id, {NAMES})
select partner_id, %s, {NAMES} from pricing_rate where version_id = %s
"""  # noqa: S608 - constant names


def copy_rates(source_version_id: int, target_version_id: int) -> int:
    """Copy all rates of one version into another of the same partner; return how many. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(COPY, [target_version_id, source_version_id])
        return int(cursor.rowcount)


def store_rates(
    version: PriceListVersion,
    rates: Iterable[RateValues],
    *,
    is_merge: bool,
    beat: Callable[[int], None] = lambda stored: None,
) -> int:
    """Put rates into a draft, in place of its own or on top of them (by prefix); return how many it has then.

    Args:
        beat: told after each statement how many were stored; what it raises stops.

    Cost: two statements and one per 20,000 rates; no more of them are in memory than an iterator's last ones.
    """
    stored, rows = 0, iter(rates)
    with connection.cursor() as cursor:
        cursor.execute(
            "set constraints all immediate"
        )  # or a million checks wait for the commit, which nobody can stop
        if not is_merge:
            cursor.execute("delete from pricing_rate where version_id = %s", [version.pk])
        while batch := list(islice(rows, BATCH)):
            columns = zip(*map(_row, batch), strict=True)
            cursor.execute(INSERT, [version.partner_id, version.pk, *(list(column) for column in columns)])
            stored += len(batch)
            beat(stored)
    return Rate.objects.filter(version=version).count()


def _row(rate: RateValues) -> tuple[object, ...]:
    steps = steps_text(rate.steps) if rate.steps else ""  # nearly all of a million have none
    windows = windows_text(rate.windows) if rate.windows else ""
    return (
        *(rate.prefix, rate.name, rate.connection_fee, rate.per_minute, rate.initial_s, rate.increment_s),
        *(rate.grace_s, rate.minimum, rate.maximum, steps, windows),
    )
