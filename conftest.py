"""Fixtures and marks for every test of the project; see tests/support."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes depends on what else this machine does. Developers search on, CI repeats itself.
settings.register_profile(
    "carillon", deadline=None, derandomize="CI" in os.environ, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("carillon")

pytest_plugins = [
    "tests.support.web",
    "tests.support.postgres",
    "tests.support.cast",
    "tests.support.clients",
    "tests.support.platform",
    "tests.support.whole",
]

DATABASE_FIXTURES = {"cluster", "db", "transactional_db", "role_connection", "as_role"}


@pytest.hookimpl(tryfirst=True)  # before pytest looks at the marks to select
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever uses the database belongs to the database stage, whether its author marked it or not."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if item.get_closest_marker("django_db") or fixtures & DATABASE_FIXTURES:
            item.add_marker(pytest.mark.database)
