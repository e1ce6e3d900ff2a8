"""The demo world with a row of Northwind's in every panel: what others must not find.

Whatever has a name here is called UNHEARD_OF.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.utils import timezone

from carillon.base.tenancy import tenant
from carillon.business.calls.models import Call, Cdr, PhoneTest
from carillon.business.customers.models import User
from carillon.business.endpoints.choices import BanReason
from carillon.business.endpoints.models import Ban
from carillon.business.notices.choices import AlertKind, MailEvent
from carillon.business.notices.models import Alert, Mail
from carillon.business.partners.queries import system_actor
from carillon.demo.cast.load import actor_of, load_cast
from carillon.demo.world import NORTHWIND
from tests.support.clients import Script, program, signed_in

UNHEARD_OF = "Unheard-of"
REGISTERED = (
    "insert into edge.location (ruid, username, domain, contact, user_agent, expires, last_modified) values"
    " ('estate', 'till', 'northwind.test', 'sip:till@192.0.2.7', 'Unheard-of',"
    " now() at time zone 'UTC' + interval '1 day', now() at time zone 'UTC')"
)


def make_estate() -> None:
    """All of it but what the SIP edge keeps; see `register`."""
    load_cast()
    paul = Script(program(actor_of(NORTHWIND)))
    signed_in("paul@northwind.example").get("/notifications/")
    _add_trade(paul)
    _add_plans(paul)
    _add_settings(paul)
    with tenant(system_actor()) as actor:
        till = User.objects.visible_to(actor).get(name="Till", customer__name="Corner Shop")
        _add_calls(till)
        now = timezone.now()
        Ban.objects.create(
            partner_id=till.partner_id, source="192.0.2.9", account="till@northwind.test", since=now,
            until=now + timedelta(days=1), reason=BanReason.values[0],
        )  # fmt: skip
        Alert.objects.create(
            partner_id=till.partner_id,
            kind=AlertKind.values[0],
            customer_id=till.customer_id,
            about=UNHEARD_OF,
            since=now,
        )
        Mail.objects.create(
            partner_id=till.partner_id, event=MailEvent.values[0], sender="x@northwind.localhost", subject=UNHEARD_OF,
            to=["paul@northwind.example"], message_id="<estate@carillon>", due_at=now, gives_up_at=now,
        )  # fmt: skip


def register() -> None:
    """A phone of Northwind's registers; as the owner."""
    with connection.cursor() as cursor:
        cursor.execute(REGISTERED)


def _add_trade(paul: Script) -> None:
    costs = paul.make("costs/", {"name": UNHEARD_OF, "currency": "GBP"})["id"]
    version = paul.make("cost-versions/", {"price_list_id": costs})["id"]
    paul.make("cost-rates/", {"version_id": version, "prefix": "44", "name": UNHEARD_OF, "per_minute": "0.01"})
    assert paul("post", f"cost-versions/{version}/approve/", {})[0] == 200
    sales = next(one["id"] for one in paul("get", "price-lists/")[1]["results"] if one["name"] == "Business")
    paul.make("markup-rules/", {"price_list_id": sales, "percent": "10"})
    sold = next(
        one for one in paul("get", "price-list-versions/?limit=200")[1]["results"] if one["price_list_id"] == sales
    )
    for kind, rates, listed, first in (
        ("cost", "cost-rates", costs, version),
        ("price-list", "rates", sales, sold["id"]),
    ):
        asked = paul.make(f"{kind}-versions/", {"price_list_id": listed, "copies_version_id": first})["id"]
        paul.make(f"{rates}/", {"version_id": asked, "prefix": "4499", "name": UNHEARD_OF, "per_minute": "0.02"})
        for verb in ("compare", "try"):
            status, told = paul("post", f"{kind}-versions/{asked}/{verb}/", {})
            assert status == 200, (kind, verb, told)
    paul.make("taxes/", {"name": UNHEARD_OF, "percent": "17.5"})
    paul.make("exchange-rates/", {"source": "USD", "target": "GBP", "rate": "0.8125"})
    gateway = paul.make("gateways/", {"name": UNHEARD_OF, "host": "192.0.2.77", "cost_list_id": costs})["id"]
    paul.make("routes/", {"name": UNHEARD_OF, "gateway_ids": [gateway]})
    columns = {"started_column": "a", "callee_column": "b", "duration_column": "c"}
    provider = {"name": UNHEARD_OF, "gateway_ids": [gateway], "currency": "GBP", **columns}
    made = paul.make("cdr-providers/", provider)
    file = b"a,b,c\n2026-11-02 10:00:00,+33199000009,60\n"
    status, told = paul.upload(f"cdr-providers/{made['id']}/import/", file)
    assert status == 200, told


def _add_plans(paul: Script) -> None:
    plan = paul.make("plans/", {"name": UNHEARD_OF, "currency": "GBP"})["id"]
    paul.make("plan-fees/", {"product_id": plan, "name": UNHEARD_OF, "amount_micro": 1_000_000})
    paul.make("plan-packages/", {"product_id": plan, "name": UNHEARD_OF, "included": 10})
    assert paul("post", f"plans/{plan}/put-on-sale/", {})[0] == 200
    dan = next(one["id"] for one in paul("get", "customers/?name=Dan")[1]["results"])
    paul.make("subscriptions/", {"customer_id": dan, "product_id": plan})


def _add_settings(paul: Script) -> None:
    paul.make("blacklists/", {"kind": "called", "value": "+44909", "reason": UNHEARD_OF})
    paul.make("roles/", {"name": UNHEARD_OF, "permissions": ["customers.view"]})
    paul.make("saved-views/", {"panel": "customers", "name": UNHEARD_OF})
    paul.make("mail-identities/", {"name": UNHEARD_OF, "address": "post@northwind.localhost"})
    hook = paul("get", "webhooks/")[1]["results"][0]
    for verb in ("enable", "test"):
        assert paul("post", f"webhooks/{hook['id']}/{verb}/", {})[0] == 200
    customers = SimpleUploadedFile(f"{UNHEARD_OF}.csv", b"Name,Web product\nx,y\n")
    answer = paul.client.post("/api/v1/customers/import/", {"file": customers})
    assert answer.status_code == 202, answer.content


def _add_calls(till: User) -> None:
    now = timezone.now()
    common: dict[str, Any] = {
        "partner_id": till.partner_id, "customer_id": till.customer_id, "direction": "outbound",
        "caller": "+442079460102", "callee": "+33199000001", "started_at": now,
    }  # fmt: skip
    Call.objects.create(id=uuid4(), edge="e", sip_call_id="estate", state="answered", due_at=now, decision={}, **common)
    Cdr.objects.create(
        call_id=uuid4(), chain="originating", tier=0, tab="dialled", started_on=now.date(), ended_at=now,
        duration_ms=60_000, billed_s=60, outcome="answered", currency="GBP", amount_micro=10_000, explanation={},
        **common,
    )  # fmt: skip
    PhoneTest.objects.create(
        partner_id=till.partner_id, customer_id=till.customer_id, user=till, callee="100", sip_call_id="estate-test"
    )
