"""Trunks: a customer's telephone system that is known by its address instead of a password."""

from __future__ import annotations

import json
import socket

import pytest
from tests.support.gateways import in_force, status_of
from tests.support.platform import Platform, eventually
from tests.support.trunks import trunk

from carillon.useragent import Account, UserAgent

pytestmark = pytest.mark.engines

FORGED = "<sip:+442079460999@192.0.2.7>"  # neither the customer's number nor a domain of ours
PBX = Account("pbx", "northwind.test")
NOBODY = "sip:0@northwind.test"


def source_of(agent: UserAgent) -> str:
    return agent.contact.strip("<>").rpartition("@")[2]


async def test_trunk_calls_without_a_password_and_shows_only_its_customers_numbers(platform: Platform) -> None:
    async with UserAgent(PBX, platform.proxy) as pbx:
        async with trunk(platform, "alice", sources=(source_of(pbx),)):
            call = await pbx.call("sip:01632960001@northwind.test", identity=FORGED)
            await call.answered()
            _, _, held = platform.call_of(call.call_id) or (None, None, 0)
            assert held > 0  # of its customer's money
            await call.hang_up()
        assert await status_of(pbx, "01632960001") == 407  # it is a stranger again
    query = (
        "select c.customer_id = e.customer_id, c.decision->>'endpoint_id' = e.id::text, c.decision->>'caller'"
        " from calls_call c, endpoints_endpoint e"
        " where e.username = 'alice' and c.decision->'request'->>'sip_call_id' = %s"
    )
    assert platform.sql(query, call.call_id) == [(True, True, "+442079460101")]
    await eventually(lambda: "ended" in [kind for kind, _ in platform.events(call.call_id)])


@pytest.mark.parametrize(
    ("host", "blocks"),
    [
        ("127.0.0.2", ("127.0.0.16/28", "127.0.0.0/28")),
        ("::1", ("2001:db8::/64", "::/64", "127.0.0.16/28")),
    ],
)
async def test_trunk_is_everywhere_in_its_block_and_nowhere_else(
    platform: Platform, host: str, blocks: tuple[str, ...]
) -> None:
    edge = ("::1" if ":" in host else "127.0.0.1", platform.proxy[1])
    async with UserAgent(PBX, edge, host=host) as pbx:
        async with trunk(platform, "alice", sources=(blocks[0],)):
            assert await status_of(pbx, "sip:01632960001@northwind.test") == 407
        async with trunk(platform, "alice", sources=blocks):
            call = await pbx.call("sip:01632960001@northwind.test", identity=FORGED)
            await call.answered()
            await call.hang_up()
        assert await status_of(pbx, "sip:01632960001@northwind.test") == 407
    asked = "select decision->'request'->>'auth_user' from calls_call where decision->'request'->>'sip_call_id' = %s"
    assert platform.sql(asked, call.call_id) == [("alice",)]
    await eventually(lambda: "ended" in [kind for kind, _ in platform.events(call.call_id)])


async def test_trunks_emergency_call_needs_no_control(platform: Platform) -> None:
    async with UserAgent(PBX, platform.proxy) as pbx, trunk(platform, "alice", sources=(source_of(pbx),)):
        platform.freeze("control")
        try:
            call = await pbx.call("sip:999@192.0.2.7", identity=FORGED)
            await call.answered()
            await call.hang_up()
        finally:
            platform.freeze("control", is_frozen=False)
        await eventually(lambda: platform.call_of(call.call_id))
    direction = "select direction from calls_call where sip_call_id = %s"
    assert platform.sql(direction, call.call_id) == [("emergency",)]


async def test_trunks_emergency_call_is_not_refused_while_events_wait_for_the_database(platform: Platform) -> None:
    async with UserAgent(PBX, platform.proxy) as pbx, trunk(platform, "alice", sources=(source_of(pbx),)):
        edge_says(platform, "htable.seti", "edge", "database_away", 1)  # as the process that stores events does
        try:
            call = await pbx.call("sip:999@192.0.2.7", identity=FORGED)
            await call.answered()
            await call.hang_up()
        finally:
            edge_says(platform, "htable.seti", "edge", "database_away", 0)
        await eventually(lambda: "ended" in [kind for kind, _ in platform.events(call.call_id)])


def edge_says(platform: Platform, method: str, *values: object) -> None:
    """Kamailio's own administration, by its socket."""
    runtime = platform.config.runtime
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as asking:
        asking.bind(str(runtime / "test.rpc"))
        try:
            request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": values}
            asking.settimeout(5)
            asking.sendto(json.dumps(request).encode(), str(runtime / "kamailio.rpc"))
            assert "error" not in json.loads(asking.recv(65_536))
        finally:
            (runtime / "test.rpc").unlink()


async def test_same_call_from_elsewhere_is_challenged_and_nothing_else(platform: Platform) -> None:
    async with (
        UserAgent(PBX, platform.proxy) as pbx,
        UserAgent(PBX, platform.proxy) as stranger,
        trunk(platform, "alice", sources=(source_of(pbx),)),
    ):
        call = await stranger.call("01632960001", identity="<sip:alice@northwind.test>")
        await eventually(lambda: call.is_over)
        assert call.status == 407
    assert platform.call_of(call.call_id) is None


async def test_phone_that_proved_its_password_at_a_trunks_address_stays_itself(platform: Platform) -> None:
    async with platform.phone("bob") as bob, trunk(platform, "alice", sources=(source_of(bob),)):
        await bob.register()
        call = await bob.call("01632960001")
        await call.answered()
        await call.hang_up()
        await bob.register(0)
    asked = "select decision->'request'->>'auth_user' from calls_call where decision->'request'->>'sip_call_id' = %s"
    assert platform.sql(asked, call.call_id) == [("bob",)]


async def test_phone_of_another_domain_at_a_trunks_address_is_challenged(platform: Platform) -> None:
    (other,) = platform.sql("select sip_domain from brands_webproduct where sip_domain <> 'northwind.test' limit 1")[0]
    async with UserAgent(PBX, platform.proxy) as phone, trunk(platform, "alice", sources=(source_of(phone),)):
        call = await phone.call("01632960001", identity=f"<sip:anybody@{other}>")
        await eventually(lambda: call.is_over)
        assert call.status == 407
    assert platform.call_of(call.call_id) is None


@pytest.mark.parametrize(
    ("table", "row"),
    [("endpoints_endpoint", "username = 'alice'"), ("routing_gateway", "name = 'Demo carrier B'")],
    ids=["trunk", "gateway"],
)
async def test_address_that_is_taken_away_while_control_is_down_is_a_strangers(
    platform: Platform, table: str, row: str
) -> None:
    """The next control does not know what the edge was told by the last one."""
    change = f"update {table} set source_addresses = %s where {row} returning id"  # noqa: S608 - ours
    (before,) = platform.sql(f"select source_addresses from {table} where {row}")[0]  # noqa: S608
    async with UserAgent(PBX, platform.proxy) as sender:
        platform.sql(change, [source_of(sender)])
        try:
            await all_in_force(platform)
            assert await status_of(sender, NOBODY) != 407
            platform.stop("control")
            platform.start("control")  # so that it has told nothing else
            await all_in_force(platform)
            assert await status_of(sender, NOBODY) != 407
        finally:
            platform.stop("control")
            platform.sql(change, before)
            platform.start("control")
            await all_in_force(platform)
        assert await status_of(sender, NOBODY) == 407


async def all_in_force(platform: Platform) -> None:
    await eventually(platform.decides)
    await in_force(platform, "endpoint", "user", "gateway")
