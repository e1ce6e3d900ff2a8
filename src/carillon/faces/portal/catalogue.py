"""All panels, in menu order. A context's panels are the tuple `PANELS` in the file of its name beside this one."""

from __future__ import annotations

import functools
from importlib import import_module
from importlib.util import find_spec

from carillon.panels.declaration import Panel

FILES = ("partners", "brands", "customers", "numbers", "pricing", "endpoints", "routing", "calls", "billing", "notices")


@functools.cache
def panels() -> tuple[Panel, ...]:
    """Return every panel; slugs are unique."""
    found: list[Panel] = []
    for name in FILES:
        module = f"carillon.faces.portal.{name}"
        if find_spec(module):
            found += import_module(module).PANELS
    slugs = [panel.slug for panel in found]
    if len(slugs) != len(set(slugs)):
        raise ValueError(f"Two panels have the same slug: {sorted(slugs)}.")
    return tuple(found)


def panel(slug: str) -> Panel | None:
    """Return the panel called `slug`."""
    return next((panel for panel in panels() if panel.slug == slug), None)
