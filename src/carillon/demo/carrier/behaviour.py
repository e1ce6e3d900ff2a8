"""What a called number does, told by its last three digits. Pure.

| Number ends in | Carrier A | Carrier B |
|---|---|---|
| 486 | busy | busy |
| 404 | unallocated | unallocated |
| 408 | rings, never answers | the same |
| 183 | announcement before the answer (early media), then answers | the same |
| 777 | answers, hangs up after five seconds | the same |
| 503 | refuses with 503: the next gateway is tried | answers |
| 000 | says nothing at all: the next gateway is tried | answers |
| anything else | rings shortly, answers with a tone | the same |
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

FAILING_CARRIER = "a"


class Mode(StrEnum):
    """How a whole carrier behaves, whatever the number."""

    NORMAL = "normal"
    FAILING = "failing"  # 503 to every call
    SILENT = "silent"  # no reply to any call
    ASKING = "asking"  # a password first, then by the number


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One call's script.

    `is_silent`: no reply at all. `refusal`: status and reason after ringing when `rings`, None when answered.
    `hangs_up_after_s` None: the caller ends it.
    """

    is_silent: bool = False
    rings: bool = True
    has_early_media: bool = False
    answers: bool = True
    refusal: tuple[int, str] | None = None
    hangs_up_after_s: float | None = None


ANSWERS = Behaviour()
UNAVAILABLE = Behaviour(rings=False, answers=False, refusal=(503, "Service Unavailable"))
SILENT = Behaviour(is_silent=True, rings=False, answers=False)
_BY_SUFFIX = {
    "486": Behaviour(rings=False, answers=False, refusal=(486, "Busy Here")),
    "404": Behaviour(rings=False, answers=False, refusal=(404, "Not Found")),
    "408": Behaviour(answers=False),
    "183": Behaviour(has_early_media=True),
    "777": Behaviour(hangs_up_after_s=5.0),
}
_ONLY_ON_FAILING_CARRIER = {"503": UNAVAILABLE, "000": SILENT}


def behaviour_of(number: str, carrier: str, mode: Mode, nth_call: int, fail_every: int = 0) -> Behaviour:
    """What carrier "a" or "b" does with its `nth_call` (from 1), to `number`.

    `fail_every` 3 makes each third call fail with 503; 0: none.
    """
    if mode == Mode.SILENT:
        return SILENT
    if mode == Mode.FAILING or (fail_every and nth_call % fail_every == 0):
        return UNAVAILABLE
    suffix = number[-3:]
    if carrier == FAILING_CARRIER and suffix in _ONLY_ON_FAILING_CARRIER:
        return _ONLY_ON_FAILING_CARRIER[suffix]
    return _BY_SUFFIX.get(suffix, ANSWERS)
