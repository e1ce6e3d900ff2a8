"""Sums of calls, kept by whoever settles them and by the worker."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any
from uuid import UUID

from django.db import connection

from carillon.base.actor import Actor
from carillon.base.changes import action
from carillon.base.statements import array, run
from carillon.business.reports.models import KEYS, SUMS

_KEYS, _SUMS = ", ".join(KEYS), ", ".join(SUMS)
_ADDED = ", ".join(f"sum({name})" for name in SUMS)
_OF_SHARES = f"""
    insert into reports_callhour ({_KEYS}, {_SUMS}, is_part)
    select {_KEYS}, {_ADDED}, true from reports_callshare where %s group by {_KEYS}
"""  # noqa: S608 - constants
_OF_CALLS = _OF_SHARES % "call_id = any(%(calls)s::uuid[])"
_LESS_SHARES = f"""
    insert into reports_callhour ({_KEYS}, {_SUMS}, is_part)
    select {_KEYS}, {", ".join(f"-sum({name})" for name in SUMS)}, true from reports_callshare
    where call_id = any(%(calls)s) group by {_KEYS}
"""  # noqa: S608
# Removes and adds in one statement, which sees one state of the CDRs: those written meanwhile bring their own parts.
_REBUILD = f"""
    with gone as (
        delete from reports_callhour
        where hour >= %(first)s::date::timestamp at time zone 'UTC'
          and hour < (%(last)s::date + 1)::timestamp at time zone 'UTC'
    )
    {_OF_SHARES % "started_on between %(first)s and %(last)s"}
"""  # noqa: S608
_FOLD = f"""
    with part as (
        delete from reports_callhour where id in (
            select id from reports_callhour where is_part order by id limit %(limit)s for update skip locked
        )
        returning {_KEYS}, {_SUMS}
    ), folded as (
        insert into reports_callhour as whole ({_KEYS}, {_SUMS}, is_part)
        select {_KEYS}, {_ADDED}, false from part group by {_KEYS} order by {_KEYS}
        on conflict (partner_id, hour, tab, destination, currency) where not is_part
        do update set {", ".join(f"{name} = whole.{name} + excluded.{name}" for name in SUMS)}
    )
    select count(*) from part
"""  # noqa: S608
# Folding moves figures to rows that a rebuilding statement would not see: one at a time.
_ONE_AT_A_TIME = "select pg_advisory_xact_lock(hashtext('carillon.reports'))"


@action("dashboard.keep")
def add_to_hours(actor: Actor, call_ids: Collection[UUID | str]) -> None:
    """Add calls whose CDRs this transaction has just written, all rows of each; one statement."""
    run(_OF_CALLS, {"calls": array(call_ids)})


@action("dashboard.keep")
def take_from_hours(actor: Actor, call_ids: Collection[UUID]) -> None:
    """Take out calls whose CDRs this transaction is about to change, to be added again once it has; one statement."""
    _run(_LESS_SHARES, {"calls": list(call_ids)})


@action("dashboard.keep")
def fold_hours(actor: Actor, *, limit: int = 5000) -> int:
    """Add up to `limit` parts to the sum of their hour and return how many there were; two statements.

    Parts that another worker has in hand are passed over.
    """
    with connection.cursor() as cursor:
        cursor.execute(_ONE_AT_A_TIME)
        cursor.execute(_FOLD, {"limit": limit})
        return int(cursor.fetchone()[0])


@action("dashboard.keep")
def rebuild_hours(actor: Actor, first: date, last: date) -> None:
    """Make the sums of whole days (UTC, both inclusive) from their CDRs anew: after CDRs were corrected.

    Calls may be settled meanwhile. Cost: it reads all CDRs of these days.
    """
    _run(_ONE_AT_A_TIME, {})
    _run(_REBUILD, {"first": first, "last": last})


def _run(statement: str, values: Mapping[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
