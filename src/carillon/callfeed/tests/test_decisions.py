"""Decisions in the cast's world, through the feed that golden call flows and the portal's test call use."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.callfeed.tests.cast import (
    ACME,
    ACME_TIERS,
    CHARLIES,
    DAN,
    FJORD,
    GATEWAYS,
    LEVEL,
    NORTHWIND,
    PARTNERS,
    RETAIL,
    ROUTES,
    STRANGER,
    VERSIONS,
    WHOLESALE,
    World,
    carrier_call,
    device_call,
    version,
)
from carillon.logic.callflow.decide import decide
from carillon.logic.callflow.feed import (
    Gateway,
    Number,
    Route,
    Status,
)
from carillon.logic.callflow.notes import notes_for
from carillon.logic.callflow.refusals import REFUSALS
from carillon.logic.callflow.values import (
    CallRequest,
    ChainKind,
    Decision,
    Direction,
    HoldRequest,
)
from carillon.logic.documents import from_document, to_document

CAST = World()
LONDON = "020 7946 0123"


def decided(request: CallRequest, world: World = CAST, chunk_s: int = 60) -> Decision:
    decision = decide(world.feed(), request, chunk_s=chunk_s)
    assert (decision.refusal is None) == bool(decision.targets)
    assert decision.notes
    assert from_document(Decision, json.loads(json.dumps(to_document(decision)))) == decision
    return decision


def slug(request: CallRequest, world: World = CAST) -> str:
    decision = decided(request, world)
    assert decision.holds == ()
    assert decision.refusal is not None, decision.notes
    assert decision.refusal == REFUSALS[decision.refusal.slug]
    return decision.refusal.slug


def said(decision: Decision) -> str:
    """The whole story, as someone reads it who sees every partner."""
    return "\n".join(notes_for(decision, {partner.id for partner in PARTNERS}))


# ---------------------------------------------------------------- telephone network


def test_a_call_to_the_network_takes_the_cheapest_carrier_first() -> None:
    decision = decided(device_call(LONDON))
    assert (decision.direction, decision.callee) == (Direction.OUTBOUND, "+442079460123")
    assert [target.gateway_id for target in decision.targets] == [2, 1]
    assert [target.number for target in decision.targets] == ["442079460123", "+442079460123"]
    assert "Carrier Carrier B costs 0.1 EUR for a typical minute." in said(decision)


def test_every_tier_is_priced_and_the_first_chunk_held() -> None:
    decision = decided(device_call(LONDON))
    (chain,) = decision.chains
    assert [(charge.tier.seller, charge.rate.per_minute if charge.rate else None) for charge in chain.tiers] == [
        ("Northwind Telecom", Decimal("0.60")),
        ("Level Platform", Decimal("0.30")),
    ]
    assert decision.holds == (HoldRequest(100, 660_000, 61, ((200, 305_000),)),)
    assert (decision.partner_id, decision.customer_id, decision.user_id, decision.endpoint_id) == (2, ACME, 21, 31)


def test_a_sub_partners_customer_has_three_tiers() -> None:
    decision = decided(device_call(LONDON, "petra@fjord.test"))
    assert [charge.tier.seller_partner_id for charge in decision.chains[0].tiers] == [FJORD, NORTHWIND, LEVEL]
    assert decision.holds == (HoldRequest(103, 813_334, 61, ((300, 457_500), (200, 305_000))),)


def test_the_shorter_the_chunk_the_smaller_the_hold() -> None:
    hold = decided(device_call(LONDON), chunk_s=9).holds[0]
    assert hold is not None
    assert (hold.amount_micro, hold.funded_s) == (150_000, 10)


def test_a_partner_with_own_carriers_uses_them_and_pays_nobody_above() -> None:
    own = Gateway(9, NORTHWIND, "Own carrier", "203.0.113.9", 5060)
    world = replace(
        CAST,
        gateways=(*GATEWAYS, own),
        routes=(*ROUTES, Route(9, NORTHWIND, "Own UK", "44", "static", 10, (9,))),
    )
    decision = decided(device_call(LONDON), world)
    assert [target.gateway_id for target in decision.targets] == [9]
    assert [charge.tier.seller_partner_id for charge in decision.chains[0].tiers] == [NORTHWIND]
    paris = decided(device_call("0033123456789"), world)
    assert [target.gateway_id for target in paris.targets] == [2, 1]
    assert "Northwind Telecom has no route for +33123456789." in said(paris)


def test_a_customers_own_route_comes_before_the_general_one() -> None:
    mine = Route(8, LEVEL, "Acme's", "", "static", 99, (1,), customer_id=ACME, is_stopper=True)
    world = replace(CAST, routes=(*ROUTES, mine))
    assert [target.gateway_id for target in decided(device_call(LONDON), world).targets] == [1]
    assert [target.gateway_id for target in decided(device_call(LONDON, "dan@hello.test"), world).targets] == [2, 1]


def test_the_longest_prefix_alone_is_used() -> None:
    london = Route(8, LEVEL, "London", "4420", "static", 99, (1,))
    world = replace(CAST, routes=(*ROUTES, london))
    assert [target.gateway_id for target in decided(device_call(LONDON), world).targets] == [1]
    assert [target.gateway_id for target in decided(device_call("0161 496 0000"), world).targets] == [2, 1]


def test_priority_orders_and_a_later_block_ends_the_list() -> None:
    routes = (
        Route(1, LEVEL, "Second", "44", "static", 20, (2, 1)),
        Route(2, LEVEL, "First", "44", "static", 10, (1,)),
        Route(3, LEVEL, "No more", "44", "block", 30, ()),
    )
    decision = decided(device_call(LONDON), replace(CAST, routes=routes))
    assert [target.gateway_id for target in decision.targets] == [1, 2]


def test_disabled_gateways_are_skipped_and_named() -> None:
    world = CAST.but("gateways", 2, is_enabled=False)
    decision = decided(device_call(LONDON), world)
    assert [target.gateway_id for target in decision.targets] == [1]
    assert "Gateway Carrier B is disabled and skipped." in said(decision)
    assert slug(device_call(LONDON), world.but("gateways", 1, is_enabled=False)) == "no-gateway"


def test_a_partner_cannot_use_another_partners_gateway() -> None:
    borrowed = Route(8, NORTHWIND, "Borrowed", "44", "static", 10, (1,))
    decision = decided(device_call(LONDON), replace(CAST, routes=(*ROUTES, borrowed)))
    assert decision.refusal is not None
    assert "Gateway 1 belongs to another partner and is skipped." in said(decision)


def test_a_carrier_without_a_known_cost_is_tried_last() -> None:
    decision = decided(device_call(LONDON), CAST.but("gateways", 2, price_list_id=None))
    assert [target.gateway_id for target in decision.targets] == [1, 2]
    assert decision.targets[1].carrier is not None
    assert decision.targets[1].carrier.rate is None


@pytest.mark.parametrize(
    ("number_format", "strip", "prepend", "sent"),
    [
        ("e164", 0, "", "+442079460123"),
        ("plain", 0, "", "442079460123"),
        ("national", 0, "", "02079460123"),
        ("plain", 2, "0044", "00442079460123"),
        ("plain", 0, "77#", "77#442079460123"),
    ],
)
def test_numbers_go_out_in_the_gateways_format(number_format: str, strip: int, prepend: str, sent: str) -> None:
    world = CAST.but("gateways", 2, number_format=number_format, strip=strip, prepend=prepend, country="GB")
    assert decided(device_call(LONDON), world).targets[0].number == sent


@pytest.mark.parametrize(
    ("dialled", "refusal"),
    [
        ("garbage", "invalid-number"),
        ("", "invalid-number"),
        ("+999123456", "invalid-number"),
        ("0900 123 4567", "destination-barred"),
        ("+881 612 345 678", "destination-barred"),
        ("+4930123456", "no-price"),
        ("777", "unknown-extension"),
        ("020 7111 0009", "number-unassigned"),
    ],
)
def test_what_cannot_be_called_is_refused_with_its_reason(dialled: str, refusal: str) -> None:
    assert slug(device_call(dialled)) == refusal


def test_a_barred_kind_of_number_is_called_once_it_is_allowed() -> None:
    barred = decided(device_call("+1 900 555 0123"))
    assert barred.refusal is not None
    assert (barred.refusal.slug, barred.refusal.sip_code) == ("destination-barred", 403)
    assert "+19005550123 is a premium-rate number: such calls are barred until" in " ".join(barred.notes)
    for allowed, refusal in ((("satellite",), "destination-barred"), (("premium",), "no-price")):
        assert slug(device_call("+1 900 555 0123"), CAST.but("customers", ACME, allowed_classes=allowed)) == refusal
    premium = CAST.but("customers", ACME, allowed_classes=("premium",))
    assert slug(device_call("0900 123 4567"), premium) == "route-blocked"


def test_without_any_route_the_call_is_refused() -> None:
    assert slug(device_call(LONDON), replace(CAST, routes=())) == "no-route"


def test_a_tier_without_a_price_list_refuses_the_call() -> None:
    without = tuple(item for item in VERSIONS if item.tariff.price_list_id != WHOLESALE)
    assert slug(device_call(LONDON), replace(CAST, versions=without)) == "no-price"
    assert slug(device_call(LONDON), CAST.but("customers", ACME, tiers=())) == "no-price"


def test_a_list_in_another_currency_needs_an_exchange_rate() -> None:
    in_dollars = tuple(v for v in VERSIONS if v.tariff.price_list_id != RETAIL)
    world = replace(CAST, versions=(*in_dollars, version(RETAIL, "Retail USD", "1.20", currency="USD")))
    assert slug(device_call(LONDON), world) == "no-exchange-rate"
    decision = decided(device_call(LONDON), replace(world, exchange_rates={("USD", "EUR"): Decimal("0.5")}))
    assert decision.chains[0].tiers[0].exchange_rate == Decimal("0.5")
    assert [hold.amount_micro for hold in decision.holds] == [610_000]


# ---------------------------------------------------------------- standing


@pytest.mark.parametrize(
    ("status", "refusal"),
    [
        (Status.SUSPENDED, "customer-suspended"),
        (Status.BLOCKED, "customer-blocked"),
        (Status.TERMINATED, "customer-terminated"),
    ],
)
def test_only_an_active_customer_may_call(status: Status, refusal: str) -> None:
    world = CAST.but("customers", ACME, status=status)
    assert slug(device_call(LONDON), world) == refusal
    assert slug(device_call("102"), world) == refusal


@pytest.mark.parametrize("partner", [NORTHWIND, LEVEL])
def test_a_suspended_partner_stops_its_whole_tree(partner: int) -> None:
    world = CAST.but("partners", partner, status=Status.SUSPENDED)
    assert slug(device_call(LONDON, "petra@fjord.test"), world) == "partner-suspended"


def test_a_partners_status_in_the_customers_tiers_counts_too() -> None:
    tiers = (ACME_TIERS[0], replace(ACME_TIERS[1], buyer_status=Status.SUSPENDED))
    assert slug(device_call(LONDON), CAST.but("customers", ACME, tiers=tiers)) == "partner-suspended"


def test_a_disabled_device_may_not_call() -> None:
    assert slug(device_call(LONDON), CAST.but("endpoints", 31, is_enabled=False)) == "endpoint-disabled"


def test_identity_is_the_digest_and_never_from() -> None:
    assert slug(device_call(LONDON, "nobody@northwind.test", from_user="alice")) == "unknown-endpoint"
    assert slug(device_call(LONDON), replace(CAST, customers=())) == "unknown-customer"


def test_a_refused_call_keeps_the_customers_chain_for_its_cdr() -> None:
    decision = decided(device_call("garbage"))
    assert [chain.customer_id for chain in decision.chains] == [ACME]
    assert all(charge.rate is None for charge in decision.chains[0].tiers)
    assert decision.notes[-1] == "Refused with 484: Number cannot be understood."


# ---------------------------------------------------------------- on-net


def test_an_extension_rings_all_devices_free_of_charge() -> None:
    decision = decided(device_call("102"))
    assert (decision.direction, decision.caller, decision.caller_name) == (Direction.ONNET, "101", "Alice")
    assert decision.targets[0].contacts == ("bob@northwind.test", "bob2@northwind.test")
    assert decision.holds == ()
    (chain,) = decision.chains
    assert {charge.free_reason for charge in chain.tiers} == {"on-net"}


def test_extensions_belong_to_their_customer() -> None:
    assert decided(device_call("101")).callee_user_id == 21
    assert slug(device_call("102", "charlie@stranger.test")) == "unknown-extension"
    assert slug(device_call("102", request_domain="hello.test")) == "unknown-extension"


def test_a_number_of_ours_is_reached_without_a_carrier() -> None:
    decision = decided(device_call("020 7111 0002"))
    assert (decision.direction, decision.callee, decision.caller) == (
        Direction.ONNET,
        "+442071110002",
        "+442071110001",
    )
    assert [chain.kind for chain in decision.chains] == [ChainKind.ORIGINATING]


def test_another_customer_has_its_own_chain_for_the_received_call() -> None:
    for dialled, callee, partner in (("020 7111 0023", DAN, NORTHWIND), ("+33 1 23 45 00 01", CHARLIES, STRANGER)):
        decision = decided(device_call(dialled))
        assert [(chain.kind.value, chain.customer_id) for chain in decision.chains] == [
            ("originating", ACME),
            ("terminating", callee),
        ]
        assert (decision.callee_customer_id, decision.callee_partner_id) == (callee, partner)
        assert decision.holds == ()


def test_a_user_without_devices_and_a_closed_account_cannot_be_reached() -> None:
    assert slug(device_call("102"), CAST.but("users", 22, endpoints=())) == "no-device"
    closed = CAST.but("customers", DAN, status=Status.BLOCKED)
    assert slug(device_call("020 7111 0023"), closed) == "callee-not-in-service"
    suspended = CAST.but("customers", DAN, status=Status.SUSPENDED)
    assert decided(device_call("020 7111 0023"), suspended).targets


def test_foreign_domains_are_not_ours_but_the_edges_address_is() -> None:
    assert slug(device_call("102", request_domain="elsewhere.example")) == "unknown-domain"
    assert decided(device_call("102", request_domain="127.0.0.1")).targets
    assert decided(device_call("102", request_domain="NORTHWIND.test")).targets
    assert decided(device_call("020 7111 0002", request_domain="hello.test")).targets


# ---------------------------------------------------------------- emergency


def test_an_emergency_call_takes_the_emergency_route_free_and_as_dialled() -> None:
    decision = decided(device_call("999"))
    assert (decision.direction, decision.callee, decision.holds) == (Direction.EMERGENCY, "999", ())
    assert [(target.gateway_id, target.number) for target in decision.targets] == [(1, "999")]
    assert decision.caller == "+442071110001"


def test_an_emergency_call_is_never_refused_for_status_or_barring() -> None:
    world = CAST.but("customers", ACME, status=Status.BLOCKED).but("partners", NORTHWIND, status=Status.SUSPENDED)
    world = world.but("endpoints", 31, is_enabled=False)
    assert decided(device_call("112", request_domain="elsewhere.example"), world).targets


def test_without_an_emergency_route_any_carrier_is_used() -> None:
    decision = decided(device_call("999"), replace(CAST, routes=ROUTES[:2]))
    assert [target.gateway_id for target in decision.targets] == [2, 1]
    abroad = CAST.but("customers", ACME, country="FR")
    assert decided(device_call("15"), abroad).targets
    assert slug(device_call("999"), replace(CAST, routes=ROUTES[1:2])) == "no-gateway"


def test_an_emergency_route_serves_no_other_call() -> None:
    assert slug(device_call(LONDON), replace(CAST, routes=ROUTES[2:])) == "no-route"


# ---------------------------------------------------------------- caller ID


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ("+442071110002", "+442071110002"),
        ("020 7111 0002", "+442071110002"),
        ("+33123450001", "+442071110001"),
        ("+442079460000", "+442071110001"),
        ("alice", "+442071110001"),
        ("anonymous", "+442071110001"),
    ],
)
def test_a_device_may_ask_for_its_customers_numbers_only(asked: str, shown: str) -> None:
    decision = decided(device_call(LONDON, from_user=asked))
    assert decision.caller == shown
    assert decision.targets[0].caller == shown.lstrip("+")


def test_the_device_then_the_user_then_the_default_is_shown() -> None:
    assert decided(device_call(LONDON, "bob@northwind.test")).caller == "+442071110002"
    own = CAST.but("endpoints", 32, caller_id="+442071110001")
    assert decided(device_call(LONDON, "bob@northwind.test"), own).caller == "+442071110001"
    assert decided(device_call(LONDON, "dan@hello.test", from_user="+15551234567")).caller == ""


# ---------------------------------------------------------------- inbound


def test_a_call_from_a_carrier_rings_the_numbers_user() -> None:
    decision = decided(carrier_call("+442071110002"))
    assert (decision.direction, decision.source_gateway_id, decision.partner_id) == (Direction.INBOUND, 1, NORTHWIND)
    assert (decision.customer_id, decision.callee_user_id, decision.caller) == (ACME, 22, "+33123456789")
    (chain,) = decision.chains
    assert (chain.kind, {charge.free_reason for charge in chain.tiers}) == (ChainKind.TERMINATING, {"received call"})
    assert decision.targets[0].contacts == ("bob@northwind.test", "bob2@northwind.test")


@pytest.mark.parametrize("sent", ["442071110002", "+442071110002", "00442071110002", "02071110002"])
def test_the_carriers_way_of_writing_numbers_is_understood(sent: str) -> None:
    world = CAST.but("gateways", 1, country="GB")
    assert decided(carrier_call(sent), world).callee == "+442071110002"


@pytest.mark.parametrize("dialled", ["+442071110009", "+442079460123", "999", "101", "garbage"])
def test_a_carrier_reaches_assigned_numbers_only(dialled: str) -> None:
    assert slug(carrier_call(dialled)) == "number-unassigned"


def test_an_unknown_or_disabled_source_is_refused() -> None:
    assert slug(carrier_call("+442071110002", "198.51.100.99")) == "unknown-source"
    assert slug(carrier_call("+442071110002", "not an address")) == "unknown-source"
    assert slug(carrier_call("+442071110002"), CAST.but("gateways", 1, is_enabled=False)) == "unknown-source"


def test_one_address_may_serve_two_partners_but_none_a_strangers_numbers() -> None:
    mine = Gateway(7, NORTHWIND, "Northwind's", "203.0.113.5", 5060, source_addresses=("203.0.113.5",))
    theirs = Gateway(8, STRANGER, "Stranger's", "203.0.113.5", 5060, source_addresses=("203.0.113.5",))
    both = replace(CAST, gateways=(mine, theirs))
    assert decided(carrier_call("+442071110002", "203.0.113.5"), both).source_gateway_id == 7
    assert decided(carrier_call("+33123450001", "203.0.113.5"), both).source_gateway_id == 8
    assert slug(carrier_call("+33123450001", "203.0.113.5"), replace(CAST, gateways=(mine,))) == "number-unassigned"


def test_asserted_identity_is_believed_from_carriers_and_privacy_kept() -> None:
    asserted = carrier_call("+442071110002", from_user="anonymous", asserted_identity="+4930123456")
    assert decided(asserted).caller == "+4930123456"
    withheld = decided(replace(asserted, privacy="id", from_display="Secret"))
    assert (withheld.caller, withheld.caller_name) == ("anonymous", "")
    assert decided(carrier_call("+442071110002", from_user="33123456789")).caller == "+33123456789"


def test_numbers_of_a_sub_partner_arrive_over_the_operators_gateway() -> None:
    number = Number("+442071110077", FJORD, None, None)
    world = replace(CAST, numbers=(number,))
    assert decided(carrier_call("+442071110077"), world).partner_id == FJORD


def test_a_loop_of_parents_ends_the_climb() -> None:
    north, fjord = replace(PARTNERS[1], parent_id=FJORD), PARTNERS[2]
    assert slug(device_call(LONDON), replace(CAST, partners=(north, fjord))) == "no-route"


# ---------------------------------------------------------------- whatever comes

texts = st.text(max_size=20) | st.sampled_from(
    ["101", "999", "+442071110002", "020 7946 0123", "northwind.test", "::1"]
)


@given(st.lists(texts, min_size=8, max_size=8), st.sampled_from(["", "alice@northwind.test", "petra@fjord.test"]))
def test_whatever_a_device_or_carrier_sends_there_is_a_decision(sent: list[str], who: str) -> None:
    dialled, domain, from_user, from_domain, display, identity, privacy, address = sent
    user, _, realm = who.partition("@")
    source = address if address == "::1" else "192.0.2.1"
    request = CallRequest(
        "c", source, 5060, "udp", user, realm, dialled, domain, from_user, from_domain, display, identity, privacy
    )
    decision = decided(request)
    if decision.direction is Direction.EMERGENCY:
        assert decision.refusal is None
    own = {"", "+442071110001", "+442071110002"}
    assert not who or decision.direction is not Direction.OUTBOUND or decision.caller in own


# ---------------------------------------------------------------- whose business it is


def test_a_sub_partner_reads_no_route_carrier_or_cost_of_those_above() -> None:
    decision = decided(device_call(LONDON, "petra@fjord.test"))
    petras = "\n".join(notes_for(decision, {FJORD}))
    assert "petra@fjord.test of Petra's customer dialled" in petras
    assert "Northwind Telecom charges Fjord Voice" in petras
    for secret in ("Carrier A", "Carrier B", "World", "Level Platform", "typical minute"):
        assert secret not in petras
    pauls = "\n".join(notes_for(decision, {FJORD, NORTHWIND}))
    assert "Level Platform charges Northwind Telecom" in pauls
    assert "Carrier" not in pauls


def test_a_called_partner_does_not_read_who_the_caller_is_nor_the_other_way_round() -> None:
    decision = decided(device_call("+33123450001"))
    callers = "\n".join(notes_for(decision, {NORTHWIND}))
    callees = "\n".join(notes_for(decision, {STRANGER}))
    assert "Charlie is rung" not in callers
    assert "Charlie of Charlie is rung." in callees
    assert "Acme Ltd" in callers
    assert "Acme Ltd" not in callees


def test_a_called_partner_does_not_read_through_which_gateway_of_the_operator_it_came() -> None:
    decision = decided(carrier_call("+442071110002"))
    assert decision.source_gateway_partner_id == LEVEL
    assert "Carrier A" not in "\n".join(notes_for(decision, {NORTHWIND}))
    assert "Gateway Carrier A" in said(decision)
