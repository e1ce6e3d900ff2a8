"""Real traces of real calls, as partners see them who own one leg only: nothing of the other leg is left."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from carillon.business.calls.legs import CALLEE, CARRIER, Sides, conceal
from carillon.business.calls.trace import Ladder, ladder_of
from tests.support.flows import Flow, all_flows
from tests.support.platform import Platform, eventually
from tests.support.telephony import run_calls

pytestmark = pytest.mark.engines
FLOWS = {flow.name: flow for flow in all_flows()}


def traced(platform: Platform, flow: Flow) -> tuple[Ladder, str]:
    """The whole ladder of the flow's call and the caller's address."""

    async def run() -> tuple[Ladder, str]:
        (heard,) = await run_calls(platform, flow)
        rows = await eventually(lambda: written(heard.sip_call_id), timeout_s=15)
        source, packed = rows[0]
        return ladder_of(bytes(packed)), source

    def written(sip_call_id: str) -> list[tuple[Any, ...]]:
        return platform.sql(
            "select concat(c.decision->'request'->>'source_address', ':', c.decision->'request'->>'source_port'),"
            " t.messages from calls_call c join calls_calltrace t on t.call_id = c.id where c.sip_call_id = %s",
            sip_call_id,
        )

    return asyncio.run(run())


def shown_text(seen: Ladder) -> str:
    return "\n".join(f"{m.source} {m.target} {m.first_line} {m.raw}" for m in seen.messages)


def test_a_sub_partner_sees_its_phone_and_nothing_of_the_carrier(platform: Platform) -> None:
    whole, caller = traced(platform, FLOWS["sub_partner_three_tiers"])
    seen = conceal(whole, Sides(caller, destination=CARRIER))
    ports = {f":{platform.config.ports.carrier_a}", f":{platform.config.ports.carrier_b}"}
    assert any(port in shown_text(whole) for port in ports)
    assert not any(port in shown_text(seen) for port in ports)
    assert set(seen.parties) == {caller, f"127.0.0.1:{platform.config.ports.sip}", CARRIER}
    own = [message for message in whole.messages if caller in (message.source, message.target)]
    assert [message.summary for message in seen.messages if message.raw] == [message.summary for message in own]
    assert [message.at_us for message in seen.messages] == [message.at_us for message in whole.messages]


def test_a_called_partner_sees_its_phone_and_nothing_of_the_carrier(platform: Platform) -> None:
    whole, caller = traced(platform, FLOWS["inbound_to_user"])
    seen = conceal(whole, Sides(caller, source=CARRIER))
    shown = [message for message in seen.messages if message.raw]
    assert shown
    assert not any(caller in (message.source, message.target) for message in shown)
    assert caller not in shown_text(seen)
    assert {"INVITE", "ACK", "BYE"} <= {message.summary for message in shown}


def test_two_partners_of_an_on_net_call_see_a_leg_each(platform: Platform) -> None:
    whole, caller = traced(platform, FLOWS["onnet_by_number"])
    callers = {m.at_us for m in conceal(whole, Sides(caller, destination=CALLEE)).messages if m.raw}
    callees = {m.at_us for m in conceal(whole, Sides(caller, source="caller")).messages if m.raw}
    assert callers
    assert callees
    assert not callers & callees
    assert callers | callees == {message.at_us for message in whole.messages}
