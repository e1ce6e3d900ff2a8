"""Fixture for tests that render pages in this process: no collected, hashed static files are needed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.test import override_settings


@pytest.fixture(scope="session", autouse=True)
def plain_static_files() -> Iterator[None]:
    """Name static files as they are; `./carillon up` collects and hashes them, and its tests look at that."""
    Path(settings.STATIC_ROOT).mkdir(exist_ok=True)  # WhiteNoise asks for it, even empty
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    with override_settings(STORAGES={**settings.STORAGES, "staticfiles": plain}):
        yield
