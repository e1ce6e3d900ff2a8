"""The panel kit as people use it: grid, menu, dialogs, notes, history, customer filter."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Portal

pytestmark = pytest.mark.browser

PAUL = "paul@northwind.example"


def test_edit_by_keyboard_shows_in_grid_and_history(enter: Callable[[str], Portal], page: Page) -> None:
    portal = enter(PAUL)
    portal.open("customers")
    page.locator(".row-menu", has_text="Dan").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem").first).to_be_focused()
    page.get_by_role("menuitem", name="Edit").press("Enter")
    page.wait_for_selector("dialog[open] form")
    portal.fill(tax_number="GB 123")
    page.locator("#f-tax_number").press("Enter")
    expect(page.get_by_role("status").filter(has_text="Dan was saved.")).to_be_visible()
    portal.choose("Dan", "History")
    assert "GB 123" in portal.dialog()
    assert PAUL in portal.dialog()
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).not_to_be_visible()


def test_wrong_input_is_named_beside_its_field(enter: Callable[[str], Portal], page: Page) -> None:
    portal = enter(PAUL)
    portal.open("users")
    page.click("#grid-add")
    page.wait_for_selector("dialog[open] form")
    portal.fill(customer_id="Acme", extension="1x")
    portal.send()
    expect(page.locator("#e-name")).to_have_text("This is needed.")
    expect(page.locator("#f-name")).to_be_focused()
    expect(page.locator("#f-customer_id")).to_have_value("Acme Ltd")
    portal.fill(name="Erin")
    portal.send()
    expect(page.locator("#e-extension")).to_contain_text("2 to 5 digits")


def test_forwarding_is_set_in_the_form_and_seen_in_the_grid(enter: Callable[[str], Portal], page: Page) -> None:
    portal = enter(PAUL)
    portal.open("users")
    portal.choose("Bob", "Edit")
    page.wait_for_selector("dialog[open] form")
    portal.fill(forwards_busy=True, forward_busy_to="999", forwards_no_answer=True, forward_no_answer_to="01632 960001")
    portal.send()
    expect(page.locator("#e-forward_busy_to")).to_contain_text("Emergency services")
    portal.fill(forward_busy_to="101")
    portal.send()
    expect(page.locator(".tabulator-row", has_text="Bob").first).to_contain_text("busy: 101, no answer: +441632960001")


def test_note_stays_with_its_author(enter: Callable[[str], Portal], page: Page) -> None:
    portal = enter(PAUL)
    portal.open("customers")
    portal.choose("Acme Ltd", "Notes")
    page.fill("#note-text", "<b>Prefers e-mail</b>")
    portal.send()
    expect(page.locator("dialog .quote").first).to_have_text("<b>Prefers e-mail</b>")
    assert PAUL in portal.dialog()


def test_customer_filter_holds_across_panels(enter: Callable[[str], Portal], page: Page) -> None:
    portal = enter(PAUL)
    portal.open("users")
    assert any("Dan" in row for row in portal.rows())
    page.fill("#customer-filter-text", "Acme")
    page.locator("#customer-filter-list [role=option]", has_text="Acme").click()
    page.wait_for_selector(".top-filter.is-on")
    assert all("Acme Ltd" in row for row in portal.rows())
    portal.open("sip-endpoints")
    assert all("Acme Ltd" in row for row in portal.rows())
    page.get_by_label("Show all customers").click()
    page.wait_for_selector(".top-filter:not(.is-on)")


def test_filter_and_order_are_the_servers(enter: Callable[[str], Portal], page: Page) -> None:
    portal = enter(PAUL)
    portal.open("customers")
    with page.expect_response(lambda answer: "name=dan" in answer.url):
        page.get_by_role("searchbox", name="Name").fill("dan")
    expect(page.locator("#grid .tabulator-tableholder .tabulator-row")).to_have_count(1)
    with page.expect_response(lambda answer: "order=" in answer.url):
        page.locator(".tabulator-col-title", has_text="Name").first.click()
    page.get_by_role("searchbox", name="Name").fill("nobody of that name")
    expect(page.locator(".tabulator-placeholder")).to_contain_text("Nothing matches")


def test_rows_leave_as_csv(enter: Callable[[str], Portal], page: Page) -> None:
    portal = enter(PAUL)
    portal.open("users")
    with page.expect_download() as download:
        page.click("#export-csv")
    text = download.value.path().read_text(encoding="utf-8-sig")
    assert text.startswith("Name,Customer")
    assert "Alice" in text
    assert "Charlie" not in text


def test_days_are_typed_as_the_trade_writes_them(enter: Callable[[str], Portal], page: Page) -> None:
    portal = enter(PAUL)
    portal.open("transactions")
    assert portal.rows()
    with page.expect_response(lambda answer: "at_to=2020-01-31" in answer.url):
        page.fill("#to-at", "2020-01-31")
        page.keyboard.press("Enter")
    expect(page.locator("#grid .tabulator-tableholder .tabulator-row")).to_have_count(0)
    page.fill("#to-at", "31/01/2020")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()


def test_several_values_stand_in_one_line(enter: Callable[[str], Portal], page: Page) -> None:
    portal = enter(PAUL)
    portal.open("web-products")
    portal.choose("hello.localhost", "Edit")
    page.wait_for_selector("dialog[open] form")
    portal.fill(currencies="GBP, EUR")
    portal.save()
    assert any("hello.localhost" in row and "GBP, EUR" in row for row in portal.rows())


def test_long_names_are_cut_and_told_when_pointed_at(enter: Callable[[str], Portal], page: Page) -> None:
    portal = enter(PAUL)
    name = "The Northern and Western Fine Woollen Yarn Spinning and Weaving Company of Acme Ltd"
    portal.add("customers", web_product_id="Northwind Business", name=name)
    portal.add("transactions", customer_id="The Northern", amount_micro="234567.89")
    portal.choose("234,567.89", "Reverse")
    portal.fill(reason="typing error")
    portal.save()
    portal.open("customers")
    shown = page.locator(".row-menu span", has_text="The Northern").first
    assert shown.evaluate(
        "one => one.scrollWidth > one.clientWidth && getComputedStyle(one).textOverflow === 'ellipsis'"
    )
    shown.hover()
    expect(page.locator(".tabulator-tooltip")).to_have_text(name)


def test_grid_as_one_likes_it_is_kept_under_a_name(enter: Callable[[str], Portal], page: Page) -> None:
    portal = enter(PAUL)
    portal.open("customers")
    page.get_by_role("searchbox", name="Name").fill("a")
    chip = page.locator("#grid-filters .chip").first
    expect(chip).to_contain_text("Name: a")
    page.get_by_role("button", name="Columns").click()
    page.locator("dialog li", has_text="Time zone").get_by_role("checkbox").check()
    page.locator("dialog li", has_text="Charging").get_by_role("checkbox").uncheck()
    page.locator("dialog li", has_text="Country").get_by_role("button", name="Move Country up").press("Enter")
    page.get_by_role("button", name="Show these").click()
    titles = page.locator(".tabulator-col:not(.ticks) .tabulator-col-title")
    shown = ["Name", "Status", "Available", "Type", "Country", "Web product", "E-mail", "Time zone"]
    expect(titles).to_have_text(shown)
    page.get_by_role("button", name="Views").click()
    page.get_by_role("menuitem", name="Save this view").click()
    page.wait_for_selector("dialog[open] form")
    portal.fill(name="With time zones", is_default=True)
    portal.save()
    portal.open("users")
    portal.open("customers")  # opens with it
    expect(page.get_by_role("button", name="With time zones")).to_be_visible()
    expect(titles).to_have_text(shown)
    expect(page.get_by_role("searchbox", name="Name")).to_have_value("a")
    chip.click()
    expect(page.locator("#grid-filters .chip")).to_have_count(0)
    page.locator(".tabulator-col-title", has_text="Name").first.click()
    expect(page).to_have_url(re.compile("order=name"))
    page.reload()
    expect(page.locator(".tabulator-col[aria-sort=ascending] .tabulator-col-title")).to_have_text("Name")
    page.get_by_role("button", name="With time zones").click()
    page.get_by_role("menuitem", name="All rows").click()
    expect(titles).to_have_count(8)
    expect(titles.nth(2)).to_have_text("Charging")


def test_rows_are_chosen_by_keyboard_and_changed_together(enter: Callable[[str], Portal], page: Page) -> None:
    portal = enter(PAUL)
    for name in ("Tick", "Tock"):
        portal.add("users", customer_id="Acme", name=name)
    portal.open("users", "?name=T")
    page.locator(".row-menu", has_text="Tick").focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowDown")
    expect(page.locator(".row-menu", has_text="Till")).to_be_focused()
    page.keyboard.press("End")
    page.keyboard.press("Space")
    expect(page.locator("#grid-bulk")).to_contain_text("2 chosen")
    page.locator("#grid-bulk").get_by_role("button", name="Edit").press("Enter")
    page.wait_for_selector("dialog[open] form")
    portal.fill(role="reception")
    expect(page.get_by_role("checkbox", name="Set Role")).to_be_checked()
    portal.fill(no_answer_s="1")
    portal.send()
    expect(page.locator("#e-no_answer_s")).to_contain_text("at least")
    page.get_by_role("checkbox", name="Set Seconds of ringing").uncheck()
    portal.send()
    expect(page.get_by_role("status").filter(has_text="2 done")).to_be_visible()
    expect(page.locator(".tabulator-row", has_text="Reception")).to_have_count(2)
    expect(page.locator("#grid-bulk")).to_be_hidden()
    page.get_by_label("Choose all rows of this page").check()
    page.locator("#grid-bulk").get_by_role("button", name="Choose all that match").click()
    expect(page.locator("#grid-bulk")).to_contain_text("All 3 that match are chosen")
    page.locator(".tabulator-row", has_text="Till").get_by_role("checkbox").uncheck()
    page.locator("#grid-bulk").get_by_role("button", name="Remove").click()
    portal.send()
    expect(page.get_by_role("status").filter(has_text="2 done").last).to_be_visible()  # the first may be there still
    expect(page.locator("#grid .tabulator-tableholder .tabulator-row")).to_have_count(1)
