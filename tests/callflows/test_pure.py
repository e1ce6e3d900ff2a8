"""Every golden call flow as pure logic: milliseconds each, no engine, no database."""

from __future__ import annotations

import pytest

from carillon.logic.callflow.callerid import ANONYMOUS
from carillon.logic.callflow.values import Direction
from carillon.logic.sentences import pattern_of
from tests.support.flows import Expected, Flow, all_flows
from tests.support.pure_run import PureRun, Result

FLOWS = all_flows()
DECIDED = [flow for flow in FLOWS if flow.is_decided]


def test_all_flows_of_the_main_job_are_there() -> None:
    assert len(FLOWS) >= 24
    assert all(len(flow.calls) == len(flow.expect) for flow in FLOWS)


@pytest.mark.parametrize("flow", DECIDED, ids=lambda flow: flow.name)
def test_flow_decides_charges_and_posts_as_written(flow: Flow) -> None:
    results, movements = PureRun(flow).run()
    for result, expected in zip(results, flow.expect, strict=True):
        _check(result, expected)
    assert movements == flow.ledger
    assert sum(movements.values()) == 0


def _check(result: Result, expected: Expected) -> None:
    decision = result.decision
    assert decision.direction.value == expected.direction
    assert (decision.refusal.slug if decision.refusal else "") == expected.refusal
    assert [_name(contacts, carrier) for contacts, carrier in _targets(result)] == expected.targets
    if expected.shown:
        is_hidden = decision.is_withheld and decision.direction is not Direction.EMERGENCY
        assert (ANONYMOUS if is_hidden else decision.targets[-1].caller) == expected.shown
    assert [f"{attempt.label} {attempt.sip_code}" for attempt in result.facts.attempts] == _tried(expected)
    if expected.outcome:
        assert result.outcome == expected.outcome
    assert result.cdrs == expected.cdrs
    assert decision.notes, "a decision without reasons explains nothing"
    kept = [*decision.notes, *(note.text for note in decision.private_notes)]
    assert [note for note in kept if pattern_of(note) is None] == [], "logic.sentences must know every sentence"


def _targets(result: Result) -> list[tuple[tuple[str, ...], str]]:
    return [(target.contacts, target.carrier.gateway if target.carrier else "") for target in result.decision.targets]


def _name(contacts: tuple[str, ...], carrier: str) -> str:
    return carrier or " ".join(contacts)


def _tried(expected: Expected) -> list[str]:
    return expected.tried
