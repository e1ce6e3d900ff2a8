"""A demo carrier's exchange: takes calls from the platform and places calls to it."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass, field

from carillon.demo.carrier.behaviour import Behaviour, Mode, behaviour_of
from carillon.demo.carrier.password import challenges, is_proven
from carillon.useragent import (
    Account,
    Call,
    CallRefused,
    IncomingCall,
    Message,
    OutgoingCall,
    PortRange,
    UserAgent,
)
from carillon.useragent.message import user_of
from carillon.useragent.transport import Address

TONES_HZ = {"a": 620, "b": 740}
RING_S = 0.3
LONGEST_CALL_S = 3600.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a carrier lives: its own address, its audio ports and the platform's SIP address."""

    host: str
    port: int
    rtp: PortRange
    edge: Address


@dataclass(eq=False)
class Exchange:
    """Carrier `name` ("a" or "b") on one SIP port."""

    name: str
    place: Place
    mode: Mode = Mode.NORMAL
    fail_every: int = 0
    calls_taken: int = 0
    _past: deque[Call] = field(default_factory=lambda: deque(maxlen=50))
    agent: UserAgent = field(init=False)
    _scripts: dict[str, Behaviour] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.agent = UserAgent(
            Account(f"carrier-{self.name}", f"carrier-{self.name}.test"),
            self.place.edge,
            host=self.place.host,
            port=self.place.port,
            tone_hz=self.tone_hz,
            name=self.label,
            rtp=self.place.rtp,
            on_call=self._take,
        )
        self.agent.is_forgetful = True
        self.agent.ignores = self._ignores

    @property
    def label(self) -> str:
        return f"Demo carrier {self.name.upper()}"

    @property
    def tone_hz(self) -> int:
        return TONES_HZ[self.name]

    def live(self) -> list[dict[str, object]]:
        """Calls that are up now, with what is heard on each."""
        return [describe(call) for call in self.agent.calls if not call.is_over]

    def recent(self) -> list[dict[str, object]]:
        """The last calls that are over, with what was heard at their end: that is worked out here, not at each end."""
        return [describe(call) for call in self._past]

    async def place_call(self, called: str, caller: str, seconds: float) -> dict[str, object]:
        """Call a number of the platform as the telephone network would, talk for `seconds`, hang up.

        Returns `describe` of the call; a refusal is in it as `status` and `reason`.
        """
        host, port = self.place.edge
        identity = f"<sip:{caller}@{self.place.host}>"
        call = await self.agent.call(
            f"sip:{called}@{host}:{port}", identity=identity, headers=[("P-Asserted-Identity", identity)]
        )
        try:
            await call.answered(60)
        except (CallRefused, TimeoutError):
            call.cancel()
        else:
            await _wait(call, seconds)
        await call.hang_up()
        self._past.append(call)
        return describe(call)

    def _ignores(self, invite: Message) -> bool:
        """Decide the call's script when its INVITE arrives; yes when it gets no reply at all."""
        self.calls_taken += 1
        script = behaviour_of(user_of(invite.uri), self.name, self.mode, self.calls_taken, self.fail_every)
        if not script.is_silent:
            self._scripts[invite.call_id] = script
        return script.is_silent

    async def _take(self, call: IncomingCall) -> None:
        script = self._scripts.pop(call.call_id)
        try:
            if self.mode == Mode.ASKING and not is_proven(call.invite):
                call.reject(407, "Proxy Authentication Required", challenges(call.invite))
            else:
                await self._play(call, script)
        finally:
            self._past.append(call)

    async def _play(self, call: IncomingCall, script: Behaviour) -> None:
        if script.rings:
            call.ring()
        if script.has_early_media:
            call.progress()
            await _wait(call, 2.0)
        if script.refusal is not None:
            call.reject(*script.refusal)
        if script.answers:
            await _wait(call, RING_S)
            call.answer()
        await _wait(call, LONGEST_CALL_S if script.hangs_up_after_s is None else script.hangs_up_after_s)
        await call.hang_up()


def describe(call: Call) -> dict[str, object]:
    """A call as JSON: numbers, how it went, and what was heard."""
    outgoing = isinstance(call, OutgoingCall)
    invite = call.invite if isinstance(call, OutgoingCall | IncomingCall) else None
    return {
        "direction": "to_platform" if outgoing else "from_platform",
        "call_id": call.call_id,
        "caller": user_of(invite.get("From")) if invite else "",
        "called": user_of(invite.uri) if invite else "",
        "state": call.state.value,
        "codes": [*call.provisional, call.status] if isinstance(call, OutgoingCall) else [call.status],
        "status": call.status,
        "reason": call.reason,
        "ended_by": call.ended_by,
        "seconds": round(call.answered_s, 2),
        "audio": asdict(call.audio()),
    }


async def _wait(call: Call, seconds: float) -> None:
    """Until the call is over, at most so long."""
    try:
        await call.ended(seconds)
    except TimeoutError:
        return
