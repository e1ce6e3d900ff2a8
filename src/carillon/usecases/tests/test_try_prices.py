"""What-if: calls of the past charged again by a draft."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from tests.support.cast import Cast

from carillon.base.errors import Conflict, NotFound, NotPermitted
from carillon.base.tenancy import tenant
from carillon.business.calls.models import Cdr
from carillon.business.partners.queries import system_actor
from carillon.business.pricing.actions import (
    ImportOptions,
    PriceListData,
    VersionData,
    create_cost_list,
    create_price_list,
    create_version,
    import_rates,
)
from carillon.business.pricing.models import PriceList, PriceListVersion, PriceTrial
from carillon.business.pricing.trials import TrialData, start_trial
from carillon.usecases.try_prices import fail_trial, try_prices

pytestmark = pytest.mark.django_db

FILE = b"prefix,name,rate,initial,increment\n44,UK,0.03,60,60\n447,UK mobile,0.12,1,1\n"


def a_draft(actor: Any, create: Any = create_price_list) -> PriceListVersion:
    price_list = create(actor, PriceListData(name="Retail", currency="EUR"))
    version = create_version(actor, VersionData(price_list_id=price_list.pk))
    import_rates(actor, version, FILE, ImportOptions())
    version.refresh_from_db()
    return version


def a_call(price_list: PriceList, callee: str, seconds: int, micro: int, **more: Any) -> Cdr:
    began = timezone.now() - timedelta(days=more.pop("days_ago", 3))
    margin = {"cost_micro": micro // 2, "cost_currency": "EUR"}
    explanation = {"list_id": price_list.pk, "prefix": callee[1:3], "margin": margin} | more.pop("explained", {})
    values = {
        "partner_id": price_list.partner_id, "started_on": began.date(), "call_id": uuid4(), "chain": "originating",
        "tier": 0, "tab": "dialled", "customer_name": "Acme Ltd",
        "direction": "outbound", "caller": "+34910000001", "callee": callee,
        "started_at": began, "ended_at": began + timedelta(seconds=seconds), "duration_ms": seconds * 1000,
        "billed_s": seconds, "outcome": "answered", "currency": "EUR", "amount_micro": micro,
        "explanation": explanation,
    }  # fmt: skip
    return Cdr.objects.create(**(values | more))


def test_calls_that_the_list_charged_are_charged_again(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        draft = a_draft(paul)
        mine = draft.price_list
        a_call(mine, "+442071234567", 61, 20_000)  # 2 whole minutes by the draft: 0.06
        a_call(mine, "+447700900001", 30, 10_000)  # half a minute of 0.12
        a_call(mine, "+33140000000", 60, 5_000)  # no rate in the draft
        a_call(mine, "+442071234567", 60, 7_000, currency="USD")
        a_call(mine, "+442071234567", 60, 9_000, days_ago=40)
        a_call(mine, "+442071234567", 60, 9_000, explained={"list_id": mine.pk + 1})
        a_call(mine, "+442071234567", 0, 0, outcome="busy")
        a_call(mine, "+442071234567", 60, 9_000, tier=1, is_carrier_cost=True)
        trial = start_trial(paul, draft, TrialData())
    system = system_actor()
    with tenant(system):
        assert try_prices(system, trial.pk) and not try_prices(system, trial.pk)
    trial.refresh_from_db()
    assert (trial.state, trial.calls, trial.unpriced, trial.left_out, trial.is_cut) == ("done", 3, 1, 1, False)
    assert (trial.now_micro, trial.then_micro, trial.cost_micro) == (35_000, 120_000, 17_500)
    assert [(line["name"], line["then_micro"]) for line in trial.destinations] == [
        ("UK mobile", 60_000), ("UK", 60_000), ("", 0),
    ]  # fmt: skip
    assert [(line["name"], line["calls"], line["then_micro"]) for line in trial.customers] == [("Acme Ltd", 3, 120_000)]


def test_received_calls_are_charged_by_the_callers_number(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        draft = a_draft(paul)
        a_call(draft.price_list, "+34910000009", 60, 0, caller="+447700900001", chain="terminating")
        trial = start_trial(paul, draft, TrialData())
    with tenant(system_actor()) as system:
        try_prices(system, trial.pk)
    trial.refresh_from_db()
    assert trial.then_micro == 120_000


def test_of_a_cost_list_the_carriers_rows_are_charged_again(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        draft = a_draft(paul, create_cost_list)
        a_call(draft.price_list, "+442071234567", 60, 9_000, tier=1, is_carrier_cost=True)
        a_call(draft.price_list, "+442071234567", 60, 8_000)
        trial = start_trial(paul, draft, TrialData())
    with tenant(system_actor()) as system:
        try_prices(system, trial.pk)
    trial.refresh_from_db()
    assert (trial.calls, trial.now_micro, trial.then_micro) == (1, 9_000, 30_000)


def test_one_at_a_time_by_those_who_may_see_calls(cast: Cast) -> None:
    paul, stranger = cast.staff("paul"), cast.staff("stranger")
    with tenant(paul):
        draft = a_draft(paul)
        with pytest.raises(NotPermitted):
            start_trial(replace(paul, permissions=frozenset({"price_lists.*"})), draft, TrialData())
        trial = start_trial(paul, draft, TrialData())
        with pytest.raises(Conflict):
            start_trial(paul, draft, TrialData())
    with tenant(stranger), pytest.raises(NotFound):
        start_trial(stranger, draft, TrialData())
    with tenant(system_actor()) as system:
        fail_trial(system, trial.pk)
    with tenant(paul):
        assert PriceTrial.objects.get(pk=trial.pk).state == "failed"
        start_trial(paul, draft, TrialData())
