"""The menu on the left: panels and pages in groups that fold, as each person likes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from carillon.base.actor import Actor
from carillon.business.partners.preferences import fold_menu
from carillon.faces.portal.access import actor_of, staff_only
from carillon.faces.portal.catalogue import entries
from carillon.panels.declaration import Page, Panel

MOST_GROUPS = 30


@dataclass(frozen=True, slots=True)
class Group:
    """A part of the menu. A panel that stands in none goes to the last of its section."""

    name: str
    title: Any
    section: str
    slugs: tuple[str, ...]
    is_open: bool = False  # until the person says otherwise


GROUPS = (
    Group(
        "offer",
        _("What you sell"),
        "settings",
        (
            *("web-products", "plans", "numbers", "price-lists", "costs", "destination-groups", "holiday-calendars"),
            *("exchange-rates", "taxes"),
        ),
    ),
    Group("network", _("Network"), "settings", ("gateways", "routes", "test-call", "cdr-providers", "blacklists")),
    Group(
        "messages",
        _("Alerts and mails"),
        "settings",
        ("alert-choices", "balance-alerts", "mails", "mail-texts", "mail-identities", "webhooks", "webhook-deliveries"),
    ),
    Group(
        "company",
        _("Your company"),
        "settings",
        ("my-account", "staff", "roles", "tokens", "portal-brands", "platform-health", "audit"),
    ),
    Group("start", "", "main", ("quick-start", "dashboard"), is_open=True),  # without a title it never folds
    Group(
        "customers",
        _("People and devices"),
        "main",
        ("partners", "customers", "users", "sip-endpoints", "sip-locations", "sessions", "subscribers"),
        is_open=True,
    ),
    Group(
        "calls",
        _("Calls and money"),
        "main",
        (
            *("cdrs", "live-calls", "bans", "subscriptions", "allowances", "transactions", "accounts"),
            *("reratings", "remaining-time"),
        ),
        is_open=True,
    ),
    Group("desk", _("Desk"), "main", ("support", "messages", "alerts", "jobs", "scheduled-reports"), is_open=True),
)


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """A line of the menu on the left."""

    leads_to: Panel | Page
    address: str


@dataclass(frozen=True, slots=True)
class MenuGroup:
    """A group as drawn: with what the person may see, folded or open. The page at hand is always to be seen."""

    name: str
    title: Any
    section: str
    entries: tuple[MenuEntry, ...]
    is_open: bool


def address_of(one: Panel | Page) -> str:
    """Return where a panel or page is."""
    return reverse("portal:page" if isinstance(one, Page) else "portal:panel", args=[one.slug])


def menu_of(actor: Actor) -> list[Panel | Page]:
    """Return what the actor may open, in the order of the catalogue."""
    return [one for one in entries() if one.section and one.may(actor, "view")]


def groups_of(mine: Sequence[Panel | Page], opened: Sequence[str] | None, slug: str) -> list[MenuGroup]:
    """Return the menu's groups.

    Args:
        mine: what the actor may open.
        opened: the groups that the person has left open; None: nothing was said yet.
        slug: the page at hand.
    """
    placed: dict[str, list[Panel | Page]] = {group.name: [] for group in GROUPS}
    for one in mine:
        placed[_group_of(one).name].append(one)
    return [
        MenuGroup(
            group.name,
            group.title,
            group.section,
            tuple(MenuEntry(one, address_of(one)) for one in sorted(placed[group.name], key=group_order(group))),
            is_open=not group.title
            or (group.is_open if opened is None else group.name in opened)
            or any(one.slug == slug for one in placed[group.name]),
        )
        for group in GROUPS
        if placed[group.name]
    ]


def group_order(group: Group) -> Any:
    """Return the key by which a group's entries are sorted: as it names them, others after."""
    return lambda one: group.slugs.index(one.slug) if one.slug in group.slugs else len(group.slugs)


def _group_of(one: Panel | Page) -> Group:
    mine = [group for group in GROUPS if group.section == one.section]
    return next((group for group in mine if one.slug in group.slugs), mine[-1])


@require_POST
@staff_only
def fold(request: HttpRequest) -> HttpResponse:
    """Remember which groups the person has left open (POST open, several)."""
    known = [group.name for group in GROUPS if group.title]
    fold_menu(actor_of(request), [name for name in known if name in request.POST.getlist("open")[:MOST_GROUPS]])
    return HttpResponse(status=204)
