"""How a call sounded, per leg: what came from each side, and what that side's phone reported to hear (RFC 3550, RTCP).

Nothing here is guessed: a phone that sends no RTCP leaves `None`, which people are told as "unknown".
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

CALLER, CALLEE = "caller", "callee"

# ITU-T G.107, table B.1, as mean opinion scores of P.800: users are satisfied from R 80 (4.03) on; from R 60 (3.10) on
# some or many are dissatisfied; below that nearly all are. rtpengine tells tenths.
GOOD_MOS: Final = Decimal("4.0")
FAIR_MOS: Final = Decimal("3.1")


class Grade(StrEnum):
    """A mean opinion score as a word."""

    GOOD = "good"
    FAIR = "fair"
    POOR = "poor"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class LegQuality:
    """One leg of a call. `packets` came from this leg's side to us.

    The rest is what the phone on this leg reported about what it heard: average and lowest mean opinion score (1 to
    4.5, ITU-T G.107), jitter, average loss in percent, packets lost altogether, and the round trip between it and us.
    """

    side: str  # caller | callee
    packets: int
    codec: str = ""
    mos: Decimal | None = None
    mos_lowest: Decimal | None = None
    jitter_ms: int | None = None
    loss_percent: int | None = None
    packets_lost: int | None = None
    round_trip_ms: int | None = None

    @property
    def grade(self) -> Grade:
        """The average score as a word."""
        return grade_of(self.mos)


@dataclass(frozen=True, slots=True)
class CallQuality:
    """The legs of an answered call, the caller's first."""

    legs: tuple[LegQuality, ...]

    def leg(self, side: str) -> LegQuality | None:
        """The leg of a side, None when it is not known."""
        return next((leg for leg in self.legs if leg.side == side), None)


def grade_of(mos: Decimal | None) -> Grade:
    """The word for a mean opinion score."""
    if mos is None:
        return Grade.UNKNOWN
    return Grade.GOOD if mos >= GOOD_MOS else Grade.FAIR if mos >= FAIR_MOS else Grade.POOR
