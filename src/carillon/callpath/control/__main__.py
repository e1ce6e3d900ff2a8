"""`python -m carillon.callpath.control`: the brain beside Kamailio."""

from __future__ import annotations

import gc
import logging
import os
import sys

import uvloop

from carillon.callpath.control.service import serve
from carillon.config import Config, ConfigError


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
    gc.set_threshold(50_000, 20, 50)  # thousands of documents live for long: looking through them rarely is enough
    uvloop.run(serve(config))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
