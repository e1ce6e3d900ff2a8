"""The call path with real engines: what a phone sees and what is written down."""

from __future__ import annotations

import asyncio

import pytest

from carillon.demo.useragent import IncomingCall
from tests.support.platform import Platform, eventually

pytestmark = pytest.mark.engines


async def answer(call: IncomingCall) -> None:
    call.ring()
    call.answer()


async def test_two_phones_talk_and_the_call_is_written_down(platform: Platform) -> None:
    async with platform.phone("alice") as alice, platform.phone("bob", on_call=answer, tone_hz=600) as bob:
        await alice.register()
        await bob.register()
        call = await alice.call("sip:102@northwind.test")
        await call.answered()
        report = await call.hears(600)
        await call.hang_up()
        await call.ended()
    assert report.packets_received >= 20
    kinds = await eventually(
        lambda: [k for k, _ in platform.events(call.call_id) if k == "ended"] and platform.events(call.call_id)
    )
    assert [kind for kind, _ in kinds] == ["applied", "progress", "answered", "ended"]
    assert kinds[-1][1]["by"] == "caller"
