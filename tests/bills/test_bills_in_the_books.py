"""All golden bills through the database: holds, the edge's events, CDRs, balances and the ledger; replayed, too."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from carillon.base.tenancy import tenant
from carillon.business.billing.choices import AccountKind
from carillon.business.billing.models import Account, Hold, UnpostedCharge
from carillon.business.billing.queries import ledger_sums
from carillon.business.calls.models import Cdr
from carillon.business.catalogue.models import Allowance
from carillon.business.partners.queries import system_actor
from carillon.callpath.control.decider import bundle_of
from carillon.logic.callflow.bundles import bundled
from carillon.logic.callflow.charging import hold_micro
from carillon.logic.callflow.values import BundleAsk, Decision, HoldRequest, answered_at
from carillon.logic.documents import to_brief_document
from carillon.logic.money import MICRO
from carillon.usecases.post_charges import post_charges
from carillon.usecases.settle_calls import settle_due_calls
from tests.support.bills import Bill, BilledCall, Parties, bills, cdrs_agree, decision_of, settled
from tests.support.cast import Cast
from tests.support.market import Market, make_market, record_events, rows
from tests.support.packages import call_time

pytestmark = pytest.mark.django_db

EXTENDED = "select callfeed.extend_hold(%s, %s, %s, %s::jsonb)"


@dataclass(frozen=True, slots=True)
class Made:
    """A call of a bill as it was opened."""

    bill: Bill
    call: BilledCall
    who: Parties
    call_id: UUID


def account(currency: str, partner_id: int, **buyer: int) -> int:
    """The buyer's account in the bill's currency, with all the credit that is needed."""
    kind = AccountKind.CUSTOMER if "customer_id" in buyer else AccountKind.PARTNER
    wanted: dict[str, Any] = {"kind": kind, "currency": currency, "partner_id": partner_id, **buyer}
    found, _made = Account.objects.update_or_create(**wanted, defaults={"credit_limit_micro": 100_000 * MICRO})
    return int(found.pk)


def parties(market: Market, bill: Bill, bundle: Allowance) -> Parties:
    """Of one tier: Acme buys from Northwind. Of three: Bryggen from Fjord, Fjord from Northwind, Northwind above."""
    cast, currencies = market.cast, [sale.currency for sale in bill.sales]
    gateway = market.carrier.pk
    if len(currencies) == 1:
        own = account(currencies[0], cast.northwind.pk, customer_id=cast.acme.pk)
        return Parties(cast.acme.pk, (cast.northwind.pk,), (None,), (own,), gateway, bundle.pk)
    lower, middle, upper = currencies
    accounts = (
        account(lower, cast.fjord.pk, customer_id=cast.fjord_customer.pk),
        account(middle, cast.northwind.pk, buyer_partner_id=cast.fjord.pk),
        account(upper, cast.operator.pk, buyer_partner_id=cast.northwind.pk),
    )
    sellers = (cast.fjord.pk, cast.northwind.pk, cast.operator.pk)
    return Parties(cast.fjord_customer.pk, sellers, (None, *sellers[:2]), accounts, gateway, bundle.pk)


def funded(decision: Decision, call: BilledCall) -> HoldRequest:
    """What must be set aside on every tier for the whole call; of the customer what the bill says, if it does."""
    chain, answer = decision.chains[0], answered_at(call.answered_ms)
    seconds = -(-max(call.duration_ms, 0) // 1000)
    paid = bundled(chain, call.bundle_s)
    own = hold_micro(chain.tiers[0], seconds, answer, paid)
    upper = tuple((one.tier.account_id, hold_micro(one, seconds, answer)) for one in chain.tiers[1:])
    bundle = BundleAsk(call.bundle_s) if call.bundle_s else None
    amount = own if call.held_micro is None else call.held_micro
    return HoldRequest(chain.tiers[0].tier.account_id, amount, max(seconds, 1), upper, bundle=bundle)


def opened(bill: Bill, call: BilledCall, who: Parties) -> Made:
    """The call with its money, by the functions that control asks; a bundle first, then money for the rest."""
    decision, call_id = decision_of(bill, call, who), uuid4()
    hold = funded(decision, call)
    kept = replace(decision, holds=(hold,))
    started = at(call.answered_ms - 2_000)
    upper, until = json.dumps(hold.upper), started + timedelta(seconds=hold.funded_s)
    answer = rows(
        "select callfeed.open_bundled(%s, %s, 'test', %s::jsonb, %s, %s, %s, %s::jsonb, null, 0, %s::jsonb)",
        *(call_id, started, json.dumps(to_brief_document(kept)), hold.account_id, hold.amount_micro, until, upper),
        json.dumps(bundle_of(kept, hold)) if hold.bundle else None,
    )[0][0]
    assert answer["slug"] == "ok", (bill.name, call, answer)
    if hold.bundle is not None:
        assert answer["bundles"] == [[who.allowance, call.bundle_s]], (bill.name, call, answer)
        assert rows(EXTENDED, call_id, hold.amount_micro, until, upper)[0][0] == hold.amount_micro
    return Made(bill, call, who, call_id)


def at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def events(made: Made, later_ms: int = 0) -> list[str]:
    """What the edge tells of the call."""
    answered_ms, ended_ms = made.call.answered_ms, made.call.answered_ms + made.call.duration_ms + later_ms
    told: tuple[tuple[str, int, dict[str, Any]], ...] = (
        ("answered", answered_ms, {"target": 0}),
        ("ended", ended_ms, {"by": "caller", "sip_code": 200, "reason": ""}),
    )
    return [json.dumps({"op": op, "call": str(made.call_id), "at_ms": ms, "detail": more}) for op, ms, more in told]


def check_cdrs(made: Made) -> list[Cdr]:
    """The written CDRs say what the bill says, and all that the worker's own function says, through two documents."""
    found = list(Cdr.objects.filter(call_id=made.call_id).order_by("is_carrier_cost", "tier"))
    sales = [cdr for cdr in found if not cdr.is_carrier_cost]
    cdrs_agree(made.bill, made.call, sales)
    drafts = settled(made.bill, made.call, made.who)
    assert [(cdr.amount_micro, cdr.billed_s, cdr.currency, cdr.explanation) for cdr in found] == [
        (draft.amount_micro, draft.billed_s, draft.currency, json.loads(json.dumps(draft.explanation)))
        for draft in drafts
    ], (made.bill.name, made.call)
    return found


def balances(cdrs: list[Cdr]) -> Counter[tuple[str, int, str]]:
    """What the bills move, by kind of account, whose books, and currency."""
    moved: Counter[tuple[str, int, str]] = Counter()
    for cdr in cdrs:
        kinds = ("payable", "cost") if cdr.is_carrier_cost else ("revenue", "customer")
        holder = "partner" if not cdr.is_carrier_cost and cdr.buyer_partner_id else kinds[1]
        moved[kinds[0], cdr.partner_id, cdr.currency] += cdr.amount_micro
        moved[holder, cdr.partner_id, cdr.currency] -= cdr.amount_micro
    return moved


def test_bills_in_the_books(cast: Cast) -> None:
    market = make_market(cast)
    before = {row.pk: row.balance_micro for row in Account.objects.all()}
    all_calls = [(bill, call) for bill in bills() for call in bill.calls]
    seconds = sum(call.bundle_s for _bill, call in all_calls)
    bundle = call_time(cast.acme, seconds, at(0), at(2**41))
    made = [opened(bill, call, parties(market, bill, bundle)) for bill, call in all_calls]
    record_events(*(event for one in made for event in events(one)))
    with tenant(system_actor()) as actor:
        assert settle_due_calls(actor) == len(made)
    cdrs = [cdr for one in made for cdr in check_cdrs(one)]
    # the edge tells it all again, and later: nothing is charged twice
    record_events(*(event for one in made for event in events(one, 60_000)))
    with tenant(system_actor()) as actor:
        assert settle_due_calls(actor) == 0
        assert post_charges(actor) == sum(cdr.amount_micro != 0 for cdr in cdrs)
        assert post_charges(actor) == 0
        assert ledger_sums(actor) == dict.fromkeys(sorted({cdr.currency for cdr in cdrs}), 0)
    assert not UnpostedCharge.objects.exists()
    assert not Hold.objects.exclude(state="settled").exists()
    assert not Account.objects.exclude(unposted_micro=0, reserved_micro=0, open_calls=0).exists()
    moved: Counter[tuple[str, int, str]] = Counter()
    for row in Account.objects.all():
        moved[row.kind, row.partner_id, row.currency] += row.balance_micro - before.get(row.pk, 0)
    assert +moved == +balances(cdrs)
    assert -moved == -balances(cdrs)
    bundle.refresh_from_db()
    assert (bundle.used, bundle.reserved) == (bundle.granted, 0)
