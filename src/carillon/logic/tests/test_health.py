"""Whether a gateway is there, from what is heard of it in any order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from carillon.logic import health
from carillon.logic.health import AWAY_AFTER, QUARTER_MS, QUARTERS, UNHEARD, Health, Presence
from carillon.logic.traffic import Traffic

START_MS = 1_790_000_000_000
HEARD = st.lists(
    st.tuples(st.sampled_from(["reply", "silence", "call", "silent call", "tried"]), st.integers(0, 3 * QUARTER_MS)),
    max_size=60,
)


def after(found: Health, what: str, at_ms: int) -> Health:
    match what:
        case "reply":
            return health.replied(found, at_ms, 405, 12)
        case "silence":
            return health.silent(found, at_ms)
        case "call":
            return health.call_replied(found, at_ms)
        case "silent call":
            return health.call_silent(found, at_ms)
    return health.add_traffic(found, at_ms, Traffic(1))


def test_three_silences_in_a_row_make_it_away_and_any_answer_brings_it_back() -> None:
    found = health.replied(UNHEARD, START_MS, 405, 12)
    assert (found.presence, found.since_ms, found.sip_code, found.round_trip_ms) == (Presence.ALIVE, START_MS, 405, 12)
    for count in range(1, AWAY_AFTER):
        found = health.silent(found, START_MS + count)
    assert found.presence is Presence.ALIVE
    found = health.call_silent(found, START_MS + 10)
    assert found.away_since_ms == START_MS + 10
    assert health.silent(found, START_MS + 20).away_since_ms == START_MS + 10
    back = health.call_replied(found, START_MS + 30)
    assert (back.presence, back.since_ms, back.silences) == (Presence.ALIVE, START_MS + 30, 0)


def test_who_never_answered_anything_is_away_and_who_answers_only_calls_is_not() -> None:
    mute, busy = UNHEARD, health.call_replied(UNHEARD, START_MS)
    for count in range(10):
        mute, busy = (health.silent(found, START_MS + count) for found in (mute, busy))
    assert (mute.presence, busy.presence) == (Presence.AWAY, Presence.ALIVE)
    assert busy.quarters[-1].silent == 10


def test_a_silence_that_began_before_the_last_answer_proves_nothing() -> None:
    found = health.replied(UNHEARD, START_MS, 200, 12)
    for _ in range(AWAY_AFTER):
        found = health.silent(found, START_MS + 3000, 4000)
    assert (found.presence, found.silences, found.quarters[-1].silent) == (Presence.ALIVE, 0, AWAY_AFTER)
    assert health.silent(found, START_MS + 5000, 4000).silences == 1


@given(HEARD)
def test_it_is_away_only_after_silences_in_a_row_and_remembers_a_day(heard: list[tuple[str, int]]) -> None:
    found, at_ms, in_a_row = UNHEARD, START_MS, 0
    for what, pause_ms in heard:
        at_ms += pause_ms
        found = after(found, what, at_ms)
        in_a_row = 0 if what in ("reply", "call") else in_a_row + (what in ("silence", "silent call"))
        assert found.silences <= in_a_row
        assert found.presence is not Presence.AWAY or in_a_row >= AWAY_AFTER
    begins = [quarter.begin_ms for quarter in found.quarters]
    assert begins == sorted(set(begins))
    assert not begins or begins[-1] - begins[0] < QUARTERS * QUARTER_MS
    assert health.read(health.written(found.quarters)) == found.quarters
    tried = sum(what == "tried" for what, _ in heard)
    if at_ms - START_MS < (QUARTERS - 1) * QUARTER_MS:
        assert health.traffic_since(found.quarters, START_MS).calls == tried
        asked = sum(what in ("reply", "silence") for what, _ in heard)
        assert sum(quarter.asked for quarter in found.quarters) == asked
