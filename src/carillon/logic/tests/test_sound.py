from __future__ import annotations

import pytest

from carillon.logic.callflow.sound import Sound, is_dead, is_suspicious
from carillon.logic.callflow.values import Direction

OUT = Direction.OUTBOUND


@pytest.mark.parametrize(
    ("sound", "direction", "dead"),
    [
        (Sound(39_000, 39_000), OUT, True),
        (Sound(41_000, 1_000), OUT, False),  # one side still sends: the keep-alive decides about the other
        (Sound(1_000, 1_000, is_held=True), OUT, False),
        (Sound(1_000, 1_000), Direction.EMERGENCY, False),
    ],
)
def test_silence_of_both_sides_is_death_unless_held_or_emergency(
    sound: Sound, direction: Direction, dead: bool
) -> None:
    assert is_dead(sound, direction, now_ms=100_000, limit_s=60) is dead


def test_a_side_that_fell_silent_is_suspicious_unless_held() -> None:
    assert is_suspicious(Sound(20_000, 11_000), now_ms=20_000)
    assert not is_suspicious(Sound(20_000, 13_000), now_ms=20_000)
    assert not is_suspicious(Sound(20_000, 1_000, is_held=True), now_ms=20_000)
    assert not is_suspicious(None, now_ms=20_000)
