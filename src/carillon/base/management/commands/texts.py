"""`./carillon manage texts`: takes new texts of the sources up into each language's catalogue."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from carillon.base.catalogues import take_up


class Command(BaseCommand):
    """Say which texts have no translation yet; write it into the catalogue beside them."""

    help = "Take new texts up into the catalogues and list those without a translation."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Bring every language but the sources' own up to date."""
        for language, name in settings.LANGUAGES:
            if language == settings.LANGUAGE_CODE:
                continue
            left = take_up(language)
            for one in left:
                self.stdout.write(f"{language}: {one.id!r}")
            self.stdout.write(f"{name}: {len(left)} without a translation")
