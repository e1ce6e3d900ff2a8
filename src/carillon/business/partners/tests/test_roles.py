from __future__ import annotations

import pytest

from carillon.business.partners.choices import Role
from carillon.business.partners.roles import PERMISSIONS, common, covers, is_pattern


@pytest.mark.parametrize(
    ("owned", "wanted", "is_covered"),
    [
        ({"*"}, {"*"}, True),
        ({"*"}, {"customers.add"}, True),
        ({"customers.*"}, {"customers.add"}, True),
        ({"customers.*"}, {"customers.*"}, True),
        ({"customers.view"}, {"customers.*"}, False),
        ({"*.view"}, {"customers.view"}, True),
        ({"*.view"}, {"customers.*"}, False),
        ({"*.view", "customers.*"}, {"*"}, False),
        (set(), {"customers.view"}, False),
        ({"customers.view"}, set(), True),
    ],
)
def test_covers(owned: set[str], wanted: set[str], is_covered: bool) -> None:
    assert covers(owned, wanted) is is_covered


@pytest.mark.parametrize(
    ("ours", "theirs", "both"),
    [
        ({"*"}, {"customers.view"}, {"customers.view"}),
        ({"customers.*"}, {"*.view"}, {"customers.view"}),
        ({"customers.*"}, {"users.*"}, set()),
        ({"*"}, {"*.*"}, {"*"}),
    ],
)
def test_common(ours: set[str], theirs: set[str], both: set[str]) -> None:
    assert common(ours, theirs) == both


def test_every_role_has_permissions_that_are_patterns() -> None:
    assert set(PERMISSIONS) == set(Role)
    assert all(is_pattern(pattern) for patterns in PERMISSIONS.values() for pattern in patterns)
