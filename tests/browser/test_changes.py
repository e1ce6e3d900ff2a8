"""Two people in one form, changes that are taken back, colleagues named in notes: as people do it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, Page, expect

from carillon.config import CHECKOUT
from carillon.demo.browser import new_page, sign_in
from carillon.demo.world import PASSWORD
from carillon.server import engines
from tests.browser.conftest import Portal, Site

pytestmark = pytest.mark.browser

PAUL, OLGA = "paul@northwind.example", "olga@level.example"


@pytest.fixture
def olga(browser: Browser, site: Site) -> Iterator[Portal]:
    """A second person at a second computer."""
    complaints: list[str] = []
    page = new_page(browser, complaints)
    sign_in(page, site.origin, OLGA, PASSWORD)
    yield Portal(page, site.origin)
    page.context.close()
    assert complaints == []


def open_form(portal: Portal, row: str) -> None:
    portal.open("customers")
    portal.choose(row, "Edit")
    portal.page.wait_for_selector("dialog[open] form")


def test_conflict_of_two_editors(enter: Callable[[str], Portal], page: Page, olga: Portal) -> None:
    paul = enter(PAUL)
    paul.add("customers", web_product_id="Northwind Business", name="Contested Ltd")
    open_form(paul, "Contested Ltd")
    open_form(olga, "Contested Ltd")
    olga.fill(name="Contested plc", tax_number="GB 123", _reason="new legal form")
    olga.save()
    paul.fill(name="Contested & Sons", email="office@contested.example")
    paul.send()
    expect(page.locator("#conflict")).to_be_visible()
    told = paul.dialog()
    for wanted in (OLGA, "new legal form", "Contested plc", "Contested & Sons", "GB 123", "office@contested.example"):
        assert wanted in told
    page.get_by_role("button", name="Go back").click()
    expect(page.locator("#f-name")).to_have_value("Contested & Sons")
    expect(page.locator("#f-tax_number")).to_have_value("GB 123")
    paul.save()
    paul.choose("Contested & Sons", "History")
    assert "Contested plc" in paul.dialog()


def test_the_second_keeps_or_takes(enter: Callable[[str], Portal], page: Page, olga: Portal) -> None:
    paul = enter(PAUL)
    paul.add("customers", web_product_id="Northwind Business", name="Kept Ltd")
    for choice, name in (("Take theirs", "Kept by Olga 1"), ("Keep mine", "Kept by Paul 2")):
        open_form(paul, "Kept")
        open_form(olga, "Kept")
        olga.fill(name=f"Kept by Olga {1 if choice == 'Take theirs' else 2}")
        olga.save()
        paul.fill(name="Kept by Paul 2")
        paul.send()
        page.get_by_role("button", name=choice).click()
        page.wait_for_selector("dialog:not([open])", state="attached")
        expect(page.locator(".tabulator-row", has_text=name).first).to_be_visible()


def test_a_change_is_taken_back(enter: Callable[[str], Portal], page: Page) -> None:
    paul = enter(PAUL)
    paul.add("customers", web_product_id="Northwind Business", name="Undone Ltd")
    open_form(paul, "Undone Ltd")
    paul.fill(name="Undone by mistake", _reason="they asked for it")
    paul.save()
    paul.choose("Undone by mistake", "History")
    assert "they asked for it" in paul.dialog()
    page.get_by_role("button", name="Take back").first.click()
    expect(page.locator("#undone")).to_contain_text("Undone Ltd")
    paul.fill(_reason="wrong customer")
    paul.save()
    expect(page.locator(".tabulator-row", has_text="Undone Ltd").first).to_be_visible()
    paul.choose("Undone Ltd", "History")
    told = paul.dialog()
    assert "wrong customer" in told and "takes back an earlier change" in told


def test_a_colleague_is_offered_while_one_types(enter: Callable[[str], Portal], page: Page) -> None:
    paul = enter(PAUL)
    paul.open("customers")
    paul.choose("Acme Ltd", "Notes")
    page.wait_for_selector("dialog[open] #note-text")
    page.locator("#note-text").press_sequentially("Ask @pa")
    expect(page.locator("#note-colleagues [role=option]")).to_have_count(1)
    page.keyboard.press("Enter")
    name = page.locator("#note-text").input_value().removeprefix("Ask ").strip()
    assert name.startswith("@Paul")
    paul.send()
    expect(page.locator("dialog .quote").first).to_contain_text(f"Ask {name}")


@pytest.fixture
def worker(site: Site) -> Iterator[None]:
    """The worker beside the portal."""
    own = {"CARILLON_DATABASE_NAME": site.config.database("web").name, "PYTHONPATH": str(CHECKOUT / "src")}
    process = engines.processes(site.config)["worker"]
    log = site.config.home / "logs" / "worker.log"
    running = engines.start(site.config, replace(process, environ={**process.environ, **own}), log)
    yield
    engines.stop(running)


def test_an_import_with_errors(enter: Callable[[str], Portal], page: Page, worker: None) -> None:
    paul = enter(PAUL)
    paul.open("users")
    page.click("#grid-import")
    page.wait_for_selector("dialog[open] form")
    paul.fill(file="Firm,Name,Ext.\nAcme Ltd,Uma,451\nAcme Ltd,Vic,4x1\nNobody Ltd,Wes,453\n")
    paul.send()
    page.wait_for_selector("#columns")
    page.get_by_label("Firm").select_option(label="Customer *")
    page.get_by_role("button", name="Try it").click()
    expect(page.locator("#line-errors tbody tr")).to_have_count(2, timeout=30_000)
    lines = [line.split("\t")[:2] for line in page.locator("#line-errors tbody tr").all_inner_texts()]
    assert lines == [["3", "Ext."], ["4", "Firm"]]
    with page.expect_download() as download:
        page.get_by_role("link", name="These lines as a file").click()
    assert "Nobody Ltd" in download.value.path().read_text(encoding="utf-8-sig")
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.locator(".note-error")).to_contain_text("nothing was imported", timeout=30_000)
    paul.open("users", "?name=Uma")
    assert paul.rows() == []
    paul.open("jobs")
    assert "Failed" in paul.rows()[0]


def test_lines_that_are_right_are_taken(enter: Callable[[str], Portal], page: Page, worker: None) -> None:
    paul = enter(PAUL)
    paul.open("users")
    page.click("#grid-import")
    page.wait_for_selector("dialog[open] form")
    paul.fill(file="Customer,Name,Ext.\nAcme Ltd,Xia,461\nAcme Ltd,Yul,4x1\n")
    paul.send()
    page.wait_for_selector("#columns")
    page.get_by_label("All lines or none").uncheck()
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.locator("#line-errors tbody tr")).to_have_count(1, timeout=30_000)
    page.get_by_role("link", name="Users").first.click()
    expect(page.locator(".tabulator-row", has_text="Xia").first).to_be_visible()
