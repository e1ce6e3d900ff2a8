"""Registrations: written down within moments, dropped one by one."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

import pytest
from tests.support.platform import Platform, eventually
from tests.support.waiting import wait_until

from carillon.useragent import CallRefused, UserAgent

pytestmark = pytest.mark.engines


def is_registered(platform: Platform, bob: UserAgent) -> bool:
    """Whether this phone is written down and not over."""
    return bool(
        platform.sql(
            "select contact from edge.location where contact = %s and expires > now() at time zone 'UTC'", contact(bob)
        )
    )


def contact(phone: UserAgent) -> str:
    return phone.contact.strip("<>")


def dropped(platform: Platform, address: str, contact: str) -> int:
    """The status of asking control to drop a contact."""
    path = f"/locations/{quote(address, safe='')}/{quote(contact, safe='')}/drop"
    return platform.status(path, method="POST")[0]


async def test_a_registration_is_written_down_within_moments(platform: Platform) -> None:
    async with platform.phone("bob") as bob:
        took_s = []
        for _ in range(2):
            await bob.register()
            took_s.append(await asyncio.to_thread(wait_until, lambda: is_registered(platform, bob)))
            await bob.register(0)
            took_s.append(await asyncio.to_thread(wait_until, lambda: not is_registered(platform, bob)))
    assert max(took_s) < 4.5  # a second on a quiet machine


async def test_a_dropped_device_gets_no_calls_until_it_registers_again(platform: Platform) -> None:
    async with platform.phone("alice") as alice, platform.phone("bob") as bob:
        await bob.register()
        await eventually(lambda: is_registered(platform, bob))
        assert dropped(platform, "bob@northwind.test", contact(bob)) == 200
        call = await alice.call("102")
        with pytest.raises(CallRefused, match="480"):
            await call.answered()
        await eventually(lambda: not is_registered(platform, bob))
        assert dropped(platform, "bob@northwind.test", contact(bob)) == 404
        assert dropped(platform, "nobody@northwind.test", "sip:x@192.0.2.1") == 404
