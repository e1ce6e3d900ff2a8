"""Whether somebody is still there: what the edge and the media relay know of a call's parties, put together."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from carillon.callpath.control.live import Live, now_ms
from carillon.callpath.control.relay import Relay, RelayGone
from carillon.callpath.control.wire import VANISHED_LIFETIME_S
from carillon.logic.callflow.signals import Vanished
from carillon.logic.callflow.sound import Sound, is_dead, is_suspicious
from carillon.logic.callflow.states import Phase
from carillon.logic.copies import replace

log = logging.getLogger(__name__)
Json = dict[str, Any]

REFRESH_SLACK_S = 5  # RFC 4028, 10: the parties themselves give up before; ours must not be the faster clock


class Pulse:
    """Feels a call's pulse. Remembers in each call what was heard last, for when the relay has forgotten it."""

    def __init__(self, relay: Relay, limit_s: int) -> None:
        self._relay, self._limit_s = relay, limit_s

    def is_weak(self, live: Live) -> bool:
        """Whether the call should be looked at every sweep."""
        return live.state.phase is Phase.TALKING and is_suspicious(live.sound, now_ms=now_ms())

    async def look(self, live: Live, dialog: Json) -> Vanished | None:
        """What ends this call, None when somebody is there. `dialog` is Kamailio's; costs one question to rtpengine."""
        if live.state.phase is not Phase.TALKING:
            return None
        await self._listen(live)
        at_ms, sound = now_ms(), live.sound
        if dialog.get("lifetime") == VANISHED_LIFETIME_S:
            return Vanished(at_ms, live.heard_ms, "timeout", "A phone has vanished")
        if _is_unrefreshed(dialog, at_ms):
            return Vanished(at_ms, live.heard_ms, "session-timer", "The session was not refreshed")
        if sound is not None and is_dead(sound, live.decision.direction, now_ms=at_ms, limit_s=self._limit_s):
            return Vanished(at_ms, sound.last_ms, "media-timeout", f"No sound for {self._limit_s} s")
        return None

    async def _listen(self, live: Live) -> None:
        try:
            reply = await self._relay.ask(live.sip_call_id)
        except RelayGone as error:
            log.warning("The sound of call %s is not known: %s", live.call_id, error)
            return
        if reply is not None:
            heard = sound_of(reply)
            live.sound = replace(heard, parted_ms=max(heard.parted_ms, live.state.answered_ms or 0))
        elif live.sound is None:  # rtpengine is new, and so are we: silence begins now
            live.sound = Sound(now_ms(), now_ms())


def _is_unrefreshed(dialog: Json, at_ms: int) -> bool:
    """Whether the parties agreed on a session timer (RFC 4028) that nobody has refreshed in time."""
    variables = {name: value for item in dialog.get("variables", ()) for name, value in item.items()}
    until_s = int(variables.get("session_until") or 0)
    return 0 < until_s < at_ms // 1000 - REFRESH_SLACK_S


def sound_of(reply: Json) -> Sound:
    """What an answer to `query` says. A phone that was rung and never heard has no part in the conversation."""
    sides = [list(_streams(tag)) for tag in reply.get("tags", {}).values()]
    last_s = max((stream["last packet"] for side in sides for stream in side), default=reply.get("created", 0))
    heard = [side for side in sides if any(stream.get("stats", {}).get("packets", 0) for stream in side)]
    parted_s = min((max(stream["last packet"] for stream in side) for side in heard), default=last_s)
    return Sound(1000 * last_s, 1000 * parted_s, any(_is_held(tag) for tag in reply.get("tags", {}).values()))


def _streams(tag: Json) -> Iterator[Json]:
    for media in tag.get("medias", ()):
        yield from media.get("streams", ())


def _is_held(tag: Json) -> bool:
    """Whether a session of this side goes one way or none."""
    flags = [media.get("flags", ()) for media in tag.get("medias", ())]
    return any("send" not in these or "recv" not in these for these in flags)
