"""What a call path reads of a customer's packages."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Allowance:
    """Call time that a package gives in one period, from `starts_ms` until before `ends_ms` (Unix epoch).

    For a destination group (None: all numbers) and one user (None: all). Time is used up in whole intervals. With
    `covers_fee` the call owes no connection fee; with `blocks` it ends when nothing is left, as the database says.
    """

    id: int
    name: str
    starts_ms: int
    ends_ms: int
    group_id: int | None = None
    user_id: int | None = None
    initial_s: int = 60
    increment_s: int = 60
    covers_fee: bool = True
    blocks: bool = False
