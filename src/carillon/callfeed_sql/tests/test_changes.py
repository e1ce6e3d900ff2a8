"""What control is told, and what the portal sees of the edge's registrations."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import psycopg
import pytest
from django.db import connection
from tests.support.cast import Cast
from tests.support.market import make_market

from carillon.base.tenancy import tenant
from carillon.business.billing.actions import TopUpData, top_up_customer
from carillon.business.customers.models import Customer
from carillon.business.endpoints.models import Location
from carillon.business.partners.queries import system_actor
from carillon.logic.money import MICRO

pytestmark = pytest.mark.django_db(transaction=True)


def test_control_hears_once_per_transaction_and_kind_and_nothing_of_money(
    cast: Cast, role_connection: Callable[[str], psycopg.Connection]
) -> None:
    control = role_connection("control")
    control.execute("listen callfeed")
    with tenant(system_actor()) as actor:
        for _ in range(3):
            Customer.objects.filter(pk=cast.acme.pk).update(status="suspended")
        top_up_customer(actor, cast.acme, TopUpData(amount_micro=MICRO, idempotency_key="x"))
    heard = [notice.payload for notice in control.notifies(timeout=5, stop_after=1)]
    with tenant(system_actor()) as actor:
        top_up_customer(actor, cast.acme, TopUpData(amount_micro=MICRO, idempotency_key="y"))
    heard += [notice.payload for notice in control.notifies(timeout=0.2)]
    assert heard == ["customer"]


def test_registrations_are_seen_by_their_owner_only(
    cast: Cast, as_role: Callable[[str], AbstractContextManager[None]]
) -> None:
    make_market(cast)
    with connection.cursor() as cursor:
        for username, domain in (("alice", "northwind.test"), ("charlie", "elsewhere.test"), ("ghost", "nowhere.test")):
            cursor.execute(
                "insert into edge.location (ruid, username, domain, contact, received, user_agent, socket, expires,"
                " last_modified) values (%s, %s, %s, %s, null, 'phone', 'tls:127.0.0.1:5061',"
                " now() at time zone 'UTC' + interval '1 hour', now() at time zone 'UTC')",
                [username, username, domain, f"sip:{username}@192.0.2.7:5060"],
            )
    actors = {name: cast.staff(name) for name in ("olga", "paul", "petra", "stranger")}
    actors["alice"] = cast.user(cast.alice)
    seen = {}
    with as_role("web"):
        assert not Location.objects.exists()
        for name, actor in actors.items():
            with tenant(actor):
                seen[name] = sorted(Location.objects.values_list("address_of_record", "transport"))
    alice, charlie = ("alice@northwind.test", "tls"), ("charlie@elsewhere.test", "tls")
    assert seen == {
        "olga": [alice, charlie],
        "paul": [alice],
        "petra": [],
        "stranger": [charlie],
        "alice": [alice],
    }
