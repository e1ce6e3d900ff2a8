"""Template tags of the dashboard and the test call."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from django import template

from carillon.base.actor import Actor
from carillon.faces.portal.calls import DIRECTIONS
from carillon.faces.portal.catalogue import panel as find_panel
from carillon.faces.portal.dashboard import Board, board_of
from carillon.panels.manner import day_text

register = template.Library()


@register.simple_tag
def dashboard(found: Mapping[str, Any]) -> Board:
    """How the figures that were found are drawn."""
    return board_of(found)


@register.simple_tag
def rates_panel(actor: Actor, kind: str, is_bought: bool) -> str:
    """The panel where the actor finds a rate: of a carrier (`kind` "cost") or its own; "" for a supplier's list."""
    slug = "cost-rates" if kind == "cost" else "" if is_bought else "rates"
    found = find_panel(slug)
    return slug if found is not None and found.may(actor, "view") else ""


@register.filter
def direction(value: str) -> str:
    """What a call's direction is called."""
    return str(dict(DIRECTIONS).get(value, value))


@register.filter
def day(text: str) -> str:
    """A day in ISO 8601 as the person reads it."""
    return day_text(date.fromisoformat(text))
