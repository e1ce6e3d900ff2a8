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
from carillon.business.billing.actions import (
    LimitData,
    ReversalData,
    TopUpData,
    open_customer_account,
    reverse_transfer,
    set_credit_limit,
    top_up_customer,
    top_up_partner,
)
from carillon.business.billing.choices import AccountKind, TransferKind
from carillon.business.billing.ledger import Movement, book_account, post
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


def test_control_hears_whose_money_came_in_and_nothing_of_what_calls_move(
    cast: Cast, role_connection: Callable[[str], psycopg.Connection]
) -> None:
    control = role_connection("control")
    control.execute("listen callfeed_money")
    with tenant(system_actor()) as actor:
        paid = top_up_customer(actor, cast.acme, TopUpData(amount_micro=MICRO, idempotency_key="x"))
        account = open_customer_account(actor, cast.acme)
        set_credit_limit(actor, account, LimitData(credit_limit_micro=MICRO))
    with tenant(system_actor()) as actor:
        reverse_transfer(actor, paid, ReversalData(reason="It bounced."))
        set_credit_limit(actor, account, LimitData(credit_limit_micro=0))
        calls = Movement(
            key="calls:1:202611261320",
            kind=TransferKind.CALLS,
            source=account,
            target=book_account(AccountKind.REVENUE, account.partner_id, account.currency),
            amount_micro=1,
            shown_micro=1,
            holder=account,
        )
        post(actor, [calls])
    with tenant(system_actor()) as actor:
        partner = top_up_partner(actor, cast.fjord, TopUpData(amount_micro=MICRO, idempotency_key="y"))
    assert partner.buyer_partner_id == cast.fjord.pk
    fjord = partner.entries.get(account__kind=AccountKind.PARTNER).account_id
    heard = [notice.payload for notice in control.notifies(timeout=5, stop_after=2)]
    heard += [notice.payload for notice in control.notifies(timeout=0.2)]
    assert heard == [str(account.pk), str(fjord)]


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
