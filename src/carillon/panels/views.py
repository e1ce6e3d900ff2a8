"""Saved views: a grid under a name, each person's own, and shared with the colleagues of the same partner."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet
from django.utils.translation import gettext as _

from carillon.base.actor import Actor
from carillon.base.changes import audited
from carillon.base.errors import Conflict, InvalidInput, NotPermitted
from carillon.panels.changes import require
from carillon.panels.columns import chosen_columns
from carillon.panels.declaration import Panel
from carillon.panels.filtering import DAY_ENDS, filter_class, filtered, order_of
from carillon.panels.manner import read_day
from carillon.panels.models import SavedView
from carillon.panels.paging import SIZES

SHARE = "saved_views.share"
MOST_VIEWS = 100  # of one person for one panel
MOST_PARAMETERS = 60


@dataclass(frozen=True, slots=True)
class ViewData:
    """A view: the panel's slug, and the grid's address after the question mark."""

    panel: str
    name: str
    query: str = ""
    is_default: bool = False
    is_shared: bool = False


def views_of(actor: Actor) -> QuerySet[SavedView]:
    """Return the actor's own views and those that colleagues at the same partner share, with `is_mine`. One query."""
    mine = Q(login_id=actor.login_id or 0)
    found = SavedView.objects.visible_to(actor).filter(mine | Q(is_shared=True), partner_id=actor.partner_id or 0)
    return found.annotate(is_mine=ExpressionWrapper(mine, output_field=BooleanField())).select_related("login")


def default_view(actor: Actor, panel: Panel) -> SavedView | None:
    """Return the view that the panel opens with for this actor. Cost: one query."""
    return views_of(actor).filter(panel=panel.slug, login_id=actor.login_id or 0, is_default=True).first()


def view_called(actor: Actor, panel: Panel, key: str) -> SavedView | None:
    """Return the view of that id, None when there is none that the actor sees. Cost: one query."""
    if not (key.isascii() and key.isdigit() and len(key) < 19):
        return None
    return views_of(actor).filter(panel=panel.slug, pk=int(key)).first()


def save_view(actor: Actor, panel: Panel, data: ViewData) -> SavedView:
    """Keep a view.

    Raises:
        NotFound, NotPermitted: the actor does not see the panel, or may not share.
        InvalidInput: the query is none of this panel's.
        Conflict: the person has a view of this name, or very many.
    """
    if actor.login_id is None or actor.partner_id is None:
        raise NotPermitted
    mine = SavedView.objects.visible_to(actor).filter(
        partner_id=actor.partner_id, login_id=actor.login_id, panel=data.panel
    )
    if mine.filter(name=data.name).exists():
        raise Conflict(fields={"name": _("You have a view of this name already.")})
    if mine.count() >= MOST_VIEWS:
        raise Conflict(_("You have %(most)d views of this panel. Remove one first.") % {"most": MOST_VIEWS})
    return _write(actor, panel, SavedView(partner_id=actor.partner_id, login_id=actor.login_id), data, "create")


def change_view(actor: Actor, panel: Panel, view: SavedView, data: ViewData) -> SavedView:
    """Change a view of one's own, or take a colleague's from sharing when one may share. Raises as `save_view`."""
    _own(actor, view)
    return _write(actor, panel, view, data, "update")


def remove_view(actor: Actor, view: SavedView) -> None:
    """Remove a view of one's own, or a colleague's shared one when one may share."""
    _own(actor, view)
    with audited(actor, view, "remove"):
        view.delete()


def _write(actor: Actor, panel: Panel, view: SavedView, data: ViewData, verb: str) -> SavedView:
    require(panel, actor, "view")
    query = clean_query(panel, actor, data.query)
    if data.is_shared and not view.is_shared and not actor.may(SHARE):
        raise NotPermitted(_("You may keep views for yourself, but not share them."))
    if data.is_default and view.login_id != actor.login_id:
        raise NotPermitted(_("This is a colleague's view: save one of your own to open the panel with."))
    if data.is_default:
        _leave_default(actor, view, data)
    with audited(actor, view, verb):
        view.panel, view.name, view.query = data.panel, data.name, query
        view.is_default, view.is_shared = data.is_default, data.is_shared
        view.save()
    return view


def _leave_default(actor: Actor, view: SavedView, data: ViewData) -> None:
    """One view of a panel is the person's default: the one before is none any more."""
    others = SavedView.objects.visible_to(actor).filter(
        partner_id=view.partner_id, login_id=view.login_id, panel=data.panel, is_default=True
    )
    for other in others.exclude(pk=view.pk):
        with audited(actor, other, "update"):
            other.is_default = False
            other.save()


def _own(actor: Actor, view: SavedView) -> None:
    if view.login_id != actor.login_id and not actor.may(SHARE):
        raise NotPermitted(_("This is a colleague's view."))


def clean_query(panel: Panel, actor: Actor, text: str) -> str:
    """Return a grid's query with what it may hold: filters, tab, order, columns, size, customer_id.

    Raises:
        InvalidInput: something of it is not this panel's, or not right.
    """
    try:
        pairs = parse_qsl(text.removeprefix("?"), max_num_fields=MOST_PARAMETERS)
    except ValueError:
        raise InvalidInput(fields={"query": _("This is no query of a grid.")}) from None
    given = {name: read_day(value) if name.endswith(DAY_ENDS) else value for name, value in pairs}
    known = {*filter_class(panel).base_filters, "customer_id", "tab", "order", "columns", "size"}
    try:
        if unknown := set(given) - known:
            raise InvalidInput(fields={name[:100]: _("There is no such parameter.") for name in unknown})
        filtered(panel, actor, given)
        order_of(panel, given.get("order", ""))
        chosen_columns(panel, given.get("columns", ""))
        if given.get("size", "50") not in {str(size) for size in SIZES}:
            raise InvalidInput(fields={"size": _("Choose one of the sizes offered.")})
    except InvalidInput as error:
        sentences = "; ".join(f"{name}: {text}" for name, text in error.fields.items())
        raise InvalidInput(fields={"query": sentences}) from error
    return urlencode(given)
