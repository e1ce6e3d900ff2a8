"""What differs between the panels of Price Lists and of Costs."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from carillon.business.pricing import actions
from carillon.business.pricing.choices import Purpose
from carillon.panels.declaration import Text


@dataclass(frozen=True, slots=True)
class Words:
    """What differs between Price Lists and Costs."""

    purpose: Purpose
    permission: str
    lists: str
    versions: str
    rates: str
    windows: str
    changes: str
    trials: str
    title: Text
    name: Text
    versions_title: Text
    rates_title: Text
    windows_title: Text
    icon: str
    create: Callable[..., Any]
    help: Text
    empty: Text


SALE = Words(
    purpose=Purpose.SALE,
    permission="price_lists",
    lists="price-lists",
    versions="price-list-versions",
    rates="rates",
    windows="price-windows",
    changes="rate-changes",
    trials="price-trials",
    title=_("Price Lists"),
    name=_("price list"),
    versions_title=_("Versions of price lists"),
    rates_title=_("Rates"),
    windows_title=_("Time windows"),
    icon="tags",
    create=actions.create_price_list,
    help=_(
        "What your customers and sub-partners pay for calls. A list has versions with the date from which they hold: "
        "write or import a draft, then approve it. An approved version never changes. Assign the list to a web "
        "product, a customer or a sub-partner, for the calls it places or for those it receives, on toll-free numbers "
        "or on others; the most exact assignment wins."
    ),
    empty=_("Add a price list, import your rates, approve the version and assign the list."),
)
COST = Words(
    purpose=Purpose.COST,
    permission="costs",
    lists="costs",
    versions="cost-versions",
    rates="cost-rates",
    windows="cost-windows",
    changes="cost-rate-changes",
    trials="cost-trials",
    title=_("Costs"),
    name=_("cost list"),
    versions_title=_("Versions of cost lists"),
    rates_title=_("Cost rates"),
    windows_title=_("Time windows of costs"),
    icon="receipt",
    create=actions.create_cost_list,
    help=_(
        "What carriers charge you for calls. Choose a carrier's list at its gateway: least-cost routes compare by it, "
        "and CDRs show cost and margin."
    ),
    empty=_("Add a list for each carrier and import the rates it sent you."),
)


def needing(
    words: Words, function: Callable[..., Any], *, like: Callable[..., Any] | None = None
) -> Callable[..., Any]:
    """Return `function` with the permission that its action (or `like`) needs for this purpose, for the kit to show."""
    permission: str = getattr(like or function, "permission", "")

    @functools.wraps(function)
    def run(*args: Any) -> Any:
        return function(*args)

    run.permission = permission.replace("price_lists.", f"{words.permission}.")  # type: ignore[attr-defined]
    return run
