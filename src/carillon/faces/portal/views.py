"""Panel of saved views: people keep them from the grids' own menu, programs by REST."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from carillon.base.actor import Actor
from carillon.base.changes import action
from carillon.base.errors import NotFound
from carillon.faces.portal import catalogue
from carillon.panels.declaration import Column, Field, Filter, Panel
from carillon.panels.models import SavedView
from carillon.panels.views import ViewData, change_view, remove_view, save_view, views_of

OWN = "saved_views.view"  # one's own views need no more than this; sharing needs saved_views.share


def _panel(slug: str) -> Panel:
    found = catalogue.panel(slug)
    if found is None:
        raise NotFound
    return found


def _panels(actor: Actor) -> list[tuple[str, Any]]:
    return [(panel.slug, panel.title) for panel in catalogue.panels() if panel.may(actor, "view")]


def _title(view: SavedView) -> str:
    panel = catalogue.panel(view.panel)
    return str(panel.title) if panel else view.panel


@action(OWN)
def create(actor: Actor, data: ViewData) -> SavedView:
    """Keep a view of a panel. Raises as `save_view`."""
    return save_view(actor, _panel(data.panel), data)


@action(OWN)
def update(actor: Actor, view: SavedView, data: ViewData) -> SavedView:
    """Change a view. Raises as `change_view`."""
    return change_view(actor, _panel(data.panel), view, data)


@action(OWN)
def remove(actor: Actor, view: SavedView) -> None:
    """Remove a view. Raises as `remove_view`."""
    remove_view(actor, view)


SAVED_VIEWS = Panel(
    slug="saved-views",
    title=_("Saved views"),
    name=_("view"),
    section="",
    icon="list",
    model=SavedView,
    rows=views_of,
    columns=(
        Column("name", _("Name"), width=180, grow=2),
        Column("panel_title", _("Panel"), value=_title, width=140, in_api=False),
        Column("is_default", _("Opens with it"), kind="bool", width=90),
        Column("is_shared", _("Shared"), kind="bool", width=80),
        Column("owner", _("Whose"), value="login.name", width=140),
        Column("query", _("Shows"), kind="code", width=260, grow=3),
    ),
    api=(
        Column("panel", _("Panel"), in_grid=False),
        Column("is_mine", _("Mine"), kind="bool"),
        Column("created_at", _("Since"), kind="datetime"),
    ),
    filters=(
        Filter("name", _("Name"), lookup="istartswith"),
        Filter("panel", _("Panel")),
        Filter("is_shared", _("Shared"), kind="bool"),
        Filter("is_default", _("Opens with it"), kind="bool"),
    ),
    order=("name", "-id"),
    data=ViewData,
    fields=(
        Field("panel", _("Panel"), kind="hidden", choices=_panels, only="create", max_length=50),
        Field("name", _("Name"), max_length=60),
        Field("is_default", _("Open the panel with it"), help=_("For you; one view of each panel can be that.")),
        Field("is_shared", _("Share it with my colleagues"), help=_("Everybody who works here sees it.")),
        Field("query", _("Shows"), kind="hidden", max_length=2000),
    ),
    together=("is_shared",),
    create=create,
    update=update,
    remove=remove,
    help=_("Grids as you like them: columns, filters, order and size under a name. Keep one from a grid's Views menu."),
    empty=_("No views yet. Set a grid as you like it and choose Views, Save this view."),
)

PANELS = (SAVED_VIEWS,)
