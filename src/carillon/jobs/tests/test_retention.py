"""How long the SIP messages of calls are kept."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone
from tests.support.cast import Cast
from tests.support.market import LONDON, decided, finished_call, invite, make_market, traced

from carillon.base.errors import InvalidInput
from carillon.base.tenancy import tenant
from carillon.business.calls.actions import forget_old_traces
from carillon.business.calls.models import CallTrace
from carillon.business.partners.actions import PartnerData, update_partner
from carillon.business.partners.models import Partner
from carillon.business.partners.queries import system_actor, trace_days_of
from carillon.jobs.chores import forget

pytestmark = pytest.mark.django_db(transaction=True)


def keep(cast: Cast, partner: Partner, days: int | None) -> None:
    """Say how long a partner keeps its traces."""
    partner.refresh_from_db()
    data = PartnerData(name=partner.name, country=partner.country, currency=partner.currency)
    with tenant(cast.staff("olga")) as olga:
        update_partner(olga, partner, replace(data, trace_days=days))


def trace(user: str, domain: str, age_days: float) -> UUID:
    """A call with a trace that was written some days ago."""
    call_id = finished_call(decided(invite(user, domain, LONDON)), talked_s=5)
    traced(call_id, ("a", "b", "BYE sip:x SIP/2.0\r\n\r\n"))
    CallTrace.objects.filter(pk=call_id).update(recorded_at=timezone.now() - timedelta(days=age_days))
    return call_id


def left() -> set[UUID]:
    return set(CallTrace.objects.values_list("pk", flat=True))


def test_days_are_inherited_from_above(cast: Cast) -> None:
    keep(cast, cast.northwind, 7)
    days = trace_days_of(system_actor())
    assert [days[each.pk] for each in (cast.operator, cast.northwind, cast.fjord)] == [30, 7, 7]
    keep(cast, cast.operator, 60)
    keep(cast, cast.fjord, 90)
    keep(cast, cast.northwind, None)
    days = trace_days_of(system_actor())
    assert [days[each.pk] for each in (cast.northwind, cast.fjord, cast.elsewhere)] == [60, 90, 60]


def test_the_worker_forgets_each_partners_old_traces(
    cast: Cast, as_role: Callable[[str], AbstractContextManager[None]]
) -> None:
    make_market(cast)
    keep(cast, cast.northwind, 7)
    keep(cast, cast.fjord, 90)
    trace("alice", "northwind.test", 8)
    kept = {trace("alice", "northwind.test", 6), trace("bryggen", "fjord.test", 80)}
    trace("bryggen", "fjord.test", 91)
    with as_role("worker"):
        assert not forget(system_actor())
    assert left() == kept


def test_traces_go_in_batches_the_oldest_first(cast: Cast) -> None:
    make_market(cast)
    _, young, youngest = (trace("alice", "northwind.test", days) for days in (40, 39, 38))
    with tenant(system_actor()) as actor:
        assert forget_old_traces(actor, limit=1) == 1
        assert left() == {young, youngest}
        assert forget_old_traces(actor, limit=5) == 2
        assert forget_old_traces(actor, limit=5) == 0


@pytest.mark.parametrize("days", [0, -1, 367])
def test_days_without_sense_are_refused(cast: Cast, days: int) -> None:
    with pytest.raises(InvalidInput) as refused:
        keep(cast, cast.northwind, days)
    assert "trace_days" in refused.value.fields
