"""How large a credit window is: what a control may promise of an account of the tiers above without asking.

A window is worth a minute of what calls are taking ("burn"), so that a control asks a few times a minute however many
calls there are, and holds back little from everybody else. Amounts are micro-units of the account's currency, burn is
micro-units a second. Decision 0012.
"""

from __future__ import annotations

SLICE_S = 60
LEAST_SLICE = 1_000_000  # one unit of the currency: a slice for a single call would be asked for again at once
MOST_SLICE = 1_000_000_000  # what a dead control may keep from others until its lease is swept
SMOOTHING = 8  # seconds, roughly, over which the burn is averaged


def burn(before: int, taken_micro: int, elapsed_ms: int) -> int:
    """The smoothed burn after `taken_micro` in `elapsed_ms`; it reaches 0 when nothing is taken for a while.

    A sudden rise counts at once: a window that is too small makes every call ask, one that is too large costs nothing.
    """
    now = taken_micro * 1000 // max(elapsed_ms, 1000)
    return now if now > before else before + (now - before) // SMOOTHING


def slice_micro(burn_micro_per_s: int) -> int:
    """What a window should have free: a minute of burn within reason, nothing when no calls take anything."""
    if burn_micro_per_s <= 0:
        return 0
    return min(max(burn_micro_per_s * SLICE_S, LEAST_SLICE), MOST_SLICE)


def change_micro(free_micro: int, burn_micro_per_s: int) -> int:
    """What to ask for (positive) or to give back (negative) now; 0: the window is as it should be.

    Asked when less than half of the slice is left, given back when there is more than twice of it: between the two
    nothing is said, so that a window does not breathe with every call.
    """
    wanted = slice_micro(burn_micro_per_s)
    if free_micro * 2 < wanted or free_micro > wanted * 2:
        return wanted - free_micro
    return 0


def least_left_micro(asked_micro: int) -> int:
    """What must stay available besides a slice: near its limit an account is shared call by call."""
    return asked_micro


def spend(free_micro: int, new_micro: int) -> int:
    """How much of what a call newly needs comes from the window; the rest is granted for the call alone."""
    return min(max(new_micro, 0), max(free_micro, 0))
