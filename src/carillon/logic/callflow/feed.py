"""What a call decision reads: prices, parties, carriers and routes, as frozen values.

They come from the callfeed views (live calls), from memory (golden call flows) or from the portal (test call), hold no
Django object and survive a round trip through JSON (`carillon.logic.documents`).

Numbers of people are E.164 with a leading plus. Rates are exact decimals per minute. Seconds are whole seconds unless a
name says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, Protocol

from carillon.logic.callflow.allowance import Allowance
from carillon.logic.callflow.terms import ListUse, TaxRule
from carillon.logic.hours import ALWAYS, Hours
from carillon.logic.markup import Rules
from carillon.logic.traffic import NO_TRAFFIC, Traffic

# ---------------------------------------------------------------- prices


@dataclass(frozen=True, slots=True)
class Step:
    """What a call costs from its second `from_s` on, until the next step; rates as in `Rate`."""

    from_s: int
    per_minute: Decimal
    increment_s: int


@dataclass(frozen=True, slots=True)
class WindowPrice:
    """What a rate costs while the tariff's window of this name holds, in place of the rate's own price."""

    window: str
    connection_fee: Decimal
    per_minute: Decimal
    initial_s: int
    increment_s: int
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True)  # no slots: `logic.rating` keeps with a rate what it has worked out of it, no part of its value
class Rate:
    """One line of a price list: what calls to numbers under `prefix` cost.

    `prefix` is digits without plus; "" matches everything. Amounts are in the list's currency with at most eight
    decimals; `per_minute` is per unit of the tariff when that is not the minute. The first `initial_s` seconds are
    charged whole, then every started increment: `increment_s` until the first of `steps` (by `from_s`) takes over.
    Calls of up to `grace_s` seconds cost nothing, others at least `minimum` and at most `maximum`.
    """

    prefix: str
    name: str
    connection_fee: Decimal
    per_minute: Decimal
    initial_s: int
    increment_s: int
    steps: tuple[Step, ...] = ()
    windows: tuple[WindowPrice, ...] = ()
    grace_s: int = 0
    minimum: Decimal = Decimal(0)
    maximum: Decimal | None = None

    def under(self, prefix: str, name: str) -> Rate:
        """The same price for another prefix. What is worked out of one of them is known of both."""
        made, value = object.__new__(Rate), self.__dict__.copy()
        value["prefix"], value["name"], value["_like"] = prefix, name, self
        object.__setattr__(made, "__dict__", value)
        return made


@dataclass(frozen=True, slots=True)
class Window:
    """When some prices of a list differ, by the clock of `hours.timezone`. All conditions together.

    `month_days` 1 to 31. `dates` and `except_dates` are days "2026-12-24", spans "2026-12-24/2026-12-26" and, every
    year, "12-25" or "12-24/01-06"; no `dates`: any day. Hours over midnight belong to the day on which they begin.
    """

    name: str
    hours: Hours = ALWAYS
    month_days: tuple[int, ...] = ()
    dates: tuple[str, ...] = ()
    except_dates: tuple[str, ...] = ()


class Unit(StrEnum):
    """What the rates of a list are for one of; calls are measured in seconds, messages in messages."""

    MINUTE = "minute"
    SECOND = "second"
    HOUR = "hour"
    MESSAGE = "message"


class _Worked:
    """Room for what `logic.rating` has worked out of a tariff once; no part of its value."""

    __slots__ = ("_rules",)
    _rules: Any


@dataclass(frozen=True, slots=True)
class Tariff(_Worked):
    """A price list's identity and rules, frozen with each charge so that it can be explained years later.

    Of `windows` the first that holds and that a rate has a price for is the rate's; none: the rate's own price.
    `is_split`: each second costs what its own window and step say, else an increment costs what holds at
    its beginning. `is_fee_deductible`: the connection fee is the least a call costs instead of being added.
    `ends_at_maximum`: a call that has reached the maximum is ended, else it goes on for nothing. `rounds_increments`:
    fee, initial interval and each increment are rounded by themselves, as some billing systems do; not with `is_split`.
    """

    price_list_id: int
    price_list: str
    version_id: int
    version: int
    currency: str
    decimals: int = 6
    rounding: str = "half_up"  # half_up, half_even, up, down
    is_tax_inclusive: bool = False
    windows: tuple[Window, ...] = ()
    unit: Unit = Unit.MINUTE
    is_split: bool = False
    is_fee_deductible: bool = False
    ends_at_maximum: bool = False
    rounds_increments: bool = False


@dataclass(frozen=True, slots=True)
class Tax:
    """A tax on what a buyer pays: `percent` of the price without taxes."""

    name: str
    percent: Decimal


@dataclass(frozen=True, slots=True)
class DestinationGroup:
    """A partner's named set of prefixes (digits without plus), such as "UK mobile"."""

    id: int
    partner_id: int
    name: str
    prefixes: tuple[str, ...] = ()


class RateBook(Protocol):
    """All price lists in force, asked by list id."""

    def tariff(self, price_list_id: int) -> Tariff | None:
        """The version of the list that is in force now, or None when there is none."""

    def longest(self, price_list_id: int, number: str) -> Rate | None:
        """The rate with the longest prefix of `number` (digits or E.164), or None."""


# ---------------------------------------------------------------- parties


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


@dataclass(frozen=True, slots=True)
class Tier:
    """One sale in the partner tree: `seller` charges the holder of `account_id`.

    Position 0 is the sale to the customer, 1 the sale to the customer's partner by its parent, and so on upwards.
    Which of `lists` a call is priced by, and which of `tax_rules` hold, is chosen when it begins (see `pricelists` and
    `taxes` of `callflow`); a charge keeps what was chosen. Of lists the newest assignment comes first.
    """

    position: int
    seller_partner_id: int
    seller: str
    buyer_partner_id: int | None
    buyer: str
    account_id: int
    account_currency: str
    price_list_id: int | None = None  # of documents without `lists`, and of a charge the list that it is made by
    buyer_status: Status = Status.ACTIVE
    received_list_id: int | None = None  # by which the buyer pays for calls that it receives; None: they are free
    toll_free_list_id: int | None = None  # likewise on toll-free numbers
    taxes: tuple[Tax, ...] = ()  # that the buyer pays; of a charge those of the call's beginning
    tax_rules: tuple[TaxRule, ...] = ()
    lists: tuple[ListUse, ...] = ()


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
    allowed_classes: tuple[str, ...] = ()  # of destinations.DestinationClass, its own and its web product's
    max_call_s: int = 14_400
    emergency_number: str = ""  # E.164 shown to emergency services for users without one of their own
    calls_per_s: int | None = None  # that its devices may begin; None: no limit
    call_burst: int | None = None  # that may begin at once; None: a second's worth
    allowances: tuple[Allowance, ...] = ()  # that have not ended


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
    withholds_caller: bool = False  # its calls hide their number unless a prefix shows it


@dataclass(frozen=True, slots=True)
class Trunk:
    """Where the telephone system of the SIP account `endpoint` (address of record) is called, registered or not.

    `address` is an IP address with its port, an IPv6 one in brackets: what comes after "@" in a SIP URI.
    """

    endpoint: str
    address: str
    transport: str = "udp"


@dataclass(frozen=True, slots=True)
class User:
    """A person who can be rung. `forward_*` is where calls go in that case: an extension, E.164, or "" = nowhere."""

    id: int
    customer_id: int
    name: str
    extension: str
    caller_id: str = ""
    endpoints: tuple[str, ...] = ()  # addresses of record without "sip:", all are rung
    forward_always: str = ""
    forward_busy: str = ""
    forward_no_answer: str = ""
    forward_unreachable: str = ""
    no_answer_s: int = 20  # rung so long, nobody has answered
    emergency_number: str = ""  # E.164 that stands for where this user is; "": the customer's
    trunks: tuple[Trunk, ...] = ()  # those of `endpoints` that are called at an address of their own


@dataclass(frozen=True, slots=True)
class Number:
    """An E.164 number of our stock and where it rings."""

    e164: str
    partner_id: int
    customer_id: int | None
    user_id: int | None
    is_toll_free: bool = False  # who is called pays


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


@dataclass(frozen=True, slots=True)
class BlacklistEntry:
    """What `partner_id` and everybody below it has nothing to do with.

    `kind`: called or calling (`value` a number or its beginning, +4490), network (an address or a CIDR block).
    """

    id: int
    partner_id: int
    kind: str
    value: str
    reason: str = ""
    expires_ms: int | None = None  # Unix epoch, UTC; None: it holds until somebody takes it away


# ---------------------------------------------------------------- carriers and routes


@dataclass(frozen=True, slots=True)
class CallerStyle:
    """How a carrier wants to be told who calls.

    `header`: where the number is asserted: pai (P-Asserted-Identity, RFC 3325), ppi (P-Preferred-Identity), rpid
    (Remote-Party-ID) or none. `from_user`: what From names, the caller or our account. `from_domain` "": our address.
    `is_trusted`: it may learn a number that its owner withholds. `number_format` "": as it wants called numbers.
    `sends_diversion`: it is told who forwarded a call (RFC 5806, RFC 7044). `shows_foreign_caller`: of a forwarded
    call it is told the first caller's number, which is not ours to show; many carriers refuse that.
    """

    header: str = "pai"
    from_user: str = "caller"
    from_domain: str = ""
    sends_name: bool = False
    is_trusted: bool = True
    number_format: str = ""
    sends_diversion: bool = True
    shows_foreign_caller: bool = False


AS_USUAL = CallerStyle()


@dataclass(frozen=True, slots=True)
class Gateway:
    """A carrier's host, out and in.

    `price_list_id` is the carrier's cost list, `received_list_id` the one for calls that it brings, by the number that
    is called there. `number_format` is how it wants numbers: e164 (+44...), plain (44...)
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
    received_list_id: int | None = None
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
    style: CallerStyle = AS_USUAL
    codecs: tuple[str, ...] = ()  # names of RFC 3551 that it may be offered; empty: all
    max_channels: int | None = None  # calls that we have there at once; None: no limit
    calls_per_s: int | None = None  # that we begin there; None: no limit
    is_probed: bool = True  # asked by OPTIONS whether it is there
    probe_interval_s: int = 30


class Fullness(StrEnum):
    """Which of a gateway's limits leaves no room for one more call."""

    CHANNELS = "channels"
    PACE = "pace"


@dataclass(frozen=True, slots=True)
class Condition:
    """How a gateway is at this moment (`carillon.logic.health`).

    `away_since_ms`: since when it answers nothing, Unix epoch; None: it is there, or nobody knows. `recent`: the calls
    that were tried there in the last hours.
    """

    away_since_ms: int | None = None
    recent: Traffic = NO_TRAFFIC


UNKNOWN_CONDITION: Final = Condition()


@dataclass(frozen=True, slots=True)
class Route:
    """A line of a partner's routing table.

    Among the routes whose prefix, customer and web product match, the longest prefix wins; among equal prefixes
    all stay, ordered by priority (low first). `strategy`: static (gateways as listed), least_cost (cheapest first),
    quality (best of the last hours first) or block (the call is refused). `weights` belong to `gateway_ids`, and hold
    for static: neighbours with a weight share their position. `hours`: outside of them the route is passed over.
    `is_stopper`: no later route is tried. `allows_loss`: also carriers that cost their owner more than the call brings.
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
    allows_loss: bool = False
    is_emergency: bool = False  # only for emergency numbers, never for others
    country: str = ""  # for emergency routes: the caller's country
    weights: tuple[int, ...] = ()
    hours: Hours | None = None


# ---------------------------------------------------------------- what the decision reads


class Feed(Protocol):
    """All that `decide` may know. Lookups are by exact key and return None when there is nothing.

    control's feed raises `carillon.logic.callflow.need.Missing` for a document it has not loaded yet; the caller
    loads it and decides again, so that `decide` stays pure and synchronous.
    """

    @property
    def rates(self) -> RateBook:
        """The prices in force at the start of this call."""

    @property
    def at_ms(self) -> int:
        """When the call began, Unix epoch."""

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

    def fullness(self, gateway: Gateway) -> Fullness | None:
        """Why there is no room for one more call to the gateway at this moment; None when there is."""

    def condition(self, gateway: Gateway) -> Condition:
        """Whether the gateway answers, and how calls to it went."""

    def routes(self, partner_id: int) -> tuple[Route, ...]:
        """A partner's enabled routes."""

    def blacklisted(self, partner_id: int, kind: str, value: str) -> BlacklistEntry | None:
        """The entry of a partner's own blacklist that a number begins with, or that is exactly this network."""

    def group_match(self, group_id: int, e164: str) -> int | None:
        """How long the longest prefix of `e164` in a destination group is; None: the number is not in the group."""

    def fallback(self, partner_id: int) -> Rules:
        """By which mark-up a partner sells numbers that none of its lists has; no rules: it does not."""

    def exchange_rate(self, partner_id: int, source: str, target: str) -> Decimal | None:
        """What one unit of `source` is worth in `target` for a seller at the start of this call; None: not known."""
