"""The Support Centre's pages: what each panel holds, explained from its declaration, and the manual."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import markdown
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from carillon.base.actor import Actor
from carillon.base.errors import NotFound
from carillon.config import CHECKOUT
from carillon.faces.portal.access import actor_of, staff_only
from carillon.faces.portal.catalogue import entries
from carillon.faces.portal.menu import address_of
from carillon.faces.portal.shell import page as render_page
from carillon.panels.changes import action_inputs, page_inputs, panel_inputs
from carillon.panels.declaration import Page, Panel, RowAction
from carillon.panels.inputs import Input

MANUAL = CHECKOUT / "docs" / "manual"
LINK = re.compile(r'href="([a-z-]+)\.md(#[^"]*)?"')
ELSEWHERE = re.compile(r'<a href="(?:\.\./)+[^"]*">(.*?)</a>')  # pages of the documentation that are no chapter
CHAPTERS: Mapping[str, str] = {  # which chapter of the manual tells more about a panel; the rest: the day's work
    "web-products": "brands-and-numbers",
    "portal-brands": "brands-and-numbers",
    "numbers": "brands-and-numbers",
    "price-lists": "prices",
    "costs": "prices",
    **dict.fromkeys(("plans", "subscriptions", "allowances"), "plans"),
    "cdr-providers": "cdr-providers",
    "cdrs": "calls-and-charges",
    "transactions": "calls-and-charges",
    "reratings": "calls-and-charges",
    "remaining-time": "calls-and-charges",
    "gateways": "calls-and-charges",
    "routes": "calls-and-charges",
    "blacklists": "protecting-customers",
    "bans": "protecting-customers",
    "customers": "protecting-customers",
    "sip-endpoints": "trunks",
    **dict.fromkeys(("alerts", "balance-alerts", "alert-choices"), "emergency-and-alerts"),
    **dict.fromkeys(("scheduled-reports", "report-runs"), "dashboard-and-test-calls"),
    **dict.fromkeys(("mails", "mail-texts", "mail-identities"), "mails"),
    **dict.fromkeys(("messages", "subscribers", "sessions"), "messages"),
    "tokens": "api",
}
DAILY = "portal"


@dataclass(frozen=True, slots=True)
class Term:
    """A field or an action with what is said about it."""

    name: str
    text: str
    is_required: bool = False


@dataclass(frozen=True, slots=True)
class Chapter:
    """A chapter of the manual. `language`: the one it is written in, which is English where there is no edition."""

    name: str
    title: str
    body: SafeString
    language: str


def chapters() -> tuple[Chapter, ...]:
    """Return the manual in the reader's language, in the order of its titles."""
    names = (path.stem for path in MANUAL.glob("*.md"))
    return tuple(sorted((_chapter(name) for name in names), key=lambda one: one.title))


def _chapter(name: str) -> Chapter:
    language = (get_language() or "en").partition("-")[0]
    return _read(name, language if (MANUAL / language / f"{name}.md").exists() else "")


@cache
def _read(name: str, edition: str) -> Chapter:
    """A chapter as HTML: it is a file of ours, written for these pages too. `edition`: its folder, "" English."""
    text = (MANUAL / edition / f"{name}.md").read_text(encoding="utf-8")
    title, _newline, rest = text.partition("\n")
    html = markdown.markdown(rest, extensions=["tables", "fenced_code", "toc", "sane_lists"])
    linked = LINK.sub(lambda found: f'href="{reverse("portal:chapter", args=[found[1]])}{found[2] or ""}"', html)
    linked = ELSEWHERE.sub(r"\1", linked)
    return Chapter(name, title.removeprefix("# "), mark_safe(linked), edition or "en")  # noqa: S308 - our own text


def _terms(inputs: Iterable[Input]) -> list[Term]:
    return [Term(str(one.field.label), str(one.field.help), one.is_required and one.type is not bool) for one in inputs]


def _verb(action: RowAction) -> tuple[Term, list[Term]]:
    return Term(str(action.title), str(action.confirm)), _terms(action_inputs(action))


def _explained_page(page: Page) -> dict[str, Any]:
    return {"fields": _terms(page_inputs(page))}


def explained(panel: Panel, actor: Actor) -> dict[str, Any]:
    """Return what the help page of a panel says, from its declaration: columns, filters, fields, actions."""
    filters = {one.name for one in panel.filters}
    sortable = {name.removeprefix("-") for name in panel.order}
    return {
        "columns": [
            {"title": one.title, "is_filtered": one.name in filters, "is_sorted": one.name in sortable}
            for one in panel.columns
            if one.in_grid
        ],
        "fields": _terms(panel_inputs(panel)) if panel.may(actor, "add") or panel.may(actor, "change") else [],
        "actions": [_verb(one) for one in panel.actions if actor.may(one.needs())],
        "tabs": panel.tabs,
    }


@require_GET
@staff_only
def about(request: HttpRequest, slug: str) -> HttpResponse:
    """What a panel or page holds and what can be done there."""
    actor = actor_of(request)
    found = next((one for one in entries() if one.slug == slug and one.may(actor, "view")), None)
    if found is None:
        raise NotFound(_("There is no such page."))
    told = explained(found, actor) if isinstance(found, Panel) else _explained_page(found)
    around = {"about": found, "address": address_of(found), "title": found.title}
    context = {**told, **around, "chapter": _chapter(CHAPTERS.get(slug, DAILY))}
    return render_page(request, "portal/help/panel.html", found, context)


@require_GET
@staff_only
def index(request: HttpRequest) -> HttpResponse:
    """The Support Centre: the manual, a page about each panel, tickets."""
    actor = actor_of(request)
    mine = [one for one in entries() if one.section and one.may(actor, "view")]
    context = {"chapters": chapters(), "panels": mine, "title": _("Support Centre")}
    return render_page(request, "portal/help/index.html", None, context)


@require_GET
@staff_only
def chapter(request: HttpRequest, name: str) -> HttpResponse:
    """A chapter of the manual."""
    known = {path.stem for path in MANUAL.glob("*.md")}
    if name not in known:
        raise NotFound(_("The manual has no such chapter."))
    found = _chapter(name)
    return render_page(request, "portal/help/chapter.html", None, {"chapter": found, "title": found.title})
