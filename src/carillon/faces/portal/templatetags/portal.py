"""Template tags of the portal: icons, money, durations."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django import template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.dateparse import parse_datetime
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


@register.filter
def uptime(seconds: int) -> str:
    """Seconds in the largest two units that say something: 3 d 4 h, 5 min 10 s."""
    units = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
    parts, left = [], int(seconds)
    for size, name in units:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {name}")
    return " ".join(parts[:2]) or "0 s"


@register.filter
def moment(text: str | None) -> str:
    """A time in ISO 8601, as pages carry it, in the reader's own time zone."""
    found = parse_datetime(text) if text else None
    return timezone.localtime(found).strftime("%Y-%m-%d %H:%M") if found else ""


def exact(number: Decimal | None) -> str:
    """A decimal without trailing zeros."""
    return "" if number is None else f"{number.normalize():f}"
