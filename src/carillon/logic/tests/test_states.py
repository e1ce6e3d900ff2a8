from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.logic.callflow.charging import funded_seconds, hold_micro
from carillon.logic.callflow.signals import (
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
    Progress,
    RecordEvent,
    Refilled,
    Release,
    SetTimeout,
    Terminate,
    Tick,
    Vanished,
)
from carillon.logic.callflow.states import (
    LiveCall,
    Phase,
    begin,
    dialog_timeout_s,
    funded_until_ms,
    held_micro,
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
    answered_at,
)
from carillon.logic.tests.charges import rate, tariff, tier, tier_charges

REQUEST = CallRequest("c1", "192.0.2.9", 5060, "udp", "alice", "northwind.test", "02071234567", "northwind.test")
PAID = TierCharge(tier(), tariff(), rate("0.60", initial_s=1, increment_s=10))
UPPER = TierCharge(tier(1, account_id=2), tariff(), rate("0.30"))
CHUNK_S = 30
NOW = answered_at(0)


def decision_for(*charges: TierCharge, funded_s: int = 31, max_s: int = 14_400) -> Decision:
    hold = HoldRequest(1, hold_micro(charges[0], funded_s, NOW), funded_s)
    chain = Chain(ChainKind.ORIGINATING, 7, 2, charges)
    targets = (Target("gateway"),)
    return Decision(Direction.OUTBOUND, REQUEST, targets=targets, chains=(chain,), holds=(hold,), max_s=max_s)


DECISION = decision_for(PAID, UPPER)
FREE_DECISION = replace(DECISION, holds=(), max_s=100)


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


def test_a_call_without_a_hold_may_be_applied_late() -> None:
    """Nobody's money waits for it; an emergency call goes on while Kamailio waits for a frozen database."""
    state, effects = run(
        begin(FREE_DECISION, at_ms=0, chunk_s=CHUNK_S), Tick(20_000), Applied(20_001), Answered(21_000)
    )
    assert (state.phase, effects) == (Phase.TALKING, [])


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
    assert (state.clocks[0].funded_s, held_micro(state), next_tick_ms(state)) == (61, 610_000, 52_000)


def test_an_extension_is_asked_once_and_a_late_answer_to_an_earlier_one_changes_nothing() -> None:
    asked, _ = run(talking(), Tick(22_000))
    assert next_tick_ms(asked) == 32_000
    assert run(asked, Tick(24_000), Extended(24_001, 310_000)) == (asked, [])


def test_the_last_grant_is_what_the_money_buys_in_whole_increments() -> None:
    state, effects = run(talking(), Tick(22_000), ExtendRefused(22_050, 550_000))
    assert effects[-1] == Extend(510_000, 51, 52_000, ((2, 255_000),))
    state, effects = run(state, Extended(22_060, 510_000))
    assert effects == [SetTimeout(30)]
    assert next_tick_ms(state) == 50_000
    assert run(state, Tick(49_999))[1] == []


def test_after_the_last_grant_it_asks_once_more_just_before_the_end() -> None:
    state, _ = run(talking(), Tick(22_000), ExtendRefused(22_050, 550_000), Extended(22_060, 510_000))
    state, effects = run(state, Tick(50_000))
    assert effects == [Extend(810_000, 81, 82_000, ((2, 405_000),))]
    spent, effects = run(state, ExtendRefused(50_050, 550_000), Tick(51_999))
    assert (effects, next_tick_ms(spent)) == ([], 52_000)
    longer, effects = run(state, ExtendRefused(50_050, 730_000), Extended(50_060, 710_000))
    assert effects == [Extend(710_000, 71, 72_000, ((2, 355_000),)), SetTimeout(22)]
    assert next_tick_ms(longer) == 70_000


def test_money_that_comes_in_after_the_last_grant_extends_the_call() -> None:
    refused, _ = run(talking(), Tick(22_000), ExtendRefused(22_050, 310_000))
    state, effects = run(refused, Refilled(25_000))
    assert effects == [Extend(610_000, 61, 62_000, ((2, 305_000),))]
    assert next_tick_ms(run(state, Extended(25_050, 610_000))[0]) == 52_000
    spent, _ = run(refused, Tick(30_000), ExtendRefused(30_050, 310_000))
    assert len(run(spent, Refilled(31_000))[1]) == 1
    early = run(talking(), Refilled(2_000))
    assert early == (talking(), [])
    asking, _ = run(talking(), Tick(22_000), ExtendRefused(22_050, 550_000), Refilled(22_055))
    assert len(run(asking, Extended(22_060, 510_000), Tick(42_000))[1]) == 2


def test_a_call_without_money_is_cut_when_its_funded_time_is_over() -> None:
    state, effects = run(talking(), Tick(22_000), ExtendRefused(22_050, 310_000), Tick(31_999))
    assert len(effects) == 2
    assert state.phase is Phase.TALKING
    ending, effects = run(state, Tick(32_000))
    assert ending.phase is Phase.ENDING
    assert effects[0] == Terminate("money")
    assert [effect.kind for effect in effects[1:] if isinstance(effect, RecordEvent)] == ["cut", "ended"]
    assert run(ending, Tick(32_001), Ended(32_050))[0].phase is Phase.OVER


def test_a_refused_last_grant_asks_for_less_or_waits() -> None:
    asked = run(talking(), Tick(22_000), ExtendRefused(22_050, 550_000))[0]
    state, effects = run(asked, ExtendRefused(22_060, 520_000))
    assert (effects, next_tick_ms(state)) == ([], 30_000)
    assert run(asked, ExtendRefused(22_060, 420_000))[1] == [Extend(410_000, 41, 42_000, ((2, 205_000),))]


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
    state = resume(DECISION, at_ms=40_000, chunk_s=CHUNK_S, answered_ms=1_000, held={0: 710_000})
    assert (state.phase, state.clocks[0].funded_s, funded_until_ms(state)) == (Phase.TALKING, 71, 72_000)
    assert resume(FREE_DECISION, at_ms=0, chunk_s=5, answered_ms=0, held={}).clocks == ()


times = st.integers(0, 60_000)
events = st.one_of(
    st.builds(Applied, times),
    st.builds(Progress, times),
    st.builds(Answered, times),
    st.builds(Tick, times),
    st.builds(Extended, times, st.integers(0, 10**6)),
    st.builds(ExtendRefused, times, st.integers(0, 10**6)),
    st.builds(Refilled, times),
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
    if not charge.rate.per_minute or hold_micro(charge, first_s, NOW) > money:
        return
    decision = decision_for(charge, funded_s=first_s, max_s=2_000)
    state = run(begin(decision, at_ms=0, chunk_s=chunk_s), Applied(0), Answered(0))[0]
    held, now_ms = hold_micro(charge, first_s, NOW), 0
    while state.phase is Phase.TALKING:
        now_ms = max(next_tick_ms(state) or 0, now_ms)
        state, effects = step(state, Tick(now_ms))
        while ask := next((effect for effect in effects if isinstance(effect, Extend)), None):
            can_pay = ask.total_micro <= money
            held = ask.total_micro if can_pay else held
            answer = Extended(now_ms, held) if can_pay else ExtendRefused(now_ms, money)
            state, effects = step(state, answer)
    assert held <= money
    funded_s = state.clocks[0].funded_s
    assert now_ms == min(state.max_s, funded_s) * 1000
    assert funded_s >= min(state.max_s, funded_seconds(charge, money, NOW))


# ---------------------------------------------------------------- two chains that pay


def two_chains(one: TierCharge, other: TierCharge, *funded_s: int, max_s: int = 14_400) -> Decision:
    """Called at a price by `one`, forwarded at the price of `other`; the phone that rings first has only the former."""
    received, forwarding = (
        Chain(kind, 7, 2, (charge,)) for kind, charge in ((ChainKind.TERMINATING, one), (ChainKind.FORWARDING, other))
    )
    holds = tuple(
        HoldRequest(charge.tier.account_id, hold_micro(charge, seconds, NOW), seconds, chain=place)
        for place, (charge, seconds) in enumerate(zip((one, other), funded_s, strict=True))
    )
    targets = (Target("contacts"), Target("gateway", chain=1))
    chains = (received, forwarding)
    return Decision(Direction.INBOUND, REQUEST, targets=targets, chains=chains, holds=holds, max_s=max_s)


OTHER = TierCharge(tier(account_id=3), tariff(), rate("0.60"))
TWO = two_chains(PAID, OTHER, 31, 20)


def forwarded(decision: Decision = TWO) -> LiveCall:
    return run(begin(decision, at_ms=0, chunk_s=CHUNK_S), Applied(10), Answered(1_000, 1))[0]


def test_each_chain_is_extended_by_its_own_clock_and_the_call_is_funded_until_the_first_runs_down() -> None:
    state = forwarded()
    assert (dialog_timeout_s(TWO), funded_until_ms(state), next_tick_ms(state)) == (20, 21_000, 11_000)
    state, effects = run(state, Tick(11_000))
    assert effects == [Extend(500_000, 50, 32_000, (), 1)]
    state, effects = run(state, Extended(11_050, 500_000, 1))
    assert (effects, next_tick_ms(state)) == ([SetTimeout(21)], 22_000)
    state, effects = run(state, Tick(22_000))
    assert effects == [Extend(610_000, 61, 51_000, (), 0)]
    assert run(state, Extended(22_050, 610_000, 0))[1] == [SetTimeout(29)]


def test_clocks_that_are_due_together_ask_one_after_the_other() -> None:
    state, effects = run(forwarded(two_chains(PAID, OTHER, 31, 31)), Tick(22_000))
    assert effects == [Extend(610_000, 61, 32_000, (), 0)]
    state, effects = run(state, Extended(22_050, 610_000, 0))
    assert effects == [SetTimeout(10), Extend(610_000, 61, 62_000, (), 1)]
    assert run(state, Extended(22_060, 610_000, 1))[1] == [SetTimeout(40)]


def test_a_refused_chain_does_not_keep_the_other_from_asking_and_ends_the_call() -> None:
    state, _ = run(forwarded(two_chains(PAID, OTHER, 31, 31)), Tick(22_000))
    state, effects = run(state, ExtendRefused(22_050, 310_000, 0))
    assert effects == [Extend(610_000, 61, 32_000, (), 1)]
    state, effects = run(state, Extended(22_060, 610_000, 1), Tick(32_000))
    assert effects[0] == SetTimeout(10)
    assert effects[1] == Terminate("money")
    assert isinstance(effects[2], RecordEvent)
    assert effects[2].detail == {"chain": 0, "funded_s": 31, "held_micro": 310_000}


def test_an_answer_to_one_chain_says_nothing_about_the_other() -> None:
    state, _ = run(forwarded(), Tick(11_000))
    assert run(state, Extended(11_050, 900_000, 0), ExtendRefused(11_060, 0, 0)) == (state, [])


def test_a_phone_that_answers_before_it_is_forwarded_has_no_clock_of_the_forwarding() -> None:
    begun, _ = run(begin(TWO, at_ms=0, chunk_s=CHUNK_S), Applied(10))
    state, effects = run(begun, Answered(1_000, 0))
    assert ([clock.place for clock in state.clocks], effects) == ([0], [SetTimeout(31)])


def test_after_a_restart_each_chain_goes_on_with_what_was_held_for_it() -> None:
    held = {0: 710_000, 1: 500_000}
    both = resume(TWO, at_ms=40_000, chunk_s=CHUNK_S, answered_ms=1_000, held=held, answered_target=1)
    assert [clock.funded_s for clock in both.clocks] == [71, 50]
    one = resume(TWO, at_ms=40_000, chunk_s=CHUNK_S, answered_ms=1_000, held=held, answered_target=0)
    assert [clock.funded_s for clock in one.clocks] == [71]


@pytest.mark.parametrize("is_shared", [True, False])
@given(one=tier_charges, other=tier_charges, money=st.lists(st.integers(0, 50_000_000), min_size=2, max_size=2))
def test_two_chains_never_spend_more_than_there_is_and_end_with_the_first_that_is_spent(
    is_shared: bool, one: TierCharge, other: TierCharge, money: list[int]
) -> None:
    """A whole call with two prices, on accounts that hold exactly: of two payers, or both of one."""
    assert one.rate is not None and other.rate is not None
    charges = (one, other)
    seconds = [charge.rate.initial_s + charge.rate.increment_s for charge in charges if charge.rate]
    first = [hold_micro(charge, s, NOW) for charge, s in zip(charges, seconds, strict=True)]
    left = [sum(money) - sum(first)] * 2 if is_shared else [money[0] - first[0], money[1] - first[1]]
    if min(left) < 0 or not (one.rate.per_minute and other.rate.per_minute):
        return
    decision = two_chains(*charges, *seconds, max_s=2_000)
    state = run(begin(decision, at_ms=0, chunk_s=30), Applied(0), Answered(0, 1))[0]
    held, now_ms, asked = list(first), 0, 0
    while state.phase is Phase.TALKING:
        now_ms = max(next_tick_ms(state) or 0, now_ms)
        state, effects = step(state, Tick(now_ms))
        while asks := [effect for effect in effects if isinstance(effect, Extend)]:
            (ask,) = asks
            asked += 1
            more, rest = ask.total_micro - held[ask.chain], left[ask.chain]
            if more <= rest:
                held[ask.chain] += more
                left = [have - more if is_shared or place == ask.chain else have for place, have in enumerate(left)]
                answer: Event = Extended(now_ms, held[ask.chain], ask.chain)
            else:
                answer = ExtendRefused(now_ms, held[ask.chain] + rest, ask.chain)
            state, effects = step(state, answer)
    assert min(left) >= 0
    assert now_ms == 1000 * min(state.max_s, *(clock.funded_s for clock in state.clocks))
    for charge, clock in zip(charges, state.clocks, strict=True):
        assert hold_micro(charge, now_ms // 1000, NOW) <= held[clock.place]
    if not is_shared:
        bought_s = [funded_seconds(c, m, NOW) for c, m in zip(charges, money, strict=True)]
        assert now_ms // 1000 >= min(state.max_s, *bought_s)
