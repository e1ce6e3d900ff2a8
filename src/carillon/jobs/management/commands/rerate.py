"""`./carillon manage rerate --from 2026-10-01 --to 2026-11-01`: what calls of the past would cost by other prices."""

from __future__ import annotations

import shutil
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from carillon.base.tenancy import tenant
from carillon.bulk.partitions import Sums, Tally, join_files, price_all
from carillon.business.partners.queries import system_actor
from carillon.business.pricing.models import PriceListVersion
from carillon.logic.money import format_amount
from carillon.usecases.gather_calls import Gathered, Wanted, gather_calls

LONGEST = timedelta(days=366)
MOST_WORKERS = 256


class Command(BaseCommand):
    """Nothing is changed: to charge calls again, re-rate them in the portal."""

    help = (
        "Prices the calls of a period again, in columns, and says what would change: by the versions in force for that "
        "time as they are approved now, or by another one. Changes nothing."
    )

    def create_parser(self, *names: str, **kwargs: Any) -> CommandParser:
        """Return the parser; --version is ours here, not Django's."""
        return super().create_parser(*names, **kwargs, conflict_handler="resolve")

    def add_arguments(self, parser: CommandParser) -> None:
        add = parser.add_argument
        add("--from", dest="since", type=moment, required=True, help="first day or moment, UTC")
        add("--to", dest="until", type=moment, required=True, help="the day or moment (UTC) before which it ends")
        add("--customer", type=int, help="only calls of the customer with this id")
        add("--list", type=int, dest="price_list", help="only calls that the price list with this id has charged")
        add("--version", type=int, dest="by_version", help="price the calls of its list by this version, drafts too")
        add("--workers", type=int, default=2, help="how many work at once (default: 2)")
        add("--engine", choices=("local", "dask"), default="local", help="threads here, or Dask's workers")
        add("--scheduler", default="", help="address of a Dask cluster whose workers see --folder")
        add("--folder", type=Path, help="where to work (default: a temporary folder of this machine)")
        add("--out", type=Path, help="a Parquet file to write, with a row for each call")

    def handle(self, *args: Any, **options: Any) -> None:
        """Gather the calls, price them, add up."""
        _check(options)
        try:
            folder = Path(tempfile.mkdtemp(prefix="rerate-", dir=options["folder"]))
        except OSError as error:
            raise CommandError(f"There is no place to work in: {error}") from None
        try:
            self._rerate(folder, options)
        except (OSError, ValueError) as error:
            raise CommandError(str(error)) from None
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _rerate(self, folder: Path, options: dict[str, Any]) -> None:
        gathered = self._gather(folder, options)
        tally, done = Tally(), 0
        engine, scheduler = options["engine"], options["scheduler"]
        for _name, sums in price_all(folder, workers=options["workers"], engine=engine, scheduler=scheduler):
            tally.merge(sums)
            done += sum(one.calls for one in sums)
            self._progress(f"{done:,} of {gathered.calls:,} calls are priced.")
        if options["out"] is not None:
            join_files(folder, options["out"])
        for line in _report(gathered, tally.sums()):
            self.stdout.write(line)

    def _gather(self, folder: Path, options: dict[str, Any]) -> Gathered:
        asked = (options[name] for name in ("since", "until", "customer", "price_list", "by_version"))
        gathered = Gathered()
        with tenant(system_actor()) as actor:
            _refuse_unknown_version(options["by_version"])
            for day, gathered in gather_calls(actor, Wanted(*asked), folder):
                self._progress(f"{day} is read: {gathered.calls:,} calls so far.")
        return gathered

    def _progress(self, text: str) -> None:
        self.stderr.write(text)


def moment(text: str) -> datetime:
    """Return the moment or the beginning of the day, UTC unless it says otherwise. Raises ValueError."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _check(options: dict[str, Any]) -> None:
    """Raises CommandError before any work is done."""
    since, until = options["since"], options["until"]
    if not since < until <= since + LONGEST:
        raise CommandError("--to must be later than --from, by a year at most.")
    if not 1 <= options["workers"] <= MOST_WORKERS:
        raise CommandError(f"--workers must be 1 to {MOST_WORKERS}.")
    if options["scheduler"] and (options["engine"] != "dask" or options["folder"] is None):
        raise CommandError("--scheduler needs --engine dask and a --folder that its workers see under the same name.")
    if options["out"] is not None:
        try:
            options["out"].touch()
        except OSError as error:
            raise CommandError(f"--out cannot be written: {error}") from None


def _refuse_unknown_version(version_id: int | None) -> None:
    if version_id is not None and not PriceListVersion.objects.filter(pk=version_id).exists():
        raise CommandError(f"There is no version {version_id} of a price list.")


def _report(gathered: Gathered, sums: Sequence[Sums]) -> list[str]:
    """What would change, by version and currency."""
    merged: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0] * 5)
    for one in sums:
        key = gathered.name_of(one.version), gathered.terms[one.terms].account_currency
        numbers = (one.calls, one.changed, one.unpriced, one.now_micro, one.then_micro)
        merged[key] = [total + number for total, number in zip(merged[key], numbers, strict=True)]
    lines = [
        f"{name}: {calls:,} calls, {changed:,} would change, {unpriced:,} have no rate; "
        f"charged {format_amount(now, currency)}, would be {format_amount(then, currency)}, "
        f"difference {format_amount(then - now, currency)}"
        for (name, currency), (calls, changed, unpriced, now, then) in sorted(merged.items())
    ]
    if gathered.left_out:
        lines.append(
            f"{gathered.left_out:,} calls are left out: no version was in force, or no exchange rate is known."
        )
    return lines or ["There are no charged calls in that time."]
