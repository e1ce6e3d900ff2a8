"""Every change asks for a permission that roles and tokens can name."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from inspect import getmembers, isfunction
from pathlib import Path

import pytest

from carillon.business.partners.roles import PANELS, PERMISSIONS, is_pattern
from carillon.config import CHECKOUT
from carillon.faces.portal.catalogue import panels
from carillon.panels.declaration import Panel

SOURCE = CHECKOUT / "src"


def files() -> list[Path]:
    rooms = SOURCE / "carillon"
    return sorted([*rooms.glob("business/*/*.py"), *rooms.glob("usecases/*.py")])


def actions() -> Iterator[tuple[str, str]]:
    """Yield (function, permission) of every action of every context and use case."""
    for path in files():
        module = import_module(".".join(path.relative_to(SOURCE).with_suffix("").parts))
        for name, function in getmembers(module, isfunction):
            permission = getattr(function, "permission", "")
            if function.__module__ == module.__name__ and permission:
                yield f"{module.__name__}.{name}", permission


ACTIONS = dict(actions())


@pytest.mark.parametrize("name", ACTIONS)
def test_permission_names_a_known_panel_and_one_verb(name: str) -> None:
    permission = ACTIONS[name]
    assert is_pattern(permission) and "*" not in permission
    assert permission.partition(".")[0] in PANELS


@pytest.mark.parametrize("panel", panels(), ids=lambda panel: panel.slug)
def test_panel_is_seen_by_a_permission_that_roles_know(panel: Panel) -> None:
    assert panel.prefix in PANELS


@pytest.mark.parametrize("role", PERMISSIONS)
def test_role_names_known_panels_only(role: str) -> None:
    named = {pattern.partition(".")[0] for pattern in PERMISSIONS[role]}
    assert named <= PANELS | {"*"}
