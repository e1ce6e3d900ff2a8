from __future__ import annotations

import pytest

from carillon.logic.callflow.refusals import REFUSALS, refuse
from carillon.logic.callflow.values import (
    CallRequest,
    Decision,
    Direction,
    HoldRequest,
    Target,
)

ANSWERS_OF_OPEN_CALL = (
    "credit-exhausted",
    "partner-credit-exhausted",
    "customer-suspended",
    "partner-suspended",
    "channels-exhausted",
)


@pytest.mark.parametrize("slug", REFUSALS)
def test_every_refusal_fits_into_a_sip_status_line(slug: str) -> None:
    refusal = REFUSALS[slug]
    assert refusal.slug == slug
    assert 400 <= refusal.sip_code < 700
    assert refusal.reason.isascii()
    assert refusal.reason.isprintable()


def test_what_the_database_refuses_has_its_place() -> None:
    assert set(ANSWERS_OF_OPEN_CALL) <= set(REFUSALS)


def test_a_refusal_leaves_nothing_to_try_or_to_hold() -> None:
    request = CallRequest("c", "192.0.2.9", 5060, "udp", "alice", "northwind.test", "101", "northwind.test")
    allowed = Decision(
        Direction.ONNET, request, targets=(Target("contacts"),), holds=(HoldRequest(1, 5, 5),), notes=("Why.",)
    )
    refused = refuse(allowed, "credit-exhausted", "0.10 EUR are missing.")
    assert (refused.targets, refused.holds) == ((), ())
    assert refused.notes == ("Why.", "0.10 EUR are missing.", "Refused with 402: Not enough credit.")
    with pytest.raises(KeyError):
        refuse(allowed, "no-such-slug")
