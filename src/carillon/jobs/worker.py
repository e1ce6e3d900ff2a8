"""`python -m carillon.jobs.worker`: rates finished calls, posts charges, sweeps lost calls, runs queued jobs."""

from __future__ import annotations

import os
import sys

import django


def main() -> int:
    """Set Django up with the worker's database role, then work until told to stop."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "carillon.server.settings")
    os.environ.setdefault("CARILLON_DB_ROLE", "worker")
    django.setup()
    from carillon.jobs.chores import run

    return run()


if __name__ == "__main__":
    sys.exit(main())
