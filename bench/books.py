"""What the books say when the calls of a bench are over."""

from __future__ import annotations

import time

from bench.crowd import TIERS
from bench.frame import say
from carillon.server.installation import Installation

RATED_WITHIN_S = 300


def wait_until_rated(installed: Installation, done: int) -> None:
    """Until every call is rated and every charge posted; not for ever, what is missing is counted."""
    began = time.monotonic()
    while time.monotonic() - began < RATED_WITHIN_S:
        (waiting,) = installed.sql(
            "select exists (select from calls_call where state <> 'rated')"
            " or exists (select from billing_unpostedcharge) or (select count(*) from calls_call) < %s",
            done,
        )[0]
        if not waiting:
            break
        time.sleep(1)
    say(f"rated and posted {time.monotonic() - began:.1f} s after the last call")


def books_of(installed: Installation, answered: int) -> dict[str, int]:
    """What the books say of so many answered calls: each has a CDR of every tier and one of the carrier's cost."""
    [(rows, distinct)] = installed.sql(
        "select count(*), count(distinct (c.sip_call_id, d.chain, d.tier, d.is_carrier_cost))"
        " from calls_cdr d join calls_call c on c.id = d.call_id where d.outcome = 'answered'"
    )
    [(overdrawn,)] = installed.sql(
        "select coalesce(sum(greatest(0, -(balance_micro + credit_limit_micro - unposted_micro))), 0)::bigint"
        " from billing_account where kind in ('customer', 'partner')"
    )
    [(beyond_hold,)] = installed.sql(
        "select coalesce(sum(greatest(0, d.amount_micro - h.amount_micro)), 0)::bigint"
        " from calls_cdr d join billing_hold h on h.call_id = d.call_id and h.account_id = d.account_id"
    )
    [(ledger,)] = installed.sql(
        "select coalesce(sum(abs(total)), 0)::bigint from"
        " (select sum(amount_micro) as total from billing_entry group by currency) sums"
    )
    return {
        "cdrs_missing": max(0, answered * (TIERS + 1) - distinct),
        "cdrs_duplicated": rows - distinct,
        "overspent_micro": int(overdrawn) + int(beyond_hold),
        "ledger_sum": int(ledger),
    }
