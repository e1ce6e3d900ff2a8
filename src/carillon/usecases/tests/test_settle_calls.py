"""From events to CDRs, holds given back and charges in the ledger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from tests.support.cast import Cast
from tests.support.market import LONDON, decided, finished_call, happened, invite, make_market, open_call, rows

from carillon.base.tenancy import tenant
from carillon.business.billing.choices import AccountKind
from carillon.business.billing.models import Account, Entry, Hold, UnpostedCharge
from carillon.business.billing.queries import ledger_sums
from carillon.business.calls.choices import CallState, Outcome, Tab
from carillon.business.calls.models import Call, Cdr
from carillon.business.calls.queries import cdrs_on, prices_of
from carillon.business.partners.queries import system_actor
from carillon.usecases.post_charges import post_charges
from carillon.usecases.settle_calls import settle_call, settle_due_calls
from carillon.usecases.sweep_calls import sweep_calls

pytestmark = pytest.mark.django_db


def settled(call_id: UUID) -> list[Cdr]:
    with tenant(system_actor()) as actor:
        return settle_call(actor, call_id)


def posted() -> None:
    with tenant(system_actor()) as actor:
        post_charges(actor)


def test_answered_call_has_a_row_per_tier_and_the_carriers_cost(cast: Cast) -> None:
    market = make_market(cast)
    call_id = finished_call(decided(invite("bryggen", "fjord.test", LONDON)), talked_s=60)
    cdrs = settled(call_id)
    assert [(cdr.tier, cdr.is_carrier_cost, cdr.amount_micro) for cdr in cdrs] == [
        (0, False, 120_000),
        (1, False, 40_000),
        (2, False, 20_000),
        (3, True, 10_000),
    ]
    assert {cdr.tab for cdr in cdrs} == {Tab.DIALLED}
    assert {cdr.outcome for cdr in cdrs} == {Outcome.ANSWERED}
    assert [cdr.customer_name for cdr in cdrs] == ["Bryggen AS", "", "", ""]
    account = Account.objects.get(pk=market.fjord_customer.pk)
    assert (account.reserved_micro, account.unposted_micro) == (0, 120_000)
    assert Call.objects.get(pk=call_id).state == CallState.RATED


def test_posting_moves_every_tier_and_sums_to_zero(cast: Cast) -> None:
    market = make_market(cast)
    settled(finished_call(decided(invite("bryggen", "fjord.test", LONDON)), talked_s=60))
    posted()
    balances = {
        account: Account.objects.get(pk=account.pk).balance_micro - account.balance_micro
        for account in (market.fjord_customer, market.fjord_at_northwind, market.northwind_at_operator)
    }
    assert list(balances.values()) == [-120_000, -40_000, -20_000]
    assert Account.objects.get(kind=AccountKind.PAYABLE, partner=cast.operator).balance_micro == 10_000
    assert Account.objects.get(kind=AccountKind.REVENUE, partner=cast.northwind).balance_micro == 40_000
    assert not UnpostedCharge.objects.exists()
    assert Account.objects.get(pk=market.fjord_customer.pk).unposted_micro == 0
    with tenant(system_actor()) as actor:
        assert ledger_sums(actor) == {"EUR": 0}
    before = Entry.objects.count()
    posted()
    assert Entry.objects.count() == before


def test_settling_again_changes_nothing(cast: Cast) -> None:
    make_market(cast)
    call_id = finished_call(decided(invite("alice", "northwind.test", LONDON)), talked_s=30)
    first = settled(call_id)
    again = settled(call_id)
    assert [cdr.pk for cdr in first] == [cdr.pk for cdr in again]
    assert UnpostedCharge.objects.count() == 3


def test_events_out_of_order_give_the_same_price(cast: Cast) -> None:
    make_market(cast)
    started = datetime.now(UTC) - timedelta(minutes=5)
    call_id, _ = open_call(decided(invite("alice", "northwind.test", LONDON)), at=started)
    happened(call_id, "ended", started + timedelta(seconds=62), by="callee", sip_code=200)
    with tenant(system_actor()) as actor:
        assert settle_due_calls(actor) == 0  # the answer may still be on its way
    happened(call_id, "answered", started + timedelta(seconds=2), target=0)
    happened(call_id, "answered", started + timedelta(seconds=30), target=0)  # told twice: the first counts
    with tenant(system_actor()) as actor:
        assert settle_due_calls(actor) == 1
    assert Cdr.objects.get(tier=0).amount_micro == 60_000


def test_unanswered_call_costs_nothing_and_gives_the_hold_back(cast: Cast) -> None:
    market = make_market(cast)
    started = datetime.now(UTC)
    call_id, _ = open_call(decided(invite("alice", "northwind.test", LONDON)), at=started)
    assert Account.objects.get(pk=market.acme.pk).reserved_micro > 0
    happened(call_id, "applied", started)
    happened(call_id, "attempt", started, target=0, label="Carrier A", sip_code=486, reason="Busy Here", elapsed_ms=40)
    happened(call_id, "failed", started + timedelta(seconds=1), sip_code=486, reason="Busy Here", by="callee")
    cdrs = settled(call_id)
    assert {cdr.amount_micro for cdr in cdrs} == {0}
    assert {cdr.outcome for cdr in cdrs} == {Outcome.BUSY}
    tried = [cdr.explanation["attempts"][0]["label"] for cdr in cdrs]
    assert tried == ["carrier 1 of Level Platform", "Carrier A"]  # only whose carrier it is learns the name
    assert Account.objects.get(pk=market.acme.pk).reserved_micro == 0
    assert not UnpostedCharge.objects.exists()


def test_call_refused_by_the_database_is_among_the_others(cast: Cast) -> None:
    make_market(cast, acme_micro=10_000)
    call_id, answer = open_call(decided(invite("alice", "northwind.test", LONDON)))
    assert answer == "credit-exhausted"
    cdrs = settled(call_id)
    assert (cdrs[0].tab, cdrs[0].outcome, cdrs[0].sip_code) == (Tab.OTHER, Outcome.REFUSED, 402)
    assert cdrs[0].explanation["refusal"] == "credit-exhausted"
    assert not Hold.objects.exists()


def test_strangers_call_is_seen_by_the_operator_alone(cast: Cast) -> None:
    make_market(cast)
    request = invite("", "", "+442079469999")
    call_id, answer = open_call(decided(request))
    assert answer == "unknown-source"
    cdrs = settled(call_id)
    assert [(cdr.partner_id, cdr.tab) for cdr in cdrs] == [(cast.operator.pk, Tab.OTHER)]


def test_on_net_call_is_dialled_for_one_and_received_for_the_other(cast: Cast) -> None:
    make_market(cast)
    settled(finished_call(decided(invite("alice", "northwind.test", "+442079460002")), talked_s=10))
    with tenant(cast.user(cast.alice)) as alice:
        assert [cdr.customer_id for cdr in cdrs_on(alice, Tab.DIALLED)] == [cast.acme.pk]
        assert not cdrs_on(alice, Tab.RECEIVED).exists()
    with tenant(cast.user(cast.stranger)) as charlie:
        assert [cdr.customer_id for cdr in cdrs_on(charlie, Tab.RECEIVED)] == [cast.charlie.pk]
        assert not cdrs_on(charlie, Tab.DIALLED).exists()


def test_missed_call_is_on_the_callees_tab(cast: Cast) -> None:
    make_market(cast)
    started = datetime.now(UTC)
    call_id, _ = open_call(decided(invite("alice", "northwind.test", "+442079460002")), at=started)
    happened(call_id, "applied", started)
    happened(call_id, "failed", started + timedelta(seconds=20), sip_code=487, reason="Request Terminated", by="caller")
    settled(call_id)
    with tenant(cast.user(cast.stranger)) as charlie:
        assert cdrs_on(charlie, Tab.MISSED).get().outcome == Outcome.CANCELLED


def test_a_buyer_does_not_learn_its_sellers_cost(cast: Cast) -> None:
    make_market(cast)
    call_id = finished_call(decided(invite("bryggen", "fjord.test", LONDON)), talked_s=60)
    settled(call_id)
    with tenant(cast.staff("petra")) as petra:
        cdr = cdrs_on(petra, Tab.DIALLED).get()
        prices = prices_of(petra, cdr)
    assert [(line.seller, line.amount_micro, line.is_cost) for line in prices] == [
        ("Fjord Voice", 120_000, False),
        ("Northwind Telecom", 40_000, True),
    ]
    assert prices[0].explanation["margin"]["margin_micro"] == 80_000
    assert "margin" not in prices[1].explanation
    assert "attempts" not in prices[1].explanation


def test_price_is_never_more_than_the_hold_bought(cast: Cast) -> None:
    make_market(cast)
    decision = decided(invite("alice", "northwind.test", LONDON))
    (hold,) = decision.holds
    settled(finished_call(decision, talked_s=10 * hold.funded_s))
    assert Cdr.objects.get(tier=0).amount_micro <= hold.amount_micro


def test_unreadable_call_does_not_stop_the_others(cast: Cast) -> None:
    make_market(cast)
    bad = finished_call(decided(invite("alice", "northwind.test", LONDON)), talked_s=5)
    Call.objects.filter(pk=bad).update(decision={"direction": "sideways"})
    good = finished_call(decided(invite("alice", "northwind.test", LONDON)), talked_s=5)
    with tenant(system_actor()) as actor:
        assert settle_due_calls(actor) == 2
    assert Call.objects.get(pk=good).state == CallState.RATED
    assert Call.objects.get(pk=bad).state == CallState.ENDED
    assert Call.objects.get(pk=bad).due_at > datetime.now(UTC)


def test_never_applied_call_is_swept_and_gives_the_hold_back(cast: Cast, settled_server: None) -> None:
    market = make_market(cast)
    call_id, _ = open_call(decided(invite("alice", "northwind.test", LONDON)))
    with tenant(system_actor()) as actor:
        assert sweep_calls(actor) == 0
        Call.objects.filter(pk=call_id).update(due_at=datetime.now(UTC) - timedelta(seconds=1))
        assert sweep_calls(actor) == 1
    settled(call_id)
    assert Account.objects.get(pk=market.acme.pk).reserved_micro == 0


def test_live_call_is_never_swept_and_a_lost_one_is_charged_to_its_last_sign_of_life(
    cast: Cast, settled_server: None
) -> None:
    make_market(cast)
    started = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)  # events are told in milliseconds
    call_id, _ = open_call(decided(invite("alice", "northwind.test", LONDON)), at=started)
    happened(call_id, "applied", started)
    happened(call_id, "answered", started, target=0)
    Call.objects.filter(pk=call_id).update(alive_at=started + timedelta(seconds=30))
    rows("insert into edge.kept_dialog values (%s, 1, 1, '{}', '{}') returning call", call_id)
    with tenant(system_actor()) as actor:
        assert sweep_calls(actor) == 0
        rows("delete from edge.kept_dialog returning call")
        Call.objects.filter(pk=call_id).update(due_at=datetime.now(UTC) - timedelta(seconds=1))
        assert sweep_calls(actor) == 1
    cdr = settled(call_id)[0]
    assert (cdr.duration_ms, cdr.amount_micro) == (30_000, 30_000)
    assert cdr.explanation["ended_by"] == "sweeper"


@pytest.fixture
def settled_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test's server has just started; the sweeper would wait for the edge to hand over what it kept."""
    monkeypatch.setattr("carillon.usecases.sweep_calls.SETTLING_S", -1_000_000)
