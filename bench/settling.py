"""For `holds`: settle the open holds of an edge as the worker does, each call charged half of what it holds.

`python settling.py EDGE PART PARTS` settles every PARTS-th and prints the seconds it took.
"""

from __future__ import annotations

import itertools
import os
import sys
import time
from collections.abc import Iterator, Sequence

import django

CDR_ID = itertools.count(1)
MINUTE = "2026-01-01T00:00Z"


def main(edge: str, part: int, parts: int) -> None:
    """Set Django up with the worker's database role, then settle everything."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "carillon.server.settings"
    os.environ["CARILLON_DB_ROLE"] = "worker"
    django.setup()
    sys.stdout.write(f"{settle_all(edge, part, parts):.3f}\n")


def settle_all(edge: str, part: int, parts: int) -> float:
    """Seconds that settling a part of them takes."""
    from carillon.base.statements import array, run
    from carillon.base.tenancy import tenant
    from carillon.business.billing.holds import CallCharge, OpenHold, open_holds, settle_holds
    from carillon.business.partners.queries import system_actor
    from carillon.jobs.chores import BATCH

    def charges(holds: Sequence[OpenHold]) -> Iterator[CallCharge]:
        for hold in holds:
            for account_id, micro in ((hold.account_id, hold.amount_micro), *hold.upper):
                yield CallCharge(
                    partners[account_id], next(CDR_ID) * parts + part, account_id, micro // 2, MINUTE, is_cost=False
                )

    actor = system_actor()
    with tenant(actor):
        partners = dict(run("select id, partner_id from billing_account"))
        calls = [
            call_id for (call_id,) in run("select call_id::text from billing_hold where state = 'open' order by id")
        ]
    began = time.monotonic()
    for start in range(0, len(calls), BATCH):
        with tenant(actor):
            holds = open_holds(array(calls[start : start + BATCH]))
            settle_holds([(hold, edge) for hold in holds], list(charges(holds)))
    return time.monotonic() - began


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
