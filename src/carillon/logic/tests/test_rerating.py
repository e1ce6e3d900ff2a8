"""Re-rating: by the prices of the call it changes nothing, there and back is where it was."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.logic.callflow.explanation import made_from_part, price_part
from carillon.logic.callflow.feed import Rate, Tax
from carillon.logic.callflow.values import MadeFrom
from carillon.logic.markup import Rule
from carillon.logic.rating import rate_call
from carillon.logic.rerating import (
    MARK,
    Charged,
    NoExchangeRate,
    Price,
    explained_anew,
    kept_rule,
    price_again,
    price_from,
    replaced_part,
)
from carillon.logic.tests.charges import moments, rate, rates, tariff

TAXES = (Tax("VAT", Decimal(21)),)
durations = st.integers(0, 5_000_000)


def charged(by: Rate, duration_ms: int, at_ms: int, *, cut_s: int | None = None, **more: Any) -> Charged:
    """A charge as a CDR keeps it; `cut_s`: the money had been enough for so long."""
    listed = tariff()
    talked_ms = duration_ms if cut_s is None else min(duration_ms, cut_s * 1000)
    found = rate_call(by, listed, talked_ms, at_ms=at_ms, taxes=TAXES)
    told = price_part(by, listed, found, "EUR", None, TAXES)
    price = Price(found.amount_micro, found.billed_s, by.name, {})
    explanation = {"notes": ["kept"], **told, "free_reason": "", "made_from": None}
    who = ("originating", False, "+34910000001", "+442071234567", 7)
    return replace(Charged(*who, at_ms - 2_000, at_ms, duration_ms, "EUR", price, explanation), **more)


def unknown(partner_id: int, source: str, target: str, at_ms: int) -> Decimal | None:
    """Nothing converts anything."""
    return None


def after(held: Charged, new: Price, run: int) -> Charged:
    """What the CDR says once a run has been applied to it."""
    old = replaced_part(held, new)
    mark = {"run": run, "billable_ms": held.billable_ms}
    told = explained_anew(held.explanation, old.explanation, new.explanation, mark)
    return replace(held, price=replace(new, explanation={}), explanation=told)


@given(rates, durations, moments)
def test_by_the_same_prices_nothing_changes(by: Rate, duration_ms: int, at_ms: int) -> None:
    held = charged(by, duration_ms, at_ms)
    new = price_again(held, by, tariff(), unknown)
    assert (new.amount_micro, new.billed_s) == (held.price.amount_micro, held.price.billed_s)
    assert {key: held.explanation[key] for key in new.explanation} == dict(new.explanation)


@given(rates, rates, durations, moments)
def test_there_and_back_is_where_it_was(first: Rate, second: Rate, duration_ms: int, at_ms: int) -> None:
    held = charged(first, duration_ms, at_ms)
    there = price_again(held, second, tariff(), unknown)
    old = replaced_part(held, there)
    changed = after(held, there, 1)
    assert changed.explanation[MARK]["run"] == 1 and changed.explanation["notes"] == ["kept"]
    assert replaced_part(changed, there).explanation == {**there.explanation, MARK: changed.explanation[MARK]}
    taken_back = after(changed, price_from(old.document()), 2)
    assert taken_back.price == replace(old, explanation={})
    assert {**taken_back.explanation, MARK: None} == {**held.explanation, MARK: None}
    priced_back = price_again(changed, first, tariff(), unknown)
    assert (priced_back.amount_micro, priced_back.billed_s) == (held.price.amount_micro, held.price.billed_s)


def test_nobody_is_charged_beyond_what_the_money_bought_whatever_the_intervals() -> None:
    seconds, minutes = rate("0.06"), rate("0.12", initial_s=120, increment_s=60)
    held = charged(seconds, 75_000, 0, cut_s=61)
    assert held.billable_ms == 61_000
    there = price_again(held, minutes, tariff(), unknown)
    assert there.billed_s == 120
    back = price_again(after(held, there, 1), seconds, tariff(), unknown)
    assert back.amount_micro == held.price.amount_micro


def test_what_a_bundle_has_paid_stays_paid() -> None:
    plain = charged(rate("0.06", fee="0.05"), 90_000, 0)
    used = [{"allowance_id": 1, "name": "100 minutes", "seconds": 60, "used_s": 60}]
    held = replace(
        plain,
        price=replace(plain.price, billed_s=30),
        explanation={**plain.explanation, "bundles": used, "fee": "0"},
    )
    assert held.billable_ms == 90_000
    dearer = price_again(held, rate("0.12", fee="0.05"), tariff(), unknown)
    assert (dearer.amount_micro, dearer.billed_s) == (72_600, 30)  # half a minute and the tax, no fee
    for says in ({"fee": "0.05"}, {"bundles": [{**used[0], "covers_fee": False}]}):
        owing = replace(held, explanation={**held.explanation, **says})
        assert price_again(owing, rate("0.12", fee="0.05"), tariff(), unknown).amount_micro == 133_100
    covered = replace(held, explanation={**held.explanation, "bundles": [{**used[0], "covers_fee": True}], "fee": "9"})
    assert price_again(covered, rate("0.12", fee="0.05"), tariff(), unknown).amount_micro == 72_600


def test_which_number_a_list_is_asked_for() -> None:
    held = charged(rate("0.06"), 60_000, 0)
    assert held.number == "+442071234567"
    assert replace(held, chain="terminating").number == "+34910000001"
    assert replace(held, chain="terminating", caller="anonymous").number == "0"
    assert replace(held, chain="terminating", is_carrier_cost=True).number == "+442071234567"
    assert replace(held, callee="102").number == "0"  # an extension


def test_another_currency_needs_the_rate_of_the_call() -> None:
    held = charged(rate("0.06"), 60_000, 0)
    dollars = tariff(currency="USD")
    with pytest.raises(NoExchangeRate):
        price_again(held, rate("0.06"), dollars, unknown)
    frozen = replace(held, explanation={**held.explanation, "list_currency": "USD", "exchange_rate": "0.5"})
    assert price_again(frozen, rate("0.06"), dollars, unknown).amount_micro == 36_300
    asked: list[tuple[object, ...]] = []

    def at_the_time(*question: object) -> Decimal:
        asked.append(question)
        return Decimal("0.8")

    again = price_again(held, rate("0.06"), dollars, at_the_time)
    assert (again.amount_micro, again.explanation["exchange_rate"]) == (58_080, "0.8")
    assert asked == [(7, "USD", "EUR", held.started_ms)]
    assert price_again(frozen, rate("0.06"), dollars, at_the_time).amount_micro == 36_300


def test_a_mark_up_is_read_back_as_it_was() -> None:
    rule = Rule(percent=Decimal("12.5"), fixed=Decimal("0.01"), floor=Decimal("0.02"), cap=Decimal(1), increment_s=60)
    bought = rate("0.06", initial_s=30, increment_s=6)
    told = made_from_part(MadeFrom(tariff(), bought, rule))
    sold = {"initial_s": 30, "increment_s": 60}
    assert kept_rule({"made_from": told, **sold}) == rule
    assert told is not None and kept_rule({"made_from": None}) is None
    older = {key: value for key, value in told.items() if not key.startswith("rule_")}
    assert kept_rule({"made_from": older, **sold}) == rule
