"""Raise the second wall and publish callfeed: everything in the database that is not a migration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandParser
from django.db import connection, transaction

from carillon.base import policies


def sql_files() -> list[Path]:
    """Return the `sql/*.sql` files of all installed applications, by application order and then by name."""
    return [path for config in apps.get_app_configs() for path in sorted((Path(config.path) / "sql").glob("*.sql"))]


class Command(BaseCommand):
    """`apply_sql` applies all views, policies, grants and functions; `apply_sql --drop` drops what blocks a migrate."""

    help = "Re-applies views, policies, grants and functions. --drop removes the views before a migrate."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--drop", action="store_true", help="drop schema callfeed and all views before a migrate")

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("select pg_advisory_xact_lock(hashtext('carillon.apply_sql'))")
            cursor.execute("drop schema if exists callfeed cascade")
            cursor.execute(
                "drop view if exists public.notices_mailtext"
            )  # the one view that hangs on nothing of callfeed
            for model in apps.get_models():
                if hasattr(model, "tenancy") and not model._meta.managed:
                    cursor.execute(f'drop view if exists "{model._meta.db_table}"')
            if options["drop"]:
                return
            for statement in policies.statements():
                cursor.execute(statement)
            for path in sql_files():
                cursor.execute(path.read_text(encoding="utf-8"))
