"""What happens to a live call (events) and what is to be done about it (effects): the words of `states.step`.

Times are milliseconds of the Unix epoch. `chain` is the index of a paying chain in the decision.
"""

from __future__ import annotations

from dataclasses import dataclass, field

# ---------------------------------------------------------------- events


@dataclass(frozen=True, slots=True)
class Applied:
    """The edge has sent the INVITE on."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Progress:
    """A callee rings."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Answered:
    """200 OK; `target` is an index into the decision's targets."""

    at_ms: int
    target: int | None = None


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Extended:
    """The hold of `chain` was raised to `total_micro`, or now has `bundle_s` seconds of bundles in all."""

    at_ms: int
    total_micro: int
    chain: int = 0
    bundle_s: int | None = None


@dataclass(frozen=True, slots=True)
class ExtendRefused:
    """The hold of `chain` could not be raised; `bearable_micro` is the largest total that the account can bear."""

    at_ms: int
    bearable_micro: int
    chain: int = 0


@dataclass(frozen=True, slots=True)
class Refilled:
    """Money has come in on an account that pays for the call: a payment, or a higher credit limit."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Ended:
    """A BYE was seen, whoever sent it."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Failed:
    """No target answered, or the caller cancelled."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Hangup:
    """Someone with the right to do so hangs up, e.g. in the portal."""

    at_ms: int
    by: str = "operator"


@dataclass(frozen=True, slots=True)
class Vanished:
    """Nobody is there any more: `heard_ms` is the last packet that proves otherwise (None: not known).

    `by` names what noticed it: timeout (the edge's keep-alive), session-timer (RFC 4028) or media-timeout.
    """

    at_ms: int
    heard_ms: int | None = None
    by: str = "timeout"
    reason: str = "A phone has vanished"


Event = Applied | Progress | Answered | Tick | Extended | ExtendRefused | Refilled | Ended | Failed | Hangup | Vanished


# ---------------------------------------------------------------- effects


@dataclass(frozen=True, slots=True)
class Extend:
    """Raise a chain's hold to what `funded_s` cost: `callfeed.extend_hold`.

    With `allowances`, (id, first interval, increment) in the order of use, `funded_s` are asked of those instead, of
    which it has `bundle_s`: `callfeed.extend_bundle`.

    `upper` are (account id, total of this chain) of the tiers above, `until_ms` is when the first chain of the call has
    used up its money.
    """

    total_micro: int
    funded_s: int
    until_ms: int
    upper: tuple[tuple[int, int], ...] = ()
    chain: int = 0
    allowances: tuple[tuple[int, int, int], ...] = ()
    bundle_s: int = 0


@dataclass(frozen=True, slots=True)
class SetTimeout:
    """Set the dead-man's switch: the dialog ends by itself `seconds` from now."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Terminate:
    """End both legs; `reason` is money, timeout or who hung up."""

    reason: str


@dataclass(frozen=True, slots=True)
class Release:
    """Give the holds back: `callfeed.release_hold`. Does nothing when there are none."""


@dataclass(frozen=True, slots=True)
class RecordEvent:
    """Write a call event: `callfeed.record_event`."""

    kind: str
    at_ms: int
    detail: dict[str, object] = field(default_factory=dict)


Effect = Extend | SetTimeout | Terminate | Release | RecordEvent
