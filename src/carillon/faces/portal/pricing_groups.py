"""Destination groups: named sets of prefixes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from carillon.base.actor import Actor
from carillon.base.errors import InvalidInput
from carillon.business.pricing import groups, queries
from carillon.business.pricing.models import DestinationGroup
from carillon.panels.declaration import Column, Extra, Field, Filter, Panel, RowAction, Upload
from carillon.panels.importing import plain
from carillon.panels.tables import open_table

TITLES = frozenset({"prefix", "prefixes", "code", "dialcode", "prefijo", "prefijos"})
MOST_BYTES = 2 * 2**20
LONGEST = groups.MOST_PREFIXES * 17  # of the text of all prefixes


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefixFile:
    """The dialog that imports prefixes."""

    file: Upload


def values(group: DestinationGroup) -> Mapping[str, Any]:
    """What the form of a group starts with; one query."""
    return {"name": group.name, "prefixes": " ".join(groups.members(group)), "note": group.note}


def import_prefixes(actor: Actor, group: DestinationGroup, data: PrefixFile) -> DestinationGroup:
    """Add the prefixes of a CSV or XLSX file: its column prefix, or its only one."""
    with open_table(data.file.file) as table:
        titles = [plain(title) for title in table.headings]
        place = next((place for place, title in enumerate(titles) if title in TITLES), 0 if len(titles) == 1 else None)
        if place is None:
            raise InvalidInput(fields={"file": str(_("The file has no column called prefix."))})
        cells = [line[place] for _number, line in table.lines if len(line) > place and line[place]]
    if len(titles) == 1 and titles[0].isdigit():  # a bare list has no title
        cells.insert(0, table.headings[0])
    return groups.add_prefixes(actor, group, cells)


import_prefixes.permission = groups.add_prefixes.permission  # type: ignore[attr-defined]


def prefixes_of(actor: Actor, group: DestinationGroup) -> list[str]:
    """The prefixes of a group, in REST."""
    return groups.members(group)


def counted(group: DestinationGroup) -> Mapping[str, str]:
    """What the dialog says when prefixes were added."""
    return {str(_("Prefixes")): str(group.prefix_count)}


GROUPS = Panel(
    slug="destination-groups",
    title=_("Destination groups"),
    name=_("destination group"),
    section="settings",
    icon="world",
    permission="price_lists",
    model=DestinationGroup,
    rows=queries.groups_of,
    columns=(
        Column("name", _("Name"), width=200, grow=2),
        Column("prefix_count", _("Prefixes"), kind="integer", width=90),
        Column("note", _("Note"), width=220, grow=2),
        Column("partner", _("Partner"), value="partner.name", width=160),
    ),
    api=(Column("partner_id", _("Partner"), kind="integer"), Column("created_at", _("Created"), kind="datetime")),
    filters=(
        Filter("name", _("Name"), lookup="istartswith"),
        Filter("number", _("For number"), apply=queries.groups_with),
        Filter("partner_id", _("Partner"), kind="integer"),
    ),
    order=("name", "-id"),
    data=groups.GroupData,
    fields=(
        Field("name", _("Name"), max_length=100),
        Field(
            "prefixes",
            _("Prefixes"),
            kind="textarea",
            max_length=LONGEST,
            help=_("Country code first, separated by spaces, commas or new lines."),
        ),
        Field("note", _("Note"), max_length=500),
        Field(
            "partner_id", _("Partner"), lookup="partners", only="create", help=_("Leave empty for your own company.")
        ),
    ),
    initial=values,
    create=groups.create_group,
    update=groups.update_group,
    remove=groups.remove_group,
    actions=(
        RowAction(
            "numbers",
            _("Add numbers of a country"),
            groups.add_numbers,
            data=groups.NumbersData,
            fields=(Field("country", _("Country"), max_length=2, placeholder="GB"), Field("kind", _("Numbers"))),
            icon="world",
            confirm=_("Adds the prefixes that the number plan of the country has for them."),
            result=counted,
        ),
        RowAction(
            "prefixes",
            _("Import prefixes"),
            import_prefixes,
            data=PrefixFile,
            fields=(
                Field(
                    "file",
                    _("Prefixes (CSV or XLSX)"),
                    maximum=MOST_BYTES,
                    help=_("A column prefix, or no other column."),
                ),
            ),
            icon="file-import",
            result=counted,
        ),
    ),
    extras=(Extra("members", prefixes_of, _("The prefixes of the group."), many=True),),
    help=_(
        "Named sets of prefixes, such as UK mobile: for minutes that plans include, for mark-up rules, and for lines "
        "of price lists, where one line for a group becomes one for each of its prefixes. The longest prefix counts."
    ),
    empty=_("Add a group, then the numbers of a country, or prefixes of your own."),
)
PANELS = (GROUPS,)
