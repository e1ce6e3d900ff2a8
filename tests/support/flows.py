"""Golden call flows: the YAML files of tests/callflows as values.

A flow says who calls whom in the demo world, what the carriers and phones do, and everything that must come of it:
what the caller's phone hears, the decision, the CDRs per chain and tier in micro-units, the ledger's movements.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parents[1] / "callflows"
PAID_AFTER_S = 7  # into a call, by somebody who pays while it lasts
CHUNK_S = 6  # seconds paid for at a time, here and in the real runs: short, so that a cut-off takes seconds


@dataclass(frozen=True, slots=True)
class Changes:
    """What differs from the demo world: per customer or partner name, or per gateway name."""

    money: dict[str, str] = field(default_factory=dict)  # what the buyer can spend, credit included
    status: dict[str, str] = field(default_factory=dict)
    allowed: dict[str, list[str]] = field(default_factory=dict)  # kinds of numbers a customer may also call
    daily: dict[str, str] = field(default_factory=dict)  # what a customer may spend today, from now on
    calls_per_s: dict[str, int] = field(default_factory=dict)  # that a customer's devices may begin
    blacklist: dict[str, dict[str, str]] = field(default_factory=dict)  # partner -> what it blocks -> kind
    ring_timeout_s: dict[str, int] = field(default_factory=dict)
    reply_timeout_ms: dict[str, int] = field(default_factory=dict)
    max_channels: dict[str, int] = field(default_factory=dict)  # calls at once, of a gateway or a customer
    country: dict[str, str] = field(default_factory=dict)  # where a customer is
    begun_per_s: dict[str, int] = field(default_factory=dict)  # calls that begin there in a second
    allows_loss: bool = False  # the operator's route for everything
    control: str = "running"  # running | silent
    # user -> where their calls go: `always`, `busy`, `no_answer`, `unreachable`, and `no_answer_s`
    forwarding: dict[str, dict[str, str]] = field(default_factory=dict)
    emergency: dict[str, str] = field(default_factory=dict)  # user -> number shown to emergency services
    received: dict[str, str] = field(default_factory=dict)  # who buys -> price list for calls received
    toll_free: dict[str, str] = field(default_factory=dict)  # likewise on toll-free numbers
    lists: dict[str, dict[str, int]] = field(default_factory=dict)  # customer -> lists of its own -> weight
    onnet: dict[str, dict[str, int]] = field(default_factory=dict)  # likewise for calls that stay on the platform
    markup: dict[str, str] = field(default_factory=dict)  # partner -> percent on what it pays, where it has no price
    toll_free_numbers: list[str] = field(default_factory=list)
    trunks: list[str] = field(default_factory=list)  # phones that are known by their address, and called there
    signs_in: list[str] = field(default_factory=list)  # gateways whose password we have
    brings: dict[str, str] = field(default_factory=dict)  # gateway -> its cost list for calls that it brings


@dataclass(frozen=True, slots=True)
class Script:
    """One call. `caller` is the phone's user name or "carrier a".

    `ends`: caller hangs up, or money runs out. `claims`: a number the phone falsely says it has. `rings`: the phone
    that must ring for calls that stay on our network. `phones`: what others do instead of answering: a code, `ring`,
    `302 NUMBER`, `silent` (no reply at all); those that are not named are switched off. `pays`: who pays how many
    pounds while it lasts.
    """

    caller: str
    dial: str
    shown_as: str = ""
    rings: str = ""
    ends: str = "caller"  # caller | money
    cancels: bool = False
    claims: str = ""
    secret: str = "right"  # right | wrong
    phones: dict[str, str] = field(default_factory=dict)
    pays: dict[str, str] = field(default_factory=dict)

    @property
    def is_inbound(self) -> bool:
        return self.caller.startswith("carrier ")


@dataclass(frozen=True, slots=True)
class ExpectedCdr:
    """One CDR: who sells to whom (a customer, a partner) or which carrier is paid; `tax` within it as it is told."""

    chain: str
    tier: int
    seller: str
    buyer: str = ""
    carrier: str = ""
    micro: int = 0
    tax: str = ""


@dataclass(frozen=True, slots=True)
class Expected:
    """What must come of one call. `phone`: status codes at the caller, 100 left out."""

    phone: list[int]
    is_decided: bool = True
    direction: str = ""
    refusal: str = ""
    targets: list[str] = field(default_factory=list)
    shown: str = ""  # the caller's number as the called side sees it; "": not looked at
    tried: list[str] = field(default_factory=list)  # targets given up: "label code"
    outcome: str = ""
    lasts_s: int = 0
    cdrs: list[ExpectedCdr] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Flow:
    """One file. `carriers`: what a or b does: a refusal's code, `silent`, `ring`, `asks`; answered when absent."""

    name: str
    story: str
    world: Changes
    carriers: dict[str, str]
    calls: list[Script]
    expect: list[Expected]
    ledger: dict[str, int]  # account -> micro-units added
    together: bool = False

    @property
    def is_decided(self) -> bool:
        """Whether every call of the flow gets as far as a decision; the edge alone refuses the others."""
        return all(expected.is_decided for expected in self.expect)


def load(path: Path) -> Flow:
    """The flow of a file. Raises TypeError for a key that no flow has, KeyError for a missing one."""
    document: dict[str, Any] = yaml.safe_load(path.read_text())
    flow = Flow(
        name=path.stem,
        story=document.pop("story").strip(),
        world=Changes(**document.pop("world", {})),
        carriers={key: str(value) for key, value in document.pop("carriers", {}).items()},
        calls=[_script(call) for call in document.pop("calls")],
        expect=[_expected(call) for call in document.pop("expect")],
        ledger=document.pop("ledger"),
        together=document.pop("together", False),
    )
    if document:
        raise TypeError(f"{path.name} has keys that no flow has: {', '.join(document)}.")
    return flow


def all_flows() -> list[Flow]:
    """Every flow, by name."""
    return [load(path) for path in sorted(FOLDER.glob("*.yaml"))]


def _script(document: dict[str, Any]) -> Script:
    phones = {name: str(does) for name, does in document.pop("phones", {}).items()}
    return Script(caller=document.pop("from"), shown_as=document.pop("caller", ""), phones=phones, **document)


def _expected(document: dict[str, Any]) -> Expected:
    cdrs = [ExpectedCdr(**cdr) for cdr in document.pop("cdrs")]
    return Expected(cdrs=cdrs, **document)
