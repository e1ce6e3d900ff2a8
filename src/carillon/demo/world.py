"""The demo world as plain data: who sells to whom, at which prices, over which carriers.

Written down once, built twice: `cast` makes it in the database through the contexts' actions, the golden call flows
make the same feed in memory. All telephone numbers are from ranges that regulators keep free for fiction (Ofcom:
020 7946 0xxx and 01632 960xxx; Arcep: 01 99 00 xx xx; NANPA: 555-01xx; Bundesnetzagentur: 030 23125xxx).

Prices are pounds a minute. Most are charged 30/6 (half a minute at least); Northwind's business customers pay Germany
by the second, at a price that empties an account while one watches.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

CURRENCY = "GBP"
PASSWORD = "carillon-demo"  # noqa: S105 - of every demo sign-in, printed by `up`; there is no demo world outside a demo


@dataclass(frozen=True, slots=True)
class Price:
    """One line of a price list."""

    prefix: str
    name: str
    per_minute: str
    connection_fee: str = "0"
    initial_s: int = 30
    increment_s: int = 6


@dataclass(frozen=True, slots=True)
class Prices:
    """A price list of `seller`; `buyer` is a partner, a web product or nobody (a carrier's costs, an `is_offer`)."""

    name: str
    seller: str
    buyer: str
    lines: tuple[Price, ...]
    currency: str = CURRENCY
    is_offer: bool = False  # a sale list that nobody pays by yet


@dataclass(frozen=True, slots=True)
class Person:
    """A sign-in: staff of a partner with a role, or a customer's user."""

    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Seller:
    """The operator (no parent) or a partner. `balance` is what it topped up with its parent."""

    name: str
    parent: str
    country: str
    staff: Person
    hostname: str = ""
    balance: str = "0"


@dataclass(frozen=True, slots=True)
class Brand:
    """A web product."""

    name: str
    partner: str
    kind: str  # business | residential
    hostname: str
    sip_domain: str
    country: str


@dataclass(frozen=True, slots=True)
class Phone:
    """A user with an extension, a number and one SIP endpoint called like the user."""

    name: str
    email: str
    extension: str
    number: str
    username: str
    is_administrator: bool = False


@dataclass(frozen=True, slots=True)
class Buyer:
    """A customer. `balance` is topped up; `credit_limit` is for postpaid."""

    name: str
    brand: str
    kind: str  # company | individual
    charging: str  # prepaid | postpaid
    country: str
    phones: tuple[Phone, ...]
    balance: str = "0"
    credit_limit: str = "0"


@dataclass(frozen=True, slots=True)
class Carrier:
    """A gateway of the operator; `key` names the demo carrier process behind it ("a", "b")."""

    key: str
    name: str
    costs: str


@dataclass(frozen=True, slots=True)
class Way:
    """A line of the operator's routing table."""

    name: str
    prefix: str
    strategy: str  # static | least_cost | quality | block
    carriers: tuple[str, ...]
    is_emergency: bool = False
    country: str = ""


@dataclass(frozen=True, slots=True)
class Vat:
    """A tax that customers of `seller` in a country pay on top; `kind` company or individual."""

    name: str
    seller: str
    country: str
    kind: str
    percent: str


@dataclass(frozen=True, slots=True)
class World:
    """All of it, in the order in which it can be built."""

    sellers: tuple[Seller, ...]
    brands: tuple[Brand, ...]
    prices: tuple[Prices, ...]
    carriers: tuple[Carrier, ...]
    ways: tuple[Way, ...]
    buyers: tuple[Buyer, ...]
    exchange: tuple[tuple[str, str, str], ...]  # the operator's rates: source, target, rate
    taxes: tuple[Vat, ...]
    spare_numbers: tuple[tuple[str, str], ...] = field(default=())  # (number, partner): stock nobody has yet


def _prices(gb: str, mobile: str, fr: str, de: str, us: str, it: str, *, is_retail: bool = False) -> tuple[Price, ...]:
    fee, seconds = ("0.01", (1, 1)) if is_retail else ("0", (30, 6))
    return (
        Price("44", "United Kingdom", gb),
        Price("447", "United Kingdom, mobile", mobile),
        Price("33", "France", fr, connection_fee=fee),
        Price("49", "Germany", de, initial_s=seconds[0], increment_s=seconds[1]),
        Price("1", "United States and Canada", us),
        Price("39", "Italy", it),  # too dear at carrier B, and for Harbour at both: what the loss guard is for
    )


OPERATOR, NORTHWIND, FJORD, HARBOUR = "Level Platform", "Northwind Telecom", "Fjord Voice", "Harbour Telecom"
BUSINESS, HELLO, FJORD_BRAND, HARBOUR_BRAND = "Northwind Business", "Hello", "Fjord Voice", "Harbour"

CAST = World(
    sellers=(
        Seller(OPERATOR, "", "GB", Person("Olga", "olga@level.example"), "portal.localhost"),
        Seller(NORTHWIND, OPERATOR, "GB", Person("Paul", "paul@northwind.example"), balance="500"),
        Seller(FJORD, NORTHWIND, "NO", Person("Petra", "petra@fjord.example"), balance="200"),
        Seller(HARBOUR, OPERATOR, "GB", Person("Harbour staff", "staff@harbour.example"), balance="100"),
    ),
    brands=(
        Brand(BUSINESS, NORTHWIND, "business", "northwind.localhost", "northwind.test", "GB"),
        Brand(HELLO, NORTHWIND, "residential", "hello.localhost", "hello.test", "GB"),
        Brand(FJORD_BRAND, FJORD, "business", "fjord.localhost", "fjord.test", "GB"),
        Brand(HARBOUR_BRAND, HARBOUR, "business", "harbour.localhost", "harbour.test", "GB"),
    ),
    prices=(
        Prices("Carrier A costs", OPERATOR, "", _prices("0.0040", "0.0200", "0.0060", "0.0100", "0.0050", "0.0100")),
        Prices("Carrier B costs", OPERATOR, "", _prices("0.0060", "0.0300", "0.0090", "0.0150", "0.0045", "0.0300")),
        Prices("Wholesale", OPERATOR, NORTHWIND, _prices("0.0100", "0.0400", "0.0150", "0.0250", "0.0120", "0.0200")),
        Prices(
            "Wholesale Harbour", OPERATOR, HARBOUR, _prices("0.0110", "0.0420", "0.0160", "0.0260", "0.0130", "0.0080")
        ),
        Prices(
            "Fjord wholesale", NORTHWIND, FJORD, _prices("0.0140", "0.0500", "0.0200", "0.0320", "0.0160", "0.0280")
        ),
        Prices(
            "Business",
            NORTHWIND,
            BUSINESS,
            _prices("0.0200", "0.0800", "0.0300", "0.6000", "0.0250", "0.0400", is_retail=True),
        ),
        Prices("Residential", NORTHWIND, HELLO, _prices("0.0300", "0.1000", "0.0450", "0.0600", "0.0400", "0.0600")),
        Prices(
            "Fjord business", FJORD, FJORD_BRAND, _prices("0.0240", "0.0900", "0.0360", "0.0580", "0.0300", "0.0500")
        ),
        Prices(
            "Harbour business",
            HARBOUR,
            HARBOUR_BRAND,
            _prices("0.0220", "0.0850", "0.0340", "0.0550", "0.0270", "0.0300"),
        ),
        Prices(
            "Special offers",
            NORTHWIND,
            "",
            (Price("441632", "United Kingdom, special offer", "0.0300"),),
            currency="USD",
            is_offer=True,
        ),
    ),
    exchange=(("USD", CURRENCY, "0.8"), (CURRENCY, "EUR", "1.15")),
    taxes=(Vat("VAT", NORTHWIND, "GB", "individual", "20"),),  # Dan's
    carriers=(
        Carrier("a", "Demo carrier A", "Carrier A costs"),
        Carrier("b", "Demo carrier B", "Carrier B costs"),
    ),
    ways=(
        Way("Everything, cheapest first", "", "least_cost", ("a", "b")),
        Way("Premium numbers", "449", "block", ()),
        Way("Emergency services, Great Britain", "", "static", ("b",), is_emergency=True, country="GB"),
    ),
    buyers=(
        Buyer(
            "Acme Ltd",
            BUSINESS,
            "company",
            "prepaid",
            "GB",
            (
                Phone("Carla", "carla@acme.example", "100", "+442079460100", "carla", is_administrator=True),
                Phone("Alice", "alice@acme.example", "101", "+442079460101", "alice"),
                Phone("Bob", "bob@acme.example", "102", "+442079460102", "bob"),
            ),
            balance="20",
        ),
        Buyer(
            "Corner Shop",  # `demo call` gives it just enough money to watch a call being cut off
            BUSINESS,
            "company",
            "prepaid",
            "GB",
            (Phone("Till", "till@shop.example", "10", "+442079460110", "till"),),
        ),
        Buyer(
            "Dan",
            HELLO,
            "individual",
            "postpaid",
            "GB",
            (Phone("Dan", "dan@people.example", "", "+442079460201", "dan"),),
            credit_limit="50",
        ),
        Buyer(
            "Nordlys AS",
            FJORD_BRAND,
            "company",
            "prepaid",
            "GB",
            (Phone("Reception", "reception@nordlys.example", "201", "+442079460301", "reception"),),
            balance="15",
        ),
        Buyer(
            "Quayside Ltd",
            HARBOUR_BRAND,
            "company",
            "prepaid",
            "GB",
            (Phone("Charlie", "charlie@quayside.example", "301", "+442079460401", "charlie"),),
            balance="10",
        ),
    ),
    spare_numbers=(
        ("+442079460150", NORTHWIND),
        ("+442079460151", NORTHWIND),
        ("+442079460350", FJORD),
        ("+442079460450", HARBOUR),
    ),
)


def micro(amount: str) -> int:
    """An amount of the world in micro-units."""
    return int(Decimal(amount) * 1_000_000)
