"""Property tests without a deadline: on a loaded machine a slow example is not a failure."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("carillon", deadline=None)
settings.load_profile("carillon")
