"""`./carillon manage load_cast`: the demo world, made through the same actions that people use."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from carillon.demo.cast.load import load_cast


class Command(BaseCommand):
    help = "Create the demo world where it is missing. Safe to repeat."

    def handle(self, *args: Any, **options: Any) -> None:
        """Load and say how much was made."""
        made = load_cast()
        self.stdout.write(
            ", ".join(f"{count} {what}" for what, count in made.items() if count) or "Nothing was missing."
        )
