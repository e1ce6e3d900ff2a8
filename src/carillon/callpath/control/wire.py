"""Decisions in the words of edge/kamailio: `decide` messages and their targets (edge/kamailio/README.md)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote

from carillon.logic.callflow.callerid import ANONYMOUS
from carillon.logic.callflow.feed import Gateway
from carillon.logic.callflow.forwarding import Failure
from carillon.logic.callflow.values import (
    CallRequest,
    Cause,
    Decision,
    Direction,
    Refusal,
    Target,
)

Json = dict[str, Any]
_USER_SAFE = "+*#-_.!~'()&=$,;?/"  # RFC 3261, 25.1: unreserved and user-unreserved, and the hash key
# Kamailio's dialog timer counts ticks and fires up to a second early: control must be first, the switch is for when it
# is dead.
TIMER_SLACK_S = 1
# What Kamailio's dialog module leaves a call when a phone no longer answers its keep-alive: nobody else sets just this.
VANISHED_LIFETIME_S = 10
_NOT_PRINTABLE = re.compile(r"[\x00-\x1f\x7f]")
_NOT_STORABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_TELEPHONE = re.compile(r"\+?[0-9().-]+")
_DTMF = "telephone-event"  # digits are no codec of the voice: they always pass
_ANONYMOUS = "sip:anonymous@anonymous.invalid"
_REQUEST_FIELDS = (
    *("sip_call_id", "source_address", "source_port", "transport", "auth_user", "auth_realm"),
    *("request_user", "request_domain", "from_user", "from_domain", "from_display", "asserted_identity", "privacy"),
    "diversions",
)


def request_of(message: Json) -> CallRequest:
    """The question of a `call` message. Raises KeyError or TypeError when it is not one.

    What PostgreSQL's jsonb can't hold (U+0000, half a surrogate pair) or a log line should not (control characters)
    becomes U+FFFD: replaced and not left out, so that nobody's name turns into somebody else's.
    """
    fields = {name: message[name] for name in _REQUEST_FIELDS if name in message}
    clean: Json = {
        name: _NOT_STORABLE.sub("�", value) if isinstance(value, str) else value for name, value in fields.items()
    }
    if "request_user" in clean:
        clean["request_user"] = dialled_user(clean["request_user"])
    return CallRequest(**{"auth_user": "", "auth_realm": "", **clean})


def dialled_user(user: str) -> str:
    """What the user part of a Request-URI means: escapes undone and, of a telephone number, parameters left out.

    RFC 3261, 19.1.2 and 19.1.6; an escaped control character becomes U+FFFD, so that it stays no number.
    """
    number, _, parameters = user.partition(";")
    plain = unquote(number if parameters and _TELEPHONE.fullmatch(number) else user, errors="replace")
    return _NOT_STORABLE.sub("�", plain)


def refusal_message(question: Json, refusal: Refusal) -> Json:
    """Tell Kamailio to refuse the call."""
    return {
        **_address(question),
        "allow": 0,
        "code": str(refusal.sip_code),
        "reason": printable(refusal.reason),
    }


def lifetime_s(seconds: int) -> int:
    """The dialog timeout to ask for when a call may last so long from now."""
    wanted_s = seconds + TIMER_SLACK_S
    return wanted_s + 1 if wanted_s == VANISHED_LIFETIME_S else wanted_s


def decision_message(
    question: Json, call_id: str, decision: Decision, timeout_s: int, advertised: str, decrypt: Callable[[str], str]
) -> Json:
    """Tell Kamailio to put the call through. `decrypt` opens a gateway's password."""
    return {
        **_address(question),
        "allow": 1,
        "call": call_id,
        "timeout": lifetime_s(timeout_s),
        "limit": _limit(decision),
        "targets": [wire_target(target, decision, advertised, decrypt) for target in decision.targets],
    }


def failure_of(question: Json) -> Failure:
    """What happened, of a `forward` message. Raises KeyError, TypeError or ValueError when it is not one.

    Of a 3xx's Contact only the user part counts, as something dialled: its host could be anybody's.
    """
    contact = str(question.get("contact") or "")
    user = contact.removeprefix("<").partition(":")[2].partition("@")[0].partition(">")[0]
    return Failure(Cause(question["what"]), int(question["target"]), dialled_user(user)[:64])


def forward_message(
    question: Json, decision: Decision, timeout_s: int, advertised: str, decrypt: Callable[[str], str]
) -> Json:
    """Tell Kamailio whom to try further: the targets after the one that failed."""
    first = int(question["target"]) + 1
    return {
        **_address(question, "forward"),
        "allow": 1,
        "first": first,
        "timeout": lifetime_s(timeout_s),
        "limit": _limit(decision),
        "targets": [wire_target(target, decision, advertised, decrypt) for target in decision.targets[first:]],
    }


def no_forward_message(question: Json) -> Json:
    """Tell Kamailio that the caller hears what came of the last attempt."""
    return {**_address(question, "forward"), "allow": 0}


def _limit(decision: Decision) -> str:
    return "money" if decision.holds else "timeout"


def _address(question: Json, operation: str = "decide") -> Json:
    return {"op": operation, "ti": question["ti"], "tl": question["tl"]}


def wire_target(target: Target, decision: Decision, advertised: str, decrypt: Callable[[str], str]) -> Json:
    """One target as edge/kamailio/attempt.cfg reads it."""
    common = {
        "label": label_of(target),
        "ring_ms": target.ring_timeout_s * 1000,
        "reply_ms": target.reply_timeout_ms,
        **({"asks": " ".join(target.asks)} if target.asks else {}),
        **({"forwarded": 1} if target.diversions else {}),
    }
    is_hidden = decision.is_withheld and decision.direction is not Direction.EMERGENCY
    if target.kind == "contacts":
        domain = target.contacts[0].rpartition("@")[2]
        return {
            **common,
            **_history(target, domain),
            **_devices(target),
            **_identity_for_phones(target.caller, decision.caller_name, domain, is_hidden=is_hidden),
        }
    wire = {
        **common,
        "uri": _uri_at(target.number, f"{_host(target.host)}:{target.port}", target.transport),
        **(_history(target, _host(advertised)) if target.style.sends_diversion else {}),
        **_identity_for_carriers(target, decision.caller_name, advertised, is_hidden=is_hidden),
        "media": _media(target),
    }
    if target.auth_username:
        wire |= {
            "auth_username": target.auth_username,
            "auth_password": decrypt(target.auth_password),
            "auth_realm": target.auth_realm,
        }
    return wire


def gateway_uri(gateway: Gateway) -> str:
    """Where a gateway is, without a number."""
    parameter = "" if gateway.transport == "udp" else f";transport={gateway.transport}"
    return f"sip:{_host(gateway.host)}:{gateway.port}{parameter}"


def probe_message(gateway: Gateway, advertised: str) -> Json:
    """Tell Kamailio to ask a gateway by OPTIONS whether it is there, from the domain that its calls come from."""
    domain = gateway.style.from_domain or _host(advertised)
    return {"op": "probe", "gateway": gateway.id, "uri": gateway_uri(gateway), "from": f"sip:{domain}"}


def _devices(target: Target) -> Json:
    """Whom a target of contacts rings, all at once: where they have registered, telephone systems at their address."""
    called_at = {trunk.endpoint for trunk in target.trunks}
    return {
        "uris": [f"sip:{contact}" for contact in target.contacts if contact not in called_at],
        "trunks": [_uri_at(target.number, trunk.address, trunk.transport) for trunk in target.trunks],
    }


# RFC 5806 (reason of Diversion) and RFC 4458 (cause of a retargeted URI)
_DIVERSION_REASONS = {
    Cause.ALWAYS: ("unconditional", 302),
    Cause.BUSY: ("user-busy", 486),
    Cause.NO_ANSWER: ("no-answer", 408),
    Cause.UNREACHABLE: ("unavailable", 503),
    Cause.REDIRECTED: ("deflection", 480),
}


def _history(target: Target, domain: str) -> Json:
    """Who forwarded the call here: Diversion, the last one first, and History-Info, in order (RFC 5806, RFC 7044)."""
    if not target.diversions:
        return {}
    uris = [f"sip:{quote(diversion.number, safe=_USER_SAFE)}@{domain}" for diversion in target.diversions]
    causes = [_DIVERSION_REASONS[diversion.cause] for diversion in target.diversions]
    said = [f"<{uri}>;reason={reason};counter=1" for uri, (reason, _) in zip(uris, causes, strict=True)]
    reached = [*uris, f"sip:{quote(target.number, safe=_USER_SAFE)}@{domain}"]
    history = []
    for place, uri in enumerate(reached):
        index = ".".join("1" * (place + 1))
        cause = f";cause={causes[place - 1][1]}" if place else ""
        reason = f"?Reason=SIP%3Bcause%3D{causes[place][1]}" if place < len(causes) else ""
        by = f";mp={index[:-2]}" if place else ""
        history.append(f"<{uri}{cause}{reason}>;index={index}{by}")
    return {"diversion": ", ".join(reversed(said)), "history": ", ".join(history)}


def _media(target: Target) -> str:
    """Flags of rtpengine's offer that leave the carrier's codecs; "" when it takes all."""
    if not target.codecs:
        return ""
    return " ".join(("codec-strip-all", *(f"codec-offer-{name}" for name in (*target.codecs, _DTMF))))


def label_of(target: Target) -> str:
    """How an attempt at this target is called in events and CDRs."""
    if target.kind == "contacts":
        return ", ".join(target.contacts)
    return target.carrier.gateway if target.carrier else f"{target.host}:{target.port}"


def _identity_for_phones(caller: str, name: str, domain: str, *, is_hidden: bool) -> Json:
    """From, display name and more header fields of a leg to phones, who never learn who hides."""
    if not caller or is_hidden:
        return {"from": _ANONYMOUS, "display": '"Anonymous"', "headers": ""}
    uri = _uri(caller, domain)
    return {"from": uri, "display": _quoted(name), "headers": f"P-Asserted-Identity: <{uri}>\r\n"}


def _identity_for_carriers(target: Target, name: str, advertised: str, *, is_hidden: bool) -> Json:
    """The same for a carrier, as it wants it. A trusted one learns who hides, and that the caller does (RFC 3325)."""
    style = target.style
    domain = style.from_domain or _host(advertised)
    caller = "" if target.caller == ANONYMOUS else target.caller  # a carrier's hidden caller, whom a user forwards
    is_hidden = is_hidden or not caller
    shown = {"from": _uri(caller, domain), "display": _quoted(name) if style.sends_name else ""}
    if is_hidden:
        shown = {"from": _ANONYMOUS, "display": '"Anonymous"'}
    if style.from_user == "account" and target.auth_username:
        shown["from"] = _uri(target.auth_username, domain)
    if not caller or (is_hidden and not style.is_trusted):
        return {**shown, "headers": ""}
    return {**shown, "headers": _asserted(style.header, _uri(caller, domain), is_hidden=is_hidden)}


def _asserted(header: str, uri: str, *, is_hidden: bool) -> str:
    """The header fields that name the caller to a carrier."""
    if header == "rpid":
        privacy = "full" if is_hidden else "off"
        return f"Remote-Party-ID: <{uri}>;party=calling;screen=yes;privacy={privacy}\r\n"
    name = {"pai": "P-Asserted-Identity", "ppi": "P-Preferred-Identity"}.get(header)
    if name is None:
        return ""
    return f"{name}: <{uri}>\r\n" + ("Privacy: id\r\n" if is_hidden else "")


def _uri(user: str, domain: str) -> str:
    return f"sip:{quote(user, safe=_USER_SAFE)}@{domain}"


def _uri_at(number: str, address: str, transport: str) -> str:
    """The Request-URI for a number at a host and port."""
    parameter = "" if transport == "udp" else f";transport={transport}"
    return f"{_uri(number, address)}{parameter}"


def _quoted(name: str) -> str:
    """A display name as quoted-string (RFC 3261, 25.1); empty stays empty."""
    clean = printable(name).replace("\\", "\\\\").replace('"', '\\"')[:100]
    return f'"{clean}"' if clean else ""


def _host(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def printable(text: str) -> str:
    """Text without line ends and other control characters."""
    return _NOT_PRINTABLE.sub("", text)
