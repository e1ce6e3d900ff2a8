"""No barrier that axe finds (WCAG 2.1 A and AA, best practice) on any page or in any form, by day and by night."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from typing import Any, Literal

import pytest
from playwright.sync_api import Page, expect

from carillon.config import CHECKOUT
from carillon.faces.portal.catalogue import entries, pages, panels
from tests.browser.conftest import Portal, Site

pytestmark = pytest.mark.browser

AXE = CHECKOUT / "web" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
CONTRAST = {"type": "rule", "values": ["color-contrast"]}
LIGHTS: tuple[tuple[Literal["light", "dark"], Any], ...] = (("light", RULES), ("dark", CONTRAST))
CHECK = "([part, rules]) => axe.run(part, {runOnly: rules, resultTypes: ['violations']})"
OPEN = "address => { const one = document.getElementById('keys'); one.dataset.dialog = address; one.click(); }"
ROWS = "async address => (await (await fetch(address, {headers: {Accept: 'application/json'}})).json()).rows"
PAUL, OLGA = "paul@northwind.example", "olga@level.example"
RICH = "customers"  # the panel whose every dialog is looked at
HELP = ("/help/", "/help/customers/", "/help/manual/calls-and-charges/")


def barriers(page: Page, where: str, part: str = "body") -> list[str]:
    """What axe finds in a part of the page as it is now, by day; by night what only colours make, without a reload."""
    if not page.evaluate("() => Boolean(window.axe)"):
        page.evaluate(AXE.read_text())  # by the debugger's way in: the content security policy stays as it is
    found = []
    for colours, rules in LIGHTS:
        page.emulate_media(color_scheme=colours)
        page.wait_for_selector(f"html[data-bs-theme={colours}], html:not([data-bs-theme])")
        result: dict[str, Any] = page.evaluate(CHECK, [part, rules])
        found += [f"{where}, {colours}: {one['id']}: {one['nodes'][0]['html'][:120]}" for one in result["violations"]]
    page.emulate_media(color_scheme="light")
    return found


def opened(page: Page, address: str, where: str) -> list[str]:
    """What axe finds in a dialog, opened over the page at hand."""
    page.evaluate(
        "address => { const one = document.getElementById('keys'); one.dataset.dialog = address; one.click(); }",
        address,
    )
    page.wait_for_selector("dialog[open] .dialog-head")
    found = barriers(page, where, "dialog")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog:not([open])", state="attached")
    return found


def dialogs(page: Page, slug: str) -> Iterator[tuple[str, str]]:
    """Yield name and address of the dialogs of a panel's first row, and of adding and importing."""
    config = page.evaluate("() => JSON.parse(document.getElementById('grid-config').textContent)")
    if page.locator("#grid-add").count():
        yield "add", f"/panels/{slug}/add/"
    if page.locator("#grid-import").count() and slug == RICH:
        yield "import", f"/panels/{slug}/import/"
    rows = page.evaluate(ROWS, f"/panels/{slug}/rows/?size=25")
    for entry in config["menu"] if rows else ():
        if entry["kind"] in ("dialog", "action") and (slug == RICH or entry["path"] not in ("notes/", "history/")):
            yield entry["path"], f"/panels/{slug}/{rows[0]['_id']}/{entry['path']}"


def walk(page: Page, site: Site, audience: str, leave: Container[str] = ()) -> list[str]:
    """What axe finds on the panels and pages of an audience and in their dialogs."""
    found = []
    portal = Portal(page, site.origin)
    for panel in (one for one in panels() if audience in one.audiences and one.section and one.slug not in leave):
        portal.open(panel.slug)
        found += barriers(page, panel.slug)
        for name, address in list(dialogs(page, panel.slug)):
            found += opened(page, address, f"{panel.slug}: {name}")
    for address in (f"/pages/{one.slug}/" for one in pages() if audience in one.audiences and one.slug not in leave):
        page.goto(f"{site.origin}{address}")
        page.wait_for_selector("main h1")
        found += barriers(page, address)
    return found


def test_no_page_form_or_dialog_of_a_partner_has_a_barrier(
    enter: Callable[[str], Portal], page: Page, site: Site
) -> None:
    enter(PAUL)
    found = walk(page, site, "partner")
    for address in HELP:
        page.goto(f"{site.origin}{address}")
        page.wait_for_selector("main h1")
        found += barriers(page, address)
    found += opened(page, "/preferences/", "preferences")
    page.goto(f"{site.origin}/panels/{RICH}/")
    page.locator(".ticks input[value]").first.check()
    page.wait_for_selector("#grid-bulk:not([hidden])")
    found += barriers(page, "chosen rows", "main")
    page.locator("#grid-bulk button").first.click()
    page.wait_for_selector("dialog[open] .dialog-head")
    found += barriers(page, "many rows", "dialog")
    assert found == []


def test_no_page_of_the_operator_has_a_barrier(enter: Callable[[str], Portal], page: Page, site: Site) -> None:
    """What partners have too was looked at as theirs, but for partners themselves, of which the operator sets more."""
    enter(OLGA)
    theirs = {one.slug for one in entries() if "partner" in one.audiences} - {"partners"}
    assert walk(page, site, "operator", theirs) == []


def test_keys_lead_everywhere(enter: Callable[[str], Portal], page: Page) -> None:
    portal = enter(PAUL)
    portal.open("users")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("/")
    expect(page.locator("#search-text")).to_be_focused()
    page.keyboard.type("acm")
    expect(page.get_by_role("option", name="Acme Ltd").first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    page.wait_for_url("**/panels/customers/**")
    expect(page.locator("#grid .tabulator-row")).to_have_count(1)
    page.locator("h1").click()
    page.keyboard.press("?")
    expect(page.locator("dialog[open]")).to_contain_text("Ctrl")
    for _turn in range(4):  # the dialog keeps the keyboard
        page.keyboard.press("Tab")
        inside = page.evaluate(
            "() => document.activeElement.closest('dialog') !== null || document.activeElement === document.body"
        )
        assert inside
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).not_to_be_visible()
