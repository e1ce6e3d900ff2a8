"""What was the matter with a call, said as a person would."""

from __future__ import annotations

import string
from decimal import Decimal

import pytest

from carillon.logic.callflow.diagnosis import SENTENCES, Case, Tried, diagnose
from carillon.logic.callflow.quality import CALLEE, CALLER, CallQuality, LegQuality
from carillon.logic.callflow.refusals import REFUSALS
from carillon.logic.callflow.values import Outcome

BUSY = Tried("bob@northwind.test", 486, "Busy Here", 2_000)
SILENT = Tried("Carrier A", 408, "Request Timeout", 4_010)
FULL = Tried("Carrier B", 503, "Service Unavailable", 40)
GOOD = LegQuality(CALLER, 900, "PCMA", Decimal("4.4"), Decimal("4.3"), 1, 0, 0, 20)
MUTE = LegQuality(CALLER, 0, "PCMA")
POOR = LegQuality(CALLEE, 900, "PCMA", Decimal("2.2"), Decimal("1.9"), 30, 19, 171, 20)


def answered(ended_by: str = "caller", *, seconds: int = 62, reason: str = "", **more: object) -> Case:
    known = {"outcome": Outcome.ANSWERED, "who": "+33199000001", "ended_by": ended_by, "duration_ms": seconds * 1000}
    return Case(**{**known, "reason": reason, **more})  # type: ignore[arg-type]


def unanswered(outcome: Outcome, *tried: Tried, reason: str = "", code: int = 0, ended_by: str = "callee") -> Case:
    return Case(outcome, "+33199000001", code, reason, ended_by=ended_by, rang_ms=12_400, tried=tried)


def sounding(*legs: LegQuality) -> CallQuality:
    return CallQuality(legs)


CASES = {
    "busy": (unanswered(Outcome.BUSY, BUSY), "bob@northwind.test answered 486 Busy Here."),
    "busy, as a customer knows it": (
        unanswered(Outcome.BUSY, code=486, reason="Busy Here"),
        "+33199000001 answered 486 Busy Here.",
    ),
    "cancelled": (
        unanswered(Outcome.CANCELLED, Tried("Carrier A", 487, "Cancelled", 900), ended_by="caller"),
        "The caller hung up after 12 s, before anybody answered.",
    ),
    "nobody there": (
        unanswered(Outcome.NO_ANSWER, Tried("Carrier A", 408, "No answer", 30_200)),
        "It rang for 30 s and nobody answered.",
    ),
    "not registered": (
        unanswered(Outcome.NO_ANSWER, Tried("bob@northwind.test", 480, "Not registered", 0)),
        "No device of bob@northwind.test was registered.",
    ),
    "no such number": (
        unanswered(Outcome.UNALLOCATED, Tried("Carrier A", 404, "Not Found", 300)),
        "Carrier A says that there is no such number (404 Not Found).",
    ),
    "wrong credentials": (
        unanswered(Outcome.FAILED, Tried("Carrier A", 403, "Forbidden", 30)),
        "Carrier A refused the call (403 Forbidden): credentials or caller ID may be wrong.",
    ),
    "codecs": (
        unanswered(Outcome.FAILED, Tried("Carrier A", 488, "", 30)),
        "Carrier A accepts none of the offered codecs (488 Not Acceptable Here).",
    ),
    "all carriers down": (
        unanswered(Outcome.FAILED, SILENT, FULL),
        "Carrier A did not reply for 4 s. Carrier B answered 503 Service Unavailable.",
    ),
    "lost": (unanswered(Outcome.FAILED, ended_by="sweeper"), "The end of this call was never reported."),
    "failover on silence": (
        answered(tried=(SILENT,), answerer="Carrier B"),
        "No reply from Carrier A for 4 s, then Carrier B answered.",
    ),
    "failover on an error": (
        answered(tried=(FULL,), answerer="Carrier A", ended_by="callee"),
        "Carrier B answered 503 Service Unavailable, then Carrier A answered.",
    ),
    "two given up": (
        answered(tried=(SILENT, FULL), answerer="carrier 3 of Level Platform"),
        "Carrier A did not reply for 4 s."
        " Carrier B answered 503 Service Unavailable, then carrier 3 of Level Platform answered.",
    ),
    "nothing the matter": (answered(quality=sounding(GOOD)), "The caller hung up after 62 s."),
    "hung up by the called side": (answered("callee"), "The called side hung up after 62 s."),
    "money": (answered("money"), "The call was cut after 62 s: the customer's credit was used up."),
    "vanished": (
        answered("timeout", reason="A phone has vanished"),
        "The call was ended after 62 s: a phone had stopped replying.",
    ),
    "limit": (
        answered("timeout"),
        "The call was ended after 62 s: its time limit, or a phone had stopped replying.",
    ),
    "silence": (answered("media-timeout"), "The call was ended after 62 s: no sound came from either side any more."),
    "staff": (answered("operator"), "Staff hung up after 62 s."),
    "end unknown": (
        answered("sweeper"),
        "The end of this call was never reported: it counts up to the last proof that it went on.",
    ),
    "one way": (
        answered(quality=sounding(MUTE, POOR)),
        "No audio came from the caller's side: likely NAT or a firewall.",
    ),
    "neither way": (
        answered(quality=sounding(MUTE, LegQuality(CALLEE, 0))),
        "No audio came from either side: likely a firewall between the phones and us.",
    ),
    "own leg only": (answered(quality=sounding(GOOD)), "The caller hung up after 62 s."),
    "bad line": (
        answered("money", quality=sounding(GOOD, POOR)),
        "The called side heard badly: mean opinion score 2.2, 19 % lost."
        " The call was cut after 62 s: the customer's credit was used up.",
    ),
    "too short to tell": (answered(seconds=1, quality=sounding(MUTE)), "The caller hung up after 1 s."),
    "refused": (
        Case(Outcome.REFUSED, "+33199000001", 402, "Not enough credit", "credit-exhausted"),
        "The customer's credit does not buy the first seconds of this call.",
    ),
    "refused for a reason without a sentence": (
        Case(Outcome.REFUSED, "+33199000001", 403, "Not on Sundays", "sunday"),
        "The call was refused: Not on Sundays.",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_call_is_diagnosed(name: str) -> None:
    case, said = CASES[name]
    assert " ".join(finding.text for finding in diagnose(case)) == said


def test_every_refusal_is_told() -> None:
    for slug, refusal in REFUSALS.items():
        (found,) = diagnose(Case(Outcome.REFUSED, "102", refusal.sip_code, refusal.reason, slug))
        assert (found.slug, found.text[-1]) == (slug, ".")


def test_sentences_name_only_values_that_findings_have() -> None:
    known = {"who", "code", "phrase", "seconds", "reason", "next", "mos", "loss"}
    for sentence in SENTENCES.values():
        text = sentence % dict.fromkeys(known, "x")
        assert text[0] in string.ascii_uppercase + "x"
