"""Grids of customers and CDRs as a partner's staff open them, with few rows and with very many.

Every page is asked of the web process itself, which reads as its own role under row-level security. Baseline: the
sign-in page, that no row is behind. Statements are counted by PostgreSQL's own log.
"""

from __future__ import annotations

import http.client
import json
import re
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http.cookies import SimpleCookie
from urllib.parse import quote, urlencode

import psycopg

from bench.crowd import FIRST_ID
from bench.frame import Bench, Figures, installation, percentile, ratio, say, step
from carillon.demo.world import PASSWORD
from carillon.server.installation import Installation

HOST, SELLER, MODEL = "portal.localhost", "Fjord Voice", "Nordlys AS"
STAFF, STAFF_ABOVE = "petra@fjord.example", "paul@northwind.example"  # of the seller, and of the partner above it
ASKED = re.compile(r"LOG:  (?:statement|execute \S+): (?!BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|SET )", re.I)
WARM_UP = 3

_CUSTOMERS = """
    insert into customers_customer
    select (jsonb_populate_record(t, jsonb_build_object(
        'id', {first} + n, 'name', 'Customer ' || n, 'email', 'office' || n || '@example.com'))).*
    from customers_customer t, generate_series({after} + 1, {upto}) n where t.name = '{model}'
"""
_ACCOUNTS = """
    insert into billing_account
    select (jsonb_populate_record(t, jsonb_build_object('id', {first} + n, 'customer_id', {first} + n))).*
    from billing_account t, generate_series({after} + 1, {upto}) n
    where t.customer_id = (select id from customers_customer where name = '{model}')
"""
# Twenty rows a customer over the last year: ten calls, each with the sale to the customer and the tier above.
_CDRS = """
    insert into calls_cdr (
        partner_id, started_on, call_id, chain, chain_no, tier, tab, is_carrier_cost, buyer_partner_id, customer_id,
        customer_name, user_name, gateway_name, direction, caller, callee, destination, started_at, answered_at,
        ended_at, duration_ms, billed_s, outcome, sip_code, sip_reason, currency, amount_micro, explanation, rated_at)
    select case tier when 0 then {seller} else {above} end, began::date,
           ('00000000-0000-4000-8000-' || lpad(to_hex(call), 12, '0'))::uuid, 'originating', 0, tier, 'dialled', false,
           case tier when 1 then {seller} end, case tier when 0 then {first} + 1 + mod(call, {upto}) end,
           case tier when 0 then 'Customer ' || 1 + mod(call, {upto}) else '' end, '', '', 'outbound',
           '+44191' || lpad((mod(call, {upto}))::text, 7, '0'), '+49' || 1000000000 + mod(call * 7919, 8999999999),
           'Germany', began, began + interval '4 seconds', began + interval '100 seconds', 96000, 96, 'answered', 200,
           'OK', 'GBP',
           16000 + mod(call, 1000), '{{"list": "Retail", "version": 1, "steps": ["96 s at 0.01 a minute"]}}', began
    from generate_series({calls_after}::bigint + 1, {calls_upto}::bigint) call,
         lateral (select timestamptz '2026-11-01' - make_interval(secs => mod(call * 7907, 31536000)::int) as began) b,
         generate_series(0, 1) tier
"""


@dataclass(frozen=True, slots=True)
class _Size:
    """Customers of the small and of the large world, and how often each page is asked for."""

    small: int
    large: int
    rounds: int


SIZES = {"full": _Size(10_000, 1_000_000, 40), "small": _Size(40, 200, 3)}
CALLS_EACH = 10


def add_options(parser: ArgumentParser) -> None:
    """How large the large world is."""
    parser.add_argument("--customers", type=int, help="in the large world (1,000,000), with twenty CDRs each")


def measure(options: Namespace) -> Figures:
    """Ask for every page in the small world, then in the large one; each figure is over all pages."""
    size = SIZES[options.size]
    size = replace(size, large=options.customers or size.large)
    with installation() as installed:
        installed.manage("load_cast")
        with step(f"{size.small} customers, {2 * CALLS_EACH * size.small} CDRs"):
            _grow(installed, 0, size.small)
        installed.manage("collectstatic", "--noinput", "--verbosity", "0")
        installed.start("web")
        small = _asked(_pages(installed), size.rounds)
        with step(f"{size.large} customers, {2 * CALLS_EACH * size.large} CDRs"):
            _grow(installed, size.small, size.large)
        pages = _pages(installed)
        large = _asked(pages, size.rounds)
        stranger = _Browser(installed)
        trivial = [_timed(stranger, "/accounts/login/") for _ in range(size.rounds)]
        queries = _counted(installed, pages)
    figures = {"trivial": trivial, "small": _all(small), "large": _all(large)}
    p95 = {name: percentile(times, 95) for name, times in figures.items()}
    return {
        **{f"{name}_p95_ms": round(value, 1) for name, value in p95.items()},
        "growth": ratio(p95["large"], p95["small"]),
        "to_trivial": ratio(p95["large"], p95["trivial"]),
        "queries_max": queries,
    }


def _grow(installed: Installation, after: int, upto: int) -> None:
    """Go on from `after` to `upto` customers with their accounts and calls."""
    seller, above = installed.sql("select id, parent_id from partners_partner where name = %s", SELLER)[0]
    values = {"first": FIRST_ID, "after": after, "upto": upto, "model": MODEL, "seller": seller, "above": above}
    installed.sql(_CUSTOMERS.format(**values))
    installed.sql(_ACCOUNTS.format(**values))
    # triggers off: rows of a throw-away database need nobody told, and no key checked that was made right
    done = CALLS_EACH * after
    while done < CALLS_EACH * upto:
        until = min(done + 500_000, CALLS_EACH * upto)
        installed.sql(_CDRS.format(**values, calls_after=done, calls_upto=until))
        done = until
    installed.sql("vacuum analyze")


# ---------------------------------------------------------------- what is asked


Pages = Mapping[str, tuple["_Browser", str]]


def _pages(installed: Installation) -> Pages:
    """Every page by name, with who asks for it: the seller's staff, and those above who see several partners' rows."""
    staff, above = _Browser(installed), _Browser(installed)
    staff.sign_in(STAFF)
    above.sign_in(STAFF_ABOVE)
    own = {name: (staff, address) for name, address in _addresses(staff).items()}
    return {**own, **{f"{name}, of the tree": (above, address) for name, address in _tree_addresses().items()}}


def _rows(panel: str, **asked: object) -> str:
    return f"/panels/{panel}/rows/?{urlencode({'size': 50, **asked})}"


A_MONTH = {"tab": "dialled", "started_at_from": "2026-01-10", "started_at_to": "2026-02-10"}


def _addresses(browser: _Browser) -> Mapping[str, str]:
    """First and deep pages, filtered, searched, sorted."""
    customer = f"Customer {browser.middle}"
    deep = browser.json(_rows("cdrs", **A_MONTH))["next"]
    return {
        "customers": _rows("customers"),
        "customers, last": _rows("customers", cursor="last"),
        "customers, by name backwards": _rows("customers", order="-name"),
        "customers, newest": _rows("customers", order="-id"),
        "customers, filtered": _rows("customers", name=customer),
        "customers, by state": _rows("customers", status="active"),
        "customers, searched": f"/panels/customers/lookup/?q={quote(f'fice{browser.middle}')}",
        "CDRs": _rows("cdrs", tab="dialled"),
        "CDRs, last": _rows("cdrs", tab="dialled", cursor="last"),
        "CDRs, a month": _rows("cdrs", **A_MONTH),
        "CDRs, a month, next": _rows("cdrs", **A_MONTH, cursor=deep),
        "CDRs of a customer": _rows("cdrs", tab="dialled", customer_id=FIRST_ID + browser.middle),
        "CDRs, oldest first": _rows("cdrs", tab="dialled", order="started_at"),
    }


def _tree_addresses() -> Mapping[str, str]:
    return {
        "customers": _rows("customers"),
        "customers, last": _rows("customers", cursor="last"),
        "CDRs": _rows("cdrs", tab="dialled"),
        "CDRs, last": _rows("cdrs", tab="dialled", cursor="last"),
        "CDRs, a month": _rows("cdrs", **A_MONTH),
    }


def _asked(pages: Pages, rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each page, `rounds` times each, in turn."""
    for _ in range(WARM_UP):
        for browser, address in pages.values():
            browser.get(address)
    times = {name: [_timed(*page) for _ in range(rounds)] for name, page in pages.items()}
    for name, found in times.items():
        say(f"{name:<30} p50 {percentile(found, 50):7.1f} ms   p95 {percentile(found, 95):7.1f} ms")
    return times


def _timed(browser: _Browser, address: str) -> float:
    started = time.perf_counter()
    browser.get(address)
    return 1000 * (time.perf_counter() - started)


def _all(times: Mapping[str, list[float]]) -> list[float]:
    return [one for found in times.values() for one in found]


def _counted(installed: Installation, pages: Pages) -> int:
    """The most statements that one page takes, transactions' own beside."""
    with psycopg.connect(installed.cluster.administrator, autocommit=True) as administrator:
        administrator.execute("alter system set log_statement = 'all'")
        administrator.execute("select pg_reload_conf()")
    _Browser(installed).get("/accounts/login/")
    counts = {}
    for name, (browser, address) in pages.items():
        before = len(installed.log("postgresql"))
        browser.get(address)
        counts[name] = len(ASKED.findall(installed.log("postgresql")[before:]))
    say(f"statements: {counts}")
    return max(counts.values())


class _Browser:
    """One connection that keeps cookies, as a browser does."""

    def __init__(self, installed: Installation) -> None:
        self._line = http.client.HTTPConnection("127.0.0.1", installed.config.ports.web, timeout=120)
        self._cookies = SimpleCookie()
        self._installed = installed

    @property
    def middle(self) -> int:
        """The number of a customer in the middle."""
        rows = self._installed.sql("select count(*) from customers_customer where id > %s", FIRST_ID)
        return int(rows[0][0]) // 2

    def get(self, address: str) -> bytes:
        """The body of a page. Raises RuntimeError unless it is 200."""
        return self._send("GET", address, None)

    def json(self, address: str) -> dict[str, str]:
        """The page as JSON."""
        found: dict[str, str] = json.loads(self.get(address))
        return found

    def sign_in(self, email: str) -> None:
        """Sign in with a password."""
        self.get("/accounts/login/")
        form = {"login": email, "password": PASSWORD, "csrfmiddlewaretoken": self._cookies["csrftoken"].value}
        self._send("POST", "/accounts/login/", urlencode(form), wanted=302)

    def _send(self, method: str, address: str, body: str | None, *, wanted: int = 200) -> bytes:
        headers = {"Host": HOST, "Accept": "application/json" if "/panels/" in address else "text/html"}
        if self._cookies:
            headers["Cookie"] = "; ".join(f"{name}={one.value}" for name, one in self._cookies.items())
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        answer = self._answer(method, address, body, headers)
        content = answer.read()
        if answer.status != wanted:
            raise RuntimeError(f"{method} {address}: {answer.status} {content[:300]!r}")
        for cookie in answer.headers.get_all("Set-Cookie") or []:
            self._cookies.load(cookie)
        return content

    def _answer(self, method: str, address: str, body: str | None, headers: dict[str, str]) -> http.client.HTTPResponse:
        try:
            self._line.request(method, address, body, headers)
            return self._line.getresponse()
        except http.client.RemoteDisconnected:  # left alone for too long: opened anew, as a browser does
            self._line.close()
            self._line.request(method, address, body, headers)
            return self._line.getresponse()


BENCH = Bench(
    summary="grids of customers and CDRs with 10k and with 1M customers / 20M CDRs, as staff open them",
    bars={
        "trivial_p95_ms": "",
        "small_p95_ms": "",
        "large_p95_ms": "",
        "growth": "<= 1.5",
        "to_trivial": "<= 6",
        "queries_max": "<= 12",
    },
    measure=measure,
    add_options=add_options,
)
