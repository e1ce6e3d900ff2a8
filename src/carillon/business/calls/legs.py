"""A call's ladder for somebody to whom only one of its legs belongs. Pure.

A partner sees the SIP messages of its own phones and of its own carriers. The other leg of a call is its supplier's
business (or another partner's): its messages stay in the ladder as who asked or answered what and when, without
addresses and text. What is left of the other side in the messages that are shown is made unreadable too: the edge hides
the topology on the wire, but a trace must not depend on that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from carillon.business.calls.trace import Ladder, TraceMessage
from carillon.logic.callflow.phrases import phrase

NOBODY = "hidden.invalid"  # RFC 2606
CARRIER, CALLER, CALLEE = "carrier", "caller", "callee"

_HOST = re.compile(
    r"(?:@|\bsips?:(?:[^@>;\s]*@)?|SIP/2\.0/\w+[ \t]+|\bIN IP[46][ \t]+|;(?:received|maddr)=)"
    r"(\[[0-9A-Fa-f:.]+\]|[0-9A-Fa-f]*:[0-9A-Fa-f:]+|[A-Za-z0-9][A-Za-z0-9-]*(?:\.[A-Za-z0-9-]+)+)",
    re.IGNORECASE,
)
_TO_TAG = re.compile(r"^(?:to|t)[ \t]*:.*;[ \t]*tag=", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Sides:
    """Which legs a reader may see. `caller` is the source's `host:port` as the edge saw it; `source` and `destination`
    are "" for a leg that may be read, else the neutral name of whoever is there; `hosts` are never shown.
    """

    caller: str
    source: str = ""
    destination: str = ""
    hosts: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether everything may be read."""
        return not self.source and not self.destination


def conceal(ladder: Ladder, sides: Sides) -> Ladder:
    """The ladder as a reader of `sides` may see it. What can't be placed on a leg for certain counts as hidden."""
    if sides.is_open:
        return ladder
    shown = _shown(ladder.messages, sides)
    platform = _platform(ladder.messages, shown, sides)
    hosts = _hosts_to_hide(ladder.messages, shown, platform, sides)
    words = _words(ladder.messages, shown)
    messages = tuple(
        _redacted(message, hosts, words) if is_shown else _neutral(message, platform, sides, hosts)
        for message, is_shown in zip(ladder.messages, shown, strict=True)
    )
    parties = dict.fromkeys(party for message in messages for party in (message.source, message.target))
    return Ladder(tuple(parties), messages)


# ---------------------------------------------------------------- which leg


def _shown(messages: Iterable[TraceMessage], sides: Sides) -> list[bool]:
    """Per message whether it is on a leg that may be read."""
    if sides.source and sides.destination:
        return [False for _ in messages]
    if sides.destination:
        return [sides.caller in (message.source, message.target) for message in messages]
    devices = _devices(messages, sides.caller)
    return [
        sides.caller not in (message.source, message.target) and bool({message.source, message.target} & devices)
        for message in messages
    ]


def _devices(messages: Iterable[TraceMessage], caller: str) -> set[str]:
    """Where the platform sent the call on to: first INVITEs that are not the caller's.

    A carrier's later requests may come from another of its addresses; they go to the platform, which is no device.
    """
    called = {
        message.target
        for message in messages
        if message.summary == "INVITE" and message.source != caller and not _TO_TAG.search(message.raw)
    }
    return called - {message.target for message in messages if message.source == caller}


def _platform(messages: tuple[TraceMessage, ...], shown: list[bool], sides: Sides) -> set[str]:
    """The platform's own addresses: opposite the party that is shown, and where the hidden leg begins.

    It begins with a request: a reply may stand before the request that it answers when both came in one moment.
    """
    ours: set[str] = set()
    is_first_hidden = True
    for message, is_shown in zip(messages, shown, strict=True):
        if is_shown:
            theirs = {sides.caller} if sides.destination else _devices(messages, sides.caller)
            ours |= {message.source, message.target} - theirs
        elif is_first_hidden and not message.summary[:1].isdigit():
            is_first_hidden = False
            ours.add(message.target if sides.source else message.source)
    return ours


# ---------------------------------------------------------------- what is said


def _neutral(message: TraceMessage, platform: set[str], sides: Sides, hosts: re.Pattern[str] | None) -> TraceMessage:
    """A hidden message: who asked or answered what, and when."""
    name = sides.destination or sides.source
    if sides.source and (not sides.destination or sides.caller in (message.source, message.target)):
        name = sides.source
    said = message.summary.split(" ", 1)[0]  # a carrier's own words may name it
    return replace(
        message,
        source=message.source if message.source in platform else name,
        target=message.target if message.target in platform else name,
        first_line=said,
        summary=said,
        sip_call_id=_without(message.sip_call_id, hosts),
        raw="",
    )


def _redacted(message: TraceMessage, hosts: re.Pattern[str] | None, words: set[str]) -> TraceMessage:
    first, summary = message.first_line, message.summary
    if summary in words:  # the other side's answer, passed on
        summary = f"{summary[:3]} {phrase(int(summary[:3]))}"
        first = f"SIP/2.0 {summary}"
    return replace(
        message,
        first_line=_without(first, hosts),
        summary=_without(summary, hosts),
        sip_call_id=_without(message.sip_call_id, hosts),
        raw=_without(message.raw.replace(message.first_line, first, 1), hosts),
    )


def _words(messages: tuple[TraceMessage, ...], shown: list[bool]) -> set[str]:
    """Status lines of the hidden leg: "503 Cheap carrier is full"."""
    hidden = {message.summary for message, is_shown in zip(messages, shown, strict=True) if not is_shown}
    return {said for said in hidden if said[:3].isdecimal() and said[3:4] == " "}


def _without(text: str, hosts: re.Pattern[str] | None) -> str:
    return hosts.sub(NOBODY, text) if hosts else text


def _hosts_to_hide(
    messages: tuple[TraceMessage, ...], shown: list[bool], platform: set[str], sides: Sides
) -> re.Pattern[str] | None:
    """The hosts of the hidden leg, but those that the shown party itself had from the beginning."""
    hidden = {host.lower() for host in sides.hosts if host}
    known = {_host(address) for address in platform}
    is_first_shown = True
    for message, is_shown in zip(messages, shown, strict=True):
        ends = {_host(message.source), _host(message.target)}
        if not is_shown:
            hidden |= ends | {found.lower() for found in _HOST.findall(message.raw)}
            continue
        known |= ends
        if is_first_shown and message.summary == "INVITE":
            is_first_shown = False
            own = message.raw if sides.destination else message.first_line
            known |= {found.lower() for found in _HOST.findall(own)}
    found = sorted(hidden - known, key=len, reverse=True)
    if not found:
        return None
    return re.compile(rf"(?<![\w.-])(?:{'|'.join(map(re.escape, found))})(?![\w-]|\.\w)", re.IGNORECASE)


def _host(address: str) -> str:
    return address.rpartition(":")[0].lower()
