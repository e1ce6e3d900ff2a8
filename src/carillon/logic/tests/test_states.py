from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.logic.callflow.charging import funded_seconds, hold_micro
from carillon.logic.callflow.states import (
    Answered,
    Applied,
    Effect,
    Ended,
    Event,
    Extend,
    Extended,
    ExtendRefused,
    Failed,
    Hangup,
    LiveCall,
    Phase,
    Progress,
    RecordEvent,
    Release,
    SetTimeout,
    Terminate,
    Tick,
    Vanished,
    begin,
    dialog_timeout_s,
    funded_until_ms,
    next_tick_ms,
    resume,
    step,
)
from carillon.logic.callflow.values import (
    CallRequest,
    Chain,
    ChainKind,
    Decision,
    Direction,
    HoldRequest,
    Target,
    TierCharge,
)
from carillon.logic.tests.charges import rate, tariff, tier, tier_charges

REQUEST = CallRequest("c1", "192.0.2.9", 5060, "udp", "alice", "northwind.test", "02071234567", "northwind.test")
PAID = TierCharge(tier(), tariff(), rate("0.60", initial_s=1, increment_s=10))
UPPER = TierCharge(tier(1, account_id=2), tariff(), rate("0.30"))
CHUNK_S = 30


def decision_for(*charges: TierCharge, funded_s: int = 31, max_s: int = 14_400) -> Decision:
    hold = HoldRequest(1, hold_micro(charges[0], funded_s), funded_s)
    chain = Chain(ChainKind.ORIGINATING, 7, 2, charges)
    return Decision(Direction.OUTBOUND, REQUEST, targets=(Target("gateway"),), chains=(chain,), hold=hold, max_s=max_s)


DECISION = decision_for(PAID, UPPER)
FREE_DECISION = replace(DECISION, hold=None, max_s=100)


def run(state: LiveCall, *events: Event) -> tuple[LiveCall, list[Effect]]:
    effects: list[Effect] = []
    for event in events:
        state, made = step(state, event)
        effects += made
    return state, effects


def talking(decision: Decision = DECISION) -> LiveCall:
    return run(begin(decision, at_ms=0, chunk_s=CHUNK_S), Applied(10), Progress(900), Answered(1_000, 0))[0]


def test_a_hold_that_the_edge_never_applied_is_given_back_after_five_seconds() -> None:
    state = begin(DECISION, at_ms=0, chunk_s=CHUNK_S)
    assert next_tick_ms(state) == 5_000
    assert run(state, Tick(4_999))[1] == []
    over, effects = run(state, Tick(5_000))
    assert over.phase is Phase.OVER
    assert effects[0] == Release()
    assert isinstance(effects[1], RecordEvent)
    assert (effects[1].kind, effects[1].detail["sip_code"]) == ("failed", 487)


def test_a_call_that_fails_gives_its_hold_back_once() -> None:
    over, effects = run(begin(DECISION, at_ms=0, chunk_s=CHUNK_S), Applied(10), Failed(2_000), Failed(2_001))
    assert (over.phase, effects) == (Phase.OVER, [Release()])


def test_ringing_for_ever_is_given_up() -> None:
    state, _ = run(begin(DECISION, at_ms=0, chunk_s=CHUNK_S), Applied(10))
    assert run(state, Tick(next_tick_ms(state) or 0))[0].phase is Phase.OVER


def test_an_answer_before_a_lost_applied_still_counts() -> None:
    state, effects = run(begin(DECISION, at_ms=0, chunk_s=CHUNK_S), Answered(500, 1))
    assert (state.phase, state.answered_target, effects) == (Phase.TALKING, 1, [])


def test_more_money_is_asked_for_when_a_third_of_the_chunk_is_left() -> None:
    state = talking()
    assert funded_until_ms(state) == 32_000
    assert next_tick_ms(state) == 22_000
    assert run(state, Tick(21_999))[1] == []
    asked, effects = run(state, Tick(22_000))
    assert effects == [Extend(610_000, 61, 62_000, ((2, 305_000),))]
    assert run(asked, Tick(22_001))[1] == []


def test_a_granted_extension_pushes_the_dead_mans_switch_on() -> None:
    state, effects = run(talking(), Tick(22_000), Extended(22_050, 610_000))
    assert effects[-1] == SetTimeout(40)
    assert (state.funded_s, state.held_micro, next_tick_ms(state)) == (61, 610_000, 52_000)


def test_an_extension_is_asked_once_and_a_late_answer_to_an_earlier_one_changes_nothing() -> None:
    asked, _ = run(talking(), Tick(22_000))
    assert next_tick_ms(asked) == 32_000
    assert run(asked, Tick(24_000), Extended(24_001, 310_000)) == (asked, [])


def test_the_last_grant_is_what_the_money_buys_in_whole_increments() -> None:
    state, effects = run(talking(), Tick(22_000), ExtendRefused(22_050, 550_000))
    assert effects[-1] == Extend(510_000, 51, 52_000, ((2, 255_000),))
    state, effects = run(state, Extended(22_060, 510_000))
    assert effects == [SetTimeout(30)]
    assert next_tick_ms(state) == 52_000
    assert run(state, Tick(51_999))[1] == []


def test_a_call_without_money_is_cut_when_its_funded_time_is_over() -> None:
    state, effects = run(talking(), Tick(22_000), ExtendRefused(22_050, 310_000), Tick(31_999))
    assert len(effects) == 1
    assert state.phase is Phase.TALKING
    ending, effects = run(state, Tick(32_000))
    assert ending.phase is Phase.ENDING
    assert effects[0] == Terminate("money")
    assert [effect.kind for effect in effects[1:] if isinstance(effect, RecordEvent)] == ["cut", "ended"]
    assert run(ending, Tick(32_001), Ended(32_050))[0].phase is Phase.OVER


def test_a_second_refusal_asks_no_more() -> None:
    state, effects = run(talking(), Tick(22_000), ExtendRefused(22_050, 550_000), ExtendRefused(22_060, 520_000))
    assert len(effects) == 2
    assert next_tick_ms(state) == 32_000


def test_a_free_call_has_only_a_maximum_length() -> None:
    state = talking(FREE_DECISION)
    assert dialog_timeout_s(FREE_DECISION) == 100
    assert next_tick_ms(state) == 101_000
    ending, effects = run(state, Tick(50_000), Tick(101_000))
    assert ending.phase is Phase.ENDING
    assert effects[0] == Terminate("timeout")


def test_a_paid_call_ends_at_its_maximum_length_too() -> None:
    state = talking(decision_for(PAID, max_s=20))
    assert next_tick_ms(state) == 21_000
    assert run(state, Tick(21_000))[1][0] == Terminate("timeout")


def test_the_operator_may_hang_up() -> None:
    ending, effects = run(talking(), Hangup(5_000), Hangup(5_001))
    assert ending.phase is Phase.ENDING
    assert effects == [
        Terminate("operator"),
        RecordEvent("ended", 5_000, {"by": "operator", "sip_code": 200, "reason": "Hung up by the operator"}),
    ]
    ringing, _ = run(begin(DECISION, at_ms=0, chunk_s=CHUNK_S), Applied(10))
    assert run(ringing, Hangup(20))[1][:2] == [Terminate("operator"), Release()]


def test_a_call_with_a_vanished_phone_is_ended_instead_of_paid_on() -> None:
    ending, effects = run(talking(), Vanished(5_000), Vanished(5_001))
    assert ending.phase is Phase.ENDING
    assert effects == [
        RecordEvent("ended", 5_000, {"by": "timeout", "sip_code": 200, "reason": "A phone has vanished"}),
        Terminate("timeout"),
    ]
    ringing, _ = run(begin(DECISION, at_ms=0, chunk_s=CHUNK_S), Applied(10))
    assert run(ringing, Vanished(20))[1] == []


@pytest.mark.parametrize(("heard_ms", "ended_ms"), [(4_000, 4_000), (500, 1_000), (9_000, 5_000)])
def test_a_call_that_fell_silent_ends_with_its_last_packet_and_says_so(heard_ms: int, ended_ms: int) -> None:
    _, effects = run(talking(), Vanished(5_000, heard_ms, "media-timeout", "No sound for 60 s"))
    detail = {"by": "media-timeout", "sip_code": 200, "reason": "No sound for 60 s", "charged_to": "last-packet"}
    assert effects == [RecordEvent("ended", ended_ms, detail), Terminate("media-timeout")]


def test_an_end_that_the_edge_loses_is_over_after_five_seconds() -> None:
    ending, _ = run(talking(), Hangup(5_000))
    assert run(ending, Tick(next_tick_ms(ending) or 0))[0].phase is Phase.OVER


def test_a_late_failure_of_another_branch_does_not_end_the_call() -> None:
    assert run(talking(), Failed(1_500))[0].phase is Phase.TALKING


def test_after_a_restart_the_call_goes_on_with_what_was_held() -> None:
    state = resume(DECISION, at_ms=40_000, chunk_s=CHUNK_S, answered_ms=1_000, held_micro=710_000)
    assert (state.phase, state.funded_s, funded_until_ms(state)) == (Phase.TALKING, 71, 72_000)
    assert resume(FREE_DECISION, at_ms=0, chunk_s=5, answered_ms=0, held_micro=0).funded_s is None


times = st.integers(0, 60_000)
events = st.one_of(
    st.builds(Applied, times),
    st.builds(Progress, times),
    st.builds(Answered, times),
    st.builds(Tick, times),
    st.builds(Extended, times, st.integers(0, 10**6)),
    st.builds(ExtendRefused, times, st.integers(0, 10**6)),
    st.builds(Ended, times),
    st.builds(Failed, times),
    st.builds(Hangup, times),
    st.builds(Vanished, times),
)


@given(st.lists(events, max_size=25))
def test_any_order_of_events_releases_at_most_once_and_never_an_answered_call(sequence: list[Event]) -> None:
    state, effects = begin(DECISION, at_ms=0, chunk_s=CHUNK_S), list[Effect]()
    for event in sequence:
        state, made = step(state, event)
        effects += made
        assert not (state.answered_ms is not None and Release() in made)
        assert (next_tick_ms(state) is None) == (state.phase is Phase.OVER)
    assert effects.count(Release()) <= 1
    assert sum(isinstance(effect, Terminate) for effect in effects) <= 1


@pytest.mark.parametrize("chunk_s", [1, 5, 60])
@given(charge=tier_charges, money=st.integers(0, 50_000_000))
def test_a_prepaid_call_talks_for_what_its_money_buys_and_no_longer(
    chunk_s: int, charge: TierCharge, money: int
) -> None:
    """A whole call against an account that holds exactly, ticked at the moments the state asks for."""
    assert charge.rate is not None
    first_s = charge.rate.initial_s + charge.rate.increment_s
    if not charge.rate.per_minute or hold_micro(charge, first_s) > money:
        return
    decision = decision_for(charge, funded_s=first_s, max_s=2_000)
    state = run(begin(decision, at_ms=0, chunk_s=chunk_s), Applied(0), Answered(0))[0]
    held, now_ms = hold_micro(charge, first_s), 0
    while state.phase is Phase.TALKING:
        now_ms = max(next_tick_ms(state) or 0, now_ms)
        state, effects = step(state, Tick(now_ms))
        while effects and isinstance(effects[0], Extend):
            can_pay = effects[0].total_micro <= money
            held = effects[0].total_micro if can_pay else held
            answer = Extended(now_ms, held) if can_pay else ExtendRefused(now_ms, money)
            state, effects = step(state, answer)
    assert held <= money
    assert now_ms == min(2_000, max(state.funded_s or 0, 0)) * 1000
    assert (state.funded_s or 0) >= min(2_000, funded_seconds(charge, money))
