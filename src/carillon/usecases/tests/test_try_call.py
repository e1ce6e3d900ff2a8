"""Test calls: what control would decide, told to each tier as far as it may know, with nothing done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone
from tests.support.brain import control
from tests.support.cast import Cast
from tests.support.market import LONDON, Market, make_market, rows
from tests.support.waiting import wait_until

from carillon.base.actor import Actor
from carillon.base.errors import InvalidInput
from carillon.base.tenancy import tenant
from carillon.business.billing.models import Account, Hold
from carillon.business.calls.models import Call
from carillon.business.catalogue.models import Allowance
from carillon.business.customers.actions import set_customer_status
from carillon.business.endpoints.models import Endpoint
from carillon.business.partners.choices import Status
from carillon.business.partners.queries import system_actor
from carillon.business.partners.statuses import StatusData
from carillon.business.pricing.actions import (
    PriceListData,
    RateData,
    VersionData,
    add_rate,
    approve_version,
    create_cost_list,
    create_version,
)
from carillon.business.pricing.models import PriceList, PriceListVersion
from carillon.business.routing.actions import GatewayData, RouteData, create_gateway, update_route
from carillon.business.routing.models import Route
from carillon.config import Config
from carillon.usecases.ask_control import ControlSilent
from carillon.usecases.tests.test_bundles import bundle
from carillon.usecases.try_call import Trial, TrialData, try_call

pytestmark = pytest.mark.django_db(transaction=True)

LATER = timezone.now() + timedelta(days=1)
AsRole = Callable[[str], AbstractContextManager[None]]


@pytest.fixture
def market(cast: Cast) -> Market:
    """The market with a second carrier that costs more than Northwind pays."""
    made = make_market(cast)
    with tenant(system_actor()) as actor:
        dear = create_cost_list(actor, PriceListData(name="Dear", currency="EUR", partner_id=cast.operator.pk))
        price(actor, VersionData(price_list_id=dear.pk), "United Kingdom", "0.03")
        second = create_gateway(
            actor,
            GatewayData(
                name="Carrier B",
                host="192.0.2.20",
                source_addresses=("192.0.2.20",),
                cost_list_id=dear.pk,
                country="GB",
                partner_id=cast.operator.pk,
            ),
        )
        route = Route.objects.get(name="World")
        update_route(actor, route, RouteData(name="World", gateway_ids=(made.carrier.pk, second.pk)))
        retail = PriceList.objects.get(name="Fjord retail").pk
        price(actor, VersionData(price_list_id=retail, effective_from=LATER), "Britain", "0.24")
    return made


def price(actor: Actor, data: VersionData, name: str, per_minute: str) -> None:
    version = create_version(actor, data)
    add_rate(actor, RateData(version_id=version.pk, prefix="44", name=name, per_minute=Decimal(per_minute)))
    approve_version(actor, version)


@pytest.fixture
def brain(market: Market, config: Config, tmp_path: Path) -> Iterator[Market]:
    """control, deciding by this market."""
    with control(config, tmp_path / "control.log"):
        yield market


def tried(cast: Cast, name: str, number: str = LONDON, **data: Any) -> Trial:
    actor = cast.staff(name)
    with tenant(actor):
        return try_call(actor, TrialData(number=number, **data))


def test_each_tier_is_told_what_is_its_own(brain: Market, as_role: AsRole) -> None:
    cast = brain.cast
    trials = {}
    actors = {name: cast.staff(name) for name in ("olga", "paul", "petra")}
    with as_role("web"):
        for name, actor in actors.items():
            with tenant(actor):
                trials[name] = try_call(actor, TrialData(number="020 7123 4567", customer_id=cast.fjord_customer.pk))
    for trial in trials.values():
        assert (trial.decision.refusal, trial.decision.callee) == (None, LONDON)
    sold = {
        name: [(price.seller, price.is_cost, price.minute.amount_micro if price.minute else None) for price in prices]
        for name, trial in trials.items()
        for _chain, prices in trial.prices
    }
    fjord, northwind, operator = ("Fjord Voice", False, 120_000), ("Northwind Telecom", False, 40_000), (
        "Level Platform", False, 20_000)  # fmt: skip
    assert sold["olga"] == [fjord, northwind, operator]
    assert sold["paul"] == [fjord, northwind, ("Level Platform", True, 20_000)]
    assert sold["petra"] == [fjord, ("Northwind Telecom", True, 40_000)]
    targets = {
        name: [(one.name, one.number, one.cost.amount_micro if one.cost else None, one.margin_micro)
               for one in trial.targets] for name, trial in trials.items()
    }  # fmt: skip
    assert targets == {
        "olga": [("Carrier A", LONDON, 10_000, 10_000)],
        "paul": [("carrier 1 of Level Platform", "", None, 20_000)],
        "petra": [("carrier 1 of Northwind Telecom", "", None, 80_000)],
    }
    left_out = [note for note in trials["olga"].notes if "Carrier B" in note]
    assert left_out and "left out" in left_out[-1]
    assert not any("Carrier" in note for name in ("paul", "petra") for note in trials[name].notes)


def test_money_is_what_it_would_last_for_and_nothing_is_done(brain: Market) -> None:
    before = rows("select id, balance_micro, reserved_micro, open_calls from billing_account order by id")
    trial = tried(brain.cast, "paul", endpoint_id=Endpoint.objects.get(username="alice").pk)
    (_chain, prices), = trial.prices  # fmt: skip
    assert [(price.buyer, price.available_micro, price.lasts_s) for price in prices] == [
        ("Acme Ltd", 10_000_000, 10_000),
        ("Northwind Telecom", 100_000_000, 14_400),  # as long as a call may last
    ]
    hold = trial.decision.holds[0]
    assert hold.amount_micro == 1_000 * hold.funded_s > 0
    assert (Call.objects.count(), Hold.objects.count()) == (0, 0)
    assert rows("select id, balance_micro, reserved_micro, open_calls from billing_account order by id") == before


def test_refusals_are_told_in_words(brain: Market) -> None:
    cast = brain.cast
    barred = tried(cast, "paul", "+883510012345", customer_id=cast.acme.pk)
    assert barred.refused_because == "+883510012345 is on a blacklist."
    nonsense = tried(cast, "paul", "123456789012345678901", customer_id=cast.acme.pk)
    assert "is not a number" in nonsense.refused_because
    Account.objects.filter(pk=brain.acme.pk).update(balance_micro=1_000)  # a second's worth
    poor = tried(cast, "paul", customer_id=cast.acme.pk)
    assert poor.decision.refusal and poor.decision.refusal.slug == "credit-exhausted"
    assert poor.refused_because == "The customer's credit does not buy the first seconds of this call."
    Account.objects.filter(pk=brain.northwind_at_operator.pk).update(balance_micro=0)
    assert tried(cast, "paul", customer_id=cast.fjord_customer.pk).decision.refusal is not None
    assert tried(cast, "petra", customer_id=cast.fjord_customer.pk).decision.refusal is None  # not hers to know
    with tenant(system_actor()) as actor:
        set_customer_status(actor, cast.acme, StatusData(status=Status.SUSPENDED, reason="unpaid"))
    wait_until(lambda: tried(cast, "paul", user_id=cast.alice.pk).refused_because == "The customer is suspended.", 20)


def test_a_later_time_takes_the_prices_that_hold_then(brain: Market) -> None:
    cast = brain.cast
    today = tried(cast, "petra", customer_id=cast.fjord_customer.pk)
    later = tried(cast, "petra", customer_id=cast.fjord_customer.pk, at=LATER + timedelta(hours=1))
    assert [trial.decision.refusal for trial in (today, later)] == [None, None], today.notes
    names = [trial.prices[0][1][0].charge.rate for trial in (today, later)]
    assert [(rate.name, rate.per_minute) for rate in names if rate] == [
        ("United Kingdom", Decimal("0.12")), ("Britain", Decimal("0.24")),
    ]  # fmt: skip


def test_a_whole_call_is_priced_and_compared_with_a_version(brain: Market) -> None:
    cast = brain.cast
    version = PriceListVersion.objects.get(price_list__name="Fjord retail", number=2)
    trial = tried(cast, "petra", customer_id=cast.fjord_customer.pk, duration_s=90, version_id=version.pk)
    (_chain, (own, bought)), = trial.prices  # fmt: skip
    assert own.whole and own.other and bought.whole
    assert (own.whole.amount_micro, own.other.amount_micro, bought.whole.amount_micro) == (180_000, 360_000, 60_000)
    assert (bought.other, trial.version) == (None, str(version))  # another seller's list says nothing of that tier
    theirs = PriceListVersion.objects.get(price_list__name="To Northwind").pk
    faults: tuple[dict[str, Any], ...] = ({"duration_s": -1}, {"version_id": theirs})
    for wrong in faults:
        with pytest.raises(InvalidInput):
            tried(cast, "petra", customer_id=cast.fjord_customer.pk, **wrong)


def test_packages_pay_first_and_money_from_their_last_second_on(brain: Market) -> None:
    cast = brain.cast
    first, second = bundle(cast, 90, 10, initial_s=60, increment_s=60), bundle(cast, 30, 20)
    wait_until(lambda: len(tried(cast, "paul", customer_id=cast.acme.pk).packages[0][1]) == 2, 20)
    trial = tried(cast, "paul", customer_id=cast.acme.pk, duration_s=150)
    uses = [(use.package.id, use.left_s, use.seconds, use.used_s) for use in trial.packages[0][1]]
    assert uses == [(first.pk, 90, 90, 90), (second.pk, 30, 30, 30)]
    own, bought = trial.prices[0][1]
    assert own.whole and bought.whole and own.minute
    assert (own.paid.seconds, own.whole.amount_micro, own.minute.amount_micro) == (120, 30_000, 60_000)
    assert (own.lasts_s, bought.whole.amount_micro) == (10_120, 50_000)  # upper tiers sell every second
    assert [(hold.amount_micro, hold.bundles) for hold in trial.holds] == [(0, ((first.pk, 60),))]
    assert trial.ends_s is None
    Account.objects.filter(pk=brain.acme.pk).update(balance_micro=0)
    assert tried(cast, "paul", customer_id=cast.acme.pk).decision.refusal is None  # the package pays
    Allowance.objects.update(blocks=True, ends_at=F("ends_at") + timedelta(days=1))
    wait_until(lambda: tried(cast, "paul", customer_id=cast.acme.pk).ends_s is not None, 20)
    ended = tried(cast, "paul", customer_id=cast.acme.pk, duration_s=150)
    assert (ended.ends_s, ended.talked_s) == (120, 120)
    whole = [price.whole.amount_micro for price in ended.prices[0][1] if price.whole]
    assert whole == [0, 40_000] and ended.prices[0][1][0].lasts_s == 120


def test_only_own_callers_can_be_tried(brain: Market) -> None:
    cast = brain.cast
    alice = Endpoint.objects.get(username="alice").pk
    callers: list[dict[str, Any]] = [{"endpoint_id": alice}, {"user_id": cast.alice.pk}, {"customer_id": cast.acme.pk}]
    for data in callers:
        for name in ("petra", "stranger"):
            with pytest.raises(InvalidInput) as refused:
                tried(cast, name, **data)
            assert set(refused.value.fields) == set(data)
    with pytest.raises(InvalidInput) as nobody:
        tried(cast, "paul")
    assert set(nobody.value.fields) == {"endpoint_id"}
    with pytest.raises(InvalidInput) as silent:
        tried(cast, "paul", customer_id=cast.dan.pk)
    assert silent.value.fields == {"customer_id": "Dan has no enabled SIP endpoint to call with."}


def test_without_control_it_says_so(market: Market) -> None:
    with pytest.raises(ControlSilent):
        tried(market.cast, "paul", customer_id=market.cast.acme.pk)
