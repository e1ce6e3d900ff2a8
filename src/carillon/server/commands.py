"""The command line behind `./carillon`: one function per command, errors as sentences."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable

from carillon.config import Config, ConfigError
from carillon.server.errors import OperatorError


def use_django() -> None:
    """Settings for a command at a terminal: as the database's owner and without chatter, unless told otherwise."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "carillon.server.settings")
    os.environ.setdefault("CARILLON_DB_ROLE", "owner")
    os.environ.setdefault("CARILLON_LOG_LEVEL", "warning")


def manage(arguments: list[str]) -> int:
    """Django's own commands, as the database's owner unless CARILLON_DB_ROLE says otherwise."""
    from django.core.management import execute_from_command_line

    use_django()
    execute_from_command_line(["carillon manage", *arguments])
    return 0


def demo(arguments: list[str]) -> int:
    """`demo call`: prove the main job on the running system; `demo month`: fill it with a month of business."""
    if arguments[:1] not in (["call"], ["month"]):
        sys.stderr.write("carillon: the demo is ./carillon demo call, or ./carillon demo month\n")
        return 2
    use_django()
    return int(importlib.import_module(f"carillon.demo.{arguments[0]}").main(arguments[1:]) or 0)


def bench(arguments: list[str]) -> int:
    """Measure something; the benches are a folder of the checkout, not a part of what is installed."""
    return int(importlib.import_module("bench.command").main(arguments))


def _later(module: str, name: str) -> Callable[[list[str]], int]:
    """Import a command only when it is asked for: `manage` must not pay for the supervisor."""

    def command(arguments: list[str]) -> int:
        return int(getattr(importlib.import_module(f"carillon.server.{module}"), name)(arguments))

    return command


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "up": _later("up", "up"),
    "down": _later("up", "down"),
    "status": _later("status", "status"),
    "logs": _later("status", "logs"),
    "check": _later("quality", "check"),
    "test": _later("quality", "test"),
    "demo": demo,
    "bench": bench,
    "token": _later("tokens", "token"),
    "manage": manage,
    "backup": _later("backup", "backup"),
    "restore": _later("backup", "restore"),
}

IN_THE_CHECKOUT = ("check", "test", "bench")  # they have homes of their own


def main(arguments: list[str]) -> int:
    """Run one command; 0 is success. Settings are checked first: a wrong one is named before anything starts."""
    name, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if name not in COMMANDS:
        sys.stderr.write(f"carillon: there is no command {name!r}; the commands are {', '.join(COMMANDS)}.\n")
        return 2
    try:
        if name not in IN_THE_CHECKOUT:
            Config.from_env(os.environ)
        return COMMANDS[name](rest)
    except (ConfigError, OperatorError) as error:
        sys.stderr.write(f"carillon: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
