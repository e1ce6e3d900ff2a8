"""Processes that die or hang in mid-call: no call without an end, no hold without a call."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.support.platform import Platform, eventually
from tests.support.telephony import live_at_carrier, pick_up

from carillon.callpath.control.store import Queries, open_pool
from carillon.useragent import CallRefused, OutgoingCall, UserAgent
from carillon.useragent.message import parse

pytestmark = pytest.mark.engines


@asynccontextmanager
async def call_in_progress(platform: Platform, dialled: str = "01632960001") -> AsyncIterator[OutgoingCall]:
    async with platform.phone("alice") as alice:
        call = await alice.call(dialled)
        await call.answered()
        await eventually(lambda: "answered" in kinds(platform, call) and kept(platform, call))
        yield call


def kinds(platform: Platform, call: OutgoingCall) -> list[str]:
    return [kind for kind, _ in platform.events(call.call_id)]


def kept(platform: Platform, call: OutgoingCall) -> list[tuple[Any, ...]]:
    """What a restart of Kamailio would find of it: the caller's CSeq, and when the call would be ended, as an epoch."""
    return platform.sql("select caller_cseq, timeout from callfeed.dialog where callid = %s", call.call_id)


def is_live(platform: Platform, call: OutgoingCall) -> bool:
    status, body = platform.status("/calls")
    return status == 200 and call.call_id in [each["sip_call_id"] for each in body["calls"]]


async def test_new_control_takes_over_a_call_and_can_end_it(platform: Platform) -> None:
    async with call_in_progress(platform) as call:
        await asyncio.to_thread(platform.stop, "control", signal.SIGKILL)
        await asyncio.to_thread(platform.start, "control")
        await eventually(lambda: is_live(platform, call), 20)
        call_id = (platform.call_of(call.call_id) or ("",))[0]
        assert platform.status(f"/calls/{call_id}/hangup", method="POST")[0] == 200
        await call.ended()
        await eventually(lambda: "ended" in kinds(platform, call))
    assert [detail["by"] for kind, detail in platform.events(call.call_id) if kind == "ended"] == ["operator"]


async def test_end_while_control_is_dead_is_written_by_the_edge(platform: Platform) -> None:
    async with call_in_progress(platform) as call:
        await asyncio.to_thread(platform.stop, "control", signal.SIGKILL)
        try:
            await call.hang_up()
            await eventually(lambda: "ended" in kinds(platform, call))
        finally:
            await asyncio.to_thread(platform.start, "control")


async def test_a_call_that_kamailio_told_to_control_alone_is_written_down(platform: Platform) -> None:
    platform.sql("revoke execute on function callfeed.record_events(text) from carillon_edge")
    try:
        async with platform.phone("alice") as alice:
            call = await alice.call("01632960001")
            await call.answered()
            await eventually(lambda: is_live(platform, call))
            await call.until(lambda: call.answered_s > 1)
            await call.hang_up()
        await eventually(lambda: not is_live(platform, call))
        assert kinds(platform, call) == []
        await asyncio.to_thread(platform.stop, "kamailio", signal.SIGKILL)
    finally:
        platform.sql("grant execute on function callfeed.record_events(text) to carillon_edge")
    await asyncio.to_thread(platform.start, "kamailio")
    await eventually(lambda: "ended" in kinds(platform, call))
    assert [detail.get("by") for kind, detail in platform.events(call.call_id) if kind == "ended"] == ["caller"]
    query = "select state, answered_at is not null from calls_call where sip_call_id = %s"
    assert platform.sql(query, call.call_id) == [("ended", True)]


async def test_without_control_no_call_outlives_its_money(platform: Platform) -> None:
    async with call_in_progress(platform, "004930231250001") as call:
        await asyncio.to_thread(platform.stop, "control", signal.SIGKILL)
        try:
            (funded_s,) = platform.sql(
                "select extract(epoch from c.funded_until - c.started_at) from calls_call c"
                " where c.decision->'request'->>'sip_call_id' = %s",
                call.call_id,
            )[0]
            await call.until(lambda: call.answered_s > float(funded_s) / 2)
            await call.reinvite("sendrecv")  # must not wind up the clock again, which would give half as much again
            await call.ended(float(funded_s) + 5)
        finally:
            await asyncio.to_thread(platform.start, "control")
        await eventually(lambda: "ended" in kinds(platform, call), 60)
    assert call.answered_s < float(funded_s) + 2.5  # one second of grace, the edge's tick, and a busy machine
    assert [detail["by"] for kind, detail in platform.events(call.call_id) if kind == "ended"] in (
        ["money"],
        ["sweeper"],  # Kamailio does not always tell of an end of its own making
    )


async def restart_kamailio(platform: Platform) -> None:
    await asyncio.to_thread(platform.stop, "kamailio", signal.SIGKILL)
    await eventually(lambda: not platform.status("/health")[1]["edge"])
    await asyncio.to_thread(platform.start, "kamailio")
    await eventually(lambda: platform.status("/health")[1]["edge"])


async def test_call_survives_a_killed_kamailio(platform: Platform) -> None:
    async with call_in_progress(platform) as call:
        await restart_kamailio(platform)
        await call.hang_up()
        await eventually(lambda: "ended" in kinds(platform, call))
    assert [detail["by"] for kind, detail in platform.events(call.call_id) if kind == "ended"] == ["caller"]
    async with platform.phone("alice") as alice:
        assert (await alice.register()).status == 200
        await alice.register(0)


async def test_what_changed_in_a_call_survives_a_killed_kamailio(platform: Platform) -> None:
    """Who the caller is for the carrier, and which number its next request must have."""
    async with call_in_progress(platform) as call:
        [[first, _]] = kept(platform, call)
        assert (await call.reinvite("sendonly")).status == 200
        await eventually(lambda: int(kept(platform, call)[0][0]) > int(first))
        await restart_kamailio(platform)
        assert (await call.reinvite()).status == 200
        call_id = (platform.call_of(call.call_id) or ("",))[0]
        assert platform.status(f"/calls/{call_id}/hangup", method="POST")[0] == 200
        await call.ended()
        await eventually(lambda: "ended" in kinds(platform, call))
    port = platform.config.ports.carrier_a
    raws = [each["raw"] for each in await platform.trace(call.call_id) if each["dst"].endswith(f":{port}")]
    to_carrier = [parse(raw.encode()) for raw in raws if raw.startswith(("INVITE", "BYE"))]
    assert {message.get("From").split(";")[0] for message in to_carrier} == {"<sip:+442079460101@127.0.0.1>"}
    numbers = [int(message.get("CSeq").split()[0]) for message in to_carrier]
    assert numbers == sorted(set(numbers))
    assert len(numbers) == 4


async def test_prolonged_call_survives_a_killed_kamailio(platform: Platform) -> None:
    """What counts is how long the call is paid for now, not how long it was at its start."""
    async with call_in_progress(platform, "004930231250001") as call:
        [[_, first]] = kept(platform, call)
        await eventually(lambda: time.time() > first)
        [[_, last]] = kept(platform, call)
        await eventually(lambda: kept(platform, call)[0][1] > last)  # eight seconds are left
        await restart_kamailio(platform)
        answered_s = call.answered_s
        await call.until(lambda: call.is_over or call.answered_s > answered_s + 8, 60)
        assert not call.is_over
        await call.hang_up()
        await eventually(lambda: "ended" in kinds(platform, call))


async def test_lost_end_is_rebuilt_by_the_sweeper(platform: Platform) -> None:
    async with call_in_progress(platform) as call:
        await asyncio.to_thread(platform.stop, "kamailio", signal.SIGKILL)
        platform.sql("delete from edge.kept_dialog")
        await asyncio.to_thread(platform.start, "kamailio")
        await eventually(lambda: "ended" in kinds(platform, call), 45)
    assert [detail["by"] for kind, detail in platform.events(call.call_id) if kind == "ended"] == ["sweeper"]


async def test_frozen_database_refuses_new_calls_and_keeps_old_ones(platform: Platform) -> None:
    async with call_in_progress(platform) as call, platform.phone("bob") as bob:
        await registered(platform, bob)  # its password is in the edge's memory now
        platform.freeze_database()
        try:
            assert await status_of_call(bob) == 503
            await call.hang_up()
        finally:
            platform.freeze_database(is_frozen=False)
        await eventually(lambda: "ended" in kinds(platform, call), 30)
        thawed = time.monotonic()
        while await status_of_call(bob) != 486:
            assert time.monotonic() < thawed + 5
        await bob.register(0)


async def test_frozen_database_keeps_emergency_calls_waiting_once_at_most(platform: Platform) -> None:
    """What the dialog module writes blocks a SIP worker until it is known that PostgreSQL takes nothing."""
    async with call_in_progress(platform) as call, platform.phone("alice") as alice:
        platform.freeze_database()
        try:
            frozen = time.monotonic()
            await call.hang_up()
            first = await alice.call("999")
            await first.answered(30)
            took_s = [time.monotonic() - frozen]
            while time.monotonic() < frozen + 20 or len(took_s) < 5:
                began = time.monotonic()
                emergency = await alice.call("999")
                await emergency.answered(30)
                took_s.append(time.monotonic() - began)
                await emergency.hang_up()
            await first.hang_up()
        finally:
            platform.freeze_database(is_frozen=False)
        await eventually(lambda: "ended" in kinds(platform, call), 30)
    assert max(took_s) < 15
    assert max(took_s[-3:]) < 5


async def test_while_events_wait_for_the_database_calls_are_refused_at_once(platform: Platform) -> None:
    """Control is frozen too: what is refused within less than 1.4 s was refused without it."""
    async with call_in_progress(platform) as call, platform.phone("bob") as bob:
        await registered(platform, bob)
        platform.freeze_database()
        try:
            await call.hang_up()
            platform.freeze("control")
            frozen = began = time.monotonic()
            took = 2.0
            while took > 1:
                assert began < frozen + 60
                began = time.monotonic()
                with contextlib.suppress(TimeoutError):  # SIP workers that wait for the database are silent at first
                    assert await status_of_call(bob) == 503
                took = time.monotonic() - began
        finally:
            platform.freeze_database(is_frozen=False)
            platform.freeze("control", is_frozen=False)
        thawed = time.monotonic()
        while await status_of_call(bob) != 486:
            assert time.monotonic() < thawed + 5
        await eventually(lambda: "ended" in kinds(platform, call), 20)
        await bob.register(0)


async def test_events_that_postgresql_does_not_take_are_kept(platform: Platform) -> None:
    """As with a full disk: it answers questions, and writes nothing."""
    failed = "PostgreSQL takes no events"
    async with call_in_progress(platform) as call, platform.phone("bob") as bob:
        await bob.register()
        before = platform.log("kamailio").count(failed)
        platform.sql("revoke execute on function callfeed.record_events(text) from carillon_edge")
        try:
            await call.hang_up()
            await eventually(lambda: platform.log("kamailio").count(failed) >= before + 5)
            assert await status_of_call(bob) == 503
        finally:
            platform.sql("grant execute on function callfeed.record_events(text) to carillon_edge")
        await eventually(lambda: "ended" in kinds(platform, call), 20)
        await bob.register(0)
    assert [detail["by"] for kind, detail in platform.events(call.call_id) if kind == "ended"] == ["caller"]


async def test_no_query_lasts_longer_than_it_may(platform: Platform) -> None:
    """Six on two connections to a database that says nothing, and nobody waits for its thaw."""
    async with await open_pool(platform.config.database("control"), 2) as pool, Queries(pool) as queries:
        await asyncio.gather(*(queries.fetchval("select pg_sleep(0.1)", timeout=20) for _ in range(2)))
        platform.freeze_database()
        try:
            async with asyncio.timeout(10):
                asked = (queries.fetchval("select 1", timeout=0.5) for _ in range(6))
                results = await asyncio.gather(*asked, return_exceptions=True)
        finally:
            platform.freeze_database(is_frozen=False)
        assert [type(result) for result in results] == [TimeoutError] * 6
        assert await queries.fetchval("select 1", timeout=20) == 1


async def test_killed_database_is_back_for_new_calls(platform: Platform) -> None:
    async with call_in_progress(platform) as call, platform.phone("bob") as bob:
        await bob.register()
        await asyncio.to_thread(platform.restart_database)
        back = time.monotonic()
        while await status_of_call(bob) != 486:
            assert time.monotonic() < back + 5
        await call.hang_up()
        await eventually(lambda: "ended" in kinds(platform, call), 20)
        await bob.register(0)


async def registered(platform: Platform, phone: UserAgent) -> None:
    """Register it and wait until that is written: what freezes in mid-write is written twice, and one row stays."""
    await phone.register()
    query = "select contact from edge.location where username = %s"
    await eventually(lambda: platform.sql(query, phone.account.username))


async def status_of_call(phone: UserAgent) -> int:
    """Final status of a call to a number that is busy when all is well."""
    call = await phone.call("01632960486")
    with pytest.raises(CallRefused) as refusal:
        await call.answered()
    return refusal.value.status


async def test_calls_of_a_vanished_phone_end(platform: Platform) -> None:
    """A free call and one that is paid for, chunk by chunk: the new money must not keep it alive."""
    async with platform.phone("bob", on_call=pick_up) as bob:
        await bob.register()
        async with platform.phone("alice") as alice:
            calls = [await alice.call("102"), await alice.call("01632960001")]
            await asyncio.gather(*(call.answered() for call in calls))
        # the phone is gone without a word: its socket is closed
        await eventually(lambda: bob.calls[0].is_over, 120)
        for call in calls:
            await eventually(lambda call=call: "ended" in kinds(platform, call), 60)  # type: ignore[misc]
        await bob.register(0)
    for call in calls:
        assert [detail["by"] for kind, detail in platform.events(call.call_id) if kind == "ended"] == ["timeout"]
        await eventually(lambda call=call: live_at_carrier(platform, "a", call.call_id) is None)  # type: ignore[misc]


async def test_call_answered_after_control_came_back_goes_on(platform: Platform) -> None:
    """Germany is paid by six seconds: without the new control the call would end after the first hold."""
    async with platform.phone("alice") as alice:
        call = await alice.call("004930231250183")
        await call.ringing()
        await asyncio.to_thread(platform.stop, "control", signal.SIGKILL)
        await asyncio.to_thread(platform.start, "control")
        await call.answered()
        await eventually(lambda: is_live(platform, call), 12)
        held = (platform.call_of(call.call_id) or (0, 0, 0))[2]
        await eventually(lambda: (platform.call_of(call.call_id) or (0, 0, 0))[2] > held, 12)
        await call.hang_up()
        await eventually(lambda: "ended" in kinds(platform, call))


async def test_control_ends_at_once_and_loses_no_trace(platform: Platform) -> None:
    async with call_in_progress(platform) as call:
        await call.hang_up()
        await eventually(lambda: not is_live(platform, call))
        began = time.monotonic()
        await asyncio.to_thread(platform.stop, "control")
        took = time.monotonic() - began
        await asyncio.to_thread(platform.start, "control")
    assert took < 1
    query = "select count(*) from calls_calltrace t join calls_call c on c.id = t.call_id where c.sip_call_id = %s"
    assert platform.sql(query, call.call_id) == [(1,)]


async def test_a_dialog_that_belongs_to_no_open_call_is_ended(platform: Platform) -> None:
    async with call_in_progress(platform) as call:
        await asyncio.to_thread(platform.stop, "control", signal.SIGKILL)
        platform.sql("update calls_call set state = 'rated' where sip_call_id = %s", call.call_id)
        older = "dialog || jsonb_build_object('start_time', (dialog->>'start_time')::int - 200)"
        query = f"update edge.kept_dialog set dialog = {older} where dialog->>'callid' = %s"  # noqa: S608 - our own words
        platform.sql(query, call.call_id)
        try:
            await asyncio.to_thread(platform.start, "control")
            await call.ended(90)
        finally:  # over and to be charged, as the worker expects it, or its hold would stay
            ended = "select callfeed.record_event(id, 'ended', %s, 'control', '{\"by\": \"sweeper\"}') from calls_call"
            platform.sql(f"{ended} where sip_call_id = %s", time.time_ns() // 1_000_000, call.call_id)
            due = "update calls_call set state = 'ended', ended_at = now(), due_at = now() where sip_call_id = %s"
            platform.sql(due, call.call_id)
    assert call.ended_by == "them"


async def test_a_row_of_a_dialog_that_kamailio_does_not_have_is_removed(platform: Platform) -> None:
    """Its call ended, and the edge never said so."""
    platform.sql(
        "insert into edge.kept_dialog values (gen_random_uuid(), 1, 1, %s, '{}')", '{"callid": "over", "start_time": 1}'
    )
    await asyncio.to_thread(platform.stop, "control", signal.SIGKILL)
    await asyncio.to_thread(platform.start, "control")
    await eventually(lambda: not platform.sql("select call from edge.kept_dialog where dialog->>'callid' = 'over'"), 90)
