"""Fixtures for every test of the project; see tests/support."""

from __future__ import annotations

pytest_plugins = ["tests.support.postgres"]
