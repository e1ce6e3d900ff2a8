"""How CDRs are written: their columns, and many at once. The worker writes four of a usual call."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypedDict

from carillon.base.statements import insert


class CdrRow(TypedDict):
    """The columns of a new CDR (`models.Cdr`); times and dates as ISO texts, `call_id` as text."""

    partner_id: int
    started_on: str
    call_id: str
    chain: str
    chain_no: int
    tier: int
    tab: str
    is_carrier_cost: bool
    buyer_partner_id: int | None
    customer_id: int | None
    customer_name: str
    user_id: int | None
    user_name: str
    account_id: int | None
    gateway_id: int | None
    gateway_name: str
    direction: str
    caller: str
    callee: str
    destination: str
    started_at: str
    answered_at: str | None
    ended_at: str
    ring_ms: int | None
    duration_ms: int
    billed_s: int
    outcome: str
    sip_code: int
    sip_reason: str
    currency: str
    amount_micro: int
    is_loss: bool
    explanation: dict[str, object]


def write_cdrs(rows: Sequence[CdrRow]) -> list[int]:
    """Write new CDRs, rated now, and return their ids in the same order; one statement.

    Raises IntegrityError when a call has one of that chain and tier already.
    """
    rated_at = datetime.now(UTC).isoformat()
    return insert("calls_cdr", [{**row, "rated_at": rated_at} for row in rows])
