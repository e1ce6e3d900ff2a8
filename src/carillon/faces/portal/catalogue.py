"""All panels and pages, in menu order: the tuples `PANELS` and `PAGES` of each context's file beside this one."""

from __future__ import annotations

import functools
from importlib import import_module
from importlib.util import find_spec

from carillon.panels.declaration import Page, Panel

FILES = (
    "quickstart",
    *("partners", "brands", "customers", "numbers", "pricing", "endpoints", "routing", "calls", "billing", "notices"),
    "platform",
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


def panel(slug: str) -> Panel | None:
    """Return the panel called `slug`."""
    return next((panel for panel in panels() if panel.slug == slug), None)


def page(slug: str) -> Page | None:
    """Return the page called `slug`."""
    return next((page for page in pages() if page.slug == slug), None)
