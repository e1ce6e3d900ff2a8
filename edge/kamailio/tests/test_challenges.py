"""Carriers that ask for our password (RFC 3261, 22; RFC 8760), and the numbers of the calls that they asked about."""

from __future__ import annotations

import asyncio
import hashlib
import re
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager

import pytest
from tests.support.gateways import changed, encrypted, in_force, status_of
from tests.support.platform import Platform, eventually
from tests.support.telephony import pick_up

from carillon.useragent import Account, IncomingCall, UserAgent
from carillon.useragent.message import Message, parse

pytestmark = pytest.mark.engines

A, B = "Demo carrier A", "Demo carrier B"
ABROAD = "01632960001"  # from alice's point of view: over the carriers
USERNAME, PASSWORD = "gwuser", "gw pass:word"
MD5 = 'Digest realm="carrier", nonce="m1", qop="auth"'
SHA256 = 'Digest realm="carrier", nonce="s1", qop="auth", algorithm=SHA-256'
ODD = 'Digest algorithm=sha-256 , qop="auth-int,auth",\r\n nonce = "s,;=1" ,realm="Carrier, Inc.; Oslo",opaque="o/1=="'
PLAIN = 'Digest realm="carrier", nonce="p1", stale=false, algorithm="SHA-256"'
UNKNOWN = SHA256.replace("SHA-256", "SHA-512-256")

Answer = Callable[[IncomingCall], Awaitable[None]]


async def busy(call: IncomingCall) -> None:
    call.reject(486, "Busy Here")


async def ring(call: IncomingCall) -> None:
    call.ring()


async def failing(call: IncomingCall) -> None:
    call.reject(503, "Service Unavailable")


class Carrier(UserAgent):
    """A gateway that answers its first INVITEs with challenges (the last one again and again), then as `then` does."""

    def __init__(self, platform: Platform, asks: list[tuple[str, ...]], then: Answer | None, status: int) -> None:
        super().__init__(Account("carrier", "127.0.0.1"), platform.proxy, on_call=self._ask)
        self.asks, self.then, self.status = asks, then, status
        self.invites: list[Message] = []

    async def _ask(self, call: IncomingCall) -> None:
        self.invites.append(call.invite)
        asked = len(self.invites)
        if asked > len(self.asks) and self.then is not None:
            await self.then(call)
            return
        name = "WWW-Authenticate" if self.status == 401 else "Proxy-Authenticate"
        challenges = self.asks[min(asked, len(self.asks)) - 1]
        call.reject(self.status, "Who is asking", [(name, challenge) for challenge in challenges])

    def numbers(self) -> list[tuple[str, int]]:
        """Methods of what came of calls, repetitions left out, and CSeq numbers counted from the first INVITE's."""
        came = [parse(message.raw) for message in self.messages if message.destination[1] == self.port]
        requests = [message for message in came if message.is_request and message.method != "OPTIONS"]
        assert not [name for message in requests for name, _ in message.headers if name.startswith("P-K-")]
        first = requests[0].cseq[0]
        return list(dict.fromkeys((message.method, message.cseq[0] - first) for message in requests))


@asynccontextmanager
async def carrier(
    platform: Platform,
    asks: list[tuple[str, ...]],
    then: Answer | None = busy,
    *,
    status: int = 407,
    realm: str = "",
    has_second: bool = False,
) -> AsyncIterator[Carrier]:
    """A carrier in carrier A's place, whose password we have; the only one unless `has_second`."""
    values = {"auth_username": USERNAME, "auth_secret": encrypted(platform, PASSWORD), "auth_realm": realm}
    async with Carrier(platform, asks, then, status) as made:
        with ExitStack() as stack:
            for column, value in {**values, "port": made.port}.items():
                stack.enter_context(changed(platform, A, column, value))
            stack.enter_context(changed(platform, B, "is_enabled", has_second))
            await in_force(platform)
            yield made
        await in_force(platform)


def proof(invite: Message) -> dict[str, str]:
    """The fields of the answer to a challenge, once its response is what RFC 7616 wants of our password."""
    (header,) = [value for name, value in invite.headers if name.endswith("Authorization")]
    fields = {name: quoted or bare for name, quoted, bare in re.findall(r'(\w+)=(?:"([^"]*)"|([^", ]+))', header)}
    algorithm = {"MD5": "md5", "SHA-256": "sha256"}[fields["algorithm"]]

    def digest(*parts: str) -> str:
        return hashlib.new(algorithm, ":".join(parts).encode(), usedforsecurity=False).hexdigest()

    secret, asked = digest(USERNAME, fields["realm"], PASSWORD), digest("INVITE", invite.uri)
    counted = [fields["nc"], fields["cnonce"], fields["qop"]] if "qop" in fields else []
    assert fields["response"] == digest(secret, fields["nonce"], *counted, asked)
    assert (fields["username"], fields["uri"]) == (USERNAME, invite.uri)
    return fields


@pytest.mark.parametrize(
    ("status", "asked", "wanted"),
    [
        (407, (MD5,), ("MD5", "m1")),
        (407, (SHA256,), ("SHA-256", "s1")),
        (407, (SHA256, MD5), ("SHA-256", "s1")),
        (401, (MD5, SHA256), ("MD5", "m1")),
        (401, (UNKNOWN, PLAIN, MD5), ("SHA-256", "p1")),
        (407, (ODD,), ("SHA-256", "s,;=1")),
    ],
    ids=["md5", "sha256", "sha256-md5", "md5-sha256", "unknown-plain-md5", "odd"],
)
async def test_the_first_challenge_that_we_know_is_answered(
    platform: Platform, status: int, asked: tuple[str, ...], wanted: tuple[str, str]
) -> None:
    async with carrier(platform, [asked], status=status) as gateway, platform.phone("alice") as alice:
        assert await status_of(alice, ABROAD) == 486
    first, second = gateway.invites
    fields = proof(second)
    assert (fields["algorithm"], fields["nonce"]) == wanted
    assert ("qop" in fields) == (PLAIN not in asked)
    assert fields.get("opaque") == ("o/1==" if ODD in asked else None)
    assert bool(second.get("Proxy-Authorization")) == (status == 407)
    assert "<sip:+442079460101@" in second.get("From")
    assert gateway.numbers() == [("INVITE", 0), ("ACK", 0), ("INVITE", 1), ("ACK", 1)]
    assert first.uri == second.uri and first.branch != second.branch


async def test_a_challenge_that_we_do_not_know_is_not_answered(platform: Platform) -> None:
    """Nor one that could write into our header."""
    asked = (
        UNKNOWN,
        SHA256.replace("SHA-256", "SHA-256-sess"),
        SHA256.replace('"auth"', '"auth-int"'),
        SHA256.replace("s1", 's1\\", uri=\\"sip:x'),
        SHA256.replace("s1", "s\t1"),
        SHA256.replace("s1", "s1\r\n Subject: us"),
        SHA256.replace("s1", "s" * 1100),
        SHA256.replace('"s1"', '"s1'),
        SHA256.replace('nonce="s1", ', ""),
        SHA256.replace("Digest", "Basic"),
    )
    async with carrier(platform, [asked]) as gateway, platform.phone("alice") as alice:
        assert await status_of(alice, ABROAD) == 502
    assert gateway.numbers() == [("INVITE", 0), ("ACK", 0)]


async def test_the_password_is_for_its_realm_alone(platform: Platform) -> None:
    async with carrier(platform, [(SHA256,)], realm="elsewhere") as gateway, platform.phone("alice") as alice:
        assert await status_of(alice, ABROAD) == 502
    assert len(gateway.invites) == 1


@pytest.mark.parametrize(("said", "invites"), [("", 2), (", stale=true", 3)], ids=["wrong", "always-stale"])
async def test_a_carrier_that_does_not_take_our_password_is_not_asked_for_ever(
    platform: Platform, said: str, invites: int
) -> None:
    async with carrier(platform, [(SHA256 + said,)], None) as gateway, platform.phone("alice") as alice:
        assert await status_of(alice, ABROAD) == 502
    assert len(gateway.invites) == invites


async def restarted(platform: Platform) -> None:
    await asyncio.to_thread(platform.stop, "kamailio", signal.SIGKILL)
    await asyncio.to_thread(platform.start, "kamailio")
    await eventually(lambda: platform.status("/health")[1]["edge"])


@pytest.mark.parametrize("end", ["caller", "caller-after-a-restart", "operator"])
async def test_requests_of_a_call_after_an_aged_nonce_are_numbered_in_order(platform: Platform, end: str) -> None:
    asks = [(SHA256,), (SHA256.replace("s1", "s2") + ", stale=TRUE",)]
    async with carrier(platform, asks, pick_up) as gateway, platform.phone("alice") as alice:
        call = await alice.call(ABROAD)
        await call.answered()
        called = gateway.calls[-1]
        await eventually(lambda: ("ACK", 2) in gateway.numbers())  # before that no request changes anything in the call
        assert (await call.reinvite("sendonly")).status == 200
        if end == "operator":
            call_id = (await eventually(lambda: platform.call_of(call.call_id)))[0]
            status = await asyncio.to_thread(platform.status, f"/calls/{call_id}/hangup", method="POST")
            assert status[0] == 200
        else:
            if end == "caller-after-a-restart":
                counted = "select 1 from callfeed.dialog where callid = %s and iflags & 16 > 0"
                await eventually(lambda: platform.sql(counted, call.call_id))
                await restarted(platform)
            await call.hang_up()
        await called.ended()
        await eventually(lambda: call.is_over)
    assert [proof(invite)["nonce"] for invite in gateway.invites[1:]] == ["s1", "s2"]
    asked = [(method, number) for number in (0, 1, 2) for method in ("INVITE", "ACK")]
    assert gateway.numbers() == [*asked, ("INVITE", 3), ("ACK", 3), ("BYE", 4)]


async def test_a_call_given_up_after_a_challenge_is_cancelled_by_the_number_of_its_invite(platform: Platform) -> None:
    async with carrier(platform, [(SHA256,)], ring) as gateway, platform.phone("alice") as alice:
        call = await alice.call(ABROAD)
        await call.ringing()
        call.cancel()
        await eventually(lambda: call.is_over)
        await eventually(lambda: len(gateway.numbers()) == 5)
    assert gateway.numbers() == [("INVITE", 0), ("ACK", 0), ("INVITE", 1), ("CANCEL", 1), ("ACK", 1)]


async def test_the_carrier_after_one_that_asked_gets_numbers_in_order(platform: Platform) -> None:
    async with (
        Carrier(platform, [], pick_up, 407) as second,
        carrier(platform, [(SHA256,)], failing, has_second=True) as first,
        platform.phone("alice") as alice,
    ):
        with changed(platform, B, "port", second.port):
            await in_force(platform)
            call = await alice.call(ABROAD)
            await call.answered()
            await call.hang_up()
            await eventually(lambda: second.calls[-1].is_over)
    assert len(first.invites) == 2
    assert not [name for name, _ in second.invites[0].headers if name.endswith("Authorization")]
    assert second.numbers() == [("INVITE", 0), ("ACK", 0), ("BYE", 1)]
