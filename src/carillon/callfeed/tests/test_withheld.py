"""Who hides a number, and from whom."""

from __future__ import annotations

from dataclasses import replace

import pytest

from carillon.callfeed.tests.cast import DAN, World, carrier_call, device_call
from carillon.logic.callflow.callerid import withheld_by_prefix
from carillon.logic.callflow.charging import settle
from carillon.logic.callflow.decide import decide
from carillon.logic.callflow.feed import CallerStyle
from carillon.logic.callflow.values import CallFacts, ChainKind, Decision

LONDON = "020 7946 0123"
CAST = World()


def decided(dialled: str, world: World = CAST, **request: str) -> Decision:
    return decide(world.feed(), device_call(dialled, **request))


@pytest.mark.parametrize(
    ("dialled", "country", "left", "is_hidden"),
    [
        ("#31#02079460123", "GB", "02079460123", True),
        ("*6712125550100", "US", "12125550100", True),
        ("*31#02079460123", "DE", "02079460123", False),
        ("*82101", "GB", "101", False),
        ("14102079460123", "GB", "02079460123", True),
        ("147002079460123", "GB", "02079460123", False),
        ("14102079460123", "DE", "14102079460123", None),
        ("1410", "GB", "0", True),
        ("141", "GB", "141", None),
        ("*67", "US", "*67", None),
    ],
)
def test_prefixes_hide_and_show_for_one_call(dialled: str, country: str, left: str, is_hidden: bool | None) -> None:
    assert withheld_by_prefix(dialled, country) == (left, is_hidden)


def test_a_device_may_hide_always_and_show_once() -> None:
    world = CAST.but("endpoints", 31, withholds_caller=True)
    assert decided(LONDON, world).is_withheld
    shown = decided("*82" + LONDON, world)
    assert (shown.is_withheld, shown.callee, shown.dialled) == (False, "+442079460123", "*82" + LONDON)
    assert not decided(LONDON).is_withheld


@pytest.mark.parametrize("privacy", ["id", "user;id", "Header", "full"])
def test_a_device_hides_by_privacy(privacy: str) -> None:
    assert decided(LONDON, privacy=privacy).is_withheld
    assert decided(LONDON, from_user="anonymous").is_withheld
    assert not decided(LONDON, privacy="none").is_withheld


def test_a_prefix_does_not_hide_an_emergency_call_from_its_number() -> None:
    assert decided("#31#999").callee == "999"


def test_the_called_customer_is_not_told_who_hides_and_the_caller_is() -> None:
    number = next(n.e164 for n in CAST.numbers if n.customer_id == DAN)
    drafts = settle(decided(f"#31#{number}"), CallFacts(0, 1_000, sip_code=486))
    told = {draft.chain: draft.explanation["caller"] for draft in drafts}
    assert told[ChainKind.TERMINATING] == "anonymous"
    assert str(told[ChainKind.ORIGINATING]).startswith("+44")


def test_a_carriers_hidden_caller_stays_hidden() -> None:
    decision = decide(CAST.feed(), carrier_call("+442071110001", privacy="id"))
    assert (decision.is_withheld, decision.caller) == (True, "anonymous")


def test_a_carrier_may_want_callers_in_another_format_than_called_numbers() -> None:
    gateways = tuple(replace(g, style=CallerStyle(number_format="plain")) for g in CAST.gateways)
    targets = decided(LONDON, replace(CAST, gateways=gateways)).targets
    assert {target.caller[:2] for target in targets} == {"44"}
    assert "+442079460123" in {target.number for target in targets}
