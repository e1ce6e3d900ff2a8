"""Carriers' gateways with other settings for a while, as engine tests need them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest
from cryptography.fernet import Fernet

from carillon.useragent import CallRefused, UserAgent
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


def encrypted(platform: Platform, password: str) -> str:
    """A gateway's password as it is stored."""
    return "v1:" + Fernet(platform.config.sip_key).encrypt(password.encode()).decode()


async def in_force(platform: Platform, *kinds: str) -> None:
    """Until control has taken up the last change: of gateways, or of what `kinds` name."""
    for kind in kinds or ("gateway",):
        await eventually(partial(_is_known, platform, kind, _newest(platform, kind)))


def _newest(platform: Platform, kind: str) -> int:
    return int(platform.sql(f"select last_value from callfeed.generation_{kind}")[0][0])  # noqa: S608


def _is_known(platform: Platform, kind: str, generation: int) -> bool:
    return bool(platform.status("/health")[1]["generations"].get(kind, 0) >= generation)


async def status_of(phone: UserAgent, target: str) -> int:
    """The final status of a call that must fail."""
    call = await phone.call(target)
    with pytest.raises(CallRefused) as refusal:
        await call.answered()
    return refusal.value.status
