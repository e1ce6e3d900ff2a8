"""Webhooks: told of what was committed and of nothing else, in one's own business only, to a real receiver."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings
from tests.support.cast import Cast
from tests.support.clients import Script, browser, script
from tests.support.market import LONDON, decided, finished_call, happened, invite, make_market, open_call, rows
from tests.support.receiver import Receiver, receiving

from carillon.base import secrets
from carillon.base.tenancy import tenant
from carillon.business.customers.actions import CustomerData, update_customer
from carillon.business.endpoints.models import Endpoint, Reachability
from carillon.business.notices.choices import Event
from carillon.business.notices.deliveries import deliver, forget_old_deliveries
from carillon.business.notices.models import Alert, Delivery, Webhook
from carillon.business.partners.queries import system_actor
from carillon.jobs.chores import alert, settle

pytestmark = pytest.mark.django_db(transaction=True)

AsRole = Callable[[str], AbstractContextManager[None]]
EVERYTHING = [event.value for event in Event]


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    """Somebody's receiver, which this installation may reach on loopback."""
    settings.CONFIG = replace(settings.CONFIG, webhooks_to_loopback=True)
    with receiving() as found:
        yield found


@pytest.fixture
def sent(as_role: AsRole) -> Callable[[], None]:
    """The worker sends what is due, until nothing is."""

    def work() -> None:
        with as_role("worker"):
            actor = system_actor()
            while deliver(actor):
                pass

    return work


def added(cast: Cast, url: str, name: str = "paul", events: list[str] = EVERYTHING) -> Webhook:
    """A webhook that staff add over REST."""
    made = script(cast, name).make("webhooks/", {"url": url, "events": events, "description": "Ours"})
    return Webhook.objects.get(pk=made["id"])


def customer_named(cast: Cast, name: str, who: str = "paul") -> dict[str, Any]:
    brand = cast.business if who == "paul" else cast.fjord_voice
    return script(cast, who).make("customers/", {"web_product_id": brand.pk, "name": name})


def later(**change: timedelta) -> None:
    """Time goes by: for everything that waits, `due_at` and the like lie so much earlier."""
    for webhook in Webhook.objects.all():
        webhook.rests_until = None
        if webhook.failing_since and "failing_since" in change:
            webhook.failing_since -= change["failing_since"]
        webhook.save()
    for delivery in Delivery.objects.filter(state="waiting"):
        delivery.due_at -= change.get("due_at", timedelta(days=2))
        delivery.gives_up_at -= change.get("gives_up_at", timedelta())
        delivery.save()


# ---------------------------------------------------------------- what is told


def test_a_change_over_rest_is_told_signed_and_logged(cast: Cast, receiver: Receiver, sent: Callable[[], None]) -> None:
    paul = script(cast, "paul")
    webhook = added(cast, receiver.url)
    _, shown = paul("post", f"webhooks/{webhook.pk}/show-secret/")
    made = customer_named(cast, "Fresh Ltd")
    sent()
    (request,) = receiver.requests
    assert request.is_signed_by(shown["secret"])
    assert abs(int(request.headers["webhook-timestamp"]) - datetime.now(UTC).timestamp()) < 60
    message = request.message
    assert message["type"] == "customer.created"
    assert (message["data"]["id"], message["data"]["name"]) == (made["id"], "Fresh Ltd")
    assert message["data"]["object"]["web_product_id"] == cast.business.pk
    _, log = paul("get", f"webhook-deliveries/?webhook_id={webhook.pk}")
    (line,) = log["results"]
    assert (line["state"], line["status"], line["answer"], line["attempts"]) == ("delivered", 200, "thank you", 1)
    assert line["message_id"] == request.headers["webhook-id"]
    assert line["body"].encode() == request.body
    sent()
    assert len(receiver.requests) == 1


def test_what_is_rolled_back_was_never_told(cast: Cast, receiver: Receiver, sent: Callable[[], None]) -> None:
    added(cast, receiver.url)
    with pytest.raises(ZeroDivisionError), tenant(cast.staff("paul")) as paul:
        update_customer(paul, cast.acme, CustomerData(web_product_id=cast.business.pk, name="Never"))
        assert Delivery.objects.count() == 1
        raise ZeroDivisionError
    assert not Delivery.objects.exists()
    sent()
    assert receiver.requests == []


def test_partners_hear_of_their_own_business_alone(cast: Cast, receiver: Receiver, sent: Callable[[], None]) -> None:
    added(cast, receiver.url)
    with receiving() as petras:
        added(cast, petras.url, "petra")
        customer_named(cast, "Of Fjord", "petra")
        script(cast, "paul")("patch", f"partners/{cast.fjord.pk}/", {"culture": "nb"})
        sent()
    assert petras.types == ["customer.created"]
    assert receiver.types == ["partner.changed"]
    assert receiver.requests[0].message["data"]["changed"] == ["culture"]


def test_calls_money_devices_and_alerts_are_told(
    cast: Cast, receiver: Receiver, sent: Callable[[], None], as_role: AsRole
) -> None:
    make_market(cast)
    added(cast, receiver.url)
    top_up = {"amount_micro": 5_000_000, "customer_id": cast.acme.pk, "reference": "Bank 7"}
    script(cast, "paul").make("top-ups/", top_up)
    finished_call(decided(invite("alice", "northwind.test", LONDON)), talked_s=10)
    call_id, _ = open_call(decided(invite("alice", "northwind.test", "999")))
    happened(call_id, "failed", datetime.now(UTC), sip_code=487)
    alice = Endpoint.objects.get(username="alice")
    with as_role("worker"), tenant(system_actor()):
        Reachability.objects.create(endpoint=alice)
        Reachability.objects.update(offline_since=timezone.now())
    with as_role("worker"):
        settle(system_actor())
        alert(system_actor())
    sent()
    told = {request.message["type"]: request.message["data"] for request in receiver.requests}
    assert {"transaction.created", "call.ended", "endpoint.registered", "endpoint.lost", "alert.emergency"} <= set(told)
    assert (told["transaction.created"]["amount_micro"], told["transaction.created"]["reference"]) == (
        5_000_000,
        "Bank 7",
    )
    call = next(
        request.message["data"] for request in receiver.requests if request.message["data"].get("callee") == LONDON
    )
    assert (call["outcome"], call["duration_ms"], call["amount_micro"], call["currency"]) == (
        "answered",
        10_000,
        10_000,
        "EUR",
    )
    assert (call["customer_name"], call["user_name"]) == ("Acme Ltd", "Alice")
    assert "cost" not in str(call)
    assert told["endpoint.lost"]["username"] == "alice"
    assert "called 999" in told["alert.emergency"]["about"]
    assert receiver.types.count("call.ended") == 2


def test_only_what_was_chosen_is_collected_and_nothing_while_disabled(cast: Cast, receiver: Receiver) -> None:
    webhook = added(cast, receiver.url, events=["user.created"])
    customer_named(cast, "Nobody hears")
    assert not Delivery.objects.exists()
    paul = script(cast, "paul")
    assert paul("post", f"webhooks/{webhook.pk}/disable/")[0] == 200
    paul.make("users/", {"customer_id": cast.acme.pk, "name": "Zoe", "extension": "150"})
    assert not Delivery.objects.exists()
    assert paul("post", f"webhooks/{webhook.pk}/test/")[0] == 409
    assert paul("post", f"webhooks/{webhook.pk}/enable/")[0] == 200
    paul.make("users/", {"customer_id": cast.acme.pk, "name": "Yan", "extension": "151"})
    assert [line.event for line in Delivery.objects.all()] == ["user.created"]


def test_every_event_of_history_is_one_that_the_database_gives(db: None) -> None:
    """The names of choices.Event and those of carillon_event, of the verbs that actions write."""
    statuses = ("active", "suspended", "blocked", "terminated")
    verbs = [
        *(f"{what}.{verb}" for what in ("customer", "partner") for verb in statuses),
        *("customer.create", "customer.update", "partner.create", "partner.update", "pricelistversion.approve"),
        *(f"{what}.{verb}" for what in ("user", "endpoint") for verb in ("create", "update", "remove")),
        *("number.assign", "number.unassign", "ticket.open", "ticket.reply", "customer.balance_low"),
    ]
    given = {row[0] for row in rows("select carillon_event(unnest(%s::text[]))", verbs)}
    others = ("call.", "transaction.", "alert.", "endpoint.registered", "endpoint.lost")
    assert given == {event for event in EVERYTHING if not event.startswith(others)}


# ---------------------------------------------------------------- failures


def test_a_receiver_that_fails_is_tried_again_with_the_same_message(
    cast: Cast, receiver: Receiver, sent: Callable[[], None]
) -> None:
    webhook = added(cast, receiver.url)
    receiver.statuses, receiver.answer = [500, 503], b"try later"
    customer_named(cast, "First")
    sent()
    waiting = Delivery.objects.get()
    assert (waiting.state, waiting.status, waiting.answer) == ("waiting", 500, "try later")
    assert timedelta(seconds=5) < waiting.due_at - timezone.now() <= timedelta(seconds=10)
    webhook.refresh_from_db()
    assert (webhook.failures, webhook.failing_since is not None) == (1, True)
    for _ in range(2):
        later()
        sent()
    waiting.refresh_from_db()
    assert (waiting.state, waiting.attempts) == ("delivered", 3)
    assert [one["status"] for one in waiting.tries] == [500, 503, 200]
    first, second, third = receiver.requests
    assert first.body == second.body == third.body
    assert first.headers["webhook-id"] == third.headers["webhook-id"]
    webhook.refresh_from_db()
    assert (webhook.failures, webhook.failing_since, webhook.is_enabled) == (0, None, True)


def test_one_message_that_is_never_taken_holds_up_no_other(
    cast: Cast, receiver: Receiver, sent: Callable[[], None]
) -> None:
    added(cast, receiver.url)
    receiver.statuses = [400]
    customer_named(cast, "Poison")
    customer_named(cast, "Fine")
    sent()
    Webhook.objects.update(rests_until=None)  # its pause of two seconds is over
    sent()
    assert [line.state for line in Delivery.objects.order_by("pk")] == ["waiting", "delivered"]
    assert [request.message["data"]["name"] for request in receiver.requests] == ["Poison", "Fine"]


def test_messages_arrive_in_the_order_of_the_facts(cast: Cast, receiver: Receiver, sent: Callable[[], None]) -> None:
    added(cast, receiver.url)
    names = [f"Number {number}" for number in range(25)]
    for name in names:
        customer_named(cast, name)
    sent()
    assert [request.message["data"]["name"] for request in receiver.requests] == names


def test_after_a_day_a_message_is_given_up_and_can_be_sent_again(
    cast: Cast, receiver: Receiver, sent: Callable[[], None]
) -> None:
    webhook = added(cast, receiver.url)
    receiver.statuses = [500, 500]
    customer_named(cast, "Late")
    sent()
    later(gives_up_at=timedelta(days=1))
    sent()
    lost = Delivery.objects.get()
    assert (lost.state, lost.attempts) == ("failed", 2)
    paul = script(cast, "paul")
    assert paul("post", f"webhook-deliveries/{lost.pk}/again/")[0] == 200
    sent()
    lost.refresh_from_db()
    assert lost.state == "delivered"
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1
    assert len({request.body for request in receiver.requests}) == 1
    webhook.refresh_from_db()
    assert webhook.failures == 0


def test_nothing_accepted_for_a_day_disables_the_webhook_and_tells_its_partner(
    cast: Cast, receiver: Receiver, sent: Callable[[], None]
) -> None:
    webhook = added(cast, receiver.url)
    receiver.statuses = [500, 500]
    customer_named(cast, "Unheard")
    sent()
    later(failing_since=timedelta(days=1))
    sent()
    webhook.refresh_from_db()
    assert not webhook.is_enabled
    told = Alert.objects.get()
    assert (told.kind, told.customer_id, told.partner_id) == ("webhook", None, cast.northwind.pk)
    assert told.about.startswith("The webhook Ours was disabled: 2 tries in a day have failed.")
    jobs = (
        "select count(*) from procrastinate_jobs where task_name = 'mail_alert' and (args ->> 'alert_id')::bigint = %s"
    )
    assert rows(jobs, told.pk) == [(1,)]
    paul = script(cast, "paul")
    history = browser("paul").get(f"/panels/webhooks/{webhook.pk}/history/").content.decode()
    assert "2 tries in a day have failed" in history
    assert paul("post", f"webhooks/{webhook.pk}/enable/")[0] == 200
    later()
    sent()
    assert Delivery.objects.get().state == "delivered"


def test_gone_means_never_again(cast: Cast, receiver: Receiver, sent: Callable[[], None]) -> None:
    webhook = added(cast, receiver.url)
    receiver.statuses = [410]
    customer_named(cast, "Too late")
    sent()
    webhook.refresh_from_db()
    assert not webhook.is_enabled
    assert "410 Gone" in Alert.objects.get().about


def test_workers_side_by_side_send_each_message_once(cast: Cast, receiver: Receiver) -> None:
    added(cast, receiver.url)
    with receiving() as other:
        added(cast, other.url)
        for number in range(12):
            customer_named(cast, f"Number {number}")
        actor, together = system_actor(), threading.Barrier(3)

        def work() -> None:
            together.wait()
            while deliver(actor):
                pass
            connection.close()

        workers = [threading.Thread(target=work) for _ in range(3)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        for one in (receiver, other):
            assert [request.message["data"]["name"] for request in one.requests] == [f"Number {n}" for n in range(12)]


def test_a_worker_that_dies_while_sending_leaves_the_message_to_the_next(
    cast: Cast, receiver: Receiver, sent: Callable[[], None]
) -> None:
    webhook = added(cast, receiver.url)
    customer_named(cast, "Survivor")
    Webhook.objects.filter(pk=webhook.pk).update(rests_until=timezone.now() + timedelta(seconds=60))  # its lease
    sent()
    assert receiver.requests == []
    Webhook.objects.filter(pk=webhook.pk).update(rests_until=timezone.now())
    sent()
    assert receiver.types == ["customer.created"]


def test_without_the_tests_setting_loopback_is_neither_kept_nor_called(
    cast: Cast, receiver: Receiver, sent: Callable[[], None], settings: Settings
) -> None:
    added(cast, receiver.url)
    customer_named(cast, "Inside")
    settings.CONFIG = replace(settings.CONFIG, webhooks_to_loopback=False)
    sent()
    assert receiver.requests == []
    assert "no address of the public Internet" in Delivery.objects.get().error
    status, answer = script(cast, "paul")("post", "webhooks/", {"url": receiver.url, "events": ["user.created"]})
    assert (status, list(answer["fields"])) == (400, ["url"])


# ---------------------------------------------------------------- secrets, addresses, walls


def test_the_secret_is_shown_once_and_the_old_one_signs_for_a_day_more(
    cast: Cast, receiver: Receiver, sent: Callable[[], None]
) -> None:
    paul = script(cast, "paul")
    webhook = added(cast, receiver.url)
    _, first = paul("post", f"webhooks/{webhook.pk}/show-secret/")
    assert paul("post", f"webhooks/{webhook.pk}/show-secret/")[0] == 409
    _, second = paul("post", f"webhooks/{webhook.pk}/replace-secret/")
    assert first["secret"] != second["secret"]
    customer_named(cast, "Both")
    sent()
    Webhook.objects.update(old_secret_until=timezone.now())
    customer_named(cast, "New only")
    sent()
    both, new = receiver.requests
    assert both.is_signed_by(first["secret"])
    assert both.is_signed_by(second["secret"])
    assert not new.is_signed_by(first["secret"])
    assert new.is_signed_by(second["secret"])
    kept = Webhook.objects.get()
    assert secrets.decrypt(kept.secret) == second["secret"]
    assert "whsec_" not in str(paul("get", f"webhooks/{webhook.pk}/"))
    history = browser("paul").get(f"/panels/webhooks/{webhook.pk}/history/").content.decode()
    assert "show secret" in history.lower()
    assert "whsec_" not in history


WRONG = (
    *("http://hooks.example.com/", "ftp://hooks.example.com/", "//hooks.example.com/", "hooks.example.com", "https://"),
    *("https://10.0.0.1/", "https://[::1]/", "https://127.0.0.1/", "https://localhost/", "https://2130706433/"),
    *("https://user:pass@hooks.example.com/", "https://hooks.example.com/#part", "https://hooks.example.com:99999/"),
    *("https://hooks.example.com/a b", "https://hooks.éxample.com/", "https://hooks.example.com\\@10.0.0.1/"),
    *("https://hooks.example.com:22/", "javascript:alert(1)", "https://hooks.example.com:443\r\nx: y/"),
)


def test_addresses_that_are_none_are_refused(cast: Cast) -> None:
    paul = script(cast, "paul")
    for url in WRONG:
        status, answer = paul("post", "webhooks/", {"url": url, "events": ["user.created"]})
        assert (status, list(answer["fields"])) == (400, ["url"]), url
    for url in ("https://hooks.example.com/carillon?key=1", "https://hooks.example.com:8443"):
        assert paul.make("webhooks/", {"url": url, "events": ["user.created"]})["url"] == url


def test_strangers_neither_see_nor_touch_a_webhook_and_its_log(cast: Cast, receiver: Receiver) -> None:
    webhook = added(cast, receiver.url)
    customer_named(cast, "Private")
    line = Delivery.objects.get()
    for name in ("petra", "stranger"):
        other: Script = script(cast, name)
        assert other("get", "webhooks/")[1]["results"] == other("get", "webhook-deliveries/")[1]["results"] == []
        for path in (f"webhooks/{webhook.pk}/", f"webhook-deliveries/{line.pk}/"):
            assert other("get", path)[0] == 404
        for verb in ("show-secret", "replace-secret", "test", "disable"):
            assert other("post", f"webhooks/{webhook.pk}/{verb}/")[0] == 404
        assert other("post", f"webhook-deliveries/{line.pk}/again/")[0] == 404
        foreign = {"url": "https://hooks.example.com/", "events": ["user.created"], "partner_id": cast.northwind.pk}
        assert other("post", "webhooks/", foreign)[0] == 400


def test_the_page_of_a_message_shows_what_was_sent_and_answered(
    cast: Cast, receiver: Receiver, sent: Callable[[], None]
) -> None:
    webhook = added(cast, receiver.url)
    receiver.answer = b"<b>taken</b>"
    paul = browser("paul")
    assert paul.post(f"/panels/webhooks/{webhook.pk}/do/test/").status_code == 204
    sent()
    page = paul.get(f"/panels/webhook-deliveries/{Delivery.objects.get().pk}/").content.decode()
    assert "&quot;webhook.test&quot;" in page
    assert "&lt;b&gt;taken&lt;/b&gt;" in page
    assert receiver.types == ["webhook.test"]


def test_the_log_is_kept_for_thirty_days(cast: Cast, receiver: Receiver, as_role: AsRole) -> None:
    added(cast, receiver.url)
    for name in ("Old", "New"):
        customer_named(cast, name)
    old = Delivery.objects.order_by("pk")[0]
    Delivery.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=31))
    with as_role("worker"), tenant(system_actor()) as actor:
        assert forget_old_deliveries(actor, limit=10) == 1
    assert Delivery.objects.count() == 1
