"""Carriers' gateways with other settings for a while, as engine tests need them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from carillon.demo.useragent import CallRefused, UserAgent
from tests.support.platform import Platform, eventually


@contextmanager
def changed(platform: Platform, gateway: str, column: str, value: object) -> Iterator[None]:
    """A gateway's column with another value for a while."""
    (old,) = platform.sql(f"select {column} from routing_gateway where name = %s", gateway)[0]  # noqa: S608
    platform.sql(f"update routing_gateway set {column} = %s where name = %s", value, gateway)  # noqa: S608
    try:
        yield
    finally:
        platform.sql(f"update routing_gateway set {column} = %s where name = %s", old, gateway)  # noqa: S608


async def in_force(platform: Platform) -> None:
    """Until control has taken up the last change."""
    (wanted,) = platform.sql("select last_value from callfeed.generation_gateway")[0]
    await eventually(lambda: platform.status("/health")[1]["generations"].get("gateway", 0) >= wanted)


async def status_of(phone: UserAgent, target: str) -> int:
    """The final status of a call that must fail."""
    call = await phone.call(target)
    with pytest.raises(CallRefused) as refusal:
        await call.answered()
    return refusal.value.status
