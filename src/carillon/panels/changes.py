"""Running a panel's actions for the faces: find the row, convert the input, call the action."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from carillon.base.actor import Actor
from carillon.base.changes import PLAIN, Circumstances, snapshot, under, version_of
from carillon.base.errors import Conflict, InvalidInput, NotFound, NotPermitted
from carillon.panels.cells import initial_values
from carillon.panels.conversion import convert
from carillon.panels.declaration import Field, Page, Panel, RowAction
from carillon.panels.inputs import Input, inputs

FindPanel = Callable[[str], Panel | None]
REASON = "_reason"  # its name in forms; in REST it is the parameter `reason`


@dataclass(frozen=True, slots=True)
class Why:
    """What goes with every change: the reason for it."""

    reason: str = ""


WHY = inputs(Why, (Field("reason", _lazy("Reason"), max_length=500),))


def require(panel: Panel, actor: Actor, verb: str) -> None:
    """Check that the actor may do `verb` (view, add, change, delete) here.

    Raises:
        NotFound: the panel is not for this actor at all, or does not offer this.
        NotPermitted: it is, but not this verb.
    """
    if not panel.may(actor, verb):
        raise NotPermitted if panel.may(actor, "view") else NotFound


def find_row(panel: Panel, actor: Actor, key: str) -> Any:
    """Return the row with that id.

    Raises:
        NotFound: there is none, or the actor may not see it.
    """
    require(panel, actor, "view")
    primary: Any = panel.model._meta.pk
    try:
        row = panel.rows(actor).filter(pk=primary.to_python(key)).first()
    except ValidationError:
        row = None
    if row is None:
        raise NotFound
    return row


def row_version(panel: Panel, row: Any) -> str:
    """Return what tells this state of a row from any other, also where its form shows more than its own columns.

    No query, unless the panel's values need one.
    """
    return version_of({**snapshot(row), "values": initial_values(panel, row)})


@functools.cache
def panel_inputs(panel: Panel) -> tuple[Input, ...]:
    """Return the inputs of the panel's data class."""
    return inputs(panel.data, panel.fields, panel.model) if panel.data else ()


@functools.cache
def action_inputs(action: RowAction) -> tuple[Input, ...]:
    """Return the inputs of a row action's data class."""
    return inputs(action.data, action.fields) if action.data else ()


@functools.cache
def page_inputs(page: Page) -> tuple[Input, ...]:
    """Return the inputs of a page's data class."""
    return inputs(page.data, page.fields) if page.data else ()


class Changes:
    """The changes a panel offers. `find`: how to find other panels, for looked-up rows."""

    def __init__(self, find: FindPanel) -> None:
        self._find = find

    def visible(self, slug: str, actor: Actor, key: Any) -> bool:
        """Tell whether the actor may see the row `key` of panel `slug`. Cost: one query."""
        panel = self._find(slug)
        return panel is not None and panel.rows(actor).filter(pk=key).exists()

    def answer(self, page: Page, actor: Actor, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what `page` tells about what was given. Raises what conversion and the page's reading raise."""
        if not page.may(actor):
            raise NotFound
        if page.data is None:
            _want_nothing(given)
            return page.read(actor, None)
        return page.read(actor, convert(page.data, page_inputs(page), given, actor, visible=self.visible))

    def create(self, panel: Panel, actor: Actor, given: Mapping[str, Any], around: Circumstances = PLAIN) -> Any:
        """Create a row of what was given and return it. Raises what conversion and the action raise."""
        require(panel, actor, "add")
        assert panel.data is not None and panel.create is not None  # noqa: S101 - `require` has checked
        around = reasoned(around, actor, is_needed="add" in panel.needs_reason, about=around.about)
        data = convert(panel.data, panel_inputs(panel), given, actor, visible=self.visible)
        return _run(around, panel.create, actor, data)

    def update(
        self, panel: Panel, actor: Actor, row: Any, given: Mapping[str, Any], around: Circumstances = PLAIN
    ) -> Any:
        """Change `row`; what is not given stays. Raises what conversion and the action raise.

        Raises:
            ChangedMeanwhile: the row is no longer of the version that `around` names.
        """
        require(panel, actor, "change")
        around = reasoned(around, actor, is_needed="change" in panel.needs_reason, about=row)
        assert panel.data is not None and panel.update is not None  # noqa: S101 - `require` has checked
        base = initial_values(panel, row)
        data = convert(panel.data, panel_inputs(panel), given, actor, base=base, visible=self.visible)
        return _run(around, panel.update, actor, row, data)

    def remove(self, panel: Panel, actor: Actor, row: Any, around: Circumstances = PLAIN) -> None:
        """Remove `row`. Raises what the action raises, and as `update` does."""
        require(panel, actor, "delete")
        around = reasoned(around, actor, is_needed="delete" in panel.needs_reason, about=row)
        assert panel.remove is not None  # noqa: S101 - `require` has checked
        _run(around, panel.remove, actor, row)

    def run(
        self,
        panel: Panel,
        actor: Actor,
        row: Any,
        action: RowAction,
        given: Mapping[str, Any],
        around: Circumstances = PLAIN,
    ) -> Any:
        """Run a row action and return what it returns.

        Raises:
            NotPermitted: the actor lacks its permission.
            Conflict: it does not apply to this row.
            InvalidInput: the input is not right.
        """
        require(panel, actor, "view")
        if not actor.may(action.needs()):
            raise NotPermitted
        if action.applies is not None and not action.applies(row):
            raise Conflict(_("This is not possible for %(name)s as it is now.") % {"name": row})
        around = reasoned(around, actor, is_needed=action.needs_reason, about=row)
        if action.data is None:
            _want_nothing(given)
            return _run(around, action.run, actor, row)
        data = convert(action.data, action_inputs(action), given, actor, visible=self.visible)
        return _run(around, action.run, actor, row, data)


def _want_nothing(given: Mapping[str, Any]) -> None:
    if given:
        raise InvalidInput(fields={str(name)[:100]: _("There is no such field.") for name in given})


def reasoned(around: Circumstances, actor: Actor, *, is_needed: bool, about: Any = None) -> Circumstances:
    """The circumstances with the reason as text; refused when it is needed and missing."""
    try:
        why: Why = convert(Why, WHY, {"reason": around.reason}, actor)
    except InvalidInput as error:
        raise InvalidInput(fields={REASON: error.fields["reason"]}) from None
    if is_needed and not why.reason:
        raise InvalidInput(fields={REASON: _("Say why: it is kept in the history.")})
    return replace(around, reason=why.reason, about=about)


def _run(around: Circumstances, function: Callable[..., Any], *args: Any) -> Any:
    """Two people may do the same at once: what the database then refuses is a conflict, not a crash."""
    try:
        with transaction.atomic(), under(around):
            return function(*args)
    except IntegrityError as error:
        raise Conflict(_("Something else already has this value, or still uses this. Nothing was changed.")) from error
