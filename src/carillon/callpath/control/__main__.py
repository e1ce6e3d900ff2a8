"""`python -m carillon.callpath.control`: the brain beside Kamailio."""

from __future__ import annotations

import gc
import logging
import os
import sys

import uvloop

from carillon.callpath.control.service import serve
from carillon.config import Config, ConfigError


def _look_once(phase: str, _info: object) -> None:
    """Garbage is looked for among what is new, and what stays is never looked through again.

    Documents of hundreds of thousands of customers live for long: a look through them all holds every call up, for half
    a second with a million objects. They are in no cycles, so counting their references is enough to let them go.
    """
    if phase == "stop":
        gc.freeze()


def main() -> int:
    """Read the settings and serve; 2 for a wrong setting."""
    try:
        config = Config.from_env(os.environ)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    logging.basicConfig(
        level=config.log_level.upper(), format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr
    )
    gc.set_threshold(5_000)
    gc.callbacks.append(_look_once)
    uvloop.run(serve(config))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
