"""`python -m carillon`: what stands behind the launcher."""

from __future__ import annotations

import sys

from carillon.server.commands import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
