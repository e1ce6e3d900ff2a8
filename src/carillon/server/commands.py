"""The command line behind `./carillon`: one function per command."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from carillon.config import Config, ConfigError


def manage(arguments: list[str]) -> int:
    """Django's own commands; as the database's owner where they change its shape."""
    from django.core.management import execute_from_command_line

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "carillon.server.settings")
    if "CARILLON_DB_ROLE" not in os.environ:
        os.environ["CARILLON_DB_ROLE"] = "owner"
    execute_from_command_line(["carillon manage", *arguments])
    return 0


COMMANDS: dict[str, Callable[[list[str]], int]] = {"manage": manage}


def main(arguments: list[str]) -> int:
    """Run one command; 0 is success. Settings are checked first: a wrong one is named before anything starts."""
    name, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if name not in COMMANDS:
        sys.stderr.write(f"carillon: there is no command {name!r}; the commands are {', '.join(sorted(COMMANDS))}.\n")
        return 2
    try:
        Config.from_env(os.environ)
        return COMMANDS[name](rest)
    except ConfigError as error:
        sys.stderr.write(f"carillon: {error}\n")
        return 2
