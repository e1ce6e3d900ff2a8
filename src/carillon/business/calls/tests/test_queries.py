"""Calls as the web role sees them: whose they are, and nobody else's."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime

import pytest
from django.db import connection
from tests.support.cast import Cast
from tests.support.market import LONDON, decided, finished_call, happened, invite, make_market, open_call, traced

from carillon.base.tenancy import tenant
from carillon.business.calls.models import Call
from carillon.business.calls.queries import call_of, events_of, live_calls_of, trace_of

pytestmark = pytest.mark.django_db(transaction=True)


def test_events_and_trace_follow_their_call(cast: Cast, as_role: Callable[[str], AbstractContextManager[None]]) -> None:
    make_market(cast)
    call_id = finished_call(decided(invite("bryggen", "fjord.test", LONDON)), talked_s=5)
    for _ in range(2):  # the later trace replaces the earlier one
        traced(call_id, ("a", "b", "BYE sip:x SIP/2.0\r\n\r\n"))
    actors = {name: cast.staff(name) for name in ("olga", "paul", "petra", "stranger")}
    actors["alice"] = cast.user(cast.alice)
    seen = {}
    with as_role("web"):
        for name, actor in actors.items():
            with tenant(actor), connection.cursor() as cursor:
                cursor.execute("select count(*) from calls_callevent")
                raw = cursor.fetchone()[0]
                ladder = trace_of(actor, call_id)
                assert len(events_of(actor, call_id)) == raw
                seen[name] = (raw, len(ladder.messages) if ladder else 0, call_of(actor, call_id) is not None)
    everything, nothing = (3, 1, True), (0, 0, False)
    assert seen == {
        "olga": everything,
        "paul": everything,
        "petra": everything,
        "stranger": nothing,
        "alice": nothing,
    }


def test_called_partner_sees_the_call_too(cast: Cast, as_role: Callable[[str], AbstractContextManager[None]]) -> None:
    make_market(cast)
    call_id, _ = open_call(decided(invite("alice", "northwind.test", "+442079460002")))
    stranger, petra = cast.staff("stranger"), cast.staff("petra")
    with as_role("web"):
        with tenant(stranger):
            assert live_calls_of(stranger).get().pk == call_id
        with tenant(petra):
            assert not live_calls_of(petra).exists()


def test_call_moves_through_its_states(cast: Cast) -> None:
    make_market(cast)
    call_id, _ = open_call(decided(invite("alice", "northwind.test", LONDON)))
    states = [Call.objects.get(pk=call_id).state]
    for kind in ("applied", "progress", "progress", "answered", "failed", "ended"):
        happened(call_id, kind, datetime.now(UTC), target=0, by="caller", sip_code=200)
        states.append(Call.objects.get(pk=call_id).state)
    assert states == ["trying", "trying", "ringing", "ringing", "answered", "answered", "ended"]
