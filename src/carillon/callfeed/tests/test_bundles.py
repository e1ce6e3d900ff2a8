"""Which bundles pay for a call, and in which order; what is asked of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from carillon.callfeed.tests.cast import ACME, PETRAS, World, device_call
from carillon.logic.callflow.allowance import Allowance
from carillon.logic.callflow.decide import decide
from carillon.logic.callflow.feed import DestinationGroup
from carillon.logic.callflow.values import BundleAsk, Decision

LONDON, LATER, LATEST = "02071234567", 10**6, 10**7
GROUPS = (DestinationGroup(1, 2, "UK", ("44",)), DestinationGroup(2, 2, "London", ("4420", "44207", "33")))


def bundle(key: int, **values: Any) -> Allowance:
    return replace(Allowance(key, f"Bundle {key}", 0, LATER), **values)


def called(*allowances: Allowance, dialled: str = LONDON) -> Decision:
    world = World(groups=GROUPS).but("customers", ACME, allowances=allowances)
    return decide(world.feed(), device_call(dialled))


def order(*allowances: Allowance, dialled: str = LONDON) -> list[int]:
    return [each.id for each in called(*allowances, dialled=dialled).chains[0].allowances]


def test_the_most_precise_group_comes_first_then_what_ends_first_then_ones_own() -> None:
    everywhere, britain, london = bundle(1), bundle(2, group_id=1), bundle(3, group_id=2, ends_ms=LATEST)
    assert order(everywhere, britain, london) == [3, 2, 1]
    assert order(everywhere, britain, london, dialled="0033123456789") == [3, 1]
    assert order(bundle(1, ends_ms=LATEST), bundle(2), bundle(3, user_id=21)) == [3, 2, 1]


def test_other_peoples_and_other_times_bundles_do_not_pay() -> None:
    others = (bundle(1, user_id=22), bundle(2, starts_ms=LATER), bundle(3, ends_ms=1), bundle(4, group_id=99))
    assert order(*others) == []
    assert called(*others).holds[0].bundle is None


def test_a_bundle_owes_the_fee_unless_it_covers_it() -> None:
    hold = called(bundle(1)).holds[0]
    assert hold.bundle == BundleAsk(hold.funded_s, 0)
    assert called(bundle(1, covers_fee=False)).holds[0].bundle == BundleAsk(hold.funded_s, 50_000)
    assert called(bundle(1)).holds[0].amount_micro == hold.amount_micro > 0


def test_calls_that_cost_nothing_take_nothing() -> None:
    assert order(bundle(1), dialled="102") == []
    assert called(bundle(1), dialled="102").holds == ()
    world = World().but("customers", PETRAS, allowances=(bundle(1),))
    assert decide(world.feed(), device_call(LONDON)).chains[0].allowances == ()
