"""Money set aside for calls, given back when they are rated: the worker's side of callfeed's functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from carillon.base.statements import array, insert, records, run
from carillon.business.billing.ledger import Change, change_accounts
from carillon.logic import jsontext


class OpenHold(NamedTuple):
    """What is set aside for a chain of a call, see `models.Hold`."""

    id: int
    call_id: str
    chain_no: int
    account_id: int
    amount_micro: int
    upper: list[tuple[int, int]]
    bundles: list[tuple[int, int]]
    has_channel: bool


class CallCharge(NamedTuple):
    """What a CDR costs, for the ledger: on a buyer's account, or (`is_cost`) on what its gateway's owner owes."""

    partner_id: int
    cdr_id: int
    account_id: int
    amount_micro: int
    minute: str  # in which the call ended, ISO 8601
    is_cost: bool


_OPEN = """
    select id, call_id::text, chain_no, account_id, amount_micro, has_channel, upper::text, bundles::text
    from billing_hold where call_id = any(%(calls)s::uuid[]) and state = 'open' order by id for update
"""
_SETTLED = "update billing_hold set state = 'settled' where id = any(%(holds)s::bigint[])"
_SHRINK = """
    update billing_creditwindow w set granted_micro = w.granted_micro - d.micro
    from json_to_recordset(%(shares)s::json) d (account_id bigint, edge text, micro bigint)
    where w.account_id = d.account_id and w.edge = d.edge
"""


def open_holds(call_ids: str) -> list[OpenHold]:
    """Return the open holds of calls (`statements.array` of their ids), locked in ascending id; one query."""
    return [
        OpenHold._make((*plain, jsontext.decode(upper), jsontext.decode(bundles), has_channel))
        for *plain, has_channel, upper, bundles in run(_OPEN, {"calls": call_ids})
    ]


def settle_holds(holds: Sequence[tuple[OpenHold, str]], charges: Sequence[CallCharge]) -> None:
    """Give holds back, each with its call's edge, and note what the calls cost; four statements for any number.

    A call's shares leave the windows of its edge in the transaction that notes what it costs the tiers above. All
    accounts are locked by one statement, as late as can be.
    """
    insert("billing_unpostedcharge", [_unposted(charge) for charge in charges])
    run(_SETTLED, {"holds": array(hold.id for hold, _edge in holds)})
    shares = _shares(holds)
    change_accounts(_changes(holds, shares, charges))
    _shrink_windows(shares)


def _unposted(charge: CallCharge) -> dict[str, object]:
    row = charge._asdict()
    del row["is_cost"]
    return row


def _shares(holds: Sequence[tuple[OpenHold, str]]) -> Counter[tuple[int, str]]:
    """What the calls have of the credit windows: micro-units by account and edge."""
    shares = Counter[tuple[int, str]]()
    for hold, edge in holds:
        for account_id, micro in hold.upper:
            shares[account_id, edge] += micro
    return shares


def _changes(
    holds: Sequence[tuple[OpenHold, str]], shares: Mapping[tuple[int, str], int], charges: Sequence[CallCharge]
) -> dict[int, Change]:
    held, calls, charged = Counter[int](), Counter[int](), Counter[int]()
    for hold, _edge in holds:
        held[hold.account_id] += hold.amount_micro
        calls[hold.account_id] += hold.has_channel
    for (account_id, _edge), micro in shares.items():
        held[account_id] += micro
    for charge in charges:
        if not charge.is_cost:
            charged[charge.account_id] += charge.amount_micro
    return {
        account_id: Change(
            reserved_micro=-held[account_id], unposted_micro=charged[account_id], open_calls=-calls[account_id]
        )
        for account_id in held.keys() | charged.keys()
    }


def _shrink_windows(shares: Mapping[tuple[int, str], int]) -> None:
    """Their accounts are locked, so nobody else changes the windows."""
    if shares:
        rows = [{"account_id": one, "edge": edge, "micro": micro} for (one, edge), micro in shares.items()]
        run(_SHRINK, {"shares": records(rows)})
