"""`python -m carillon.demo.screenshots`: looks at every panel of the running portal as a browser shows it.

Signs in as people of the demo world while two of its phones talk, takes each panel, its form and a few pages at
1024x768, the pages of a brand at 390x844 too, and checks that nothing overflows or is cut, that axe finds no barrier,
and that neither scripts nor the content security policy complain. The pictures go into a contact sheet. Run `./carillon
demo call` before, so that there are calls to look at. Exit status 1 when something is wrong.
"""

from __future__ import annotations

import argparse
import base64
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page
from playwright.sync_api import TimeoutError as TooSlow

from carillon.config import CHECKOUT, Config
from carillon.demo.background import Background, background
from carillon.demo.browser import HEIGHT, WIDTH, chromium, new_page, sign_in, wait_for_grid
from carillon.demo.world import CAST, PASSWORD
from carillon.useragent import Account, UserAgent

AXE = CHECKOUT / "web" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
COLUMNS = 3
SHOWN = 0.62  # scale of a picture in the sheet
PHONE = {"width": 390, "height": 844}
OPERATOR, PARTNER = CAST.sellers[0].staff.email, CAST.sellers[1].staff.email
TALKS, LISTENS, OWES, ABROAD = "alice", "bob", "dan", "0033199000001"
STRANGE_NAMES = (
    "Donaudampfschifffahrtsgesellschaftskapitänsmützenmanufaktur Müller & Söhne GmbH & Co. KG (Süd)",
    "شركة الاتصالات المتحدة للهاتف والإنترنت",
    "חברת הטלפונים של הצפון בע״מ",
)

# What sticks out of the window or is cut inside its own box. Grid cells may end in an ellipsis: pointing shows all.
OVERFLOWS = """() => {
  const found = [];
  const root = document.scrollingElement;
  if (root.scrollWidth > root.clientWidth || root.scrollHeight > root.clientHeight) found.push("the page scrolls");
  const texts = "h1, h2, label, button, .btn, .side-link span, .state, .tab, legend, th, .tabulator-col-title";
  for (const one of document.querySelectorAll(texts)) {
    if (one.closest("[hidden], .visually-hidden, .tabulator-row, .row-menu") || !one.offsetParent) continue;
    const isCut = one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).overflow !== "visible";
    const sticksOut = one.getBoundingClientRect().right > innerWidth + 1;
    if (isCut || (sticksOut && !one.closest(".tabulator, .main-scroll, .dialog-body"))) found.push(one.innerText);
  }
  return found;
}"""


@dataclass
class Look:
    """What has been seen so far."""

    origin: str
    folder: Path
    pictures: list[tuple[str, Path]] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def take(self, page: Page, title: str) -> None:
        """Take a picture and check what is on it."""
        path = self.folder / f"{len(self.pictures):02d}.png"
        page.evaluate("document.fonts.ready")
        page.screenshot(path=path)
        self.pictures.append((title, path))
        self.complaints += [f"{title}: cut or sticking out: {text!r}" for text in page.evaluate(OVERFLOWS)]
        page.evaluate(AXE.read_text())  # by the debugger's way in: the content security policy stays as it is
        result: dict[str, Any] = page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
        for one in result["violations"]:
            self.complaints.append(f"{title}: axe {one['id']}: {one['help']}: {one['nodes'][0]['html'][:150]}")


def look_at_sign_in(look: Look, page: Page) -> None:
    """The page before everything else, and what a brand's own hostname shows, on a screen and on a phone."""
    page.goto(f"{look.origin}/accounts/login/")
    look.take(page, "Sign in")
    brand = look.origin.replace("portal.localhost", CAST.brands[0].hostname)
    page.goto(brand)
    look.take(page, "A brand")
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]  # a plain dict is what it takes
    look.take(page, "A brand on a phone")
    page.goto(f"{brand}/accounts/login/")
    look.take(page, "A brand on a phone: sign in")


# ------------------------------------------------------------------ phones that talk meanwhile


def account_of(look: Look, page: Page, username: str) -> Account:
    """A phone's account, as staff read it from the portal."""
    page.goto(f"{look.origin}/panels/sip-endpoints/?username={username}")
    wait_for_grid(page)
    page.locator(".row-menu").first.click()
    page.get_by_role("menuitem", name="Show secret").click()
    page.click("dialog[open] .dialog-foot button[type=submit]")
    page.wait_for_selector("dialog[open] [data-result]")
    shown = [page.inner_text(f"dialog [data-result={name}]") for name in ("username", "domain", "secret")]
    return Account(*shown)


@contextmanager
def talking(config: Config, phones: Background, accounts: list[Account]) -> Iterator[None]:
    """Phones that are registered; the first has an international call, the last had one and pays later."""
    agents = [UserAgent(account, (config.advertised, config.ports.sip)) for account in accounts]
    for agent in agents:
        phones.run(agent.open())
        phones.run(agent.register())
    earlier = phones.run(agents[-1].call(ABROAD))
    phones.run(earlier.answered())
    phones.run(earlier.hang_up())
    call = phones.run(agents[0].call(ABROAD))
    phones.run(call.answered())
    try:
        yield
    finally:
        phones.run(call.hang_up())
        for agent in agents:
            phones.run(agent.register(0))
            agent.close()


def make_token(look: Look, page: Page) -> None:
    """An API token, so that there is one to see."""
    page.goto(f"{look.origin}/panels/tokens/")
    wait_for_grid(page)
    if page.locator(".row-menu").count():
        return
    page.goto(f"{look.origin}/panels/staff/?email={OPERATOR}")
    wait_for_grid(page)
    page.locator(".row-menu").first.click()
    page.get_by_role("menuitem", name="Create my API token").click()
    page.wait_for_selector("dialog[open] form")
    page.fill("#f-name", "Nightly report")
    page.click("dialog[open] .dialog-foot button[type=submit]")
    page.wait_for_selector("dialog[open] [data-result]")


def add_strangers(look: Look, page: Page) -> None:
    """Customers whose names are long, or are written from right to left; once."""
    page.goto(f"{look.origin}/panels/customers/")
    wait_for_grid(page)
    page.evaluate(
        """async names => {
          const ask = async (path, body) => (await fetch("/api/v1/" + path, body && {
            method: "POST",
            body: JSON.stringify(body),
            headers: {
              "Content-Type": "application/json",
              "X-CSRFToken": document.querySelector("[name=csrfmiddlewaretoken]").value,
            },
          })).json();
          const known = (await ask("customers/?limit=200")).results.map((one) => one.name);
          const [brand] = (await ask("web-products/?limit=1")).results;
          for (const name of names.filter((one) => !known.includes(one)))
            await ask("customers/", { web_product_id: brand.id, name });
        }""",
        list(STRANGE_NAMES),
    )


# ------------------------------------------------------------------ pages


def settle(page: Page) -> None:
    """Wait until a panel has its rows, or a page is drawn."""
    if "/panels/" in page.url:
        wait_for_grid(page)
    else:
        page.wait_for_load_state("load")


def look_at_panels(look: Look, page: Page) -> None:
    """Every panel in the menu, with its form."""
    links = page.locator(".side-link").all()
    for title, address in [(link.inner_text(), link.get_attribute("href")) for link in links]:
        page.goto(f"{look.origin}{address}")
        settle(page)
        look.take(page, title)
        if page.locator("#grid-add").count():
            page.click("#grid-add")
            page.wait_for_selector("dialog[open] form")
            look.take(page, f"{title}: add")


def look_at_rows(look: Look, page: Page) -> None:
    """A row's menu, its history, its notes, and the page of a call."""
    page.goto(f"{look.origin}/panels/customers/")
    wait_for_grid(page)
    page.locator(".row-menu").first.click()
    look.take(page, "Menu of a row")
    page.get_by_role("menuitem", name="History").click()
    page.wait_for_selector("dialog[open] .timeline")
    look.take(page, "History")
    page.keyboard.press("Escape")
    page.locator(".row-menu").first.click()
    page.get_by_role("menuitem", name="Notes").click()
    page.wait_for_selector("dialog[open] .timeline")
    look.take(page, "Notes")
    page.goto(f"{look.origin}/panels/cdrs/?outcome=answered")
    wait_for_grid(page)
    rows = page.locator(".tabulator-row", has_text="United Kingdom").locator(".row-menu")
    if rows.count():
        rows.first.click()
        page.get_by_role("menuitem").first.click()
        page.wait_for_selector(".cards")
        look.take(page, "A call: prices")
        page.locator(".why").last.scroll_into_view_if_needed()
        look.take(page, "A call: how it was decided")
        page.locator(".cards > .card").last.evaluate("card => card.scrollIntoView()")
        look.take(page, "A call: SIP ladder")


def look_as_partner(look: Look, page: Page) -> None:
    """What a partner has and the operator has not, and names and amounts that are hard to show."""
    for title, path in (
        ("A partner: Quick Start", "pages/quick-start/"),
        ("A partner: My account", "pages/my-account/"),
        ("A partner: what it pays", "panels/wholesale-rates/"),
        ("Strange names", "panels/customers/"),
        ("Accounts that owe", "panels/accounts/"),
    ):
        page.goto(f"{look.origin}/{path}")
        settle(page)
        look.take(page, title)
    page.goto(f"{look.origin}/panels/customers/")
    wait_for_grid(page)
    page.locator(".tabulator-row", has_text=STRANGE_NAMES[0][:20]).locator(".row-menu").click()
    page.get_by_role("menuitem", name="Edit", exact=True).click()
    page.wait_for_selector("dialog[open] form")
    look.take(page, "A long name in a form")


def look_in_the_dark(look: Look, page: Page) -> None:
    """The same for systems that prefer dark colours."""
    page.emulate_media(color_scheme="dark")
    for path in ("pages/quick-start", "pages/dashboard", "panels/customers", "panels/cdrs"):
        page.goto(f"{look.origin}/{path}/")
        settle(page)
        look.take(page, f"Dark: {path.partition('/')[2]}")
    page.locator(".row-menu").first.click()
    page.get_by_role("menuitem").first.click()
    page.wait_for_selector(".cards")
    look.take(page, "Dark: a call")


def look_at_everything(look: Look, browser: Browser) -> None:
    """As the operator and as a partner."""
    steps: list[tuple[str, Callable[[Look, Page], None]]] = [
        (OPERATOR, look_at_panels),
        (OPERATOR, look_at_rows),
        (PARTNER, add_strangers),
        (PARTNER, look_as_partner),
        (PARTNER, look_in_the_dark),
    ]
    for email, step in steps:
        page = new_page(browser, look.complaints)
        try:
            sign_in(page, look.origin, email, PASSWORD)
            step(look, page)
        except TooSlow as error:
            look.complaints.append(f"{page.url}: {error.message.splitlines()[0]}")


def make_sheet(browser: Browser, look: Look, target: Path) -> None:
    """All pictures with their titles on one."""
    figures = "".join(
        f"<figure><img{' class=narrow' if 'on a phone' in title else ''}"
        f" src='data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}'>"
        f"<figcaption>{title}</figcaption></figure>"
        for title, path in look.pictures
    )
    style = (
        f"body{{margin:12px;display:grid;grid-template-columns:repeat({COLUMNS},1fr);gap:12px;background:#e6e9ed;"
        "font:14px sans-serif}figure{margin:0}img{width:100%;border:1px solid #b8c0ca;border-radius:4px}"
        f"img.narrow{{width:auto;height:{int(HEIGHT * SHOWN)}px}}"
    )
    page = browser.new_page(viewport={"width": int(WIDTH * SHOWN * COLUMNS) + 12 * (COLUMNS + 1), "height": 400})
    page.set_content(f"<style>{style}</style>{figures}")
    target.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=target, full_page=True)


def main(arguments: list[str]) -> int:
    """Look at everything; 0 when nothing is wrong."""
    config = Config.from_env(os.environ)
    parser = argparse.ArgumentParser(prog="python -m carillon.demo.screenshots")
    parser.add_argument("--origin", default=f"http://portal.localhost:{config.ports.web}", help="address of the portal")
    parser.add_argument("--sheet", type=Path, default=CHECKOUT / "docs" / "screenshots" / "portal.png")
    parser.add_argument("--pictures", type=Path, help="folder that keeps each picture in its full size")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, chromium() as browser, background() as phones:
        look = Look(options.origin, Path(folder))
        look_at_sign_in(look, new_page(browser, look.complaints))
        page = new_page(browser, look.complaints)
        sign_in(page, look.origin, OPERATOR, PASSWORD)
        make_token(look, page)
        with talking(config, phones, [account_of(look, page, name) for name in (TALKS, LISTENS, OWES)]):
            look_at_everything(look, browser)
        make_sheet(browser, look, options.sheet)
        if options.pictures:
            shutil.copytree(folder, options.pictures, dirs_exist_ok=True)
    sys.stdout.write(f"{len(look.pictures)} pictures on {options.sheet}\n")
    for complaint in look.complaints:
        sys.stdout.write(f"- {complaint}\n")
    return 1 if look.complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
