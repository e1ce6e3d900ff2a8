"""All panels and pages, in menu order: the tuples `PANELS` and `PAGES` of each context's file beside this one."""

from __future__ import annotations

import functools
from importlib import import_module
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from carillon.base.actor import Actor
from carillon.business.partners.roles import covers
from carillon.panels.cells import value_of
from carillon.panels.declaration import Page, Panel, audience

FILES = (
    "quickstart",
    *("reports", "schedules"),
    *("partners", "people", "brands", "branding", "customers", "numbers", "pricing", "exchange_rates", "taxes"),
    *("plans", "endpoints"),
    *("routing", "cdr_providers", "testcall"),
    *("calls", "reratings", "billing", "remaining", "subscriptions", "alerts", "notices", "mails", "support"),
    *("messages", "subscribers", "jobs"),
    "platform",
    "audit",
    "views",
)


@functools.cache
def entries() -> tuple[Panel | Page, ...]:
    """Return every panel and page; slugs are unique. A context's pages come before its panels."""
    found: list[Panel | Page] = []
    for name in FILES:
        module = f"carillon.faces.portal.{name}"
        if find_spec(module):
            context = import_module(module)
            found += [*getattr(context, "PAGES", ()), *getattr(context, "PANELS", ())]
    slugs = [one.slug for one in found]
    if len(slugs) != len(set(slugs)):
        raise ValueError(f"Two panels have the same slug: {sorted(slugs)}.")
    return tuple(found)


@functools.cache
def panels() -> tuple[Panel, ...]:
    """Return every panel."""
    return tuple(one for one in entries() if isinstance(one, Panel))


@functools.cache
def pages() -> tuple[Page, ...]:
    """Return every page."""
    return tuple(one for one in entries() if isinstance(one, Page))


def row_address(panel: Panel, row: Any) -> str:
    """Return the address of a row's page; rows without a page of their own lead to the grid with this row in it."""
    if panel.detail is not None or panel.wizard:
        return reverse("portal:detail", args=[panel.slug, row.pk])
    return f"{reverse('portal:panel', args=[panel.slug])}?{urlencode({panel.search: value_of(row, panel.search)})}"


def panels_of(panel: Panel) -> tuple[Panel, ...]:
    """Return `panel` and the others whose rows are of the same model (prices and costs)."""
    return (panel, *(one for one in panels() if one.model is panel.model and one is not panel))


def panels_for(object_type: str) -> tuple[Panel, ...]:
    """Return the panels whose rows history calls `object_type` ("customers.customer")."""
    return tuple(one for one in panels() if one.model._meta.label_lower == object_type)


VERBS = (("view", _("View")), ("add", _("Add")), ("change", _("Change")), ("delete", _("Remove")))


def permission_choices(actor: Actor) -> list[tuple[str, str]]:
    """Return the permissions that `actor` may give on, "panel.verb" with "Panel: Verb", those of all panels first."""
    found = {f"*.{verb}": f"{_('All, also to come')}: {label}" for verb, label in VERBS}
    mine = [one for one in entries() if audience(actor) in one.audiences]
    titles = {one.needs("view").partition(".")[0]: str(one.title) for one in reversed(mine)}
    for one in mine:
        for permission, label in _asked(one).items():
            title = titles.get(permission.partition(".")[0], str(one.title))
            found.setdefault(permission, f"{title}: {label}")
    ordered = sorted(found.items(), key=lambda pair: pair[1].partition(": ")[0] if pair[0][0] != "*" else "")
    return [(permission, label) for permission, label in ordered if covers(actor.permissions, [permission])]


def _asked(one: Panel | Page) -> dict[str, str]:
    """The permissions that a panel or page asks for, with what each is called there."""
    if isinstance(one, Page):
        return {one.needs("view"): str(VERBS[0][1])}
    wanted = {one.needs(verb): str(label) for verb, label in VERBS if verb == "view" or one.change(verb)}
    return {action.needs(): str(action.title) for action in one.actions} | wanted


def panel(slug: str) -> Panel | None:
    """Return the panel called `slug`."""
    return next((panel for panel in panels() if panel.slug == slug), None)


def page(slug: str) -> Page | None:
    """Return the page called `slug`."""
    return next((page for page in pages() if page.slug == slug), None)
