"""The words of a call decision, as frozen values.

Everything that decides about calls speaks these types: `decide` and `step` in this room, control on the live call
path, the jobs that rate finished calls, the portal's test call and the golden call flows. They hold no clock, no
connection and no Django object, and each survives a round trip through JSON (`carillon.logic.documents`).

Numbers of people are E.164 with a leading plus. Money is integer micro-units of the account's currency (1 EUR =
1,000,000); rates are exact decimals per minute. Seconds are whole seconds unless a name says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Protocol


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


class ChargingMode(StrEnum):
    """When money must be there."""

    PREPAID = "prepaid"
    POSTPAID = "postpaid"


class Status(StrEnum):
    """The life of a customer or partner; only ACTIVE may make calls that cost money."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    BLOCKED = "blocked"
    TERMINATED = "terminated"


# ---------------------------------------------------------------- prices


@dataclass(frozen=True, slots=True)
class Rate:
    """One line of a price list: what calls to numbers under `prefix` cost.

    `prefix` is digits without plus; "" matches everything. `per_minute` and `connection_fee` are in the list's
    currency. The first `initial_s` seconds are charged whole, then every started `increment_s`.
    """

    prefix: str
    name: str
    connection_fee: Decimal
    per_minute: Decimal
    initial_s: int
    increment_s: int


@dataclass(frozen=True, slots=True)
class Tariff:
    """A price list's identity and rounding, frozen with each charge so that it can be explained years later."""

    price_list_id: int
    price_list: str
    version_id: int
    version: int
    currency: str
    decimals: int = 6
    rounding: str = "half_up"  # half_up, half_even, up, down
    is_tax_inclusive: bool = False


class RateBook(Protocol):
    """All price lists in force, asked by list id."""

    def tariff(self, price_list_id: int) -> Tariff | None:
        """The version of the list that is in force now, or None when there is none."""

    def longest(self, price_list_id: int, number: str) -> Rate | None:
        """The rate with the longest prefix of `number` (digits or E.164), or None."""


# ---------------------------------------------------------------- parties


@dataclass(frozen=True, slots=True)
class Tier:
    """One sale in the partner tree: `seller` charges the holder of `account_id`.

    Position 0 is the sale to the customer, 1 the sale to the customer's partner by its parent, and so on upwards.
    """

    position: int
    seller_partner_id: int
    seller: str
    buyer_partner_id: int | None
    buyer: str
    account_id: int
    account_currency: str
    price_list_id: int | None
    buyer_status: Status = Status.ACTIVE


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer with everything a decision needs: policy, caller ID and the tiers that sell to it."""

    id: int
    partner_id: int
    web_product_id: int
    name: str
    status: Status
    country: str  # ISO 3166-1 alpha-2: how its people dial
    charging: ChargingMode
    account_id: int
    currency: str
    tiers: tuple[Tier, ...]  # position 0 upwards, the operator last as seller
    caller_ids: tuple[str, ...] = ()  # E.164 numbers it may show
    default_caller_id: str = ""
    max_channels: int | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A SIP account. Address of record: sip:username@domain."""

    id: int
    username: str
    domain: str
    customer_id: int
    user_id: int | None
    is_enabled: bool = True
    caller_id: str = ""  # E.164; "" = the user's, else the customer's default


@dataclass(frozen=True, slots=True)
class User:
    """A person who can be rung."""

    id: int
    customer_id: int
    name: str
    extension: str
    caller_id: str = ""
    endpoints: tuple[str, ...] = ()  # addresses of record without "sip:", all are rung


@dataclass(frozen=True, slots=True)
class Number:
    """An E.164 number of our stock and where it rings."""

    e164: str
    partner_id: int
    customer_id: int | None
    user_id: int | None


@dataclass(frozen=True, slots=True)
class Domain:
    """A SIP domain and whose brand it is."""

    name: str
    partner_id: int
    web_product_id: int
    country: str


@dataclass(frozen=True, slots=True)
class Partner:
    """A reseller in the tree; `parent_id` is None for the operator."""

    id: int
    parent_id: int | None
    name: str
    status: Status


# ---------------------------------------------------------------- carriers and routes


@dataclass(frozen=True, slots=True)
class Gateway:
    """A carrier's host, out and in.

    `price_list_id` is the carrier's cost list. `number_format` is how it wants numbers: e164 (+44...), plain (44...)
    or national. `strip`/`prepend` apply after the format.
    """

    id: int
    partner_id: int
    name: str
    host: str
    port: int
    transport: str = "udp"
    is_enabled: bool = True
    price_list_id: int | None = None
    auth_username: str = ""
    auth_password: str = ""
    auth_realm: str = ""
    number_format: str = "e164"
    strip: int = 0
    prepend: str = ""
    source_addresses: tuple[str, ...] = ()  # CIDR blocks its calls come from
    ring_timeout_s: int = 60
    reply_timeout_ms: int = 4000  # no reply at all within this: the next target is tried
    country: str = ""


@dataclass(frozen=True, slots=True)
class Route:
    """A line of a partner's routing table.

    Among the routes whose prefix, customer and web product match, the longest prefix wins; among equal prefixes
    all stay, ordered by priority (low first). `strategy`: static (gateways as listed), least_cost (cheapest first)
    or block (the call is refused). `is_stopper`: no later route is tried.
    """

    id: int
    partner_id: int
    name: str
    prefix: str
    strategy: str
    priority: int
    gateway_ids: tuple[int, ...]
    customer_id: int | None = None
    web_product_id: int | None = None
    is_stopper: bool = False
    is_emergency: bool = False  # only for emergency numbers, never for others
    country: str = ""  # for emergency routes: the caller's country


# ---------------------------------------------------------------- what the decision reads


class Feed(Protocol):
    """All that `decide` may know. Lookups are by exact key and return None when there is nothing.

    control's feed raises `carillon.logic.callflow.need.Missing` for a document it has not loaded yet; the caller
    loads it and decides again, so that `decide` stays pure and synchronous.
    """

    @property
    def rates(self) -> RateBook:
        """The prices in force at the start of this call."""

    def domain(self, name: str) -> Domain | None:
        """Whose SIP domain this is."""

    def endpoint(self, username: str, domain: str) -> Endpoint | None:
        """The SIP account of a device."""

    def customer(self, customer_id: int) -> Customer | None:
        """Who pays, with every tier above."""

    def user(self, user_id: int) -> User | None:
        """A person at a customer."""

    def user_at(self, customer_id: int, extension: str) -> User | None:
        """Whose extension this is."""

    def number(self, e164: str) -> Number | None:
        """Whom a number of our stock serves."""

    def partner(self, partner_id: int) -> Partner | None:
        """A seller and its parent."""

    def gateway(self, gateway_id: int) -> Gateway | None:
        """A carrier's host."""

    def gateways_at(self, address: str, port: int) -> tuple[Gateway, ...]:
        """Which gateways send calls from this source address."""

    def routes(self, partner_id: int) -> tuple[Route, ...]:
        """A partner's enabled routes."""


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


# ---------------------------------------------------------------- the decision


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
