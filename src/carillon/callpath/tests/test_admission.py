from __future__ import annotations

from typing import Any

from carillon.callpath.control.admission import FEW, HOPELESS_MS, SLOW_MS, Admission
from carillon.callpath.control.live import now_ms


def test_one_question_that_waited_for_us_to_wake_up_refuses_nobody_else() -> None:
    told: list[dict[str, Any]] = []
    admission = Admission(8, told.append)
    assert not admission.lets_in(now_ms() - HOPELESS_MS)
    assert told == []
    assert admission.lets_in(now_ms())


def test_a_queue_of_late_questions_is_told_to_the_edge_until_calls_are_decided_in_time() -> None:
    told: list[dict[str, Any]] = []
    admission = Admission(8, told.append)
    assert not any(admission.lets_in(now_ms() - HOPELESS_MS) for _ in range(3))
    assert [message["is_full"] for message in told] == [1]
    asked_ms = now_ms()
    assert admission.lets_in(asked_ms)
    admission.done(asked_ms)
    assert [message["is_full"] for message in told] == [1, 0]


def test_calls_wait_when_one_of_several_was_slow() -> None:
    waits: list[bool] = []
    admission = Admission(8, lambda _: None)
    admission.on_wait = lambda: waits.append(True)
    asked_ms = now_ms()
    for _ in range(FEW):
        admission.lets_in(asked_ms)
    admission.done(asked_ms)
    assert waits == []
    admission.lets_in(asked_ms)
    admission.done(asked_ms - SLOW_MS - 1)
    assert waits == [True]
    admission.done(asked_ms - SLOW_MS - 1)  # of three that are left
    assert waits == [True]


def test_the_edge_is_told_before_there_is_no_room() -> None:
    told: list[dict[str, Any]] = []
    admission = Admission(8, told.append)
    let_in = [admission.lets_in(now_ms()) for _ in range(9)]
    assert let_in == [True] * 8 + [False]
    assert [message["is_full"] for message in told] == [1]
