"""While calls wait the worker hears so, and channels of calls that are over come back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from uuid import uuid4

import psycopg
import pytest
from tests.support.platform import eventually

from carillon.callpath.control.pressure import KEPT_S, Pressure
from carillon.callpath.control.store import open_pool
from carillon.config import Config

pytestmark = pytest.mark.django_db


def test_the_worker_hears_that_calls_wait_until_none_has_waited_for_a_while(
    config: Config, role_connection: Callable[[str], psycopg.Connection]
) -> None:
    worker = role_connection("worker")
    now_s = 0.0

    def are_waiting() -> bool:
        row = worker.execute("select callfeed.do_calls_wait()").fetchone()
        return bool(row and row[0])

    async def pressed() -> None:
        nonlocal now_s
        async with await open_pool(config.database("control")) as pool:
            pressure = Pressure(pool, lambda: now_s)
            running = asyncio.create_task(pressure.run())
            for _ in range(2):
                assert not are_waiting()
                pressure.over(uuid4())
                pressure.calls_wait()
                await eventually(are_waiting)
                now_s += KEPT_S + 1
                await eventually(lambda: not are_waiting())
            pressure.calls_wait()
            await eventually(are_waiting)
            running.cancel()  # as control stops
            await asyncio.gather(running, return_exceptions=True)
        assert not are_waiting()

    asyncio.run(pressed())
