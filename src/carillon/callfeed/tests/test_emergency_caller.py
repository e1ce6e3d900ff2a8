"""The number that emergency services see."""

from __future__ import annotations

import pytest

from carillon.callfeed.tests.cast import ACME, World, device_call
from carillon.logic.callflow.decide import decide

ALICES, BOBS = "+442071110001", "+442071110002"
NOT_ACMES = "+442071110023"


@pytest.mark.parametrize(
    ("users", "customers", "shown"),
    [
        ("", "", ALICES),
        ("", BOBS, BOBS),
        (BOBS, ALICES, BOBS),
        (NOT_ACMES, BOBS, BOBS),
        (NOT_ACMES, NOT_ACMES, ALICES),
    ],
)
def test_the_number_for_the_place_is_shown_if_it_is_the_customers_own(users: str, customers: str, shown: str) -> None:
    world = World().but("users", 21, emergency_number=users).but("customers", ACME, emergency_number=customers)
    assert decide(world.feed(), device_call("999")).caller == shown


def test_other_calls_do_not_show_it_and_withholding_does_not_hide_it() -> None:
    world = World().but("users", 21, emergency_number=BOBS)
    assert decide(world.feed(), device_call("+442079999999")).caller == ALICES
    hidden = decide(world.feed(), device_call("999", privacy="id"))
    assert (hidden.caller, hidden.refusal) == (BOBS, None)
