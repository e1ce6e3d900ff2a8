"""Forwarding as pure decisions: who is tried next, who pays, what the called side and the caller are told."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from carillon.callfeed.tests.cast import ACME, DAN, FJORD, NORTHWIND, World, carrier_call, device_call
from carillon.logic.callflow import signals, states
from carillon.logic.callflow.charging import settle
from carillon.logic.callflow.decide import decide
from carillon.logic.callflow.feed import CallerStyle, Status, Trunk, User
from carillon.logic.callflow.forwarding import MAX_FORWARDS, Failure, forward_after, refuse_unpaid
from carillon.logic.callflow.notes import attempt_label, notes_for
from carillon.logic.callflow.values import CallFacts, Cause, ChainKind, Decision, Outcome, Target
from carillon.logic.documents import from_document, to_document

OUTSIDE = "+442079460123"
BOB, ALICE = 22, 21
CHUNK_S = 60


def forwarding(**rules: str) -> World:
    """Bob's calls go elsewhere."""
    return World().but("users", BOB, **{f"forward_{condition}": to for condition, to in rules.items()})


def decided(world: World, dialled: str = "102", who: str = "alice@northwind.test") -> Decision:
    return decide(world.feed(), device_call(dialled, who), chunk_s=CHUNK_S)


def after(world: World, decision: Decision, cause: Cause, contact: str = "") -> Decision | None:
    longer = forward_after(world.feed(), decision, Failure(cause, len(decision.targets) - 1, contact), CHUNK_S)
    assert longer is None or from_document(Decision, json.loads(json.dumps(to_document(longer)))) == longer
    return longer


def hosts(decision: Decision) -> list[str]:
    return [target.host or " ".join(target.contacts) for target in decision.targets]


@pytest.mark.parametrize("cause", [Cause.BUSY, Cause.NO_ANSWER, Cause.UNREACHABLE])
def test_each_condition_leads_where_it_says_and_no_other_does(cause: Cause) -> None:
    world = forwarding(**{cause.value: OUTSIDE})
    decision = decided(world)
    assert decision.targets[0].asks == (cause, Cause.REDIRECTED)
    longer = after(world, decision, cause)
    assert longer is not None
    assert hosts(longer) == ["bob@northwind.test bob2@northwind.test", "192.0.2.2", "192.0.2.1"]
    for other in {Cause.BUSY, Cause.NO_ANSWER, Cause.UNREACHABLE} - {cause}:
        assert after(world, decision, other) is None


def test_forwarder_pays_by_the_prices_of_its_customer_and_the_caller_as_before() -> None:
    world = forwarding(always=OUTSIDE)
    decision = decided(world, "+442071110002", "dan@hello.test")
    assert [(c.kind, c.customer_id) for c in decision.chains] == [
        (ChainKind.ORIGINATING, DAN), (ChainKind.TERMINATING, ACME), (ChainKind.FORWARDING, ACME),
    ]  # fmt: skip
    assert [(hold.account_id, hold.chain) for hold in decision.holds] == [(100, 2)]
    assert {target.chain for target in decision.targets} == {2}
    drafts = settle(decision, CallFacts(0, 70_000, 10_000, 0))
    paid = {(d.chain, d.tier): d.amount_micro for d in drafts if d.amount_micro}
    assert paid == {
        (ChainKind.FORWARDING, 0): 650_000, (ChainKind.FORWARDING, 1): 300_000, (ChainKind.FORWARDING, 2): 100_000,
    }  # fmt: skip
    own = next(d for d in drafts if d.chain is ChainKind.FORWARDING and d.tier == 0)
    assert (own.user_id, own.callee, own.chain_no) == (BOB, OUTSIDE, 2)
    assert own.explanation["forwarded"] == "by Bob: all calls"


def test_phone_that_answers_while_the_forwarding_is_decided_costs_nobody_anything() -> None:
    world = forwarding(busy=OUTSIDE)
    longer = after(world, decided(world), Cause.BUSY)
    assert longer is not None
    drafts = settle(longer, CallFacts(0, 70_000, 10_000, answered_target=0, holds=((1, 1_250_000),)))
    assert [(d.chain, d.outcome, d.amount_micro) for d in drafts if d.tier == 0] == [
        (ChainKind.ORIGINATING, Outcome.ANSWERED, 0),
        (ChainKind.FORWARDING, Outcome.CANCELLED, 0),
    ]
    begun = states.forward(states.begin(longer, at_ms=0, chunk_s=CHUNK_S), longer, at_ms=0)
    assert states.step(begun, signals.Answered(1, 0))[0].clocks == ()
    assert states.step(begun, signals.Answered(1, 1))[0].clocks[0].funded_s == longer.holds[0].funded_s


def test_redirection_is_dialled_by_the_phones_customer() -> None:
    longer = after(World(), decided(World()), Cause.REDIRECTED, "020 7946 0123")
    assert longer is not None
    assert (longer.callee, longer.targets[-1].number) == ("102", OUTSIDE)


@pytest.mark.parametrize("contact", ["", "bob", "999", "112", "177", "102", "101", "+4490987900", "sip:x"])
def test_redirection_to_nowhere_is_not_done(contact: str) -> None:
    decision = decided(World())
    longer = after(World(), decision, Cause.REDIRECTED, contact)
    assert longer is not None
    assert (longer.targets, longer.chains, longer.holds) == (decision.targets, decision.chains, decision.holds)
    assert len(notes_for(longer, {NORTHWIND})) > len(notes_for(decision, {NORTHWIND}))


def test_forwarding_to_somebody_of_the_platform_is_free_and_that_one_may_forward_on() -> None:
    world = forwarding(always="+442071110023").but("users", 23, forward_no_answer=OUTSIDE, no_answer_s=7)
    decision = decided(world)
    assert hosts(decision) == ["dan@hello.test"]
    assert (decision.holds, decision.targets[0].ring_timeout_s) == ((), 7)
    assert decision.targets[0].caller == "+442071110002", "an extension means nothing at another customer"
    longer = after(world, decision, Cause.NO_ANSWER)
    assert longer is not None
    kinds = [(chain.kind, chain.customer_id) for chain in longer.chains]
    assert kinds[1:] == [(ChainKind.FORWARDING, ACME), (ChainKind.TERMINATING, DAN), (ChainKind.FORWARDING, DAN)]
    assert [(d.number, d.cause) for d in longer.targets[-1].diversions] == [
        ("+442071110002", Cause.ALWAYS), ("+442071110023", Cause.NO_ANSWER),
    ]  # fmt: skip


def test_circle_is_refused_and_so_is_a_forwarding_back_to_the_caller() -> None:
    circle = forwarding(always="101").but("users", ALICE, forward_always="102")
    assert decided(circle, "+442071110002", "dan@hello.test").refusal.slug == "forwarding-loop"  # type: ignore[union-attr]
    assert decided(forwarding(always="101")).refusal.sip_code == 482  # type: ignore[union-attr]
    back = decide(forwarding(always="+33123456789").feed(), carrier_call("+442071110002"), chunk_s=CHUNK_S)
    assert back.refusal is not None
    assert back.refusal.slug == "forwarding-loop"


@pytest.mark.parametrize(("length", "refusal"), [(MAX_FORWARDS, ""), (MAX_FORWARDS + 1, "forwarding-loop")])
def test_a_call_is_forwarded_at_most_five_times(length: int, refusal: str) -> None:
    people = [
        User(40 + n, ACME, f"User {n}", f"12{n}", "", (f"u{n}@northwind.test",), forward_always=f"12{n + 1}")
        for n in range(length)
    ]
    last = User(60, ACME, "Last", f"12{length}", "", ("last@northwind.test",))
    decision = decided(replace(World(), users=(*World().users, *people, last)), "120")
    assert (decision.refusal.slug if decision.refusal else "") == refusal
    assert bool(decision.targets) == (not refusal)


@pytest.mark.parametrize(
    ("diversions", "caller", "slug"),
    [
        (4, "+33123456789", ""),
        (5, "+33123456789", "forwarding-loop"),
        (0, "+442071110002", "forwarding-loop"),
        (0, "+442071110001", ""),
    ],
)
def test_circle_through_the_telephone_network_ends(diversions: int, caller: str, slug: str) -> None:
    request = replace(carrier_call("+442071110002", from_user=caller), diversions=diversions)
    decision = decide(forwarding(always=OUTSIDE).feed(), request, chunk_s=CHUNK_S)
    assert (decision.refusal.slug if decision.refusal else "") == slug


@pytest.mark.parametrize("status", [Status.SUSPENDED, Status.BLOCKED])
def test_who_may_not_call_may_not_forward(status: Status) -> None:
    world = forwarding(busy=OUTSIDE)
    decision = decided(world, "+442071110002", "dan@hello.test")
    longer = after(world.but("customers", ACME, status=status), decision, Cause.BUSY)
    assert longer is not None
    assert longer.targets == decision.targets


def test_forwarded_call_lasts_no_longer_than_the_forwarders_calls_may() -> None:
    world = forwarding(always=OUTSIDE).but("customers", ACME, max_call_s=600).but("customers", DAN, max_call_s=900)
    assert decided(world, "+442071110002", "dan@hello.test").max_s == 600
    assert decided(World().but("customers", DAN, max_call_s=900), "+442071110002", "dan@hello.test").max_s == 900


def test_user_without_a_device_is_unreachable() -> None:
    world = forwarding(unreachable=OUTSIDE).but("users", BOB, endpoints=())
    assert [target.kind for target in decided(world).targets] == ["gateway", "gateway"]
    assert decided(World().but("users", BOB, endpoints=())).refusal.slug == "no-device"  # type: ignore[union-attr]


def test_carriers_see_a_number_that_is_the_forwarders_to_show() -> None:
    world = forwarding(always=OUTSIDE)
    inbound = decide(world.feed(), carrier_call("+442071110002"), chunk_s=CHUNK_S)
    assert {target.caller for target in inbound.targets} == {"442071110002", "+442071110002"}
    assert inbound.caller == "+33123456789"
    colleague = decided(world, "+442071110002")
    assert {target.caller.lstrip("+") for target in colleague.targets} == {"442071110001"}, "Alice's, also Acme's"


def test_a_carrier_that_takes_foreign_numbers_sees_the_first_caller() -> None:
    style = CallerStyle(number_format="plain", shows_foreign_caller=True)
    world = forwarding(always=OUTSIDE)
    gateway = next(each for each in world.gateways if each.host == "192.0.2.2")
    world = world.but("gateways", gateway.id, style=style)
    decision = decide(world.feed(), carrier_call("+442071110002", from_user="+33199000123"), chunk_s=CHUNK_S)
    shown = {target.host: target.caller for target in decision.targets}
    assert shown["192.0.2.2"] == "33199000123"
    assert shown["192.0.2.1"] == decision.targets[-1].diversions[0].number != "+33199000123"


def test_who_pays_is_told_and_the_caller_is_not() -> None:
    world = forwarding(always=OUTSIDE)
    decision = decided(world, "+442071110002", "petra@fjord.test")
    refused = refuse_unpaid(decision, "credit-exhausted")
    assert refused.refusal is not None
    assert (refused.refusal.slug, refused.refusal.sip_code) == ("not-forwarded", 480)
    assert "Not enough credit" not in " ".join(notes_for(refused, {FJORD}))
    assert "Not enough credit" in " ".join(notes_for(refused, {NORTHWIND}))
    own = decide(World().feed(), device_call(OUTSIDE), chunk_s=CHUNK_S)
    assert refuse_unpaid(own, "credit-exhausted").refusal.slug == "credit-exhausted"  # type: ignore[union-attr]


def test_sellers_of_the_caller_learn_nothing_of_where_it_was_forwarded() -> None:
    decision = decided(forwarding(always=OUTSIDE), "+442071110002", "petra@fjord.test")
    assert attempt_label(decision, 0, "Carrier B", {FJORD}) == "+442071110002"
    assert OUTSIDE not in " ".join(notes_for(decision, {FJORD}))
    assert attempt_label(decision, 0, "Carrier B", {NORTHWIND}) == "carrier 1 of Level Platform"


def test_target_of_contacts_knows_whose_it_is() -> None:
    target: Target = decided(World()).targets[0]
    assert (target.user_id, target.chain, target.diversions) == (BOB, 0, ())


def test_telephone_system_is_called_with_the_number_that_was_called_also_when_a_call_is_forwarded_to_it() -> None:
    trunk = Trunk("bob2@northwind.test", "192.0.2.7:5060", "tcp")
    called = World().but("users", BOB, trunks=(trunk,))
    for dialled in ("102", "+442071110002"):
        target = decided(called, dialled).targets[0]
        assert (target.trunks, target.number) == ((trunk,), dialled)
    forwarded = called.but("users", ALICE, forward_always="+442071110002")
    assert decided(forwarded, "101", "bob@northwind.test").refusal is not None  # back to himself
    target = decided(forwarded, "+442071110001", "dan@hello.test").targets[0]
    assert (target.trunks, target.number) == ((trunk,), "+442071110002")
