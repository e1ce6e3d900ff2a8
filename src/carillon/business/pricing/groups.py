"""Destination groups: named sets of prefixes for bundles, mark-up rules and lines of price lists."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import ProtectedError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from carillon.base.actor import Actor
from carillon.base.changes import action, audited
from carillon.base.errors import Conflict, InvalidInput
from carillon.base.places import Faults
from carillon.base.rows import check_values, locked, once
from carillon.business.partners.queries import chosen_partner
from carillon.business.pricing.choices import NumberSet
from carillon.business.pricing.models import DestinationGroup, DestinationPrefix
from carillon.business.pricing.numbersets import prefixes_of

MOST_PREFIXES = 10_000  # of a group
MAX_PREFIX = 15
CLASHES = {"group_name_once_per_partner": ("name", _lazy("There is a group of this name already."))}
_SEPARATORS = re.compile(r"[\s,;]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupData:
    """A group. `prefixes`: digits, country code first, separated by spaces, commas or new lines; `partner_id` stays."""

    name: str
    prefixes: str = ""
    note: str = ""
    partner_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NumbersData:
    """Numbers that the number plan tells: of a country (ISO 3166-1 alpha-2), of a kind."""

    country: str
    kind: NumberSet = NumberSet.MOBILE


@action("price_lists.add")
def create_group(actor: Actor, data: GroupData) -> DestinationGroup:
    """Create a destination group.

    Raises:
        InvalidInput: what is no prefix, too many of them, or a name that the partner uses already.
    """
    group = DestinationGroup(partner=chosen_partner(actor, data.partner_id))
    prefixes = read_prefixes(data.prefixes)
    with once(CLASHES), audited(actor, group, "create"):
        _fill(group, data, len(prefixes))
        group.save(force_insert=True)
        _replace(group, prefixes)
    return group


@action("price_lists.change")
def update_group(actor: Actor, group: DestinationGroup, data: GroupData) -> DestinationGroup:
    """Change a group, whose prefixes are those given then. Calls of bundles go by it at once.

    Raises:
        InvalidInput: like `create_group`. NotFound
    """
    group, prefixes = locked(DestinationGroup.objects, actor, group.pk), read_prefixes(data.prefixes)
    with once(CLASHES), audited(actor, group, "update"):
        _fill(group, data, len(prefixes))
        group.save()
        _replace(group, prefixes)
    return group


@action("price_lists.change")
def remove_group(actor: Actor, group: DestinationGroup) -> None:
    """Remove a group.

    Raises:
        Conflict: bundles or mark-up rules go by it. NotFound
    """
    group = locked(DestinationGroup.objects, actor, group.pk)
    try:
        with audited(actor, group, "remove"):
            group.delete()
    except ProtectedError:
        raise Conflict(_("Bundles or mark-up rules go by this group: change those first.")) from None


@action("price_lists.change")
def add_numbers(actor: Actor, group: DestinationGroup, data: NumbersData) -> DestinationGroup:
    """Add the prefixes that a country's numbers of a kind have in the number plan.

    Raises:
        InvalidInput: no such country, no such numbers there, or too many prefixes. NotFound
    """
    faults = Faults()
    faults.country(data.country)
    faults.stop()
    found = prefixes_of(data.country, data.kind)
    if not found:
        raise InvalidInput(fields={"kind": _("The number plan of this country tells no such numbers apart.")})
    return add_prefixes(actor, group, found)


@action("price_lists.change")
def add_prefixes(actor: Actor, group: DestinationGroup, prefixes: Iterable[str]) -> DestinationGroup:
    """Add prefixes to those that the group has.

    Raises:
        InvalidInput: what is no prefix, or too many of them. NotFound
    """
    group = locked(DestinationGroup.objects, actor, group.pk)
    with audited(actor, group, "update"):
        both = checked([*members(group), *prefixes])
        group.prefix_count = len(both)
        group.save(update_fields=["prefix_count"])
        _replace(group, both)
    return group


def members(group: DestinationGroup) -> list[str]:
    """Return the prefixes of a group in order; one query."""
    return list(DestinationPrefix.objects.filter(group=group).order_by("prefix").values_list("prefix", flat=True))


def read_prefixes(text: str) -> list[str]:
    """Return the prefixes of a text, sorted, each once. Raises InvalidInput on field "prefixes"."""
    return checked(filter(None, _SEPARATORS.split(text)))


def checked(prefixes: Iterable[str]) -> list[str]:
    """Return prefixes sorted, each once, without plus. Raises InvalidInput on field "prefixes"."""
    found = sorted({prefix.removeprefix("+") for prefix in prefixes})
    for prefix in found:
        if not (prefix.isascii() and prefix.isdigit()) or len(prefix) > MAX_PREFIX or prefix.startswith("0"):
            raise InvalidInput(
                fields={
                    "prefixes": _("“%(prefix)s” is not a prefix: up to 15 digits, country code first.")
                    % {"prefix": prefix[:20]}
                }
            )
    if len(found) > MOST_PREFIXES:
        raise InvalidInput(fields={"prefixes": _("A group has at most %(most)s prefixes.") % {"most": MOST_PREFIXES}})
    return found


def _fill(group: DestinationGroup, data: GroupData, count: int) -> None:
    group.name, group.note, group.prefix_count = data.name.strip(), data.note.strip(), count
    check_values(group)


def _replace(group: DestinationGroup, prefixes: list[str]) -> None:
    held, wanted = set(members(group)), set(prefixes)
    if gone := held - wanted:
        DestinationPrefix.objects.filter(group=group, prefix__in=gone).delete()
    rows = [
        DestinationPrefix(partner_id=group.partner_id, group=group, prefix=one)
        for one in prefixes
        if one not in held
    ]  # fmt: skip
    DestinationPrefix.objects.bulk_create(rows, batch_size=2000)
