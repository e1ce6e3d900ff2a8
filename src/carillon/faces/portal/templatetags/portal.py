"""Template tags of the portal: icons, money, durations."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django import template
from django.templatetags.static import static
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html
from django.utils.safestring import SafeString

from carillon.panels.cells import duration_text, money_text
from carillon.panels.manner import day_hint as hint_of_days
from carillon.panels.manner import moment_text, number_text

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
def moment(at: datetime | str | None, clock: str = "") -> str:
    """A moment, or its text in ISO 8601, in the person's time zone and manner; `clock`: "H:M:S" or "H:M" (of texts)."""
    if isinstance(at, str):
        at, clock = parse_datetime(at) if at else None, clock or "H:M"
    return "" if at is None else moment_text(at, re.sub("[HMS]", r"%\g<0>", clock or "H:M:S"))


@register.simple_tag
def day_hint() -> str:
    """How the person types a day."""
    return hint_of_days()


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
def exact(number: Decimal | None) -> str:
    """A decimal without trailing zeros."""
    return "" if number is None else number_text(f"{number.normalize():f}")
