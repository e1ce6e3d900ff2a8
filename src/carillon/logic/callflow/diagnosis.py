"""What was the matter with a call, in a sentence or two that a reseller understands. Pure.

The case is what the reader may know of the call (`logic.callflow.explanation`): a diagnosis says nothing that
is not in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from carillon.logic.callflow.phrases import phrase
from carillon.logic.callflow.quality import CALLEE, CALLER, CallQuality, Grade
from carillon.logic.callflow.values import Outcome

LEAST_TALK_MS: Final = 3_000  # shorter talks prove nothing about the sound
MOST: Final = 3
SILENT: Final = (408, 0)


@dataclass(frozen=True, slots=True)
class Tried:
    """A target that was given up: who it is for the reader, what came back, after how long."""

    who: str
    sip_code: int
    reason: str
    elapsed_ms: int


@dataclass(frozen=True, slots=True)
class Case:
    """A finished call as one reader may know it. `who`: the called side's name or number; `answerer`: who picked up."""

    outcome: Outcome
    who: str
    sip_code: int = 0
    reason: str = ""
    refusal: str = ""
    ended_by: str = ""
    duration_ms: int = 0
    rang_ms: int = 0
    answerer: str = ""
    tried: tuple[Tried, ...] = ()
    quality: CallQuality | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """A sentence of the diagnosis: a name for programs, a text with its values for people."""

    slug: str
    template: str
    values: Mapping[str, object]

    @property
    def text(self) -> str:
        """The sentence."""
        return self.template % self.values


SENTENCES: Final[Mapping[str, str]] = {
    # refused by us
    "unknown-source": "The call came from an address that belongs to none of the gateways.",
    "unknown-endpoint": "The calling device's account does not exist any more.",
    "unknown-customer": "The calling device's customer does not exist any more.",
    "unknown-domain": "The call was for a SIP domain that is not served here.",
    "called-blacklisted": "%(who)s is on a blacklist.",
    "caller-blacklisted": "The caller's number is on a blacklist.",
    "source-blacklisted": "The calling address is on a blacklist.",
    "destination-barred": "Calls to numbers of the kind of %(who)s are barred for this customer.",
    "daily-limit-reached": "The customer has spent what it may spend in a day.",
    "endpoint-disabled": "The calling device is disabled.",
    "customer-suspended": "The customer is suspended.",
    "customer-blocked": "The customer is blocked.",
    "customer-terminated": "The customer's contract has ended.",
    "partner-suspended": "The service provider is suspended.",
    "invalid-number": "%(who)s is not a number that can be dialled.",
    "unknown-extension": "The customer has no extension %(who)s.",
    "number-unassigned": "The number %(who)s belongs to no customer.",
    "callee-not-in-service": "The called customer is not in service.",
    "callee-cannot-pay": "The called customer pays for calls it receives, and the money for it was not there.",
    "no-device": "Nobody called has a device to ring.",
    "not-forwarded": "The called user has forwarded the call, and that could not be done.",
    "forwarding-loop": "The call was forwarded in a circle.",
    "no-route": "No route leads to %(who)s.",
    "route-blocked": "Calls to %(who)s are blocked by a route.",
    "no-gateway": "A route leads to %(who)s, but none of its gateways is in use.",
    "gateways-full": "A route leads to %(who)s, but its gateways have as many calls as they may.",
    "no-price": "The price list has no price for %(who)s.",
    "price-below-cost": "Calls to %(who)s are not offered at the present prices.",
    "no-exchange-rate": "There is no exchange rate between the price list's and the account's currency.",
    "credit-exhausted": "The customer's credit does not buy the first seconds of this call.",
    "bundle-used-up": "The minutes that the customer has included are used up, and they are all that it may use.",
    "partner-credit-exhausted": "The service provider's own credit is used up.",
    "channels-exhausted": "The customer has as many calls at once as it may have.",
    "too-many-calls": "The customer's devices began more calls in a second than they may.",
    "no-decision": "The platform could not decide about the call in time.",
    "refused": "The call was refused: %(reason)s.",
    # nobody answered
    "cancelled": "The caller hung up after %(seconds)s s, before anybody answered.",
    "busy": "%(who)s answered %(code)s %(phrase)s.",
    "no-answer": "It rang for %(seconds)s s and nobody answered.",
    "not-registered": "No device of %(who)s was registered.",
    "no-such-number": "%(who)s says that there is no such number (%(code)s %(phrase)s).",
    "declined": "%(who)s declined the call (%(code)s %(phrase)s).",
    "not-allowed": "%(who)s refused the call (%(code)s %(phrase)s): credentials or caller ID may be wrong.",
    "no-common-codec": "%(who)s accepts none of the offered codecs (%(code)s %(phrase)s).",
    "silent": "%(who)s did not reply for %(seconds)s s.",
    "failed": "%(who)s answered %(code)s %(phrase)s.",
    "lost": "The end of this call was never reported.",
    # more than one was tried
    "tried-silent": "No reply from %(who)s for %(seconds)s s, then %(next)s answered.",
    "tried-failed": "%(who)s answered %(code)s %(phrase)s, then %(next)s answered.",
    # answered
    "money": "The call was cut after %(seconds)s s: the customer's credit was used up.",
    "time-limit": "The call was ended after %(seconds)s s: its time limit, or a phone had stopped replying.",
    "vanished": "The call was ended after %(seconds)s s: a phone had stopped replying.",
    "session-timer": "The call was ended after %(seconds)s s: a phone had not refreshed the session.",
    "media-timeout": "The call was ended after %(seconds)s s: no sound came from either side any more.",
    "hung-up-by-staff": "Staff hung up after %(seconds)s s.",
    "end-unknown": "The end of this call was never reported: it counts up to the last proof that it went on.",
    "hung-up-by-caller": "The caller hung up after %(seconds)s s.",
    "hung-up-by-callee": "The called side hung up after %(seconds)s s.",
    # how it sounded
    "no-audio": "No audio came from either side: likely a firewall between the phones and us.",
    "no-audio-from-caller": "No audio came from the caller's side: likely NAT or a firewall.",
    "no-audio-from-callee": "No audio came from the called side: likely NAT or a firewall.",
    "poor-at-caller": "The caller heard badly: mean opinion score %(mos)s, %(loss)s %% lost.",
    "poor-at-callee": "The called side heard badly: mean opinion score %(mos)s, %(loss)s %% lost.",
}

_ENDED_BY: Final[Mapping[str, str]] = {
    "money": "money",
    "timeout": "time-limit",
    "session-timer": "session-timer",
    "media-timeout": "media-timeout",
    "operator": "hung-up-by-staff",
    "sweeper": "end-unknown",
    "caller": "hung-up-by-caller",
    "callee": "hung-up-by-callee",
}
_UNREMARKABLE: Final = ("hung-up-by-caller", "hung-up-by-callee")
# RFC 3261, section 21
_FAILURES: Final[Mapping[int, str]] = {
    486: "busy",
    600: "busy",
    603: "declined",
    607: "declined",
    608: "declined",
    404: "no-such-number",
    410: "no-such-number",
    484: "no-such-number",
    604: "no-such-number",
    401: "not-allowed",
    403: "not-allowed",
    407: "not-allowed",
    415: "no-common-codec",
    488: "no-common-codec",
    606: "no-common-codec",
}


def diagnose(case: Case) -> tuple[Finding, ...]:
    """What the reader should know, the most telling first; at least one finding, at most three."""
    if case.outcome is Outcome.REFUSED:
        slug = case.refusal if case.refusal in SENTENCES else "refused"
        return (_finding(slug, who=case.who, reason=case.reason or phrase(case.sip_code)),)
    if case.outcome is Outcome.ANSWERED:
        return _of_answered(case)
    return (*_before_last(case), _of_unanswered(case))[-MOST:]


def _of_answered(case: Case) -> tuple[Finding, ...]:
    end = _end(case)
    telling = [*_tried(case, case.answerer or case.who), *_sound(case)]
    if end.slug not in _UNREMARKABLE or not telling:
        telling.append(end)
    return tuple(telling[-MOST:])


def _end(case: Case) -> Finding:
    slug = _ENDED_BY.get(case.ended_by, "end-unknown")
    if slug == "time-limit" and "vanished" in case.reason:
        slug = "vanished"
    return _finding(slug, seconds=_seconds(case.duration_ms))


def _sound(case: Case) -> Iterator[Finding]:
    caller = case.quality.leg(CALLER) if case.quality else None
    callee = case.quality.leg(CALLEE) if case.quality else None
    if case.duration_ms < LEAST_TALK_MS:
        return
    silent = [leg.side for leg in (caller, callee) if leg is not None and not leg.packets]
    if silent:
        yield _finding("no-audio" if len(silent) > 1 else f"no-audio-from-{silent[0]}")
        return
    for leg in (caller, callee):
        if leg is not None and leg.grade is Grade.POOR:
            yield _finding(f"poor-at-{leg.side}", mos=leg.mos, loss=leg.loss_percent or 0)


def _of_unanswered(case: Case) -> Finding:
    last = case.tried[-1] if case.tried else None
    if case.ended_by == "sweeper":
        return _finding("lost")
    if case.outcome is Outcome.CANCELLED:
        return _finding("cancelled", seconds=_seconds(case.rang_ms))
    if case.outcome is Outcome.NO_ANSWER and case.reason == "No answer":
        return _finding("no-answer", seconds=_seconds(case.rang_ms))
    if last is not None:
        return _failure(last)
    return _failure(Tried(case.who, case.sip_code, case.reason, case.rang_ms))


def _failure(tried: Tried) -> Finding:
    """What one target's answer means."""
    if tried.reason == "Not registered":
        return _finding("not-registered", who=tried.who)
    if tried.reason == "No answer":
        return _finding("no-answer", seconds=_seconds(tried.elapsed_ms))
    if tried.sip_code in SILENT:
        return _finding("silent", who=tried.who, seconds=_seconds(tried.elapsed_ms))
    return _finding(_FAILURES.get(tried.sip_code, "failed"), **_said(tried))


def _before_last(case: Case) -> Iterator[Finding]:
    for tried in case.tried[:-1]:
        yield _failure(tried)


def _tried(case: Case, following: str) -> Iterator[Finding]:
    """Those that were given up before somebody answered: the last of them with who came next."""
    *earlier, last = case.tried or (None,)
    for tried in earlier:
        if tried is not None:
            yield _failure(tried)
    if last is not None:
        slug = "tried-silent" if last.sip_code in SILENT else "tried-failed"
        yield _finding(slug, **_said(last), seconds=_seconds(last.elapsed_ms), next=following)


def _said(tried: Tried) -> dict[str, object]:
    return {"who": tried.who, "code": tried.sip_code, "phrase": tried.reason or phrase(tried.sip_code)}


def _seconds(milliseconds: int) -> int:
    return round(milliseconds / 1000)


def _finding(slug: str, **values: object) -> Finding:
    return Finding(slug, SENTENCES[slug], values)
