"""What the media relay hears of a call, and when silence means that nobody is there any more."""

from __future__ import annotations

from dataclasses import dataclass

from carillon.logic.callflow.values import Direction

SUSPICIOUS_MS = 8_000  # longer than any phone pauses between packets; comfort noise and RTCP count as packets


@dataclass(frozen=True, slots=True)
class Sound:
    """A look at a call's media; times in milliseconds of the Unix epoch, as exact as the relay tells (1 s).

    `last_ms`: the latest packet of either side. `parted_ms`: the last packet of the side that fell silent first, among
    those that were heard at all. `is_held`: a side has asked not to be sent or not to send (RFC 3264, 8.4).
    """

    last_ms: int
    parted_ms: int
    is_held: bool = False


def is_suspicious(sound: Sound | None, *, now_ms: int) -> bool:
    """Whether a side has been silent so long that the call is worth a look at every sweep."""
    return sound is not None and not sound.is_held and now_ms - sound.parted_ms > SUSPICIOUS_MS


def is_dead(sound: Sound, direction: Direction, *, now_ms: int, limit_s: int) -> bool:
    """Whether both sides have been silent longer than `limit_s`.

    A held call is silent by agreement, and an emergency call is never ended by us: its caller may be unable to speak.
    """
    if sound.is_held or direction is Direction.EMERGENCY:
        return False
    return now_ms - sound.last_ms > 1000 * limit_s
