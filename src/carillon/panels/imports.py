"""Running an import: every line of a job's file through its panel, all of it or what can be taken."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from carillon.base.actor import Actor
from carillon.base.choices import JobState
from carillon.base.errors import CarillonError
from carillon.base.jobs import Progress, add_errors, end_job, job_file
from carillon.base.models import Job
from carillon.base.tenancy import tenant
from carillon.panels.export import neutral
from carillon.panels.importing import CHANGED, CREATED, UNCHANGED, Plan, problems
from carillon.panels.tables import open_table

BATCH = 100  # lines that are taken together where each stands for itself
MOST_WRONG = 20_000  # lines; by then it is another kind of file


class TakenBack(Exception):
    """All lines were tried; nothing of it stays."""


@dataclass(slots=True)
class Outcome:
    """What came of the lines so far; `told` are the lines of the error file that are not written down yet."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys((CREATED, CHANGED, UNCHANGED, "wrong"), 0))
    done: int = 0
    told: list[list[str]] = field(default_factory=list)

    def text(self) -> str:
        """Return the lines that were told since, as CSV, and forget them."""
        text = io.StringIO()
        csv.writer(text).writerows([[neutral(cell) for cell in line] for line in self.told])
        self.told.clear()
        return text.getvalue()


def plan_of(job: Job) -> Plan:
    """Return how the job's file is read."""
    return Plan(mapping=tuple(job.options.get("mapping", ())), key=str(job.options.get("key", "")))


def read_as(options: Mapping[str, Any]) -> dict[str, str]:
    """Return how a person has said that their file is read: encoding and separator, "" to detect them."""
    return {name: str(options.get(name, "")) for name in ("encoding", "separator")}


class Import:
    """One run of one job."""

    def __init__(self, take: Callable[[Sequence[str]], str], actor: Actor, job: Job, progress: Progress) -> None:
        self.take, self.actor, self.job, self.progress = take, actor, job, progress
        self.outcome = Outcome()
        self.columns: dict[str, str] = {}
        self.total = 0

    def run(self) -> None:
        """Take the file, or try to; the job's state and counts are written when this returns.

        Raises:
            CarillonError: the file as a whole cannot be taken. Stopped: its person cancelled it.

        Cost: one transaction when all or nothing is wanted or it is a rehearsal, else one for each 100 lines.
        """
        with tenant(self.actor):
            file = job_file(self.job)
        with file:
            self._count(file)
            is_whole = self.job.is_rehearsal or bool(self.job.options.get("is_all_or_nothing", True))
            (self._at_once if is_whole else self._in_batches)(file)
        with tenant(self.actor):
            add_errors(self.job, self.outcome.text())
            state, detail = self._ended(is_whole=is_whole)
            end_job(self.job, state, detail, done=self.outcome.done, **self._counts(is_whole=is_whole))

    def _count(self, file: BinaryIO) -> None:
        """Read all of it once: what is broken further down is known before anything is done."""
        with open_table(file, **read_as(self.job.options)) as table:
            names = plan_of(self.job).mapping
            self.columns = {name: title for name, title in zip(names, table.headings, strict=False) if name}
            self.total = sum(1 for _line in table.lines)
        if not self.total:
            raise CarillonError(_("The file has headings but no lines."))
        with tenant(self.actor):
            Job.objects.filter(pk=self.job.pk).update(total=self.total)

    def _at_once(self, file: BinaryIO) -> None:
        try:
            with tenant(self.actor), open_table(file, **read_as(self.job.options)) as table:
                for line, cells in table.lines:
                    self._line(line, cells)
                    self.progress.beat(self.outcome.done, self.outcome.counts)
                if self.job.is_rehearsal or self.outcome.counts["wrong"]:
                    raise TakenBack
        except TakenBack:
            pass

    def _in_batches(self, file: BinaryIO) -> None:
        """Lines that were taken before a worker died are counted in the job, and passed over."""
        before = self.job.done
        self.outcome.done = before
        self.outcome.counts = {name: getattr(self.job, name) for name in self.outcome.counts}
        with open_table(file, **read_as(self.job.options)) as table:
            lines = iter(table.lines)
            for _passed in range(before):
                next(lines)
            while self.outcome.done < self.total:
                self.progress.beat(self.outcome.done, is_now=True)
                with tenant(self.actor):
                    for _number in range(min(BATCH, self.total - self.outcome.done)):
                        self._line(*next(lines))
                    add_errors(self.job, self.outcome.text())
                    Job.objects.filter(pk=self.job.pk).update(done=self.outcome.done, **self.outcome.counts)

    def _line(self, line: int, cells: list[str]) -> None:
        counts = self.outcome.counts
        try:
            with transaction.atomic():
                counts[self.take(cells)] += 1
        except CarillonError as error:
            counts["wrong"] += 1
            found = list(problems(error, self.columns))
            columns = ", ".join(dict.fromkeys(column for column, _text in found if column))
            self.outcome.told.append([str(line), columns, " ".join(text for _column, text in found), *cells])
            if counts["wrong"] >= MOST_WRONG:
                raise CarillonError(_("Too many lines are wrong: are the columns right?")) from None
        self.outcome.done += 1

    def _counts(self, *, is_whole: bool) -> dict[str, int]:
        is_kept = self.job.is_rehearsal or not is_whole or not self.outcome.counts["wrong"]
        return (
            self.outcome.counts
            if is_kept
            else {**dict.fromkeys(self.outcome.counts, 0), "wrong": self.outcome.counts["wrong"]}
        )

    def _ended(self, *, is_whole: bool) -> tuple[JobState, str]:
        wrong = self.outcome.counts["wrong"]
        told = (
            ngettext("%(count)d line is wrong", "%(count)d lines are wrong", wrong) % {"count": wrong} if wrong else ""
        )
        if self.job.is_rehearsal:
            return JobState.DONE, " ".join(filter(None, [_("Tried only: nothing was changed."), told]))
        if wrong and is_whole:
            return JobState.FAILED, _("%(told)s: nothing was imported.") % {"told": told}
        return JobState.DONE, told
