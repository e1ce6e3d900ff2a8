"""Plans, subscriptions and what they cost over REST and on their pages, as the web role."""

from __future__ import annotations

from html import unescape
from uuid import uuid4

import pytest
from django.utils import timezone
from tests.support.cast import Cast
from tests.support.clients import Script, browser, program, script

from carillon.base.tenancy import tenant
from carillon.business.calls.models import Cdr
from carillon.business.customers.models import User
from carillon.business.partners.queries import system_actor

pytestmark = pytest.mark.django_db(transaction=True)


def page(path: str) -> str:
    """A page of the portal, as Paul reads it."""
    answer = browser("paul").get(path)
    assert answer.status_code == 200, path
    return " ".join(unescape(answer.content.decode()).split())


def add_call(user: User, allowance_id: int) -> None:
    """A call of two minutes that an allowance has paid for."""
    now = timezone.now()
    use = {"allowance_id": allowance_id, "name": "Landlines", "seconds": 110, "used_s": 120}
    Cdr.objects.create(
        partner_id=user.partner_id, customer_id=user.customer_id, user_id=user.pk, user_name=user.name,
        call_id=uuid4(), chain="originating", tier=0, tab="dialled", direction="outbound", outcome="answered",
        caller="+442079460102", callee="+442071234567", started_on=now.date(), started_at=now, ended_at=now,
        duration_ms=110_000, billed_s=120, currency="EUR", amount_micro=0, explanation={"bundles": [use]},
    )  # fmt: skip


def make_plan(paul: Script, name: str, amount_micro: int, minutes: int) -> int:
    """A plan with a monthly fee and a package, not on sale yet."""
    plan = int(paul.make("plans/", {"name": name, "currency": "EUR", "trial_days": 7, "is_tax_inclusive": True})["id"])
    paul.make("plan-fees/", {"product_id": plan, "name": "Monthly fee", "amount_micro": amount_micro})
    paul.make("plan-packages/", {"product_id": plan, "name": "Landlines", "included": minutes})
    return plan


def test_a_plan_from_its_fees_to_a_customer_who_reads_what_is_left(web: Cast) -> None:
    paul = script(web, "paul")
    acme = {"customer_id": web.acme.pk}
    paul.make("transactions/", {**acme, "amount_micro": 100_000_000})
    paul.make("taxes/", {"name": "VAT", "percent": "25"})
    plans = {"Small": make_plan(paul, "Small", 10_000_000, 300), "Large": make_plan(paul, "Large", 25_000_000, 1000)}
    refused = paul("post", "subscriptions/", {**acme, "product_id": plans["Small"]})
    assert (refused[0], refused[1]["type"]) == (409, "urn:carillon:problem:not-on-sale")
    for plan in plans.values():
        assert paul("post", f"plans/{plan}/put-on-sale/", {})[0] == 200
    shown = page(f"/panels/plans/{plans['Small']}/")
    assert "Monthly fee" in shown and "300 min" in shown and "10.00 EUR" in shown and "ends by itself" in shown
    status, seen = paul("get", f"plan-preview/?customer_id={web.acme.pk}&product_id={plans['Small']}")
    assert status == 200 and (seen["now_micro"], seen["next_micro"]) == (10_000_000, 10_000_000)
    assert (seen["now_tax_micro"], seen["next_tax_micro"]) == (2_000_000, 2_000_000)
    assert {key: seen["now"][0][key] for key in ("net_micro", "tax_micro", "taxes")} == {
        "net_micro": 8_000_000, "tax_micro": 2_000_000, "taxes": [{"name": "VAT", "percent": "25"}],
    }  # fmt: skip
    taken = paul.make("subscriptions/", {**acme, "product_id": plans["Small"]})
    assert taken["state"] == "active"
    shown = page(f"/panels/subscriptions/{taken['id']}/")
    assert "300 / 300 min" in shown and f"Charged on {taken['period_until']}" in shown
    asked = f"subscription_id={taken['id']}&product_id={plans['Large']}"
    shown = page(f"/pages/plan-preview/?{asked}")
    assert "Small: Monthly fee given back" in shown and "<strong>15.00</strong>" in shown
    dialog = browser("paul").get(f"/panels/subscriptions/{taken['id']}/do/change/?{asked}").content.decode()
    assert f'name="product_id" value="{plans["Large"]}"' in dialog
    status, changed = paul("post", f"subscriptions/{taken['id']}/change/", {"product_id": plans["Large"]})
    assert status == 200, changed
    charges = paul("get", "subscription-charges/")[1]["results"]
    assert [one["amount_micro"] for one in charges] == [25_000_000, -10_000_000, 10_000_000]
    assert [one["tax_micro"] for one in charges] == [5_000_000, -2_000_000, 2_000_000]
    assert [one["net_micro"] for one in charges] == [20_000_000, -8_000_000, 8_000_000]
    check_what_customers_see(web)


def check_what_customers_see(web: Cast) -> None:
    carla = program(web.user(web.alice), host="northwind.localhost")
    mine = carla.get("/api/v1/allowances/?is_live=true").json()["results"]
    assert [(one["left"], one["percent_left"]) for one in mine] == [(60_000, 100)]
    with tenant(system_actor()):
        for user in (web.alice, web.alice, web.bob):
            add_call(user, mine[0]["id"])
    shown = page(f"/panels/allowances/{mine[0]['id']}/")
    assert 'Alice</td><td class="right">2</td><td class="right">4</td>' in shown
    assert 'Bob</td><td class="right">1</td><td class="right">2</td>' in shown
    assert {one["name"] for one in carla.get("/api/v1/subscriptions/").json()["results"]} == {"Small", "Large"}
    told = {
        one["reference"].partition(",")[0] for one in carla.get("/api/v1/transactions/?kind=fees").json()["results"]
    }
    assert told == {"Small: Monthly fee", "Small: Monthly fee given back", "Large: Monthly fee"}
    assert carla.get("/api/v1/plans/").status_code == 404
    assert (
        program(web.user(web.stranger), host="elsewhere.localhost").get("/api/v1/allowances/").json()["results"] == []
    )
