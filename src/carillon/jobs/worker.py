"""`python -m carillon.jobs.worker`: rates finished calls, posts charges, sweeps lost calls, runs queued jobs."""

from __future__ import annotations

import gc
import os
import sys

import django

YOUNG = 20_000  # objects made before the first look at what is garbage: a batch of calls has more than 700
PATIENCE = 10  # added to the process's niceness: who calls can't wait, what the call cost can


def main() -> int:
    """Set Django up with the worker's database role, then work until told to stop."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "carillon.server.settings")
    os.environ.setdefault("CARILLON_DB_ROLE", "worker")
    django.setup()
    from carillon.jobs.chores import run

    os.nice(PATIENCE)
    gc.collect()
    gc.freeze()  # the programs themselves stay: looking through them again and again was a tenth of rating
    gc.set_threshold(YOUNG)
    return run()


if __name__ == "__main__":
    sys.exit(main())
