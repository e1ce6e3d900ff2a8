"""Template tags of the portal: icons, money, and JSON documents as readable trees."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from carillon.panels.cells import duration_text, money_text

register = template.Library()


@register.simple_tag
def icon(name: str) -> SafeString:
    """Draw an icon of the sprite."""
    return format_html('<svg class="ico" aria-hidden="true"><use href="{}#{}"></use></svg>', static("icons.svg"), name)


@register.filter
def money(micro: int | None) -> str:
    """Micro-units in major units."""
    return "" if micro is None else money_text(int(micro))


@register.filter
def duration(milliseconds: int | None) -> str:
    """Milliseconds as m:ss."""
    return "" if milliseconds is None else duration_text(int(milliseconds))


@register.filter
def is_tree(value: Any) -> bool:
    """Whether the value has parts of its own."""
    return isinstance(value, (Mapping, list, tuple)) and bool(value)


@register.filter
def branches(value: Any) -> Iterable[tuple[str, Any]]:
    """The parts of a JSON object or list, named in words."""
    if isinstance(value, Mapping):
        return [(str(key).replace("_", " ").capitalize(), part) for key, part in value.items()]
    return [("", part) for part in value]


@register.filter
def leaf(value: Any) -> str:
    """A JSON value in words."""
    if value is None or value in ("", [], {}):
        return "–"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return str(value)
