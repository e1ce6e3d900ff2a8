"""How many calls a second are let through: a token bucket, kept as the moment at which it is full again.

The generic cell rate algorithm of ITU-T I.371: one number per bucket, and a bucket that is full needs none.
"""

from __future__ import annotations

SECOND_US = 1_000_000


def let_through(full_at_us: int, now_us: int, *, per_s: int, burst: int) -> int | None:
    """When the bucket is full again after one more call now; None when there is no room for it.

    `full_at_us`: as returned for the call before, 0 for a full bucket; `now_us`: microseconds of a clock that never
    goes back. `burst` calls fit into a full bucket, `per_s` calls a second flow in; both at least 1.
    """
    interval_us = SECOND_US // per_s
    begun_us = max(full_at_us, now_us)
    return None if begun_us - now_us > (burst - 1) * interval_us else begun_us + interval_us
