"""What the flows share."""

from __future__ import annotations

from tests.support.books import books

__all__ = ["books"]
