"""Whether a carrier's gateway is there, and how the calls sent to it go: one step for each thing heard of it. Pure.

We ask by OPTIONS (RFC 3261, 11): whoever answers, whatever it says, is there. Calls tell the same on the way, for free.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from enum import StrEnum
from typing import Final

from carillon.logic.copies import replace
from carillon.logic.traffic import NO_TRAFFIC, Traffic

AWAY_AFTER: Final = 3  # silences in a row; one may be a packet that was lost on the way
QUARTER_MS: Final = 15 * 60_000
QUARTERS: Final = 96  # what is remembered: a day


class Presence(StrEnum):
    """What we know of a gateway."""

    UNKNOWN = "unknown"
    ALIVE = "alive"
    AWAY = "away"


@dataclass(frozen=True, slots=True)
class Quarter:
    """A quarter of an hour, from `begin_ms` (Unix epoch): what was asked, what stayed without a reply, how calls went.

    `slowest_ms`: the longest round trip. `traffic` counts each call that was tried at the gateway, also those that went
    on to the next one.
    """

    begin_ms: int
    asked: int = 0
    silent: int = 0
    slowest_ms: int = 0
    traffic: Traffic = NO_TRAFFIC


@dataclass(frozen=True, slots=True)
class Health:
    """What has been heard of one gateway; moments are milliseconds of the Unix epoch.

    `presence` holds since `since_ms`. `silences`: in a row. `sip_code` and `round_trip_ms` are of the last reply to an
    OPTIONS, `replied_ms` when it came; `heard_ms` when it last answered anything, also a call.
    """

    presence: Presence = Presence.UNKNOWN
    since_ms: int = 0
    silences: int = 0
    replied_ms: int | None = None
    heard_ms: int | None = None
    sip_code: int | None = None
    round_trip_ms: int | None = None
    quarters: tuple[Quarter, ...] = ()

    @property
    def ignores_options(self) -> bool:
        """Whether it answers calls and has never answered an OPTIONS: then its silence tells nothing."""
        return self.heard_ms is not None and self.replied_ms is None

    @property
    def away_since_ms(self) -> int | None:
        """Since when it is away; None when it is there or not known."""
        return self.since_ms if self.presence is Presence.AWAY else None


UNHEARD: Final = Health()


def replied(health: Health, at_ms: int, sip_code: int, round_trip_ms: int) -> Health:
    """It answered an OPTIONS, with whatever status."""
    now = _quarter(health, at_ms)
    asked = replace(now, asked=now.asked + 1, slowest_ms=max(now.slowest_ms, round_trip_ms))
    told = replace(health, replied_ms=at_ms, sip_code=sip_code, round_trip_ms=round_trip_ms)
    return _with(_heard(told, at_ms), asked)


def silent(health: Health, at_ms: int, waited_ms: int = 0) -> Health:
    """An OPTIONS stayed without any reply, for `waited_ms`. Of whom has been heard meanwhile that proves nothing."""
    now = _quarter(health, at_ms)
    missed = _with(health, replace(now, asked=now.asked + 1, silent=now.silent + 1))
    is_outdated = health.heard_ms is not None and health.heard_ms > at_ms - waited_ms
    return missed if health.ignores_options or is_outdated else _missed(missed, at_ms)


def call_replied(health: Health, at_ms: int) -> Health:
    """It answered a call, with whatever status."""
    return _heard(health, at_ms)


def call_silent(health: Health, at_ms: int) -> Health:
    """A call stayed without any reply. Who never answers an OPTIONS could not come back: of such it proves nothing."""
    return health if health.ignores_options else _missed(health, at_ms)


def add_traffic(health: Health, at_ms: int, traffic: Traffic) -> Health:
    """Something happened to a call that was sent there: added to the quarter of its moment."""
    now = _quarter(health, at_ms)
    return _with(health, replace(now, traffic=now.traffic + traffic))


def traffic_since(quarters: Iterable[Quarter], begin_ms: int) -> Traffic:
    """The calls of the quarters that end after `begin_ms`."""
    total = NO_TRAFFIC
    for quarter in quarters:
        if quarter.begin_ms + QUARTER_MS > begin_ms:
            total += quarter.traffic
    return total


def _heard(health: Health, at_ms: int) -> Health:
    since_ms = health.since_ms if health.presence is Presence.ALIVE else at_ms
    return replace(health, presence=Presence.ALIVE, since_ms=since_ms, silences=0, heard_ms=at_ms)


def _missed(health: Health, at_ms: int) -> Health:
    silences = health.silences + 1
    if silences < AWAY_AFTER or health.presence is Presence.AWAY:
        return replace(health, silences=silences)
    return replace(health, presence=Presence.AWAY, since_ms=at_ms, silences=silences)


def _quarter(health: Health, at_ms: int) -> Quarter:
    """The quarter of the moment; a clock that was set back stays in the last one."""
    begin_ms = at_ms - at_ms % QUARTER_MS
    last = health.quarters[-1] if health.quarters else None
    return last if last is not None and last.begin_ms >= begin_ms else Quarter(begin_ms)


def _with(health: Health, quarter: Quarter) -> Health:
    """The health with its last quarter replaced, or followed by a new one; what is older than a day is forgotten."""
    earlier = health.quarters
    if earlier and earlier[-1].begin_ms == quarter.begin_ms:
        return replace(health, quarters=(*earlier[:-1], quarter))
    oldest_ms = quarter.begin_ms - (QUARTERS - 1) * QUARTER_MS
    return replace(health, quarters=(*(one for one in earlier if one.begin_ms >= oldest_ms), quarter))


# ---------------------------------------------------------------- as it is kept


def written(quarters: Iterable[Quarter]) -> list[list[int]]:
    """Quarters as short lists of numbers, for JSON: begin in seconds, then what was asked, then the calls."""
    return [[one.begin_ms // 1000, one.asked, one.silent, one.slowest_ms, *astuple(one.traffic)] for one in quarters]


def read(rows: Iterable[Sequence[int]]) -> tuple[Quarter, ...]:
    """The quarters that `written` wrote. Raises TypeError or ValueError for anything else."""
    return tuple(
        Quarter(1000 * begin_s, asked, missed, slowest_ms, Traffic(*traffic))
        for begin_s, asked, missed, slowest_ms, *traffic in rows
    )
