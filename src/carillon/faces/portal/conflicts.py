"""Two people in one form: what it was opened with, what somebody else has saved meanwhile, and who keeps what.

A form carries the version of its row, the number of the newest history entry, and its values as they were drawn. When
the row has another version by the time it comes back, both are held against what is saved now, field by field.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from carillon.base.actor import Actor
from carillon.base.changes import snapshot, version_of
from carillon.faces.portal.forms import Form, Widget
from carillon.panels.history import Change, history_of, newest_entry

MOST_OPENED = 200_000  # characters
HIDDEN = "••••••••"


@dataclass(frozen=True, slots=True)
class Opened:
    """What a form was opened with. `values`: the texts of each input as drawn."""

    version: str
    entry: int
    values: Mapping[str, tuple[str, ...]]

    def written(self) -> str:
        """Return it as the form carries it."""
        return json.dumps([self.version, self.entry, {name: list(texts) for name, texts in self.values.items()}])


def opened_with(actor: Actor, row: Any, form: Form) -> Opened:
    """Return what `form`, which shows `row` as it is saved, is opened with. Cost: one query."""
    return Opened(version_of(snapshot(row)), newest_entry(actor, row), drawn(form))


def read_opened(post: QueryDict) -> Opened | None:
    """Return what the form was opened with; None when it does not say, or nothing that makes sense."""
    text = post.get("_opened", "")
    try:
        version, entry, values = json.loads(text[:MOST_OPENED])
        texts = {str(name): tuple(str(one) for one in found) for name, found in dict(values).items()}
        return Opened(str(version), int(entry), texts)
    except (ValueError, TypeError, OverflowError, RecursionError):
        return None


def drawn(form: Form) -> dict[str, tuple[str, ...]]:
    """Return the texts of each input that can be changed, as the browser would send them."""
    return {
        widget.name: _texts(widget)
        for section in form.sections
        for widget in section.widgets
        if not widget.is_fixed and widget.kind != "file"
    }


def _texts(widget: Widget) -> tuple[str, ...]:
    if isinstance(widget.value, bool):
        return ("true",) if widget.value else ()
    if isinstance(widget.value, (list, tuple)):
        return tuple(str(one) for one in widget.value if one)
    return (str(widget.value).replace("\r\n", "\n").strip(),)


@dataclass(frozen=True, slots=True)
class Row:
    """A field of which two people want different things. `is_theirs`: I have not touched it, so theirs stays."""

    label: str
    theirs: str
    mine: str
    is_theirs: bool


@dataclass(frozen=True, slots=True)
class Clash:
    """What the second of two people is shown. `keep`: what keeping one's own sends, with what the other one changed."""

    changes: tuple[Change, ...]
    rows: tuple[Row, ...]
    keep: tuple[tuple[str, str], ...]
    opened: str


def clash_of(actor: Actor, row: Any, opened: Opened, mine: Form, theirs: Form) -> Clash | None:
    """Return what to ask the person who sends `mine`.

    Args:
        row: as it is saved now; `theirs` is the form that shows it.
        opened: what the form was opened with.

    Returns: None when nobody has changed anything that the form shows.

    Cost: no query when nobody has; else one, and those of `history_of`.
    """
    saved, sent = drawn(theirs), drawn(mine)
    changed = {name for name, texts in saved.items() if opened.values.get(name, texts) != texts}
    if not changed:
        return None
    untouched = {name for name in changed if sent.get(name) == opened.values.get(name)}
    merged = {name: saved[name] if name in untouched else sent.get(name, ()) for name in saved}
    pairs = _pairs(mine, theirs)
    return Clash(
        changes=tuple(one for one in history_of(actor, row) if one.id > opened.entry),
        rows=tuple(
            Row(pair[1].label, told(pair[1]), told(pair[0]), name in untouched)
            for name, pair in pairs.items()
            if name in saved and saved[name] != sent.get(name)
        ),
        keep=tuple((name, text) for name, texts in merged.items() for text in texts),
        opened=opened_with(actor, row, theirs).written(),
    )


def _pairs(mine: Form, theirs: Form) -> dict[str, tuple[Widget, Widget]]:
    sent = {widget.name: widget for section in mine.sections for widget in section.widgets}
    saved = [widget for section in theirs.sections for widget in section.widgets]
    return {widget.name: (sent[widget.name], widget) for widget in saved if widget.name in sent}


def told(widget: Widget) -> str:
    """Return what stands in an input, in words."""
    if isinstance(widget.value, bool):
        return _("Yes") if widget.value else _("No")
    if widget.type == "password":
        return HIDDEN if widget.value else ""
    if widget.lookup:
        return widget.text
    labels = dict(widget.choices)
    return ", ".join(labels.get(text, text) for text in _texts(widget) if text)
