"""Calls of the past charged again: worked out, applied once, taken back."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError
from tests.support.cast import Cast
from tests.support.jobs import work
from tests.support.market import LONDON, decided, finished_call, invite, make_market
from tests.support.reratings import a_version, money, truths

from carillon.base.actor import Actor
from carillon.base.errors import Conflict, InvalidInput, NotFound, NotPermitted
from carillon.base.models import AuditEntry, Job
from carillon.base.tenancy import tenant
from carillon.business.billing.choices import TransferKind
from carillon.business.billing.models import Account, ReratedCharge, Rerating, Transfer
from carillon.business.calls.models import Cdr
from carillon.business.partners.queries import system_actor
from carillon.business.pricing.markup import RuleData, add_rule
from carillon.business.pricing.models import ExchangeRate, MarkupRule, PriceList, PriceListVersion, Rate
from carillon.usecases.post_charges import post_charges
from carillon.usecases.rerate_calls import (
    ReratingData,
    apply_rerating,
    remove_rerating,
    start_rerating,
    undo_rerating,
)
from carillon.usecases.settle_calls import settle_call

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime.now(UTC)
HOUR: dict[str, Any] = {"since": NOW - timedelta(hours=1), "until": NOW + timedelta(hours=1)}


def settled(user: str, domain: str, *, talked_s: float = 60) -> list[Cdr]:
    call_id = finished_call(decided(invite(user, domain, LONDON)), talked_s=talked_s)
    with tenant(system_actor()) as actor:
        return settle_call(actor, call_id)


def posted() -> None:
    with tenant(system_actor()) as actor:
        post_charges(actor)


def a_run(actor: Actor, **chosen: Any) -> Rerating:
    """A run that has been worked out."""
    with tenant(actor):
        run = start_rerating(actor, ReratingData(**{**HOUR, "reason": "wrong prices", **chosen}))
    work()
    return again(run)


def again(run: Rerating) -> Rerating:
    with tenant(system_actor()):
        return Rerating.objects.get(pk=run.pk)


def applied(actor: Actor, run: Rerating) -> Rerating:
    with tenant(actor):
        apply_rerating(actor, run)
    work()
    return again(run)


def test_posted_charges_are_reversed_and_made_anew(cast: Cast) -> None:
    market, paul = make_market(cast), cast.staff("paul")
    cdr, *above = settled("alice", "northwind.test", talked_s=45)
    posted()
    before = money()
    retail = a_version("Northwind retail", "0.10")
    run = a_run(paul, customer_id=cast.acme.pk)
    assert (run.state, run.calls, run.different, run.applied) == ("ready", 1, 1, 0)
    assert run.sums == [{"currency": "EUR", "calls": 1, "different": 1, "was_micro": 45_000, "amount_micro": 75_000}]
    assert [line["name"] for line in run.groups["tier"]] == ["0:Northwind Telecom"]
    assert (money(), Cdr.objects.get(pk=cdr.pk).amount_micro) == (before, 45_000)  # nothing is changed yet
    run = applied(paul, run)
    assert (run.state, run.applied) == ("applied", 1)
    moved = list(Transfer.objects.filter(idempotency_key__startswith=f"rerating:{run.pk}:").order_by("pk"))
    assert [(one.kind, one.amount_micro) for one in moved] == [
        (TransferKind.REVERSAL, 45_000), (TransferKind.CALLS, -75_000),
    ]  # fmt: skip
    assert {one.actor_name for one in moved} == {paul.name}
    assert money()[market.acme.pk][0] == before[market.acme.pk][0] - 30_000
    cdr = Cdr.objects.get(pk=cdr.pk)
    assert (cdr.amount_micro, cdr.explanation["version_id"], cdr.explanation["exact"]) == (75_000, retail.pk, "0.075")
    assert cdr.explanation["rerated"]["run"] == run.pk and cdr.explanation["rerated"]["was_micro"] == 45_000
    assert cdr.explanation["margin"]["margin_micro"] == 75_000 - above[0].amount_micro
    assert ReratedCharge.objects.get(cdr_id=cdr.pk).before["amount_micro"] == 45_000
    told = AuditEntry.objects.filter(object_type="billing.rerating").order_by("pk").values_list("action", flat=True)
    assert list(told) == ["rerating.create", "rerating.apply", "rerating.finish"]
    truths()


def test_what_waits_is_put_right_where_it_waits(cast: Cast) -> None:
    market, paul = make_market(cast), cast.staff("paul")
    settled("alice", "northwind.test")
    a_version("Northwind retail", "0.10")
    applied(paul, a_run(paul, customer_id=cast.acme.pk))
    assert not Transfer.objects.filter(idempotency_key__startswith="rerating:").exists()
    assert money()[market.acme.pk][1] == 100_000
    before = money()[market.acme.pk][0]
    posted()
    assert money()[market.acme.pk] == (before - 100_000, 0)
    truths()


def test_twice_is_once(cast: Cast) -> None:
    make_market(cast)
    paul = cast.staff("paul")
    settled("alice", "northwind.test")
    posted()
    a_version("Northwind retail", "0.10")
    first, second = a_run(paul, customer_id=cast.acme.pk), a_run(paul, customer_id=cast.acme.pk)
    applied(paul, first)
    after = money()
    with tenant(paul), pytest.raises(Conflict):
        apply_rerating(paul, first)
    second = applied(paul, second)
    assert (second.changed, second.applied) == (1, 0)  # worked out before the first was applied
    third = a_run(paul, customer_id=cast.acme.pk)
    assert (third.calls, third.different) == (1, 0)
    with tenant(paul), pytest.raises(Conflict):
        apply_rerating(paul, third)
    assert money() == after
    truths()


def test_there_and_back(cast: Cast) -> None:
    make_market(cast)
    olga = cast.staff("olga")
    cdrs = settled("bryggen", "fjord.test", talked_s=75)
    settled("alice", "northwind.test")
    posted()
    settled("bryggen", "fjord.test", talked_s=10)
    before, was = money(), {cdr.pk: (cdr.amount_micro, cdr.billed_s, cdr.destination) for cdr in Cdr.objects.all()}
    for name, price in (("To Fjord", "0.05"), ("Carrier cost", "0"), ("To Northwind", "0.03")):
        a_version(name, price, name="Britain", connection_fee=Decimal("0.01"), initial_s=30, increment_s=30)
    fjord = cast.fjord.pk
    run = a_run(olga, buyer_partner_id=fjord, is_whole_chain=True)
    assert (run.calls, run.different) == (8, 6)  # two calls of four rows each; Fjord's retail list has not changed
    run = applied(olga, run)
    assert run.applied == 6 and money() != before
    truths()
    assert Cdr.objects.get(pk=cdrs[0].pk).explanation["margin"]["cost_micro"] == 85_000  # its cost, by its new price
    with tenant(olga), pytest.raises(Conflict):
        remove_rerating(olga, run)
    with tenant(olga):
        counter = undo_rerating(olga, run)
        with pytest.raises(Conflict):
            undo_rerating(olga, run)
    work()
    assert (again(counter).state, again(counter).different) == ("ready", 6)
    applied(olga, counter)
    posted()  # what had waited
    assert {cdr.pk: (cdr.amount_micro, cdr.billed_s, cdr.destination) for cdr in Cdr.objects.all()} == was
    spent = {key: balance - unposted for key, (balance, unposted) in money().items()}
    holders = Account.objects.filter(kind__in=("customer", "partner")).values_list("pk", flat=True)
    assert {key: spent[key] for key in holders} == {key: before[key][0] - before[key][1] for key in holders}
    truths()


def test_only_the_list_that_is_named_and_the_version_that_is_named(cast: Cast) -> None:
    make_market(cast)
    olga = cast.staff("olga")
    settled("bryggen", "fjord.test")
    later = a_version("Northwind retail", "0.50")  # another list: the customer had the wrong one
    listed = PriceList.objects.get(name="Fjord retail")
    run = a_run(olga, price_list_id=listed.pk, version_id=later.pk)
    charge = ReratedCharge.objects.get(rerating=run)
    assert (run.calls, charge.was_micro, charge.amount_micro, charge.buyer) == (1, 120_000, 500_000, "Bryggen AS")
    cost = PriceList.objects.get(name="Carrier cost")
    run = a_run(olga, cost_list_id=cost.pk, customer_id=cast.fjord_customer.pk)
    assert (run.calls, run.different) == (1, 0)
    assert a_run(olga, cost_list_id=cost.pk, customer_id=cast.acme.pk).calls == 0


def test_what_is_on_an_invoice_or_without_a_price_stays(cast: Cast) -> None:
    make_market(cast)
    paul = cast.staff("paul")
    one, two = settled("alice", "northwind.test")[0], settled("alice", "northwind.test")[0]
    Cdr.objects.filter(pk=one.pk).update(invoice_id=7)
    retail = a_version("Northwind retail", "0.10")
    run = a_run(paul, customer_id=cast.acme.pk)
    assert (run.different, run.invoiced) == (2, 1)
    Cdr.objects.filter(pk=two.pk).update(invoice_id=8)  # between looking and applying
    run = applied(paul, run)
    assert (run.applied, run.invoiced, run.state) == (0, 2, "applied")
    assert {cdr.amount_micro for cdr in Cdr.objects.filter(pk__in=(one.pk, two.pk))} == {60_000}
    retail.rates.update(prefix="33")
    assert a_run(paul, customer_id=cast.acme.pk).unpriced == 2
    truths()


def test_what_is_sold_by_the_supplier_s_price_follows_it_and_other_currencies_are_converted(
    cast: Cast, as_role: Callable[[str], AbstractContextManager[None]]
) -> None:
    make_market(cast)
    paul, olga = cast.staff("paul"), cast.staff("olga")
    with tenant(system_actor()) as actor:
        rule = RuleData(percent=Decimal(50), increment_s=60, partner_id=cast.northwind.pk)
        add_rule(actor, rule)
    Rate.objects.filter(version__price_list__name="Northwind retail").update(prefix="33")
    resold = settled("alice", "northwind.test", talked_s=30)[0]
    assert (resold.explanation["list_id"], resold.amount_micro) == (0, 30_500)
    listed = settled("bryggen", "fjord.test")[0]
    posted()
    MarkupRule.objects.update(percent=Decimal(99))  # what the rule was when the call began is kept with the call
    a_version("To Northwind", "0.05")
    dollars = a_version("Fjord retail", "0.10")
    ExchangeRate.objects.update(effective_from=NOW - timedelta(days=1))
    with tenant(system_actor()):
        copied = PriceList.objects.get(pk=dollars.price_list_id)
        copied.pk, copied.name, copied.currency = None, "In dollars", "USD"
        copied.save(force_insert=True)
        dollars.price_list = copied
        dollars.save()
    with as_role("worker"):
        run = applied(paul, a_run(paul, customer_id=cast.acme.pk))
        whole = a_run(olga, customer_id=cast.acme.pk, is_whole_chain=True)
        by_dollars = applied(olga, a_run(olga, customer_id=cast.fjord_customer.pk, version_id=dollars.pk))
    assert (run.applied, run.unpriced, by_dollars.applied) == (1, 0, 1)
    resold, listed = Cdr.objects.get(pk=resold.pk), Cdr.objects.get(pk=listed.pk)
    assert resold.amount_micro == 76_250  # 61 s of what Northwind pays by now, and 50 %
    told = resold.explanation["made_from"]
    assert (told["per_minute"], told["percent"], told["rule_increment_s"]) == ("0.05", "50", 60)
    assert (whole.different, resold.is_loss) == (1, False)  # the operator's own sale
    assert (listed.amount_micro, listed.explanation["exchange_rate"]) == (92_150, "0.9215")
    cheap = a_version("Fjord retail", "0.01")
    applied(olga, a_run(olga, customer_id=cast.fjord_customer.pk, version_id=cheap.pk))
    assert Cdr.objects.get(pk=listed.pk).is_loss
    applied(olga, a_run(olga, customer_id=cast.fjord_customer.pk, version_id=dollars.pk))
    assert not Cdr.objects.get(pk=listed.pk).is_loss
    truths()


def test_who_may(cast: Cast, as_role: Callable[[str], AbstractContextManager[None]]) -> None:
    make_market(cast)
    paul, stranger = cast.staff("paul"), cast.staff("stranger")
    settled("alice", "northwind.test")
    posted()
    retail = a_version("Northwind retail", "0.10")
    with tenant(paul):
        for wrong in ({}, {"customer_id": cast.charlie.pk}, {"customer_id": cast.acme.pk, "until": HOUR["since"]}):
            with pytest.raises(InvalidInput):
                start_rerating(paul, ReratingData(**{**HOUR, "reason": "x", **wrong}))
        reader = replace(paul, permissions=frozenset({"*.view"}))
        with pytest.raises(NotPermitted):
            start_rerating(reader, ReratingData(**HOUR, reason="x", customer_id=cast.acme.pk))
    with as_role("worker"):  # behind the second wall, where a CDR's price is all that may be written
        run = applied(paul, a_run(paul, customer_id=cast.acme.pk))
        assert run.applied == 1
        with pytest.raises(DatabaseError), tenant(system_actor()):
            Cdr.objects.update(callee="+33140000000")
    with as_role("web"), pytest.raises(DatabaseError), tenant(paul):
        Cdr.objects.update(amount_micro=1)
    with tenant(stranger), pytest.raises(NotFound):
        apply_rerating(stranger, run)
    PriceListVersion.objects.filter(pk=retail.pk).update(state="draft")
    with tenant(paul), pytest.raises(InvalidInput):
        start_rerating(paul, ReratingData(**HOUR, reason="x", customer_id=cast.acme.pk, version_id=retail.pk))
    assert set(Job.objects.filter(kind="rerate").values_list("state", flat=True)) == {"done"}
    truths()
