"""What a partner is told without having asked: emergency calls, devices that went offline and came back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.mail import EmailMessage
from django.db import connection
from django.utils import timezone
from tests.support.cast import Cast
from tests.support.clients import program
from tests.support.market import decided, happened, invite, make_market, open_call, rows

from carillon.base.tenancy import tenant
from carillon.business.customers.actions import UserData, update_user
from carillon.business.customers.models import Customer
from carillon.business.endpoints.models import Endpoint, Reachability
from carillon.business.notices.choices import AlertKind
from carillon.business.notices.models import Alert
from carillon.business.notices.queries import open_alerts_of
from carillon.business.partners.queries import system_actor
from carillon.business.routing.models import Gateway, GatewayHealth
from carillon.jobs.chores import alert
from carillon.jobs.tasks import mail_alert

pytestmark = pytest.mark.django_db(transaction=True)

JOBS = (
    "from procrastinate_jobs where task_name = 'mail_alert'"
    " and (args ->> 'alert_id')::bigint in (select id from notices_alert)"
)
AsRole = Callable[[str], AbstractContextManager[None]]
Mails = list[EmailMessage]


def look(as_role: AsRole) -> list[str]:
    """The worker looks; the kinds of all alerts, oldest first."""
    with as_role("worker"):
        alert(system_actor())
    return [str(one.kind) for one in Alert.objects.order_by("pk")]


def mailed(as_role: AsRole) -> None:
    """The worker does the jobs that are queued."""
    for job, args in rows(f"select id, args {JOBS} and status = 'todo' order by id"):
        with as_role("worker"):
            mail_alert(**args)
        rows("update procrastinate_jobs set status = 'succeeded' where id = %s returning id", job)


def help_called(dialled: str = "999") -> Any:
    call_id, answer = open_call(decided(invite("alice", "northwind.test", dialled)))
    assert answer == "ok"
    return call_id


def test_an_emergency_call_is_told_once_by_mail_and_in_the_list(cast: Cast, as_role: AsRole, mailoutbox: Mails) -> None:
    market = make_market(cast)
    with tenant(cast.staff("paul")) as paul:
        data = UserData(customer_id=cast.acme.pk, name="Alice", extension="101", emergency_address="1 High Street")
        update_user(paul, cast.alice, data)
    assert look(as_role) == []
    call_id = help_called()
    for _ in range(3):
        assert look(as_role) == ["emergency"]
        mailed(as_role)
    (mail,) = mailoutbox
    assert mail.recipients() == ["paul@northwind.test"]
    assert mail.subject == "Emergency call: Acme Ltd"
    assert f"Alice of Acme Ltd called 999, shown as {market.acme_number}." in mail.body
    assert "1 High Street" in mail.body
    happened(call_id, "failed", datetime.now(UTC), sip_code=487)
    assert look(as_role) == ["emergency"]
    (row,) = program(cast.staff("paul")).get("/api/v1/alerts/").json()["results"]
    assert (row["kind"], row["address"], row["call_id"]) == ("emergency", "1 High Street", str(call_id))
    assert row["mailed_to"] == ["paul@northwind.test"]
    for stranger in ("petra", "stranger"):
        assert program(cast.staff(stranger)).get("/api/v1/alerts/").json()["results"] == []


def test_the_customers_address_stands_for_users_without_one(cast: Cast, as_role: AsRole) -> None:
    make_market(cast)
    Customer.objects.filter(pk=cast.acme.pk).update(emergency_address="2 Low Street")
    help_called()
    look(as_role)
    assert Alert.objects.get().address == "2 Low Street"


def test_other_calls_and_old_ones_are_not_told(cast: Cast, as_role: AsRole) -> None:
    make_market(cast)
    open_call(decided(invite("alice", "northwind.test", "102")))
    open_call(decided(invite("alice", "northwind.test", "999")), at=datetime.now(UTC) - timedelta(days=2))
    assert look(as_role) == []


def test_a_mail_that_fails_is_sent_later_and_then_not_again(
    cast: Cast, as_role: AsRole, mailoutbox: Mails, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_market(cast)
    help_called()
    look(as_role)
    waiting = Alert.objects.get().pk
    monkeypatch.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", _no_server)
    with as_role("worker"), pytest.raises(ConnectionRefusedError):
        mail_alert(waiting)
    assert Alert.objects.get().mailed_at is None
    monkeypatch.undo()
    for _ in range(2):
        with as_role("worker"):
            mail_alert(waiting)
    assert len(mailoutbox) == 1


def _no_server(*_: Any) -> int:
    raise ConnectionRefusedError


def test_two_workers_raise_one_alert(cast: Cast) -> None:
    make_market(cast)
    help_called()
    actor, together = system_actor(), threading.Barrier(2)

    def work() -> None:
        together.wait()
        alert(replace(actor))
        connection.close()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert Alert.objects.count() == 1
    assert rows(f"select count(*) {JOBS}") == [(1,)]


# ---------------------------------------------------------------- devices


def watched(minutes: int | None) -> Endpoint:
    """Alice's device, which has registered once."""
    Endpoint.objects.filter(username="alice").update(offline_alert_minutes=minutes)
    endpoint = Endpoint.objects.get(username="alice")
    Reachability.objects.get_or_create(endpoint=endpoint)
    return endpoint


def offline_for(endpoint: Endpoint, minutes: float | None) -> None:
    """So long it has been offline; None: it is registered."""
    since = None if minutes is None else timezone.now() - timedelta(minutes=minutes)
    Reachability.objects.filter(endpoint=endpoint).update(offline_since=since)


def test_an_outage_is_told_once_and_its_end_once(cast: Cast, as_role: AsRole, mailoutbox: Mails) -> None:
    make_market(cast)
    endpoint = watched(10)
    offline_for(endpoint, 9)
    assert look(as_role) == []
    offline_for(endpoint, 11)
    assert look(as_role) == look(as_role) == ["offline"]
    offline_for(endpoint, None)
    assert look(as_role) == look(as_role) == ["offline", "back"]
    offline_for(endpoint, 12)
    assert look(as_role) == ["offline", "back", "offline"]
    mailed(as_role)
    assert [mail.subject for mail in mailoutbox] == [
        "Device offline: Acme Ltd",
        "Device back: Acme Ltd",
        "Device offline: Acme Ltd",
    ]
    assert "alice of Acme Ltd is offline since" in mailoutbox[0].body


def test_a_device_that_was_back_and_lost_again_between_two_looks_is_told_of_both(cast: Cast, as_role: AsRole) -> None:
    make_market(cast)
    endpoint = watched(1)
    offline_for(endpoint, 30)
    assert look(as_role) == ["offline"]
    offline_for(endpoint, 5)
    assert sorted(look(as_role)) == ["back", "offline", "offline"]


@pytest.mark.parametrize(("minutes", "is_enabled"), [(None, True), (1, False)])
def test_devices_that_nobody_watches_or_that_are_disabled_are_not_told(
    cast: Cast, as_role: AsRole, minutes: int | None, is_enabled: bool
) -> None:
    make_market(cast)
    endpoint = watched(minutes)
    Endpoint.objects.filter(pk=endpoint.pk).update(is_enabled=is_enabled)
    offline_for(endpoint, 60)
    assert look(as_role) == []
    assert not Alert.objects.filter(kind=AlertKind.OFFLINE).exists()


def test_a_gateways_absence_and_its_end_are_told_once_each(cast: Cast, as_role: AsRole) -> None:
    make_market(cast)
    gateway, began = Gateway.objects.get(), timezone.now() - timedelta(minutes=1)
    known = GatewayHealth(gateway=gateway, partner_id=gateway.partner_id, uri="sip:192.0.2.1:5060")
    known.presence, known.since = "away", timezone.now()
    known.save()
    assert look(as_role) == []
    known.since = began
    known.save()
    assert look(as_role) == look(as_role) == [AlertKind.GATEWAY_DOWN]
    known.presence, known.since = "alive", timezone.now()
    known.save()
    assert look(as_role) == look(as_role) == [AlertKind.GATEWAY_DOWN, AlertKind.GATEWAY_UP]
    assert set(Alert.objects.values_list("since", "partner_id")) == {(began, gateway.partner_id)}
    known.presence, known.since = "away", began + timedelta(seconds=20)
    known.save()
    Gateway.objects.update(is_probed=False)
    assert len(look(as_role)) == 2
    Gateway.objects.update(is_probed=True)
    assert look(as_role)[2:] == [AlertKind.GATEWAY_DOWN]
    for is_enabled in (True, False):  # nobody waits for one that was switched off
        Gateway.objects.update(is_enabled=is_enabled)
        with tenant(cast.staff("olga")) as olga:
            assert open_alerts_of(olga).exists() is is_enabled
