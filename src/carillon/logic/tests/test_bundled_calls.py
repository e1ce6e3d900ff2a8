"""Live calls that bundles pay for: seconds first, then money from the second at which they end."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from carillon.logic.callflow.allowance import Allowance
from carillon.logic.callflow.bundles import bundled, taken
from carillon.logic.callflow.charging import funded_seconds, hold_micro
from carillon.logic.callflow.signals import (
    Answered,
    Applied,
    Event,
    Extend,
    Extended,
    ExtendRefused,
    Refilled,
    SetTimeout,
    Terminate,
    Tick,
)
from carillon.logic.callflow.states import (
    Phase,
    begin,
    dialog_timeout_s,
    funded_until_ms,
    held_micro,
    next_tick_ms,
    resume,
    step,
)
from carillon.logic.callflow.values import BundleAsk, Decision, TierCharge, answered_at
from carillon.logic.tests.charges import tier_charges
from carillon.logic.tests.test_states import CHUNK_S, PAID, UPPER, decision_for, run, talking

BUNDLE = Allowance(8, "UK 100", 0, 10**12, initial_s=1, increment_s=1)


def bundled_decision(*seconds: int, blocks: bool = False, wanted_s: int = 31) -> Decision:
    """A call of 0.60 a minute whose bundle had so many seconds of those it wanted."""
    allowance = replace(BUNDLE, blocks=blocks)
    begun = decision_for(PAID, UPPER, funded_s=wanted_s)
    asked = replace(begun.holds[0], bundle=BundleAsk(wanted_s))
    hold = taken(asked, 0, tuple((allowance.id, part) for part in seconds))
    return replace(begun, chains=(replace(begun.chains[0], allowances=(allowance,)),), holds=(hold,))


def test_a_bundle_is_asked_before_money_and_money_from_its_last_second_on() -> None:
    decision = bundled_decision(31)
    assert (dialog_timeout_s(decision), held_micro(talking(decision))) == (31, 0)
    state, effects = run(talking(decision), Tick(22_000))
    assert effects == [Extend(0, 61, 62_000, ((2, 305_000),), 0, ((8, 1, 1),), 31)]
    state, effects = run(state, Extended(22_050, 0, 0, 61))
    assert (effects, next_tick_ms(state)) == ([SetTimeout(40)], 52_000)
    state, effects = run(state, Tick(52_000), Extended(52_050, 0, 0, 70))  # the bundle's end
    assert (effects[-1], next_tick_ms(state)) == (SetTimeout(19), 61_000)
    state, effects = run(state, Tick(61_000))
    assert effects == [Extend(300_000, 100, 101_000, ((2, 500_000),), 0, (), 70)]  # 30 seconds of money: 70 are paid
    state, effects = run(state, ExtendRefused(61_050, 100_000))
    assert effects == [Extend(100_000, 80, 81_000, ((2, 400_000),), 0, (), 70)]
    assert next_tick_ms(run(state, Extended(61_060, 100_000))[0]) == 79_000


def test_a_bundle_with_less_than_was_wanted_is_followed_by_money_at_once() -> None:
    state, effects = run(talking(bundled_decision(4)), Tick(1_001))
    assert funded_until_ms(state) == 5_000
    assert effects == [Extend(300_000, 34, 35_000, ((2, 170_000),), 0, (), 4)]
    money_only = bundled_decision()
    assert (money_only.holds[0].bundle, money_only.holds[0].funded_s) == (None, 31)


def test_a_blocking_bundle_ends_the_call_whatever_money_comes_in() -> None:
    state, _ = run(talking(bundled_decision(31, blocks=True)), Tick(22_000), Extended(22_050, 0, 0, 40))
    assert run(state, Refilled(25_000), Tick(31_000))[1] == []
    ending, effects = run(state, Tick(41_000))
    assert ending.phase is Phase.ENDING
    assert effects[0] == Terminate("money")


def test_after_a_restart_a_bundled_call_goes_on_with_what_was_set_aside() -> None:
    decision = bundled_decision(31)
    state = resume(decision, at_ms=40_000, chunk_s=CHUNK_S, answered_ms=1_000, held={0: 100_000}, bundles={0: 61})
    assert (state.clocks[0].funded_s, state.clocks[0].paid.seconds) == (71, 61)
    _, effects = run(state, Tick(62_000))
    assert isinstance(effects[0], Extend)
    assert effects[0].allowances == ((8, 1, 1),)


@given(charge=tier_charges, money=st.integers(0, 5_000_000), bundle=st.integers(1, 900), chunk_s=st.integers(1, 60))
def test_bundle_and_money_together_last_as_long_as_both_and_cover_the_price(
    charge: TierCharge, money: int, bundle: int, chunk_s: int
) -> None:
    """A whole call on a bundle and an account that hold exactly; it never costs more than was held."""
    assert charge.rate is not None
    if not charge.rate.per_minute or charge.rate.windows or charge.rate.maximum is not None:
        return
    wanted_s = charge.rate.initial_s + charge.rate.increment_s
    begun = decision_for(charge, funded_s=wanted_s, max_s=2_000)
    hold = taken(replace(begun.holds[0], bundle=BundleAsk(wanted_s)), 0, ((8, min(bundle, wanted_s)),))
    chain = replace(begun.chains[0], allowances=(BUNDLE,))
    decision = replace(begun, chains=(chain,), holds=(hold,))
    state = run(begin(decision, at_ms=0, chunk_s=chunk_s), Applied(0), Answered(0))[0]
    held, have, now_ms = 0, min(bundle, wanted_s), 0
    while state.phase is Phase.TALKING:
        now_ms = max(next_tick_ms(state) or 0, now_ms)
        state, effects = step(state, Tick(now_ms))
        while ask := next((effect for effect in effects if isinstance(effect, Extend)), None):
            if ask.allowances:
                have = max(have, min(bundle, ask.funded_s))
                answer: Event = Extended(now_ms, held, 0, have)
            elif ask.total_micro <= money:
                held = ask.total_micro
                answer = Extended(now_ms, held)
            else:
                answer = ExtendRefused(now_ms, money)
            state, effects = step(state, answer)
    talked_s, answer_time = min(now_ms // 1000, 2_000), answered_at(0)
    paid = bundled(chain, have)
    assert held <= money
    assert talked_s >= min(2_000, have)
    assert hold_micro(charge, talked_s, answer_time, paid) <= held
    assert talked_s >= min(2_000, funded_seconds(charge, money, answer_time, bundled(chain, bundle)))
