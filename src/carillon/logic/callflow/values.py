"""The words of a call decision, as frozen values: the question, the answer, how it ended and what it costs.

Everything that decides about calls speaks these types: `decide` and `step` in this room, control on the live call
path, the jobs that rate finished calls, the portal's test call and the golden call flows. They hold no clock, no
connection and no Django object, and each survives a round trip through JSON (`carillon.logic.documents`). What a
decision reads is in `carillon.logic.callflow.feed`.

Money is integer micro-units of the account's currency (1 EUR = 1,000,000). Seconds are whole seconds unless a name says
otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from carillon.logic.callflow.feed import Rate, Tariff, Tier


class Direction(StrEnum):
    """How a call entered and where it goes, as a customer would say it."""

    OUTBOUND = "outbound"  # a customer's phone to the telephone network
    INBOUND = "inbound"  # the telephone network to a customer's phone
    ONNET = "onnet"  # phone to phone without a carrier
    EMERGENCY = "emergency"


class ChainKind(StrEnum):
    """Why a party pays: a call has one chain per paying party."""

    ORIGINATING = "originating"
    TERMINATING = "terminating"
    FORWARDING = "forwarding"
    TRANSFER = "transfer"


# ---------------------------------------------------------------- the decision


@dataclass(frozen=True, slots=True)
class CallRequest:
    """An INVITE as the edge saw it. `auth_*` are empty for calls from gateways; never trust `from_*`."""

    sip_call_id: str
    source_address: str
    source_port: int
    transport: str
    auth_user: str
    auth_realm: str
    request_user: str
    request_domain: str
    from_user: str = ""
    from_domain: str = ""
    from_display: str = ""
    asserted_identity: str = ""  # user part of P-Asserted-Identity, believed from gateways only
    privacy: str = ""


@dataclass(frozen=True, slots=True)
class TierCharge:
    """How one tier of a chain will be priced, frozen at call start.

    `exchange_rate` converts the tariff's currency into the account's (None: same currency). `rate` None means free of
    charge, with `free_reason` saying why (on-net, emergency, received call).
    """

    tier: Tier
    tariff: Tariff | None
    rate: Rate | None
    exchange_rate: Decimal | None = None
    free_reason: str = ""


@dataclass(frozen=True, slots=True)
class CarrierCharge:
    """What the carrier behind a gateway charges the gateway's owner."""

    gateway_id: int
    gateway: str
    owner_partner_id: int
    tariff: Tariff | None
    rate: Rate | None


@dataclass(frozen=True, slots=True)
class Chain:
    """One paying party and the sales above it, tier 0 first."""

    kind: ChainKind
    customer_id: int
    partner_id: int
    tiers: tuple[TierCharge, ...]


@dataclass(frozen=True, slots=True)
class Target:
    """One attempt: ring all `contacts` (on-net) or send to one gateway. Targets are tried in order.

    `contacts` are addresses of record to look up. `number` is what the request URI's user becomes, `caller` the
    identity to show there, both already in the gateway's format.
    """

    kind: str  # "contacts" | "gateway"
    contacts: tuple[str, ...] = ()
    gateway_id: int | None = None
    host: str = ""
    port: int = 0
    transport: str = "udp"
    number: str = ""
    caller: str = ""
    auth_username: str = ""
    auth_password: str = ""
    auth_realm: str = ""
    ring_timeout_s: int = 60
    reply_timeout_ms: int = 4000
    carrier: CarrierCharge | None = None


@dataclass(frozen=True, slots=True)
class HoldRequest:
    """Money to set aside on the charged customer's row before the first ring.

    `upper` are (account id, micro-units) of the tiers above: they must have that much available, nothing is held.
    """

    account_id: int
    amount_micro: int
    funded_s: int
    upper: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call is not put through: a slug for programs, SIP code and reason text for the phone."""

    slug: str
    sip_code: int
    reason: str


@dataclass(frozen=True, slots=True)
class PrivateNote:
    """A sentence of a decision that only `partner_id` and the sellers above it may read; `after` so many `notes`."""

    text: str
    partner_id: int
    after: int


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with a call. Exactly one of `refusal` and `targets` is set.

    `notes` are sentences, in order, that say why: they become the explanation in the portal, fit for every seller of
    the call. What is one partner's own business (routes, carriers, costs, people) is in `private_notes`.
    """

    direction: Direction
    request: CallRequest
    refusal: Refusal | None = None
    path: str = "proxy"  # "proxy" | "b2bua"
    partner_id: int | None = None  # whose call it is: the paying customer's partner, else the number's or domain's
    customer_id: int | None = None  # who dialled; for inbound: who is called
    user_id: int | None = None
    endpoint_id: int | None = None
    callee_partner_id: int | None = None  # on-net and inbound: who is called
    callee_customer_id: int | None = None
    callee_user_id: int | None = None
    source_gateway_id: int | None = None
    caller: str = ""  # E.164 or extension shown to the called party
    caller_name: str = ""
    dialled: str = ""  # as typed
    callee: str = ""  # E.164, extension or emergency number
    targets: tuple[Target, ...] = ()
    chains: tuple[Chain, ...] = ()
    hold: HoldRequest | None = None
    max_s: int = 14_400
    notes: tuple[str, ...] = field(default=())
    private_notes: tuple[PrivateNote, ...] = ()
    source_gateway_partner_id: int | None = None  # inbound: who owns the gateway that sent the call


# ---------------------------------------------------------------- how it ended


class Outcome(StrEnum):
    """How a call ended, in the trade's words."""

    ANSWERED = "answered"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    CANCELLED = "cancelled"
    UNALLOCATED = "unallocated"
    REFUSED = "refused"  # by us, before any ring
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One target tried: what came back and how fast."""

    target: int  # index into Decision.targets
    label: str  # gateway name or address of record
    sip_code: int
    reason: str
    elapsed_ms: int


@dataclass(frozen=True, slots=True)
class CallFacts:
    """What happened after the decision, gathered from events; times are milliseconds of the Unix epoch, UTC."""

    started_ms: int
    ended_ms: int
    answered_ms: int | None = None
    answered_target: int | None = None
    sip_code: int = 0
    reason: str = ""
    ended_by: str = ""  # caller | callee | money | timeout | operator | sweeper
    attempts: tuple[Attempt, ...] = ()
    held_micro: int | None = None  # the customer's hold at the end: never charged beyond what it bought; None: no cap


@dataclass(frozen=True, slots=True)
class CdrDraft:
    """A CDR to write: one per chain and tier; `tier` counts from 0 (the customer), the carrier's cost comes last.

    `amount_micro` is in `currency`, the charged account's. The carrier's row has `account_id` None and
    `gateway_id` set. `seller_partner_id` owns the row; for the carrier row it is the gateway's owner.
    """

    chain: ChainKind
    tier: int
    seller_partner_id: int
    buyer_partner_id: int | None
    customer_id: int | None
    account_id: int | None
    gateway_id: int | None
    outcome: Outcome
    duration_ms: int
    billed_s: int
    amount_micro: int
    currency: str
    explanation: dict[str, object]
