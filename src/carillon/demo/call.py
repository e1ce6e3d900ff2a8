"""`./carillon demo call`: the main job on the running system, with real SIP and audio.

Four calls: on-net to an independent phone (baresip), over the cheap carrier that fails to the one that works, in from a
carrier, and one that runs out of money. For each: what was on the wire, what was decided and why, what every tier is
charged, what everybody had before and has afterwards. Ends with 0 only when audio flowed both ways wherever a call was
answered and the ledger sums to zero.
"""

from __future__ import annotations

import argparse
import os
import sys

import django

from carillon.config import Config


def main(arguments: list[str]) -> int:
    """Make the calls and print them. 0: all as promised; 1: something was not; 2: the system does not run."""
    parser = argparse.ArgumentParser(prog="./carillon demo call", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="leave out the call that runs out of money (half a minute)"
    )
    options = parser.parse_args(arguments)
    django.setup()
    from carillon.demo.scenes import Stage, run_scenes

    config = Config.from_env(os.environ)
    stage = Stage(config)
    if (reason := stage.missing()) is not None:
        sys.stderr.write(f"carillon: {reason}\n")
        return 2
    return run_scenes(stage, is_quick=options.quick)
