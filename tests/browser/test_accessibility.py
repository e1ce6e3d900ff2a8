"""No barrier that axe finds (WCAG 2.1 A and AA, best practice) on any page or in any form, by day and by night."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import pytest
from playwright.sync_api import Page, expect

from carillon.config import CHECKOUT
from carillon.faces.portal.catalogue import pages, panels
from tests.browser.conftest import Portal, Site

pytestmark = pytest.mark.browser

AXE = CHECKOUT / "web" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
PAUL = "paul@northwind.example"
HELP = ("/help/", "/help/customers/", "/help/manual/calls-and-charges/")


def barriers(page: Page, where: str) -> list[str]:
    """What axe finds on the page as it is now."""
    if not page.evaluate("() => Boolean(window.axe)"):
        page.evaluate(AXE.read_text())  # by the debugger's way in: the content security policy stays as it is
    result: dict[str, Any] = page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
    return [f"{where}: {one['id']}: {one['nodes'][0]['html'][:120]}" for one in result["violations"]]


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_no_page_or_form_has_a_barrier(
    enter: Callable[[str], Portal], page: Page, site: Site, colours: Literal["light", "dark"]
) -> None:
    portal, found = enter(PAUL), []
    page.emulate_media(color_scheme=colours)
    for panel in (one for one in panels() if "partner" in one.audiences and one.section):
        portal.open(panel.slug)
        found += barriers(page, panel.slug)
        if page.locator("#grid-add").count():
            page.click("#grid-add")
            page.wait_for_selector("dialog[open] form")
            found += barriers(page, f"{panel.slug}: add")
    addresses = [f"/pages/{one.slug}/" for one in pages() if "partner" in one.audiences]
    for address in (*addresses, *HELP):
        page.goto(f"{site.origin}{address}")
        page.wait_for_selector("main h1")
        found += barriers(page, address)
    page.locator("details.drop > summary").last.click()
    page.get_by_role("button", name="Preferences").click()
    page.wait_for_selector("dialog[open] form")
    found += barriers(page, "preferences")
    assert found == []


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
