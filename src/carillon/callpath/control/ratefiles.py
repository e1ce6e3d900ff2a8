"""The rates of approved versions, one file each: read from PostgreSQL once, by a process of its own, and mapped.

An approved version never changes, so its file is never written again; a start finds what is there. Nothing of a
million rates is made in control itself, which has calls to answer.
"""

from __future__ import annotations

import asyncio
import logging
import mmap
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from carillon.logic.callflow.feed import Tariff
from carillon.logic.ratetable import RateTable, RateTableError

log = logging.getLogger(__name__)

MANY_RATES = 50_000  # a version with more is big
READER = "carillon.callpath.control.ratereader"


@dataclass(frozen=True, slots=True)
class Approved:
    """An approved version of a price list as PostgreSQL has it; times in milliseconds of the Unix epoch (UTC)."""

    effective_ms: int
    tariff: Tariff
    created_ms: int
    rate_count: int

    @property
    def file(self) -> str:
        """The name of its file: with its birth, because a database that was restored gives an id again."""
        return f"{self.tariff.version_id}-{self.created_ms}.rates"

    @property
    def is_big(self) -> bool:
        """Whether reading its rates takes long."""
        return self.rate_count > MANY_RATES


class RateFiles:
    """The files of one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def tables(self, versions: Iterable[Approved], held: Mapping[str, RateTable]) -> dict[str, RateTable]:
        """By file the tables that are `held` or have a sound file; each new one is read through once, for a thread."""
        files = {version.file for version in versions}
        found = {file: held[file] if file in held else self._open(file) for file in files}
        return {file: table for file, table in found.items() if table is not None}

    async def read(self, versions: Sequence[Approved]) -> bool:
        """Have rates read into files by one process, which leaves the processor to others when one version is big.

        False when a version could not be read: why is in the log, and others may have been.
        """
        is_polite = any(version.is_big for version in versions)
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", READER, str(int(is_polite)), str(self._folder)),
                *(version.file for version in versions),
            )
        except OSError as error:
            log.error("Rates can't be read: %s", error)
            return False
        try:
            return await process.wait() == 0
        finally:
            if process.returncode is None:
                process.kill()

    def keep_only(self, files: Collection[str]) -> None:
        """Delete every other file. Raises OSError. One that is mapped lives on until it is not."""
        for path in self._folder.glob("*") if self._folder.exists() else ():
            if path.name not in files:
                path.unlink(missing_ok=True)

    def _open(self, name: str) -> RateTable | None:
        try:
            with (self._folder / name).open("rb") as file:
                return RateTable.from_buffer(memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            fault = error if isinstance(error, RateTableError | OSError) else "it is empty"
            log.error("The rates in %s will be read again: %s", name, fault)
            return None
