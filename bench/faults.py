"""Every fault of tests/faults, met by a whole installation at work: how soon it works again, and what its books say."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from dataclasses import dataclass, fields
from itertools import groupby

from tests.support.company import Ordeal, company
from tests.support.strikes import FAULTS, LASTS_S

from bench.frame import Bench, Figures, say, step


@dataclass(frozen=True, slots=True)
class _Size:
    per_s: float
    lasts_s: float
    faults: tuple[str, ...]


SIZES = {"full": _Size(50, LASTS_S, tuple(FAULTS)), "small": _Size(5, 2, ("worker-frozen",))}


def add_options(parser: ArgumentParser) -> None:
    """How hard, for how long, and which."""
    parser.add_argument("--cps", type=float, help="calls a second (50)")
    parser.add_argument("--seconds", type=float, help="how long what is frozen or filled stays so (10)")
    parser.add_argument("--fault", action="append", choices=FAULTS, help="only this one; may be said again")


def measure(options: Namespace) -> dict[str, Figures]:
    """The figures of each fault, by its name."""
    size = SIZES[options.size]
    per_s, lasts_s = options.cps or size.per_s, options.seconds or size.lasts_s
    met: dict[str, Figures] = {}
    for disk_mb, names in groupby(options.fault or size.faults, key=lambda name: FAULTS[name].disk_mb):
        with company(f"company-{len(met)}", disk_mb=disk_mb) as who:
            for name in names:
                fault = FAULTS[name]
                with step(name):
                    ordeal = who.endures(
                        lambda: fault.strike(who, lasts_s),  # noqa: B023 - called before the next fault
                        per_second=per_s,
                        keeps_audio=fault.keeps_audio,
                    )
                met[name] = _figures(ordeal)
    return met


def _figures(ordeal: Ordeal) -> Figures:
    for text in ordeal.untrue:
        say(text)
    numbers = (field.name for field in fields(ordeal) if field.name != "untrue")
    return {**{name: getattr(ordeal, name) for name in numbers}, "untrue": len(ordeal.untrue)}


BENCH = Bench(
    summary="each process killed and frozen, connections cut, the disk full, at 50 calls a second with sound",
    bars={
        "recovery_s": "<= 5",
        "failed": "",
        "lost_audio": "0",
        "overrun_s": "<= 1 without control",
        "double_charged": "0",
        "uncharged": "0",
        "holds_left": "0",
        "cdrs_missing": "0",
        "cdrs_duplicated": "0",
        "ledger_sum": "0",
        "untrue": "0",
    },
    measure=measure,
    add_options=add_options,
)
