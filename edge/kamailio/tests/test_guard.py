"""Hostile, wrong and unserved requests: a clear answer, nothing written down, nobody let in."""

from __future__ import annotations

import asyncio
import secrets
import time

import pytest
from tests.support.gateways import in_force
from tests.support.platform import Platform, eventually
from tests.support.wire import failed, wire

from carillon.useragent import Account, Call, Message, UserAgent

pytestmark = pytest.mark.engines


async def test_wrong_password_is_refused_for_register_and_call(platform: Platform) -> None:
    account = Account("alice", "northwind.test", "wrong")
    async with UserAgent(account, platform.proxy) as phone:
        assert (await phone.register()).status == 403
        call = await failed(phone, "101")
    assert call.status == 403
    assert platform.call_of(call.call_id) is None


async def test_unknown_account_looks_like_a_wrong_password(platform: Platform) -> None:
    async with UserAgent(Account("nobody", "northwind.test", "x"), platform.proxy) as phone:
        assert (await phone.register()).status == 403


async def test_unknown_domain_is_404(platform: Platform) -> None:
    async with UserAgent(Account("alice", "nowhere.test", "x"), platform.proxy) as phone:
        assert (await phone.register()).status == 404
        assert (await failed(phone, "101")).status == 404


async def test_what_is_taken_away_while_control_is_down_is_gone(platform: Platform) -> None:
    """A blocked network, a SIP domain, the emergency routes: the next control does not know what the last one told."""
    block = (
        "insert into partners_blacklistentry (partner_id, kind, value, reason, created_at)"
        " select partner_id, 'network', '127.0.0.0/8', 'a test', now() from brands_webproduct"
        " where sip_domain = 'northwind.test' returning id"
    )
    move = "update brands_webproduct set sip_domain = %s where sip_domain = %s"
    switch = "update routing_gateway set is_enabled = %s"
    stranger = UserAgent(Account("nobody", "fjord.test", "x"), platform.proxy)
    async with platform.phone("alice") as alice, stranger:
        ((blocked,),) = platform.sql(block)
        try:
            await told(platform)
            assert (await alice.register()).status == 403
        finally:
            platform.stop("control")
            platform.sql("delete from partners_blacklistentry where id = %s", blocked)
        try:
            platform.sql(move, "moved.test", "fjord.test")
            platform.sql(switch, False)
            platform.start("control")
            await told(platform)
            assert (await alice.register()).status == 200
            assert (await stranger.register()).status == 404
            platform.stop("control")
            assert (await failed(alice, "999")).status == 503
        finally:
            platform.sql(move, "fjord.test", "moved.test")
            platform.sql(switch, True)
            if "control" not in platform.running:
                platform.start("control")
            await told(platform)
        assert (await stranger.register()).status == 403
        await alice.register(0)


async def told(platform: Platform) -> None:
    """Until control is there and has told the edge what was changed last."""
    await eventually(platform.decides)
    await in_force(platform, "domain", "gateway", "blacklist")


async def test_replayed_authorization_is_challenged_again(platform: Platform) -> None:
    async with platform.phone("alice") as alice:
        assert (await alice.register()).status == 200
        used = alice.last_authorization
        await alice.register(0)
    raw = await wire()
    answer = await raw.ask(platform, raw.request("REGISTER", "sip:northwind.test", f"Authorization: {used}"))
    assert " 401 " in answer
    assert "stale=true" in raw.received[-1].lower()


async def test_account_may_not_register_another_address(platform: Platform) -> None:
    async with platform.phone("alice") as alice:
        await alice.register()
        request = Message(method="REGISTER", uri="sip:northwind.test")
        for name, value in [
            ("Max-Forwards", "70"),
            ("From", "<sip:bob@northwind.test>;tag=1"),
            ("To", "<sip:bob@northwind.test>"),
            ("Call-ID", secrets.token_hex(8)),
            ("CSeq", "1 REGISTER"),
            ("Contact", alice.contact),
        ]:
            request.add(name, value)
        challenged = await alice.transact(request, platform.proxy)
        answer = alice.credentials(challenged, request)
        assert answer is not None
        request.add(*answer)
        request.replace("CSeq", "2 REGISTER")
        request.remove("Via")
        assert (await alice.transact(request, platform.proxy)).status == 403
        await alice.register(0)


@pytest.mark.parametrize(("method", "status"), [("OPTIONS", "200"), ("MESSAGE", "405"), ("REFER", "501")])
async def test_methods(platform: Platform, method: str, status: str) -> None:
    raw = await wire()
    assert f" {status} " in await raw.ask(platform, raw.request(method, "sip:101@northwind.test"))


async def test_tcp_is_served_too(platform: Platform) -> None:
    raw = await wire()
    reader, writer = await asyncio.open_connection(*platform.proxy)
    writer.write(raw.request("OPTIONS", "sip:northwind.test").replace("SIP/2.0/UDP", "SIP/2.0/TCP").encode())
    assert b" 200 " in await asyncio.wait_for(reader.readline(), 3)
    writer.close()


async def test_too_many_hops(platform: Platform) -> None:
    raw = await wire()
    request = raw.request("INVITE", "sip:101@northwind.test").replace("Max-Forwards: 70", "Max-Forwards: 0")
    assert " 483 " in await raw.ask(platform, request)


@pytest.mark.parametrize("method", ["INVITE", "BYE", "INFO"])
async def test_forged_dialog_makes_no_relay(platform: Platform, method: str) -> None:
    raw = await wire()
    route = f"Route: <sip:127.0.0.1:{platform.config.ports.sip};lr>"
    request = raw.request(method, f"sip:x@127.0.0.1:{raw.port}", route, to_tag="forged")
    assert " 481 " in await raw.ask(platform, request)
    assert not any(m.startswith(method) for m in raw.received)


async def test_call_id_cannot_forge_fields(platform: Platform) -> None:
    async with platform.phone("alice") as alice:
        call_id = 'x","ti":7,"auth_user":"bob","q":"' + secrets.token_hex(6)
        call = await failed(alice, "01632960486", call_id=call_id)
    assert call.status == 486
    await eventually(lambda: platform.call_of(call_id))
    (row,) = platform.sql(
        "select decision->'request'->>'auth_user' from calls_call where decision->'request'->>'sip_call_id' = %s",
        call_id,
    )
    assert row == ("alice",)


async def test_display_name_that_is_not_utf8_does_not_stop_a_call(platform: Platform) -> None:
    async with platform.phone("alice") as alice:
        call = await failed(alice, "01632960486", identity='"Zoë\udce9" <sip:alice@northwind.test>')
    assert call.status == 486


async def test_torn_and_binary_datagrams_hurt_nobody(platform: Platform) -> None:
    raw = await wire()
    for junk in (
        b"\x00" * 40,
        b"INVITE",
        b"INVITE sip:x SIP/2.0\r\n\r\n",
        b"SIP/2.0 200\r\n\r\n",
        secrets.token_bytes(900),
    ):
        raw.transport.sendto(junk, platform.proxy)
    assert " 200 " in await raw.ask(platform, raw.request("OPTIONS", "sip:northwind.test"))


async def test_silent_control_means_503_within_a_second_and_a_half(platform: Platform) -> None:
    async with platform.phone("alice") as alice:
        assert (await alice.register()).status == 200
        platform.freeze("control")
        try:
            began = time.monotonic()
            call = await failed(alice, "01632960001")
            took = time.monotonic() - began
            assert (await alice.register()).status == 200
        finally:
            platform.freeze("control", is_frozen=False)
        refusals = [m.raw for m in alice.messages if m.raw.startswith(b"SIP/2.0 503")]
        next_one = await failed(alice, "01632960486")
        await alice.register(0)
    assert call.status == 503
    assert took < 1.6
    assert b"Retry-After: " in refusals[-1]
    await eventually(lambda: platform.call_of(next_one.call_id))
    assert platform.call_of(call.call_id) is None, "nobody waits for the answer: nothing is held"


async def test_cancel_during_the_decision_releases_the_hold(platform: Platform) -> None:
    async with platform.phone("alice") as alice:
        platform.freeze("control")
        try:
            call = await alice.call("01632960001")
            await eventually(lambda: any(m.raw.startswith(b"SIP/2.0 100") for m in alice.messages))
            call.cancel()
            await eventually(lambda: call.is_over)
        finally:
            platform.freeze("control", is_frozen=False)
    assert call.status == 487
    await no_open_hold(platform, call)


async def no_open_hold(platform: Platform, call: Call) -> None:
    """Once control is awake its late decision has been taken back."""
    found = await eventually(lambda: platform.call_of(call.call_id))
    assert found
    await eventually(lambda: (platform.call_of(call.call_id) or (0, 0, 0))[2] is None)
    events = await eventually(lambda: platform.events(call.call_id))
    assert [kind for kind, _ in events] == ["failed"]
