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

from carillon.logic.callflow.allowance import Allowance
from carillon.logic.callflow.feed import AS_USUAL, CallerStyle, Rate, Tariff, Tier, Trunk
from carillon.logic.documents import keep
from carillon.logic.markup import Rule

LONGEST_RING_MS = 600_000
LONGEST_S = 14_400  # how long a call may last when nobody says otherwise


keep(Rate, Tariff, Tier)  # many decisions, few prices and sellers


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
    diversions: int = 0  # header fields Diversion of a gateway: how often others have forwarded the call


@dataclass(frozen=True, slots=True)
class MadeFrom:
    """What a price was made from: the rate by which the seller itself buys, and the mark-up that came on top."""

    tariff: Tariff
    rate: Rate
    rule: Rule


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
    made_from: MadeFrom | None = None  # the seller's business: none of its lists has the number
    allows_loss: bool = False  # the seller sells so even below what it pays itself


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
    """One paying party and the sales above it, tier 0 first.

    `user_id` and `callee` are set where they are not the call's own: who forwarded, and the number or extension that
    this party pays to reach. `allowances` are the bundles that may pay for it, in the order in which they are used.
    """

    kind: ChainKind
    customer_id: int
    partner_id: int
    tiers: tuple[TierCharge, ...]
    user_id: int | None = None
    callee: str = ""
    allowances: tuple[Allowance, ...] = ()

    @property
    def blocks(self) -> bool:
        """Whether bundles alone may pay for it."""
        return any(allowance.blocks for allowance in self.allowances)


class Cause(StrEnum):
    """What sends a call on to somebody else; the values are also the edge's words when it asks again."""

    ALWAYS = "always"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    UNREACHABLE = "unreachable"
    REDIRECTED = "redirected"  # the phone itself said where to: a 3xx


@dataclass(frozen=True, slots=True)
class Forward:
    """One forwarding of a call by the user it had come to, who pays for the way to `destination`.

    `number` is the forwarder's E.164 number ("" when there is none), `extension` theirs at the customer;
    `destination` is E.164 or an extension.
    """

    cause: Cause
    user_id: int
    customer_id: int
    partner_id: int
    name: str
    number: str
    extension: str
    destination: str


@dataclass(frozen=True, slots=True)
class Diversion:
    """A forwarding as told to whoever is called next (RFC 5806, RFC 7044); `number` in that target's format."""

    number: str
    cause: Cause


@dataclass(frozen=True, slots=True)
class Target:
    """One attempt: ring all `contacts` (on-net) or send to one gateway. Targets are tried in order.

    `contacts` are addresses of record to look up, but for those that `trunks` has an address of. `number` is what the
    request URI's user becomes at carriers and trunks, `caller` the identity to show there, both already in a gateway's
    format. When this target answers, the decision's chains up to index `chain` have what they pay for, and a carrier's
    cost belongs to that one. `user_id` is whose phones ring, `asks` are the failures after which the edge asks again,
    `diversions` who forwarded the call here, first one first.
    """

    kind: str  # "contacts" | "gateway"
    contacts: tuple[str, ...] = ()
    trunks: tuple[Trunk, ...] = ()
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
    chain: int = 0
    user_id: int | None = None
    asks: tuple[Cause, ...] = ()
    diversions: tuple[Diversion, ...] = ()
    style: CallerStyle = AS_USUAL
    codecs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BundleAsk:
    """Seconds wanted of a chain's bundles; `fee_micro` is what is still owed when there are some."""

    seconds: int
    fee_micro: int = 0


@dataclass(frozen=True, slots=True)
class HoldRequest:
    """Money to set aside on the charged customer's row before the first ring, for the decision's chain at `chain`.

    `upper` are (account id, micro-units) of the tiers above, taken from credit windows. With a `bundle` the seconds are
    taken from there first, and the money only when there are none; once that is done `bundles` are (allowance id,
    seconds) that were there, and `bundle` is None when there are no more.
    """

    account_id: int
    amount_micro: int
    funded_s: int
    upper: tuple[tuple[int, int], ...] = ()
    chain: int = 0
    bundle: BundleAsk | None = None
    bundles: tuple[tuple[int, int], ...] = ()


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
class ForeseenLoss:
    """A sale that would cost its seller more than it brings in, as the loss guard compared them when the call began.

    `cost` and `income` of a call of so many seconds, in `currency`. `gateway_id`: the carrier's that would charge so
    much; None: the supplier one tier up. `is_allowed`: the call, or this carrier, was kept all the same.
    """

    partner_id: int
    tier: int
    gateway_id: int | None
    seconds: int
    income: Decimal
    cost: Decimal
    currency: str
    is_allowed: bool


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
    holds: tuple[HoldRequest, ...] = ()  # one for each chain that has a price
    max_s: int = LONGEST_S
    notes: tuple[str, ...] = field(default=())
    private_notes: tuple[PrivateNote, ...] = ()
    is_withheld: bool = False  # the caller's number is for trusted carriers and emergency services only
    source_gateway_partner_id: int | None = None  # inbound: who owns the gateway that sent the call
    source_cost: CarrierCharge | None = None  # inbound: what its carrier charges for bringing it, if it does
    forwards: tuple[Forward, ...] = ()  # in order
    losses: tuple[ForeseenLoss, ...] = ()  # of all its chains


@dataclass(frozen=True, slots=True)
class AnswerTime:
    """When a call is answered, as far as that is known: between two moments (Unix epoch), the same one afterwards.

    Prices by time depend on it: before the answer, money is held for the dearest of them.
    """

    from_ms: int
    to_ms: int


def answered_at(at_ms: int) -> AnswerTime:
    """The time of an answer that is known."""
    return AnswerTime(at_ms, at_ms)


def not_answered_yet(at_ms: int) -> AnswerTime:
    """When a call that rings at `at_ms` may be answered: no phone rings longer."""
    return AnswerTime(at_ms, at_ms + LONGEST_RING_MS)


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
    ended_by: str = ""  # caller | callee | money | timeout | session-timer | media-timeout | operator | sweeper
    attempts: tuple[Attempt, ...] = ()
    rang_ms: int | None = None  # when a phone first rang
    charged_to: str = ""  # when nobody saw the end: "last-packet" or "last-proof" of life stands for it
    # holds at the end, (index of the chain, micro-units): its customer is never charged beyond what that bought
    holds: tuple[tuple[int, int], ...] = ()
    # what the tiers above had set aside, (index of the chain, account id, micro-units)
    shares: tuple[tuple[int, int, int], ...] = ()
    # what was set aside of bundles, in the order of use, (index of the chain, allowance id, seconds)
    bundles: tuple[tuple[int, int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class CdrDraft:
    """A CDR to write: one per chain and tier; `tier` counts from 0 (the customer), the carrier's cost comes last.

    `amount_micro` is in `currency`, the charged account's. The carrier's row has `account_id` None and
    `gateway_id` set. `seller_partner_id` owns the row; for the carrier row it is the gateway's owner. `chain_no` is the
    chain's index in the decision; `user_id` and `callee` are the chain's, when they are not the call's own. `bundles`
    are (allowance id, seconds) that the call has used up.
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
    chain_no: int = 0
    user_id: int | None = None
    callee: str = ""
    bundles: tuple[tuple[int, int], ...] = ()
