"""New calls wait for their decisions: what has ended is rated later, and costs nobody a channel meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from tests.support.cast import Cast
from tests.support.market import LONDON, Market, decided, finished_call, happened, invite, make_market, open_call, rows

from carillon.base.tenancy import tenant
from carillon.business.billing.models import Account
from carillon.business.calls.models import Call
from carillon.business.customers.models import Customer
from carillon.business.partners.queries import system_actor
from carillon.usecases.settle_calls import settle_due_calls

pytestmark = pytest.mark.django_db


def settled() -> int:
    with tenant(system_actor()) as actor:
        return settle_due_calls(actor)


def open_calls(market: Market) -> int:
    return Account.objects.get(pk=market.acme.pk).open_calls


def freed(*call_ids: UUID) -> None:
    rows("select callfeed.free_channels(%s)", list(call_ids))


def test_what_has_ended_is_rated_when_calls_no_longer_wait_or_after_a_minute(
    cast: Cast, role_connection: Callable[[str], psycopg.Connection]
) -> None:
    make_market(cast)
    decision = decided(invite("alice", "northwind.test", LONDON))
    long_over, just_over = finished_call(decision, talked_s=10), finished_call(decision, talked_s=10)
    Call.objects.filter(pk=long_over).update(due_at=datetime.now(UTC) - timedelta(minutes=2))
    busy, just_as_busy = role_connection("control"), role_connection("control")
    for control in (busy, just_as_busy):
        control.execute("select callfeed.calls_wait()")
    assert settled() == 1
    busy.execute("select callfeed.calls_flow()")
    assert settled() == 0  # calls of the other edge still wait
    just_as_busy.close()  # which is all that a control that is killed can say
    assert settled() == 1
    assert {call.pk for call in Call.objects.filter(state="rated")} == {long_over, just_over}


def test_a_call_that_is_over_and_not_rated_yet_makes_room_for_another(cast: Cast) -> None:
    market = make_market(cast)
    Customer.objects.filter(name="Acme Ltd").update(max_channels=1)
    decision = decided(invite("alice", "northwind.test", LONDON))
    over = finished_call(decision, talked_s=10)
    assert open_call(decision)[1] == "channels-exhausted"
    freed(over)
    freed(over)  # once only
    assert open_calls(market) == 0
    held = Account.objects.get(pk=market.acme.pk).reserved_micro
    assert held > 0  # what it costs is not known yet
    next_call, answer = open_call(decision)
    assert (answer, open_calls(market)) == ("ok", 1)
    assert settled() == 2  # with the one that was refused
    assert open_calls(market) == 1
    happened(next_call, "failed", datetime.now(UTC), by="callee", sip_code=486)
    rows("select callfeed.release_hold(%s)", next_call)
    assert open_calls(market) == 0


def test_a_freed_call_that_turns_out_unanswered_gives_its_channel_back_once(cast: Cast) -> None:
    market = make_market(cast)
    call_id, _ = open_call(decided(invite("alice", "northwind.test", LONDON)))
    freed(call_id)
    rows("select callfeed.release_hold(%s)", call_id)
    freed(call_id)
    assert open_calls(market) == 0
