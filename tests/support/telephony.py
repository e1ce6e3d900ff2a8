"""A golden call flow over the real engines: phones, the platform, the demo carriers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.request import Request, urlopen

from carillon.demo.carrier.behaviour import Behaviour, Mode, behaviour_of
from carillon.demo.carrier.exchange import TONES_HZ
from carillon.demo.world import CAST
from carillon.logic.callflow.phrases import phrase
from carillon.useragent import Account, CallRefused, IncomingCall, OutgoingCall, State, UserAgent
from carillon.useragent.message import parse
from tests.support.flows import PAID_AFTER_S, Flow, Script
from tests.support.platform import Platform
from tests.support.trunks import trunk

CALLER_HZ, CALLED_HZ = 440, 880
LONGEST_S = 60.0
PATIENCE_S = 20.0  # for tones: a busy machine makes the demo's audio late
RING_S = 0.2
ELSEWHERE = "elsewhere.invalid"  # the host of a redirection: nobody may believe it


@dataclass(slots=True)
class Heard:
    """What one call was for those who were in it. `codes`: final and 18x responses at the caller, in order."""

    sip_call_id: str
    codes: list[int] = field(default_factory=list)
    shown: str = ""  # who the called side was told is calling
    lasted_s: float = 0.0
    refused_after_s: float = 0.0
    retry_after: str = ""
    caller_heard: bool = False
    called_heard: bool = False


Pay = Callable[[dict[str, str]], None]


async def run_calls(platform: Platform, flow: Flow, pay: Pay = lambda pays: None) -> list[Heard]:
    """Make a flow's calls, all at once or one after the other; `pay` is called when somebody pays meanwhile."""
    set_modes(platform, flow)
    try:
        async with AsyncExitStack() as stack:
            phones = await _phones(platform, flow, stack)
            decided = asyncio.Barrier(len(flow.calls) if flow.together else 1)
            runs = [_run(platform, phones, script, decided, pay) for script in flow.calls]
            if flow.together:
                return list(await asyncio.gather(*runs))
            return [await run for run in runs]
    finally:
        for name in TONES_HZ:
            carrier(platform, name, "/mode", {"mode": "normal"})


def set_modes(platform: Platform, flow: Flow) -> None:
    """Make the carriers behave as the flow says where the called number alone does not."""
    for name in TONES_HZ:
        wanted = flow.carriers.get(name, "answer")
        if any(not _does(behaviour_of(script.dial, name, Mode.NORMAL, 1), wanted) for script in flow.calls):
            mode = {"503": "failing", "silent": "silent", "asks": "asking", "407": "asking"}.get(wanted, "normal")
            carrier(platform, name, "/mode", {"mode": mode})


def _does(behaviour: Behaviour, wanted: str) -> bool:
    if wanted in ("answer", "ring", "silent"):
        return {"answer": behaviour.answers, "silent": behaviour.is_silent}.get(wanted, not behaviour.answers)
    return behaviour.refusal is not None and behaviour.refusal[0] == int(wanted)


def carrier(platform: Platform, name: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Ask or tell a demo carrier something over its HTTP control."""
    port = getattr(platform.config.ports, f"carrier_{name}_http")
    request = Request(
        f"http://127.0.0.1:{port}{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urlopen(request, timeout=60) as answer:  # noqa: S310 - loopback
        told: dict[str, Any] = json.load(answer)
    return told


# ------------------------------------------------------------------ phones


async def _phones(platform: Platform, flow: Flow, stack: AsyncExitStack) -> dict[str, UserAgent]:
    """The phones of a flow by user name, all but those with a wrong secret registered."""
    wanted = {name for script in flow.calls for name in (script.caller, script.rings, *script.phones)} - {""}
    does = {name: does for script in flow.calls for name, does in script.phones.items()}
    wrong = {script.caller for script in flow.calls if script.secret == "wrong"}
    phones: dict[str, UserAgent] = {}
    for name in sorted(name for name in wanted if not name.startswith("carrier ")):
        domain = domain_of(name)
        password = "not the secret at all" if name in wrong else platform.password(name, domain)
        is_trunk = name in flow.world.trunks  # it could not prove a password
        account = Account(name, domain, "" if is_trunk else password)
        phone = UserAgent(account, platform.proxy, tone_hz=CALLER_HZ if _calls(flow, name) else CALLED_HZ)
        phone.on_call = partial(do_otherwise, does=does[name]) if name in does else pick_up
        if does.get(name) == "silent":
            phone.ignores = lambda _: True
        phones[name] = await stack.enter_async_context(phone)
        if is_trunk:
            address = f"{phone.host}:{phone.port}"
            await stack.enter_async_context(trunk(platform, name, sources=(address,), fixed_address=address))
        elif name not in wrong:
            assert (await phone.register()).status == 200
            stack.push_async_callback(phone.register, 0)  # or the next flow would ring this phone too
    return phones


def _calls(flow: Flow, name: str) -> bool:
    return any(script.caller == name for script in flow.calls)


def domain_of(username: str) -> str:
    """The SIP domain of a phone of the demo world."""
    brands = {brand.name: brand.sip_domain for brand in CAST.brands}
    return next(brands[b.brand] for b in CAST.buyers if any(phone.username == username for phone in b.phones))


async def pick_up(call: IncomingCall) -> None:
    """Ring like a phone that a person has to reach for: an answer in the same instant may overtake its own 180."""
    call.ring()
    with contextlib.suppress(TimeoutError):
        await call.ended(RING_S)
    call.answer()


async def do_otherwise(call: IncomingCall, *, does: str) -> None:
    """Ring for ever (`ring`), point elsewhere (`302 NUMBER`) or refuse with a code."""
    code, _, number = does.partition(" ")
    if code == "ring":
        call.ring()
    elif number:
        call.redirect(f"sip:{number}@{ELSEWHERE}")
    else:
        call.reject(int(code), phrase(int(code)))


# ------------------------------------------------------------------ calls


async def _run(
    platform: Platform, phones: dict[str, UserAgent], script: Script, decided: asyncio.Barrier, pay: Pay
) -> Heard:
    """One call; of those made together none ends before all are decided."""
    if script.is_inbound:
        return await _run_inbound(platform, phones, script)
    phone = phones[script.caller]
    identity = f"<sip:{script.claims}@{phone.account.domain}>" if script.claims else ""
    headers = [("P-Asserted-Identity", identity)] if identity else []
    began = time.monotonic()
    call = await phone.call(script.dial, identity=identity, headers=headers)
    heard = Heard(call.call_id)
    if script.cancels:
        await call.ringing(PATIENCE_S)
        call.cancel()
    try:
        await call.answered(LONGEST_S)
    except CallRefused:
        heard.refused_after_s = time.monotonic() - began
        await decided.wait()
    else:
        await decided.wait()
        await _talk(platform, phones, script, call, heard, pay)
    await call.ended(LONGEST_S)
    heard.codes, heard.retry_after = codes_of(phone, call)
    return heard


async def _talk(
    platform: Platform, phones: dict[str, UserAgent], script: Script, call: OutgoingCall, heard: Heard, pay: Pay
) -> None:
    if script.rings:
        other = next(known for known in phones[script.rings].calls if isinstance(known, IncomingCall))
        heard.shown = other.caller
        heard.caller_heard = (await call.hears(CALLED_HZ, timeout=PATIENCE_S)).hears(CALLED_HZ)
        heard.called_heard = (await other.hears(CALLER_HZ, timeout=PATIENCE_S)).hears(CALLER_HZ)
    else:
        await call.until(lambda: any(call.audio().hears(tone) for tone in TONES_HZ.values()), PATIENCE_S)
        heard.caller_heard = True
        heard.shown, heard.called_heard = await _at_carrier(platform, call)
    if script.pays:
        await call.until(lambda: call.answered_s >= PAID_AFTER_S, LONGEST_S)
        await asyncio.to_thread(pay, script.pays)
    if script.ends == "caller":
        await call.hang_up()
    await call.ended(LONGEST_S)
    heard.lasted_s = call.answered_s


async def _at_carrier(platform: Platform, call: OutgoingCall) -> tuple[str, bool]:
    """Who the carrier was told is calling, and whether it hears the caller's tone."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        for name in TONES_HZ:
            live = await asyncio.to_thread(live_at_carrier, platform, name, call.call_id)
            if live and abs(live["audio"]["frequency_hz"] - CALLER_HZ) <= 20:
                return str(live["caller"]), True
        await asyncio.sleep(0.05)
    return "", False


def live_at_carrier(platform: Platform, name: str, call_id: str) -> dict[str, Any] | None:
    """What the carrier says about one call, found by its Call-ID: an earlier call may have left its leg behind."""
    live = carrier(platform, name, "/calls")["live"]
    return next((each for each in live if each["call_id"] == call_id), None)


async def _run_inbound(platform: Platform, phones: dict[str, UserAgent], script: Script) -> Heard:
    """The carrier calls; its own report says what it got and heard."""
    name = script.caller.removeprefix("carrier ")
    wanted = {"to": script.dial, "from": script.shown_as, "seconds": 1.5 if script.ends == "caller" else 30.0}
    placing = asyncio.create_task(asyncio.to_thread(carrier, platform, name, "/call", wanted))
    if not script.rings:
        return await _forwarded_out(platform, name, placing)
    placed = await placing
    heard = Heard(str(placed["call_id"]), codes=[code for code in placed["codes"] if code != 100])
    if placed["status"] == 200:
        other = next(known for known in phones[script.rings].calls if isinstance(known, IncomingCall))
        await other.until(lambda: other.state == State.ENDED, PATIENCE_S)
        heard.shown, heard.lasted_s = other.caller, float(placed["seconds"])
        heard.called_heard = other.audio().hears(TONES_HZ[name])
        heard.caller_heard = abs(placed["audio"]["frequency_hz"] - CALLED_HZ) <= 20
    return heard


async def _forwarded_out(platform: Platform, name: str, placing: asyncio.Task[dict[str, Any]]) -> Heard:
    """A call from one carrier that another one answers, or nobody does."""
    other = next(known for known in TONES_HZ if known != name)
    found: dict[str, Any] = {}
    while not placing.done():
        live = (await asyncio.to_thread(carrier, platform, other, "/calls"))["live"]
        found = next((each for each in live if abs(each["audio"]["frequency_hz"] - TONES_HZ[name]) <= 20), found)
        await asyncio.sleep(0.05)
    placed = await placing
    heard = Heard(str(placed["call_id"]), codes=[code for code in placed["codes"] if code != 100])
    if placed["status"] == 200:
        heard.shown, heard.lasted_s, heard.called_heard = (
            str(found.get("caller")),
            float(placed["seconds"]),
            bool(found),
        )
        heard.caller_heard = abs(placed["audio"]["frequency_hz"] - TONES_HZ[other]) <= 20
    return heard


def codes_of(phone: UserAgent, call: OutgoingCall) -> tuple[list[int], str]:
    """Responses to the call's INVITEs in order, repeats and 100 left out; and Retry-After of the last."""
    codes: list[int] = []
    retry_after = ""
    for recorded in phone.messages:
        message = parse(recorded.raw)
        if message.status > 100 and message.call_id == call.call_id and message.cseq[1] == "INVITE":
            if codes[-1:] != [message.status]:
                codes.append(message.status)
            retry_after = message.get("Retry-After")
    return codes, retry_after
