"""`./carillon bench NAME [--size small] [--json]`: progress on the error stream, the result last on standard output."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Mapping

from bench import calls, faults, holds, portal, rating, register, rerate, snapshot, soak
from bench.frame import Bench, Figures
from carillon.server import throwaway

BENCHES: Mapping[str, Bench] = {
    "calls": calls.BENCH,
    "faults": faults.BENCH,
    "holds": holds.BENCH,
    "portal": portal.BENCH,
    "rating": rating.BENCH,
    "register": register.BENCH,
    "rerate": rerate.BENCH,
    "snapshot": snapshot.BENCH,
    "soak": soak.BENCH,
}


def main(arguments: list[str]) -> int:
    """Run a bench, or list them. 0 whatever the figures are: a bench is no test."""
    if not arguments:
        return _list()
    options = _parser().parse_args(arguments)
    bench = BENCHES[options.name]
    throwaway.enter()
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # what was started ends with us
    try:
        measured = bench.measure(options)
    finally:
        throwaway.remove_session(throwaway.session_folder())
    sys.stdout.write(json.dumps(measured) + "\n" if options.json else _tables(bench, measured))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./carillon bench")
    names = parser.add_subparsers(dest="name", required=True, metavar="NAME")
    for name, bench in BENCHES.items():
        one = names.add_parser(name, help=bench.summary, description=bench.summary)
        one.add_argument("--json", action="store_true", help="one JSON object as the last line")
        one.add_argument("--size", choices=("full", "small"), default="full", help="small: whether it works at all")
        bench.add_options(one)
    return parser


def _list() -> int:
    for name, bench in BENCHES.items():
        sys.stdout.write(f"  {name:<10} {bench.summary}\n")
    return 0


def _tables(bench: Bench, measured: Figures | Mapping[str, Figures]) -> str:
    several = {name: figures for name, figures in measured.items() if isinstance(figures, Mapping)}
    if several:
        return "\n".join(_table(bench, figures, name) for name, figures in several.items())
    return _table(bench, {name: figure for name, figure in measured.items() if not isinstance(figure, Mapping)})


def _table(bench: Bench, figures: Figures, title: str = "") -> str:
    lines = [f"  {title:<28}{'measured':>14}   wanted\n"]
    lines += [f"  {name:<28}{_number(value):>14}   {bench.bars[name]}\n" for name, value in figures.items()]
    return "".join(lines)


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.3f}"
