"""`python -m carillon.callpath.control.ratereader POLITE FOLDER FILE...`: rates from PostgreSQL to files.

A process of its own: a million rates are seconds of work that would keep control from its calls, and memory that it
would never give back. A file is named for its version (`ratefiles.Approved.file`).
"""

from __future__ import annotations

import gc
import logging
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg

from carillon.config import Config
from carillon.logic.ratetable import RateRow, RateTable, RateTableError

log = logging.getLogger(__name__)

CONNECT_S = 3
_NICENESS = 5  # a third of what control gets when both want a processor: late is better than never
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_CONTROLS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_RATES = """
    copy (select prefix, name, connection_fee, per_minute, initial_s, increment_s, grace_s, minimum, maximum, steps,
                 windows
          from callfeed.rate where version_id = {}) to stdout
"""


def rates_of(connection: psycopg.Connection, version_id: int) -> Iterator[RateRow]:
    """The rates of an approved version. Raises psycopg.Error. One statement."""
    query = psycopg.sql.SQL(_RATES).format(psycopg.sql.Literal(version_id))
    with connection.cursor().copy(query) as copy:
        for line in copy:
            prefix, name, price = str(line, "utf-8").rstrip("\n").split("\t", 2)
            yield prefix, _unescaped(name) if "\\" in name else name, price


def _unescaped(text: str) -> str:
    """What COPY writes with backslashes, as it is stored."""
    return _ESCAPED.sub(lambda found: _CONTROLS.get(found[1], found[1]), text)


def write(table: RateTable, path: Path) -> None:
    """Write the table's file: whole and on the disk, or not at all. Raises OSError."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f"{path.name}.", delete=False) as file:
        try:
            file.writelines(table.parts())
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(path)
        except OSError:
            Path(file.name).unlink(missing_ok=True)
            raise


def main(arguments: list[str]) -> int:
    """Read and write each; 1 when one failed, with a line in the log."""
    is_polite, folder, *files = arguments
    config = Config.from_env(os.environ)
    logging.basicConfig(level=config.log_level.upper(), format="%(asctime)s %(levelname)s %(message)s")
    if is_polite == "1":
        os.nice(_NICENESS)
    gc.disable()  # nothing here is a cycle, and a million rows are a lot to look through
    try:
        with psycopg.connect(config.database("control").url, autocommit=True, connect_timeout=CONNECT_S) as connection:
            connection.execute("set statement_timeout = 0")
            results = [_bring(connection, Path(folder, file)) for file in files]
    except psycopg.Error as error:
        log.error("Rates could not be read: %s", str(error).strip())
        return 1
    return 0 if all(results) else 1


def _bring(connection: psycopg.Connection, path: Path) -> bool:
    started, version_id = time.monotonic(), int(path.name.partition("-")[0])
    try:
        table = RateTable(rates_of(connection, version_id))
        write(table, path)
    except (RateTableError, OSError) as error:
        log.error("The rates of version %s could not be read: %s", version_id, error)
        return False
    log.info("%s rates of version %s are read, in %.1f s.", len(table), version_id, time.monotonic() - started)
    return True


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
