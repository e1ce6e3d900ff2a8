"""A phone of the demo world as a telephone system that is known by its address, for a while."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from tests.support.gateways import in_force
from tests.support.platform import Platform


@asynccontextmanager
async def trunk(
    platform: Platform, username: str, *, sources: Sequence[str] = (), fixed_address: str = "", transport: str = "udp"
) -> AsyncIterator[None]:
    """The account is known by `sources` and called at `fixed_address`; control and edge know it inside and after."""
    update = (
        "update endpoints_endpoint set source_addresses = %s, fixed_address = %s, transport = %s"
        " where username = %s returning id"
    )
    try:
        platform.sql(update, list(sources), fixed_address, transport, username)
        await in_force(platform, "endpoint", "user")
        yield
    finally:
        platform.sql(update, [], "", "udp", username)
        await in_force(platform, "endpoint", "user")
