from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from carillon.business.calls.facts import Happening, Held, facts_of, refusal_of

STARTED = 1_000_000


def test_answered_call() -> None:
    facts = facts_of(
        STARTED,
        [
            Happening("ended", STARTED + 9_000, {"by": "callee", "sip_code": 200, "reason": ""}),
            Happening("answered", STARTED + 4_000, {"target": 1}),
            Happening("attempt", STARTED + 1_000, {"target": 0, "label": "A", "sip_code": 503, "reason": "x"}),
            Happening("applied", STARTED, {}),
        ],
        now_ms=STARTED + 60_000,
        held=Held(((0, 5),)),
    )
    assert (facts.answered_ms, facts.ended_ms, facts.answered_target) == (STARTED + 4_000, STARTED + 9_000, 1)
    assert (facts.ended_by, facts.sip_code, facts.holds) == ("callee", 200, ((0, 5),))
    assert [(item.label, item.sip_code, item.elapsed_ms) for item in facts.attempts] == [("A", 503, 0)]


def test_end_without_answer_is_unanswered() -> None:
    facts = facts_of(STARTED, [Happening("ended", STARTED + 10, {"by": "caller"})], now_ms=STARTED + 20)
    assert facts.answered_ms is None
    assert facts.ended_ms == STARTED + 10


def test_no_end_at_all_ends_now() -> None:
    assert facts_of(STARTED, [], now_ms=STARTED + 20).ended_ms == STARTED + 20


def test_clocks_that_disagree_never_give_negative_time() -> None:
    facts = facts_of(
        STARTED,
        [Happening("answered", STARTED + 500, {}), Happening("ended", STARTED + 400, {})],
        now_ms=STARTED,
    )
    assert facts.answered_ms is not None
    assert facts.ended_ms >= facts.answered_ms


def test_refusal_is_the_slug_that_control_gave() -> None:
    assert refusal_of([Happening("failed", 1, {"sip_code": 486})]) == ""
    assert refusal_of([Happening("failed", 1, {"refusal": "credit-exhausted"})]) == "credit-exhausted"


HAPPENINGS = st.lists(
    st.builds(
        Happening,
        st.sampled_from(["applied", "progress", "answered", "ended", "failed", "attempt", "cut"]),
        st.integers(STARTED - 1000, STARTED + 100_000),
        st.dictionaries(
            st.sampled_from(["by", "sip_code", "reason", "target", "label", "elapsed_ms"]),
            st.none() | st.integers() | st.text(max_size=5) | st.lists(st.integers(), max_size=2),
        ),
    )
)


@given(HAPPENINGS, st.randoms(use_true_random=False))
def test_any_events_in_any_order_give_the_same_facts(happenings: list[Happening], random: object) -> None:
    facts = facts_of(STARTED, happenings, now_ms=STARTED + 200_000)
    assert facts.ended_ms >= max(facts.started_ms, facts.answered_ms or 0)
    distinct = len({(item.kind, item.at_ms) for item in happenings}) == len(happenings)
    if distinct:
        assert facts_of(STARTED, list(reversed(happenings)), now_ms=STARTED + 200_000) == facts
