"""Credit windows of a control that was killed: what it had in memory is promised to nobody for long."""

from __future__ import annotations

import asyncio
import signal

import pytest
from tests.support.platform import Platform, eventually
from tests.support.untruths import UNTRUTHS

pytestmark = pytest.mark.engines

UNTRUE = UNTRUTHS["reserved is not the sum of open holds and windows"]


def free(platform: Platform) -> int:
    """What is granted and in no call, in micro-units."""
    return int(platform.sql("select coalesce(sum(free_micro), 0) from callfeed.free_credit('edge-1')")[0][0])


async def test_windows_come_back_after_control_was_killed(platform: Platform) -> None:
    async with platform.phone("alice") as alice:
        for _ in range(2):  # the first call asks for a window, nobody knows yet what calls take
            call = await alice.call("01632960001")
            await call.answered()
            await eventually(lambda: free(platform) > 0)
            await call.hang_up()
        await asyncio.to_thread(platform.stop, "control", signal.SIGKILL)
        assert platform.sql(UNTRUE) == []
        assert free(platform) > 0, "what was in its memory is still promised"
        await asyncio.to_thread(platform.start, "control")
        await eventually(lambda: free(platform) == 0, 90)
    assert platform.sql(UNTRUE) == []
