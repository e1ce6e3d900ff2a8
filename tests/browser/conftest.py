"""Fixtures: the web process on a free port with the demo world in a database of its own, and Chromium."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import Browser, Page

from carillon.config import CHECKOUT, DATABASE_ROLES, Config
from carillon.demo.browser import chromium, new_page, sign_in, wait_for_grid
from carillon.demo.world import PASSWORD
from carillon.server import cluster as pg
from carillon.server import engines
from carillon.server.template import TEMPLATE

DATABASE = "carillon_browser"


@dataclass(frozen=True)
class Site:
    """The running portal."""

    origin: str
    config: Config

    def sql(self, query: str, *parameters: object) -> None:
        """Run a statement as the owner, past row-level security."""
        with psycopg.connect(self.config.database("owner").url, autocommit=True) as connection:
            connection.execute(query, parameters)


@pytest.fixture(scope="session")
def site(cluster: pg.Cluster) -> Iterator[Site]:
    """The portal as it runs in production: gunicorn, hashed static files, the web role, the demo world."""
    if not (CHECKOUT / "web" / "dist" / "portal.js").exists():
        pytest.fail("The front end is not built: `npm ci && npm run build` in web/, or let ./carillon test do it.")
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    own = {"CARILLON_DATABASE_NAME": f"{DATABASE}_{worker}", "PYTHONPATH": str(CHECKOUT / "src")}
    config = Config.from_env({**os.environ, **own})
    pg.prepare(cluster.administrator, [config.database(role) for role in DATABASE_ROLES], template=TEMPLATE)
    for command in (["load_cast"], ["collectstatic", "--noinput", "--verbosity", "0"]):
        manage(own, *command)
    process = engines.processes(config)["web"]
    running = engines.start(config, replace(process, environ={**process.environ, **own}), log_of(config))
    yield Site(f"http://portal.localhost:{config.ports.web}", config)
    engines.stop(running)


def manage(own: dict[str, str], *command: str) -> None:
    line = [sys.executable, "-m", "carillon", "manage", *command, "--skip-checks"]
    done = subprocess.run(line, env={**os.environ, **own}, capture_output=True, text=True, check=False, cwd=CHECKOUT)
    assert done.returncode == 0, f"{command[0]} failed:\n{done.stdout}{done.stderr}"


def log_of(config: Config) -> Path:
    return config.home / "logs" / "web.log"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium for the whole session."""
    with chromium() as found:
        yield found


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    """A fresh browser window; the test fails when a script failed or the content security policy was violated."""
    complaints: list[str] = []
    found = new_page(browser, complaints)
    yield found
    found.context.close()
    assert complaints == []


@pytest.fixture
def enter(page: Page, site: Site) -> Callable[[str], Portal]:
    """`enter("paul@northwind.example")`: sign in and get the portal to work with."""

    def sign(email: str) -> Portal:
        sign_in(page, site.origin, email, PASSWORD)
        return Portal(page, site.origin)

    return sign


class Portal:
    """What people do in the portal, by keyboard and mouse."""

    def __init__(self, page: Page, origin: str) -> None:
        self.page, self.origin = page, origin

    def open(self, slug: str, query: str = "") -> None:
        """Open a panel and wait for its rows."""
        self.page.goto(f"{self.origin}/panels/{slug}/{query}")
        wait_for_grid(self.page)

    def add(self, slug: str, query: str = "", **values: str | bool | list[str]) -> None:
        """Add a row by the form of a panel."""
        self.open(slug, query)
        self.page.click("#grid-add")
        self.page.wait_for_selector("dialog[open] form")
        self.fill(**values)
        self.save()

    def fill(self, **values: str | bool | list[str]) -> None:
        """Fill in inputs of the open dialog by name; look-ups by the name of the row."""
        for name, value in values.items():
            field = self.page.locator(f"dialog #f-{name}")
            if isinstance(value, bool):
                field.set_checked(value)
            elif isinstance(value, list):
                for at, text in enumerate(value):
                    self.page.locator(f"dialog select[name={name}]").nth(at).select_option(label=text)
            elif field.get_attribute("role") == "combobox":
                field.fill(value)
                self.page.locator(f"#o-{name} [role=option]", has_text=value).first.click()
            elif field.evaluate("one => one.tagName") == "SELECT":
                field.select_option(value)
            elif field.get_attribute("type") == "file":
                field.set_input_files({"name": "rates.csv", "mimeType": "text/csv", "buffer": value.encode()})
            else:
                field.fill(value)

    def save(self) -> None:
        """Send the dialog and wait until it has closed; whatever is wrong with it fails the test."""
        self.send()
        done = "dialog:not([open]), dialog[open] .wrong, dialog[open] .note-error"
        self.page.locator(done).first.wait_for(state="attached")
        wrong = self.page.locator("dialog[open] .wrong, dialog[open] .note-error").all_inner_texts()
        assert not wrong, wrong
        wait_for_grid(self.page)

    def send(self) -> None:
        """Press the dialog's last button."""
        self.page.click("dialog[open] .dialog-foot button[type=submit]")

    def choose(self, row: str, entry: str) -> None:
        """Open the menu of the row with that text and choose an entry."""
        self.page.locator(".tabulator-row", has_text=row).first.locator(".row-menu").click()
        self.page.get_by_role("menuitem", name=entry, exact=True).click()

    def dialog(self) -> str:
        """The text of the open dialog."""
        self.page.wait_for_selector("dialog[open] .dialog-head")
        return self.page.locator("dialog[open]").inner_text()

    def rows(self) -> list[str]:
        """The texts of the rows shown."""
        wait_for_grid(self.page)
        return self.page.locator("#grid .tabulator-tableholder .tabulator-row").all_inner_texts()
