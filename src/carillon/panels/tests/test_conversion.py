"""The door: what people and programs send becomes typed values or named faults."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict
from hypothesis import given
from hypothesis import strategies as st

from carillon.base.actor import Actor
from carillon.base.errors import InvalidInput
from carillon.panels.conversion import convert, defaults, from_form
from carillon.panels.declaration import Field, Upload
from carillon.panels.inputs import inputs

ACTOR = Actor(name="Paul")


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True)
class Order:
    name: str
    count: int
    price: Decimal = Decimal(0)
    limit_micro: int = 0
    colour: Colour = Colour.RED
    day: date | None = None
    at: datetime | None = None
    tags: tuple[str, ...] = ()
    owner_id: int | None = None
    is_urgent: bool = False
    list_file: Upload | None = None


FIELDS = (
    Field("name", "Name", max_length=10),
    Field("count", "Count", minimum=1, maximum=9),
    Field("limit_micro", "Limit", kind="money", minimum=0),
    Field("owner_id", "Owner", lookup="customers"),
    Field("tags", "Tags", choices=(("a", "A"), ("b", "B"))),
)
INPUTS = inputs(Order, FIELDS)
GOOD = {"name": "desk", "count": 3}


def order(**given: Any) -> Order:
    made: Order = convert(Order, INPUTS, {**GOOD, **given}, ACTOR, visible=lambda slug, actor, key: key == 7)
    return made


def fault(**given: Any) -> str:
    with pytest.raises(InvalidInput) as refused:
        order(**given)
    assert list(refused.value.fields) == list(given)
    return next(iter(refused.value.fields.values()))


def test_defaults_fill_what_is_not_given() -> None:
    assert order() == Order(name="desk", count=3)


def test_json_values_become_typed_values() -> None:
    made = order(
        price="1.25",
        limit_micro=5_000_000,
        colour="blue",
        day="2026-02-28",
        at="2026-02-28T10:00:00+01:00",
        tags=["b", "a"],
        owner_id=7,
        is_urgent=True,
    )
    assert made.price == Decimal("1.25")
    assert made.colour is Colour.BLUE
    assert made.day == date(2026, 2, 28)
    assert made.at == datetime(2026, 2, 28, 9, 0, tzinfo=UTC)
    assert made.tags == ("b", "a")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", ""),
        ("name", "far too long a name"),
        ("name", "nul\x00"),
        ("name", "half \ud800"),
        ("name", 5),
        ("count", 0),
        ("count", 10),
        ("count", "three"),
        ("count", True),
        ("count", 2.5),
        ("count", 10**30),
        ("price", "NaN"),
        ("price", "1e400000000"),
        ("price", "dear"),
        ("price", True),
        ("limit_micro", -1),
        ("limit_micro", "12.50"),
        ("colour", "green"),
        ("colour", []),
        ("day", "2026-02-30"),
        ("at", "yesterday"),
        ("at", "0001-01-01T00:00:00+14:00"),
        ("tags", ["c"]),
        ("tags", "a"),
        ("tags", ["a"] * 201),
        ("owner_id", 8),
        ("is_urgent", "perhaps"),
        ("list_file", "text"),
        ("nonsense", 1),
    ],
)
def test_wrong_value_is_named(name: str, value: Any) -> None:
    assert fault(**{name: value})


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(InvalidInput) as refused:
        convert(Order, INPUTS, {"count": "x", "colour": "y"}, ACTOR)
    assert set(refused.value.fields) == {"name", "count", "colour"}


def test_update_keeps_what_is_not_given() -> None:
    base = {"name": "desk", "count": 3, "tags": ("a",)}
    assert convert(Order, INPUTS, {"count": 4}, ACTOR, base=base) == Order(name="desk", count=4, tags=("a",))


def test_what_is_fixed_once_created_cannot_be_changed() -> None:
    fixed = inputs(Order, (Field("name", "Name", only="create"),))
    assert convert(Order, fixed, GOOD, ACTOR).name == "desk"
    with pytest.raises(InvalidInput, match="not valid") as refused:
        convert(Order, fixed, {"name": "chair"}, ACTOR, base=GOOD)
    assert "name" in refused.value.fields


def test_form_texts_are_read_as_people_type_them() -> None:
    post = QueryDict("name=+desk+&count=3&limit_micro=1,250.50&tags=b&tags=a&is_urgent=true&owner_id=7&day=")
    file = SimpleUploadedFile("rates.csv", b"prefix")
    made = convert(Order, INPUTS, from_form(INPUTS, post, MultiValueDict({"list_file": [file]})), ACTOR)
    assert made.name == "desk"
    assert made.limit_micro == 1_250_500_000
    assert made.tags == ("b", "a")
    assert made.is_urgent
    assert made.day is None
    assert (made.list_file.name, made.list_file.size, made.list_file.content) == ("rates.csv", 6, b"prefix")


@pytest.mark.parametrize("text", ["dear", "0.0000001", "1e40", "Infinity", "-1", "12,50", "1,23,456"])
def test_wrong_amount_in_a_form_is_named(text: str) -> None:
    given = from_form(INPUTS, QueryDict(f"name=desk&count=3&limit_micro={text}"), MultiValueDict())
    with pytest.raises(InvalidInput) as refused:
        convert(Order, INPUTS, given, ACTOR)
    assert list(refused.value.fields) == ["limit_micro"]


def test_box_that_is_not_ticked_is_false() -> None:
    assert from_form(INPUTS, QueryDict("name=desk"), MultiValueDict())["is_urgent"] is False


def test_new_form_starts_with_defaults_and_suggestions() -> None:
    suggested = inputs(Order, (Field("name", "Name", suggest=lambda actor: f"{actor.name}'s desk"),))
    values = defaults(suggested, ACTOR)
    assert values["name"] == "Paul's desk"
    assert values["colour"] is Colour.RED
    assert "count" not in values


def test_field_that_the_data_does_not_have_is_a_mistake_of_the_declaration() -> None:
    with pytest.raises(TypeError, match="nme"):
        inputs(Order, (Field("nme", "Name"),))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.fixed_dictionaries({}, optional={one.name: JSON for one in INPUTS}))
def test_anything_at_all_is_either_typed_or_named(given_values: dict[str, Any]) -> None:
    try:
        made = convert(Order, INPUTS, given_values, ACTOR, visible=lambda slug, actor, key: False)
    except InvalidInput as refused:
        assert refused.fields
    else:
        assert isinstance(made.name, str)
        assert isinstance(made.count, int)
        assert isinstance(made.price, Decimal)
