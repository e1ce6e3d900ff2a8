"""What the tests of faults measure with."""

from __future__ import annotations

from tests.support.traffic import ENOUGH, Answer, Tally


def test_calls_that_waited_for_the_end_of_a_fault_do_not_say_that_calls_flow() -> None:
    tally = Tally(answered={f"waited-{n}": Answer(placed_at=1, answered_at=3) for n in range(ENOUGH)})
    assert not tally.flowing_since(2)
    tally.answered |= {f"new-{n}": Answer(placed_at=2.5 + n, answered_at=3.5 + n) for n in range(ENOUGH)}
    assert tally.flowing_since(2)
    assert tally.works_after(2) == 1.5
