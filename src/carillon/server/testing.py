"""A pytest plugin: every test session is a session of its own, from before Django reads its settings.

Loaded by `-p carillon.server.testing` in pyproject.toml; see throwaway.py.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from carillon.server import throwaway

if TYPE_CHECKING:
    import pytest

# It tells of each job it knows, which is of use in a worker's log only.
logging.getLogger("procrastinate").setLevel(logging.WARNING)
throwaway.enter()


def pytest_unconfigure(config: pytest.Config) -> None:
    """The session that made the folder takes it away; xdist's workers have ended by then."""
    if not hasattr(config, "workerinput"):
        throwaway.remove_session(throwaway.session_folder())
