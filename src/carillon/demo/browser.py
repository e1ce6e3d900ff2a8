"""A real browser for the portal: headless Chromium with everything off that would call home."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

PROGRAM = Path("/usr/bin/chromium")
WIDTH, HEIGHT = 1024, 768  # the smallest screen that the portal promises to work on
OPTIONS = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--lang=en-GB",
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Debian's Chromium; it ends with the block."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(PROGRAM), args=list(OPTIONS))
        try:
            yield browser
        finally:
            browser.close()


def new_page(browser: Browser, complaints: list[str]) -> Page:
    """Return a page of 1024x768 that writes down what goes wrong in it: errors of scripts, policy violations."""
    context = browser.new_context(
        viewport={"width": WIDTH, "height": HEIGHT}, locale="en-GB", timezone_id="UTC", reduced_motion="reduce"
    )
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
    page.on(
        "console",
        lambda message: (
            complaints.append(f"{page.url}: {message.text}")
            if "Content Security Policy" in message.text or message.type == "warning"
            else None
        ),
    )
    page.on(
        "response", lambda answer: complaints.append(f"{answer.url}: {answer.status}") if answer.status >= 500 else None
    )
    return page


def sign_in(page: Page, origin: str, email: str, password: str) -> None:
    """Sign in with e-mail and password; the portal's first page, or the question for the second factor, comes next."""
    page.goto(f"{origin}/accounts/login/")
    page.fill("input[name=login]", email)
    page.fill("input[name=password]", password)
    page.click("main button[type=submit]")
    page.wait_for_url(lambda url: "/accounts/login" not in url)


def wait_for_grid(page: Page) -> None:
    """Wait until the grid has its rows."""
    page.wait_for_selector("#grid[aria-busy=false]")
    page.wait_for_selector("#grid .tabulator-tableholder .tabulator-row, #grid .tabulator-placeholder")
