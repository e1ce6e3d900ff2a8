"""A call in the portal: its price at each tier, why, and its SIP messages as a ladder."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Portal, Site

pytestmark = pytest.mark.browser

CALL = "0192d3c4-0000-7000-8000-000000000001"
CALLER, EDGE, CARRIER = "192.0.2.10:5062", "192.0.2.1:5060", "192.0.2.90:5090"
OWNER = "(select p.id from partners_partner p where p.name = 'Northwind Telecom')"
CUSTOMER = "(select c.id from customers_customer c where c.name = 'Acme Ltd')"
EXPLANATION = {
    "seller": "Northwind Telecom",
    "buyer": "Acme Ltd",
    "list": "Business retail",
    "version": 1,
    "steps": ["60 s are charged as 60 s."],
    "notes": ["Route France was chosen."],
    "attempts": [],
}


def message(at_ms: int, source: str, target: str, first: str) -> str:
    raw = f"{first}\r\nCall-ID: abc\r\nCSeq: 1 INVITE\r\n\r\n"
    line = {"at_us": 1_790_000_000_000_000 + at_ms * 1000, "src": source, "dst": target, "proto": "udp", "raw": raw}
    return json.dumps(line)


@pytest.fixture
def call(site: Site) -> None:
    """One answered call of Acme's, with its CDR and its trace."""
    forget_call(site)
    add_call(site)
    add_cdr(site)
    add_trace(site)


def forget_call(site: Site) -> None:
    site.sql("delete from calls_cdr where call_id = %s", CALL)
    site.sql("delete from calls_call where id = %s", CALL)
    site.sql("delete from calls_calltrace where call_id = %s", CALL)


def add_call(site: Site) -> None:
    site.sql(
        "insert into calls_call (id, partner_id, customer_id, edge, sip_call_id, direction, caller, callee, state,"  # noqa: S608
        f" started_at, due_at, decision) values (%s, {OWNER}, {CUSTOMER}, 'edge', 'abc', 'outbound', '+442079460001',"
        " '+33199000001', 'rated', now(), now(), '{}')",
        CALL,
    )


def add_cdr(site: Site) -> None:
    site.sql(
        "insert into calls_cdr (partner_id, started_on, call_id, chain, chain_no, tier, tab, is_carrier_cost,"  # noqa: S608
        " customer_id, customer_name, user_name, gateway_name, direction, caller, callee, destination, started_at,"
        " answered_at, ended_at, duration_ms, billed_s, outcome, sip_code, sip_reason, currency, amount_micro,"
        " explanation, rated_at)"
        f" values ({OWNER}, current_date, %s, 'originating', 0, 0, 'dialled', false, {CUSTOMER}, 'Acme Ltd', 'Alice',"
        " '', 'outbound', '+442079460001', '+33199000001', 'France', now(), now(), now(), 60000, 60, 'answered', 200,"
        " 'OK', 'GBP', 1234567, %s, now())",
        CALL,
        json.dumps(EXPLANATION),
    )


def add_trace(site: Site) -> None:
    trace = "\n".join(
        [
            message(0, CALLER, EDGE, "INVITE sip:+33199000001@northwind.test SIP/2.0"),
            message(2, EDGE, CALLER, "SIP/2.0 100 Trying"),
            message(20, EDGE, CARRIER, "INVITE sip:+33199000001@192.0.2.90 SIP/2.0"),
            message(80, CARRIER, EDGE, "SIP/2.0 503 Service Unavailable"),
            message(900, EDGE, CALLER, "SIP/2.0 200 OK"),
        ]
    )
    site.sql(
        "insert into calls_calltrace (call_id, messages, recorded_at) values (%s, %s, now())",
        CALL,
        zlib.compress(trace.encode()),
    )


def test_call_is_priced_explained_and_drawn(call: None, enter: Callable[[str], Portal], page: Page) -> None:
    olga = enter("olga@level.example")
    olga.open("cdrs")
    olga.choose("+33199000001", "Price and trace")
    page.wait_for_selector("#ladder svg")
    content = page.locator(".main-scroll").inner_text()
    assert "1.234567 GBP" in content
    assert "60 s are charged as 60 s." in content
    assert "Route France was chosen." in content
    expect(page.locator(".ladder-message")).to_have_count(5)
    expect(page.locator(".ladder-message.bad .ladder-label")).to_have_text("503 Service Unavailable")
    page.locator(".ladder-message.bad").press("Enter")
    expect(page.locator("#ladder-message pre")).to_contain_text("SIP/2.0 503 Service Unavailable")


def test_tab_shows_its_calls_only(call: None, enter: Callable[[str], Portal], page: Page) -> None:
    paul = enter("paul@northwind.example")
    paul.open("cdrs")
    assert any("+33199000001" in row for row in paul.rows())
    with page.expect_response(lambda answer: "tab=missed" in answer.url):
        page.get_by_role("tab", name="Missed").click()
    expect(page.locator("#grid .tabulator-tableholder .tabulator-row")).to_have_count(0)


def test_other_peoples_carriers_stay_hidden(call: None, enter: Callable[[str], Portal], page: Page) -> None:
    paul = enter("paul@northwind.example")
    paul.open("cdrs")
    paul.choose("+33199000001", "Price and trace")
    page.wait_for_selector("#ladder svg")
    assert CARRIER.split(":")[0] not in page.content()
    expect(page.locator(".ladder-message.bad .ladder-label")).to_have_text("503")
