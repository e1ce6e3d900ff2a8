"""A phone of the demo world as a telephone system that is known by its address, for a while."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from tests.support.platform import Platform, eventually


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
        await in_force(platform)
        yield
    finally:
        platform.sql(update, [], "", "udp", username)
        await in_force(platform)


async def in_force(platform: Platform) -> None:
    """Until control has taken up the last change to an account."""
    query = "select e.last_value, u.last_value from callfeed.generation_endpoint e, callfeed.generation_user u"
    endpoint, user = platform.sql(query)[0]

    def is_known() -> bool:
        known = platform.status("/health")[1]["generations"]
        return bool(known.get("endpoint", 0) >= endpoint and known.get("user", 0) >= user)

    await eventually(is_known)
