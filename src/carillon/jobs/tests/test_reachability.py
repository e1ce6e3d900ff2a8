"""Devices that used to register and do not any more."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from psycopg import Connection
from tests.support.cast import Cast
from tests.support.clients import program
from tests.support.market import make_market

from carillon.base.tenancy import tenant
from carillon.business.endpoints.actions import remove_endpoint
from carillon.business.endpoints.models import Endpoint, Reachability
from carillon.business.endpoints.queries import LOST_AFTER
from carillon.business.partners.queries import system_actor
from carillon.jobs.chores import miss

pytestmark = pytest.mark.django_db(transaction=True)

AsRole = Callable[[str], AbstractContextManager[None]]
RoleConnection = Callable[[str], Connection[tuple[Any, ...]]]


def register(edge: Connection[tuple[Any, ...]], minutes: int) -> None:
    """Alice's phone registers for so long; 0: it goes."""
    edge.execute("delete from edge.location")
    edge.execute(
        "insert into edge.location (ruid, username, domain, contact, user_agent, expires, last_modified)"
        " values ('a', 'alice', 'northwind.test', 'sip:alice@192.0.2.7', 'A phone',"
        " now() at time zone 'UTC' + make_interval(mins => %s), now() at time zone 'UTC')",
        [minutes],
    )


def look(as_role: AsRole) -> list[bool]:
    """Whether each account that is known is reachable, after the worker has looked."""
    with as_role("worker"):
        miss(system_actor())
    return [row.offline_since is None for row in Reachability.objects.all()]


def test_a_device_that_stops_registering_is_offline_since_then(
    cast: Cast, as_role: AsRole, role_connection: RoleConnection
) -> None:
    make_market(cast)
    edge = role_connection("edge")
    assert look(as_role) == []  # it has never registered: that is no loss
    register(edge, 10)
    assert look(as_role) == [True]
    register(edge, 0)
    assert look(as_role) == [False]
    client = program(cast.staff("paul"))

    def told() -> list[str]:
        rows = client.get("/api/v1/sip-endpoints/?username=alice").json()["results"]
        return [row["offline_since"] for row in rows]

    assert told() == [None]  # it may only be late
    since = timezone.now() - LOST_AFTER - timedelta(seconds=1)
    Reachability.objects.update(offline_since=since)
    assert look(as_role) == [False]
    assert told() == [since.isoformat().replace("+00:00", "Z")]
    register(edge, 10)
    assert look(as_role) == [True]
    assert told() == [None]


def test_an_endpoint_takes_its_reachability_with_it(
    cast: Cast, as_role: AsRole, role_connection: RoleConnection
) -> None:
    make_market(cast)
    register(role_connection("edge"), 10)
    look(as_role)
    with as_role("web"), tenant(cast.staff("paul")) as paul:
        remove_endpoint(paul, Endpoint.objects.get(username="alice"))
    assert not Reachability.objects.exists()
