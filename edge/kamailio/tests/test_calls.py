"""The call path with real engines: what phones and carriers see and what is written down."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.support.platform import Platform, eventually
from tests.support.telephony import pick_up

from carillon.useragent import CallRefused, IncomingCall, OutgoingCall, UserAgent

pytestmark = pytest.mark.engines


async def ring_only(call: IncomingCall) -> None:
    call.ring()


async def over(platform: Platform, call: OutgoingCall) -> list[tuple[str, dict[str, Any]]]:
    """The call's events once its end is among them."""

    def ended() -> list[tuple[str, dict[str, Any]]]:
        events = platform.events(call.call_id)
        return events if {kind for kind, _ in events} & {"ended", "failed"} else []

    try:
        return list(await eventually(ended))
    except AssertionError as error:
        raise AssertionError(f"The call never ended; so far: {platform.events(call.call_id)}") from error


def came_to(phone: UserAgent) -> list[str]:
    """What a phone has heard."""
    return [m.raw.decode() for m in phone.messages if m.destination == (phone.host, phone.port)]


async def refused(phone: UserAgent, target: str, **options: Any) -> OutgoingCall:
    """A call that must fail; the call with its final status."""
    call = await phone.call(target, **options)
    with pytest.raises(CallRefused):
        await call.answered()
    return call


async def test_two_phones_talk_and_the_call_is_written_down(platform: Platform) -> None:
    async with platform.phone("alice") as alice, platform.phone("bob", on_call=pick_up, tone_hz=600) as bob:
        await alice.register()
        await bob.register()
        call = await alice.call("sip:102@northwind.test")
        await call.answered()
        report = await call.hears(600)
        await call.hang_up()
        events = await over(platform, call)
        await bob.register(0)
    assert report.packets_received >= 20
    assert [kind for kind, _ in events] == ["applied", "progress", "answered", "ended"]
    assert events[-1][1]["by"] == "caller"


async def test_trace_has_both_legs_in_order(platform: Platform) -> None:
    async with platform.phone("alice") as alice:
        call = await alice.call("01632960001")
        await call.answered()
        await call.hang_up()
        await over(platform, call)
    messages = await platform.trace(call.call_id)
    first_lines = [message["raw"].split("\r\n")[0] for message in messages]
    assert sum(line.startswith("INVITE") for line in first_lines) >= 2
    byes = {(message["src"], message["dst"]) for message in messages if message["raw"].startswith("BYE ")}
    assert len(byes) == 2  # each leg's, however often it had to be sent
    assert not any("TH: " in message["raw"] for message in messages)
    assert [message["at_us"] for message in messages] == sorted(message["at_us"] for message in messages)


async def test_carrier_sees_the_chosen_identity_and_neither_side_the_other_one(platform: Platform) -> None:
    async with platform.phone("alice") as alice:
        call = await alice.call(
            "01632960001",
            identity='"The King" <sip:+33199000001@northwind.test>',
            headers=[("P-Asserted-Identity", "<sip:+33199000001@x.test>"), ("Diversion", "<sip:+33199000002@x.test>")],
        )
        await call.answered()
        await call.hang_up()
        await over(platform, call)
    port = platform.config.ports.carrier_a
    messages = await platform.trace(call.call_id)
    told = [m["raw"] for m in messages if m["dst"].endswith(f":{port}")]
    invite = next(raw for raw in told if raw.startswith("INVITE"))
    assert "<sip:+442079460101@127.0.0.1>;tag=" in invite
    assert "P-Asserted-Identity: <sip:+442079460101@" in invite
    assert "33199" not in invite
    assert "Carillon demo phone" not in invite
    assert "Authorization" not in invite
    assert "alice" not in invite
    assert not any(f":{alice.port}" in raw or f"m=audio {call.stream.port} " in raw for raw in told)
    assert came_to(alice)
    assert not any(f":{port}" in raw for raw in came_to(alice))


@pytest.mark.parametrize(("dialled", "code"), [("01632960503", 503), ("01632960000", 408)])
async def test_next_carrier_is_tried(platform: Platform, dialled: str, code: int) -> None:
    async with platform.phone("alice") as alice:
        call = await alice.call(dialled)
        await call.answered()
        await call.hang_up()
        events = await over(platform, call)
    attempts = [detail for kind, detail in events if kind == "attempt"]
    assert [(a["target"], a["label"], a["sip_code"]) for a in attempts] == [(0, "Demo carrier A", code)]
    assert [detail["target"] for kind, detail in events if kind == "answered"] == [1]


@pytest.mark.parametrize(("dialled", "status"), [("01632960486", 486), ("01632960404", 404)])
async def test_a_final_no_is_passed_on_and_the_hold_released(platform: Platform, dialled: str, status: int) -> None:
    async with platform.phone("alice") as alice:
        call = await refused(alice, dialled)
        events = await over(platform, call)
    assert call.status == status
    assert events[-1] == ("failed", {"by": "callee", "reason": events[-1][1]["reason"], "sip_code": status})
    found = await eventually(lambda: platform.call_of(call.call_id))
    assert await eventually(lambda: platform.call_of(call.call_id)[2] is None), found  # type: ignore[index]


async def test_all_carriers_failing_is_503(platform: Platform) -> None:
    for name in "ab":
        platform.carrier(name, "/mode", {"mode": "failing"})
    try:
        async with platform.phone("alice") as alice:
            call = await refused(alice, "01632960001")
            events = await over(platform, call)
    finally:
        for name in "ab":
            platform.carrier(name, "/mode", {"mode": "normal"})
    assert call.status == 503
    assert [detail["target"] for kind, detail in events if kind == "attempt"] == [0, 1]


async def test_caller_cancels(platform: Platform) -> None:
    async with platform.phone("alice") as alice:
        call = await alice.call("01632960408")
        await call.ringing()
        call.cancel()
        await eventually(lambda: call.is_over)
        events = await over(platform, call)
    assert call.status == 487
    assert events[-1][0] == "failed"
    assert (events[-1][1]["sip_code"], events[-1][1]["by"]) == (487, "caller")
    await eventually(lambda: platform.call_of(call.call_id)[2] is None)  # type: ignore[index]


async def test_callee_hangs_up(platform: Platform) -> None:
    async with platform.phone("alice") as alice:
        call = await alice.call("01632960777")
        await call.ended()
        events = await over(platform, call)
    assert events[-1][0] == "ended"
    assert events[-1][1]["by"] == "callee"


async def test_inbound_call_rings_the_user_and_neither_side_sees_the_other_one(platform: Platform) -> None:
    port = platform.config.ports.carrier_a
    async with platform.phone("alice", on_call=pick_up) as alice:
        await alice.register()
        placed = await asyncio.to_thread(
            platform.carrier, "a", "/call", {"to": "+442079460101", "from": "+33199000001", "seconds": 1}
        )
        shown = alice.calls[0].caller  # type: ignore[attr-defined]
        await alice.register(0)
    assert placed.get("status", 200) == 200, placed
    assert "+33199000001" in shown
    told = [m["raw"] for m in await platform.trace(str(placed["call_id"])) if m["dst"].endswith(f":{port}")]
    assert any(raw.startswith("SIP/2.0 200") for raw in told)
    assert not any(f":{alice.port}" in raw for raw in told)
    assert not any(f":{port}" in raw for raw in came_to(alice))


async def test_same_address_without_the_carriers_port_is_challenged(platform: Platform) -> None:
    async with platform.phone("alice") as alice:
        alice.account = type(alice.account)("alice", "northwind.test")  # no password: never answers a challenge
        call = await refused(alice, "sip:+442079460102@northwind.test")
    assert call.status == 407


async def test_operator_hangs_up(platform: Platform) -> None:
    async with platform.phone("alice") as alice:
        call = await alice.call("01632960001")
        await call.answered()
        (call_id, _, _) = await eventually(lambda: platform.call_of(call.call_id))
        await eventually(lambda: any(c["state"] == "talking" for c in platform.status("/calls")[1]["calls"]))
        assert platform.status(f"/calls/{call_id}/hangup", method="POST", token="wrong")[0] == 401
        assert platform.status(f"/calls/{call_id}/hangup", method="POST")[0] == 200
        await call.ended()
        events = await over(platform, call)
    assert events[-1][0] == "ended"
    assert events[-1][1]["by"] == "operator"


async def test_operator_hangs_up_a_ringing_call(platform: Platform) -> None:
    async with platform.phone("alice") as alice:
        call = await alice.call("01632960408")
        await call.ringing()
        (call_id, _, _) = await eventually(lambda: platform.call_of(call.call_id))
        assert platform.status(f"/calls/{call_id}/hangup", method="POST")[0] == 200
        await eventually(lambda: call.is_over)
        events = await over(platform, call)
    assert call.status == 487
    assert [detail["by"] for kind, detail in events if kind == "failed"] == ["operator"]
    await eventually(lambda: platform.call_of(call.call_id)[2] is None)  # type: ignore[index]


async def test_call_is_cut_when_the_money_is_gone(platform: Platform) -> None:
    (before,) = platform.sql(
        "select a.id, a.balance_micro from billing_account a join customers_customer c on c.id = a.customer_id"
        " where c.name = 'Acme Ltd'"
    )
    platform.sql(
        "update billing_account set balance_micro = reserved_micro + unposted_micro + 95000 where id = %s", before[0]
    )
    try:
        async with platform.phone("alice") as alice:
            call = await alice.call("004930231250001")
            await call.answered()
            await call.ended()
            events = await over(platform, call)
            lasted = call.answered_s
    finally:
        platform.sql("update billing_account set balance_micro = %s where id = %s", before[1], before[0])
    assert 8.8 < lasted < 9.6
    assert "cut" in [kind for kind, _ in events]
    assert [detail["by"] for kind, detail in events if kind == "ended"] == ["money"]


async def test_hold_and_resume_keep_the_media_relayed(platform: Platform) -> None:
    async with platform.phone("alice") as alice, platform.phone("bob", on_call=pick_up, tone_hz=600) as bob:
        await alice.register()
        await bob.register()
        call = await alice.call("102")
        await call.answered()
        await call.hears(600)
        assert (await call.reinvite("sendonly")).status == 200
        assert (await call.reinvite("sendrecv")).status == 200
        await call.hears(600)
        ports = range(platform.config.ports.rtp_min, platform.config.ports.rtp_max + 1)
        assert call.remote_session is not None
        assert call.remote_session.port in ports
        assert bob.calls[0].remote_session is not None
        assert bob.calls[0].remote_session.port in ports
        await bob.calls[0].hang_up()
        await call.ended()
        events = await over(platform, call)
        await bob.register(0)
        await alice.register(0)
    assert events[-1][1]["by"] == "callee"


async def test_every_device_of_a_user_rings_and_one_answers(platform: Platform) -> None:
    async with (
        platform.phone("alice") as alice,
        platform.phone("bob", on_call=ring_only) as desk,
        platform.phone("bob", on_call=pick_up) as mobile,
    ):
        await desk.register()
        await mobile.register()
        call = await alice.call("102")
        await call.answered()
        await eventually(lambda: desk.calls and desk.calls[0].is_over)
        await call.hang_up()
        await over(platform, call)
        await desk.register(0)
        await mobile.register(0)
    assert len(mobile.calls) == 1


async def test_nobody_registered_is_480(platform: Platform) -> None:
    async with platform.phone("alice") as alice:
        call = await refused(alice, "100")
        events = await over(platform, call)
    assert call.status == 480
    assert events[-1][0] == "failed"
    await eventually(lambda: platform.call_of(call.call_id)[1] == "ended")  # type: ignore[index]
