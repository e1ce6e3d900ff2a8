"""Template tags of the portal: icons, money, durations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

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
def named(value: str, names: Mapping[str, Any]) -> str:
    """The label of a value; the value itself when it has none."""
    return str(names.get(value, value))


@register.filter
def duration(milliseconds: int | None) -> str:
    """Milliseconds as m:ss."""
    return "" if milliseconds is None else duration_text(int(milliseconds))
