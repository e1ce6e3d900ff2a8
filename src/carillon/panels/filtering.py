"""One filter declaration for grid and REST: a django-filter class made from the panel."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

import django_filters
from django import forms
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from carillon.base.actor import Actor
from carillon.base.errors import InvalidInput
from carillon.panels.declaration import Filter, Panel
from carillon.panels.inputs import INTEGER_BOUNDS
from carillon.panels.search import COLUMNS, narrowed

DAY_ENDS = ("_from", "_to")  # of filters by a range of days, typed in the person's manner
TRUTHS = {"true": True, "false": False, "True": True, "False": False, "1": True, "0": False}


class Whole(django_filters.Filter):  # type: ignore[misc]  # it has no types
    """A whole number as large as the database takes; django-filter's own takes any decimal."""

    field_class = forms.IntegerField

    def __init__(self, **options: Any) -> None:
        low, high = INTEGER_BOUNDS
        super().__init__(min_value=low, max_value=high, **options)


class Truth(django_filters.TypedChoiceFilter):  # type: ignore[misc]  # it has no types
    """True or false; django-filter's own leaves out what it does not understand and shows all rows."""

    def __init__(self, **options: Any) -> None:
        super().__init__(choices=[(text, text) for text in TRUTHS], coerce=TRUTHS.get, **options)


class FromDay(django_filters.DateFilter):  # type: ignore[misc]  # it has no types
    """Moments from a day's begin in the active time zone on; unlike "the date of" it, an index finds them."""

    def filter(self, rows: QuerySet[Any], day: date | None) -> QuerySet[Any]:
        """Return the rows from the day on; all without a day."""
        return rows if day is None else rows.filter(**{f"{self.field_name}__gte": _begin_of(day)})


class UntilDay(django_filters.DateFilter):  # type: ignore[misc]  # it has no types
    """Moments until the end of a day in the active time zone."""

    def filter(self, rows: QuerySet[Any], day: date | None) -> QuerySet[Any]:
        """Return the rows until the day's end; all without a day, or with the last one of the calendar."""
        if day is None or day == date.max:
            return rows
        return rows.filter(**{f"{self.field_name}__lt": _begin_of(day + timedelta(days=1))})


def _begin_of(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


CLASSES: Mapping[str, type[django_filters.Filter]] = {
    "text": django_filters.CharFilter,
    "integer": Whole,
    "uuid": django_filters.UUIDFilter,
    "bool": Truth,
    "date": django_filters.DateFilter,
}


@functools.cache
def filter_class(panel: Panel) -> type[django_filters.FilterSet]:
    """Return the django-filter class of `panel`; equal for grid and REST."""
    members: dict[str, Any] = {}
    for one in panel.filters:
        members.update(_members(panel, one))
    members["Meta"] = type("Meta", (), {"model": panel.model, "fields": []})
    name = panel.slug.replace("-", " ").title().replace(" ", "") + "Filter"
    return type(name, (django_filters.FilterSet,), members)


def _members(panel: Panel, one: Filter) -> dict[str, django_filters.Filter]:
    column = one.field or one.name
    if one.lookup == "range" and one.kind == "date":
        return {
            f"{one.name}_from": FromDay(field_name=column, label=one.title),
            f"{one.name}_to": UntilDay(field_name=column, label=one.title),
        }
    options: dict[str, Any] = {"field_name": column, "lookup_expr": one.lookup, "label": one.title}
    if one.kind == "text" and not one.choices and column in COLUMNS.get(panel.searched, ()):
        options["method"] = lambda rows, _name, value: narrowed(rows, panel.searched, value).filter(
            **{f"{column}__{one.lookup}": value}
        )
    if one.apply is not None:
        apply = one.apply
        options["method"] = lambda rows, _name, value: apply(rows, value)
    if one.choices and not callable(one.choices):
        return {one.name: django_filters.ChoiceFilter(choices=list(one.choices), **options)}
    return {one.name: CLASSES[one.kind](**options)}


def filtered(panel: Panel, actor: Actor, given: Mapping[str, Any], *, customer_id: int | None = None) -> QuerySet[Any]:
    """Return the panel's rows that `actor` may see, cut by tab, filters and the customer filter on top.

    Raises:
        InvalidInput: a filter's value or the tab is not right; `fields` names them.
    """
    rows = panel.rows(actor)
    if customer_id is not None and panel.customer_field:
        rows = rows.filter(**{panel.customer_field: customer_id})
    name = str(given.get("tab") or "")
    if name:
        tab = next((tab for tab in panel.tabs if tab.name == name), None)
        if tab is None:
            raise InvalidInput(fields={"tab": _("There is no such tab.")})
        rows = rows.filter(tab.where)
    found = filter_class(panel)(given, queryset=rows)
    if not found.is_valid():
        errors = {field: " ".join(str(error) for error in errors) for field, errors in found.form.errors.items()}
        raise InvalidInput(fields=errors)
    result: QuerySet[Any] = found.qs
    return result


def order_of(panel: Panel, asked: str) -> str:
    """Return the order to use: the one asked for when the panel allows its column, else the panel's first.

    Raises:
        InvalidInput: the panel cannot be sorted by that.
    """
    if not asked:
        return panel.order[0]
    if asked.removeprefix("-") not in {column.removeprefix("-") for column in panel.order}:
        raise InvalidInput(fields={"order": _("These rows cannot be sorted by that.")})
    return asked
