"""From nothing to a telephone: everything a new partner needs, by the portal's forms alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Portal

pytestmark = pytest.mark.browser

RATES = "prefix,name,rate,connection fee,initial,increment\n44,United Kingdom,0.012,0,30,6\n33,France,0.02,0.01,30,6\n"


def test_partner_to_endpoint(enter: Callable[[str], Portal], page: Page) -> None:
    olga = enter("olga@level.example")
    olga.add("partners", name="Meadow Voice", country="GB", currency="EUR")
    olga.add(
        "web-products",
        name="Meadow Business",
        partner_id="Meadow Voice",
        hostname="meadow.localhost",
        sip_domain="meadow.test",
        country="GB",
        currencies="EUR",
    )
    sell_by_list(olga)
    route_calls(olga)
    olga.add("customers", web_product_id="Meadow Business", name="Garden Ltd")
    olga.add("users", customer_id="Garden Ltd", name="Erin", extension="301")
    olga.add("sip-endpoints", customer_id="Garden Ltd", user_id="Erin", username="erin")
    assert any("erin" in row and "meadow.test" in row for row in olga.rows())
    olga.choose("erin", "Show secret")
    olga.send()
    page.wait_for_selector("dialog[open] [data-result]")
    assert "erin" in olga.dialog()


def sell_by_list(olga: Portal) -> None:
    olga.add("price-lists", name="Meadow retail", currency="EUR", partner_id="Meadow Voice")
    olga.choose("Meadow retail", "New version")
    olga.fill(file=RATES)
    olga.save()
    olga.choose("Meadow retail", "Versions")
    assert any("Draft" in row for row in olga.rows())
    olga.choose("Draft", "Approve")
    olga.save()
    assert any("Approved" in row for row in olga.rows())
    olga.open("price-lists")
    olga.choose("Meadow retail", "Assign")
    olga.fill(web_product_id="Meadow Business")
    olga.save()


def route_calls(olga: Portal) -> None:
    olga.add("costs", name="Third carrier", currency="EUR")
    olga.choose("Third carrier", "New version")
    olga.fill(file=RATES)
    olga.save()
    olga.add("gateways", name="Carrier C", host="192.0.2.30", cost_list_id="Third carrier")
    olga.add("routes", name="France", prefix="33", strategy="least_cost", gateway_ids=["Carrier C"], priority="50")
    assert any("France" in row for row in olga.rows())


def test_file_with_errors_names_lines_and_changes_nothing(enter: Callable[[str], Portal], page: Page) -> None:
    paul = enter("paul@northwind.example")
    paul.add("price-lists", name="Bad news", currency="GBP")
    paul.choose("Bad news", "New version")
    paul.fill(file="prefix,name,rate\n44,United Kingdom,0.01\n0x,Nowhere,0.02\n33,France,-1\n44,Again,0.03\n")
    paul.send()
    expect(page.locator("#line-errors tbody tr")).to_have_count(3)
    lines = page.locator("#line-errors tbody tr").all_inner_texts()
    assert [line.split("\t")[:2] for line in lines] == [["3", "prefix"], ["4", "per_minute"], ["5", "prefix"]]
    assert "nothing was imported" in paul.dialog()
    page.keyboard.press("Escape")
    paul.choose("Bad news", "Versions")
    assert paul.rows() == []
