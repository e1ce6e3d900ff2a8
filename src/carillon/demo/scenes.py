"""The calls of `./carillon demo call`: who calls whom, and whether they heard each other."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import tempfile
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

from carillon.config import Config
from carillon.demo.baresip import Baresip, is_installed
from carillon.demo.carrier.exchange import TONES_HZ
from carillon.demo.report import Report
from carillon.demo.world import CAST
from carillon.useragent import Account, CallRefused, IncomingCall, OutgoingCall, UserAgent

ALICE_HZ, BOB_HZ = 440, 500
FAILS_ON_A, GERMANY = "01632960503", "004930231250001"
CALLER_ABROAD = "+33199000123"
TALK_S = 3.0


@dataclass(slots=True)
class Played:
    """What became of one call. `names` are the parties by "address:port", `faults` what was not as promised."""

    sip_call_id: str = ""
    names: dict[str, str] = field(default_factory=dict)
    heard: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def hears(self, who: str, whom: str, is_heard: bool) -> None:
        """Note whether audio arrived."""
        self.heard.append(f"{who} {'heard' if is_heard else 'did NOT hear'} {whom}.")
        if not is_heard:
            self.faults.append(f"{who} did not hear {whom}.")


@dataclass(slots=True)
class Stage:
    """The running system the calls go through."""

    config: Config

    @property
    def proxy(self) -> tuple[str, int]:
        return self.config.advertised, self.config.ports.sip

    def missing(self) -> str | None:
        """Why the demo can't be given here; None when it can."""
        for name in TONES_HZ:
            try:
                self.carrier(name, "/health")
            except URLError:
                return "The system or its demo carriers do not run: start them with ./carillon up"
        return None

    def carrier(self, name: str, path: str, body: dict[str, object] | None = None) -> dict[str, Any]:
        """Ask or tell a demo carrier. Raises URLError."""
        request = Request(
            f"http://127.0.0.1:{getattr(self.config.ports, f'carrier_{name}_http')}{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urlopen(request, timeout=60) as answer:  # noqa: S310
            told: dict[str, Any] = json.load(answer)
        return told

    def names(self) -> dict[str, str]:
        """The parties every ladder knows."""
        ports = self.config.ports
        return {
            f"{self.proxy[0]}:{ports.sip}": "Carillon",
            f"127.0.0.1:{ports.carrier_a}": "Demo carrier A",
            f"127.0.0.1:{ports.carrier_b}": "Demo carrier B",
        }

    def phone(self, username: str, secret: str, tone_hz: int) -> UserAgent:
        """A phone of the cast."""
        return UserAgent(Account(username, domain_of(username), secret), self.proxy, tone_hz=tone_hz)


def domain_of(username: str) -> str:
    """The SIP domain of a phone of the cast."""
    brands = {brand.name: brand.sip_domain for brand in CAST.brands}
    return next(brands[b.brand] for b in CAST.buyers if any(phone.username == username for phone in b.phones))


def run_scenes(stage: Stage, *, is_quick: bool) -> int:
    """All calls, one after the other, each with its report; 0 when nothing was amiss."""
    report = Report(sys.stdout)
    secrets = {name: report.secret(name) for name in ("alice", "bob", "till")}
    scenes: list[tuple[str, Callable[[], Coroutine[Any, Any, Played]]]] = [
        ("On-net: Alice dials Bob's extension 102", lambda: on_net(stage, secrets)),
        (f"Failover: Alice dials {FAILS_ON_A}; carrier A is cheaper and answers 503", lambda: failover(stage, secrets)),
        (f"Inbound: {CALLER_ABROAD} calls Alice's number through carrier A", lambda: inbound(stage, secrets)),
    ]
    if not is_quick:
        seconds = report.fund_until_cut("Corner Shop", stage.config.chunk_s)
        title = f"Out of money: Corner Shop calls Germany with money for {seconds} seconds"
        scenes.append((title, lambda: out_of_money(stage, secrets, seconds)))
    faults: list[str] = []
    for number, (title, play) in enumerate(scenes, start=1):
        report.heading(f"{number}. {title}")
        before = report.balances()
        played = asyncio.run(play())
        played.faults += report.call(played.sip_call_id, played.names, played.heard, before)
        faults += [f"{number}. {fault}" for fault in played.faults]
    return report.verdict(faults)


async def on_net(stage: Stage, secrets: dict[str, str]) -> Played:
    """Alice calls Bob, whose phone is baresip when it is installed."""
    async with contextlib.AsyncExitStack() as stack:
        alice = await stack.enter_async_context(stage.phone("alice", secrets["alice"], ALICE_HZ))
        if not is_installed():
            return await _to_own_phone(stage, alice, secrets)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="carillon-bob-")))
        account = Account("bob", domain_of("bob"), secrets["bob"])
        bob = await stack.enter_async_context(Baresip(account, stage.proxy, folder, tone_hz=BOB_HZ))
        await bob.registered()
        played = _played(stage, alice, **{f"127.0.0.1:{bob.port}": "Bob (baresip)"})
        call = await alice.call("102")
        if await _answered(call, played):
            played.hears("Alice", "Bob", await _hears(call, BOB_HZ))
            played.hears("Bob", "Alice", await _in_time(bob.hears(ALICE_HZ)))
            await call.hang_up()
    return played


async def _to_own_phone(stage: Stage, alice: UserAgent, secrets: dict[str, str]) -> Played:
    async with stage.phone("bob", secrets["bob"], BOB_HZ) as bob:
        bob.on_call = _pick_up
        await bob.register()
        played = _played(stage, alice, **{f"{bob.host}:{bob.port}": "Bob"})
        call = await alice.call("102")
        if await _answered(call, played):
            played.hears("Alice", "Bob", await _hears(call, BOB_HZ))
            played.hears("Bob", "Alice", await _hears(bob.calls[0], ALICE_HZ))
            await call.hang_up()
        await bob.register(0)
    return played


async def failover(stage: Stage, secrets: dict[str, str]) -> Played:
    """Carrier A refuses, carrier B answers."""
    async with stage.phone("alice", secrets["alice"], ALICE_HZ) as alice:
        played = _played(stage, alice)
        call = await alice.call(FAILS_ON_A)
        if await _answered(call, played):
            await _talk(stage, call, "b", "Alice", ALICE_HZ, played)
            await call.hang_up()
    return played


async def inbound(stage: Stage, secrets: dict[str, str]) -> Played:
    """The carrier calls Alice's number; its report says what it heard."""
    number = next(phone.number for buyer in CAST.buyers for phone in buyer.phones if phone.username == "alice")
    async with stage.phone("alice", secrets["alice"], ALICE_HZ) as alice:
        alice.on_call = _pick_up
        await alice.register()
        played = _played(stage, alice)
        wanted: dict[str, object] = {"to": number, "from": CALLER_ABROAD, "seconds": TALK_S}
        placed = await asyncio.to_thread(stage.carrier, "a", "/call", wanted)
        played.sip_call_id = str(placed["call_id"])
        if placed["status"] != 200 or not alice.calls:
            played.faults.append(f"The call was not answered: {placed['status']} {placed['reason']}.")
        else:
            played.hears("Alice", "the caller", alice.calls[0].audio().hears(TONES_HZ["a"]))
            played.hears("The caller", "Alice", abs(placed["audio"]["frequency_hz"] - ALICE_HZ) <= 20)
        await alice.register(0)
    return played


async def out_of_money(stage: Stage, secrets: dict[str, str], seconds: int) -> Played:
    """Nobody hangs up: the platform ends the call when the money is gone, not later than a second after."""
    async with stage.phone("till", secrets["till"], ALICE_HZ) as till:
        played = _played(stage, till)
        call = await till.call(GERMANY)
        if await _answered(call, played):
            await _talk(stage, call, "a", "The shop", ALICE_HZ, played)
            try:
                await call.ended(seconds + 10)
            except TimeoutError:
                played.faults.append("The call went on although its money was gone.")
                await call.hang_up()
            played.heard.append(f"The platform ended the call after {call.answered_s:.1f} seconds.")
            if not seconds - 1 <= call.answered_s <= seconds + 2:
                played.faults.append(f"The money was for {seconds} seconds, the call lasted {call.answered_s:.1f}.")
    return played


# ------------------------------------------------------------------ steps


def _played(stage: Stage, phone: UserAgent, **others: str) -> Played:
    caller = phone.account.username.capitalize()
    return Played(names={**stage.names(), f"{phone.host}:{phone.port}": caller, **others})


async def _answered(call: OutgoingCall, played: Played) -> bool:
    played.sip_call_id = call.call_id
    try:
        await call.answered(20)
    except (CallRefused, TimeoutError) as error:
        played.faults.append(f"The call was not answered: {error or 'nothing came back'}")
        return False
    return True


async def _talk(stage: Stage, call: OutgoingCall, carrier: str, who: str, tone_hz: int, played: Played) -> None:
    """Until both sides have heard each other's tone."""
    label = f"Demo carrier {carrier.upper()}"
    played.hears(who, label, await _hears(call, TONES_HZ[carrier]))
    is_heard = False
    for _ in range(20):
        live = (await asyncio.to_thread(stage.carrier, carrier, "/calls"))["live"]
        is_heard = any(abs(item["audio"]["frequency_hz"] - tone_hz) <= 20 for item in live)
        if is_heard:
            break
        await asyncio.sleep(0.1)
    played.hears(label, who, is_heard)


async def _hears(call: IncomingCall | OutgoingCall | Any, tone_hz: int) -> bool:
    return await _in_time(call.hears(tone_hz))


async def _in_time(waiting: Awaitable[object]) -> bool:
    try:
        await waiting
    except TimeoutError:
        return False
    return True


async def _pick_up(call: IncomingCall) -> None:
    call.ring()
    with contextlib.suppress(TimeoutError):
        await call.ended(0.5)
    call.answer()
