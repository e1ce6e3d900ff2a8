"""From the recorded events of a call to what happened: pure, by the events' own clock and never by arrival."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from carillon.logic.callflow.values import Attempt, CallFacts


@dataclass(frozen=True, slots=True)
class Happening:
    """One event as recorded; `at_ms` are milliseconds of the Unix epoch."""

    kind: str
    at_ms: int
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Held:
    """What was set aside for a call, each with the index of the chain.

    `holds`: micro-units of the customer; `shares`: account id and micro-units of the tiers above; `bundles`: allowance
    id and seconds.
    """

    holds: tuple[tuple[int, int], ...] = ()
    shares: tuple[tuple[int, int, int], ...] = ()
    bundles: tuple[tuple[int, int, int], ...] = ()


NOTHING_HELD = Held()


def facts_of(
    started_ms: int,
    happenings: Iterable[Happening],
    *,
    now_ms: int,
    held: Held = NOTHING_HELD,
) -> CallFacts:
    """The facts of a finished call.

    Args:
        started_ms: when the call came in.
        happenings: its events in any order.
        now_ms: stands for the end when no event tells it.
        held: what was set aside for it.

    A call whose end is known and whose answer is not counts as unanswered: nobody pays for what can't be proven.
    """
    ordered = sorted(happenings, key=lambda item: item.at_ms)
    first = {item.kind: item for item in reversed(ordered)}
    end = first.get("ended") or first.get("failed")
    answer = first.get("answered")
    detail = end.detail if end else {}
    answered_ms = answer.at_ms if answer else None
    ringing = first.get("progress") or answer
    return CallFacts(
        started_ms=started_ms,
        ended_ms=max(end.at_ms if end else now_ms, started_ms, answered_ms or 0),
        answered_ms=answered_ms,
        answered_target=_integer(answer.detail.get("target")) if answer else None,
        sip_code=_integer(detail.get("sip_code")) or 0,
        reason=str(detail.get("reason") or "")[:200],
        ended_by=str(detail.get("by") or ""),
        attempts=tuple(_attempt(item.detail) for item in ordered if item.kind == "attempt"),
        rang_ms=ringing.at_ms if ringing else None,
        charged_to=str(detail.get("charged_to") or ""),
        holds=held.holds,
        shares=held.shares,
        bundles=held.bundles,
    )


def refusal_of(happenings: Iterable[Happening]) -> str:
    """The slug under which the database refused the call after the decision; "" when it did not."""
    found = (item.detail.get("refusal") for item in happenings if item.kind == "failed")
    return next((str(slug) for slug in found if slug), "")


def _attempt(detail: Mapping[str, Any]) -> Attempt:
    return Attempt(
        target=_integer(detail.get("target")) or 0,
        label=str(detail.get("label") or ""),
        sip_code=_integer(detail.get("sip_code")) or 0,
        reason=str(detail.get("reason") or "")[:200],
        elapsed_ms=_integer(detail.get("elapsed_ms")) or 0,
    )


def _integer(value: Any) -> int | None:
    try:
        return None if value is None else int(value)
    except (TypeError, ValueError):
        return None


def is_loss(explanation: Mapping[str, object]) -> bool:
    """Tell whether the seller of a CDR paid more for the call than it was paid, by what the CDR explains.

    Not when the two are in different currencies: that is not known.
    """
    margin = explanation.get("margin")
    margin_micro = margin.get("margin_micro") if isinstance(margin, dict) else None
    return isinstance(margin_micro, int) and margin_micro < 0
