"""What the worker does with the jobs that people have started, in the test's own process."""

from __future__ import annotations

from django.db import connection

from carillon.faces.portal.tasks import run_job


def work() -> None:
    """Run each job that was asked for, once each time it was."""
    with connection.cursor() as cursor:
        cursor.execute("delete from procrastinate_jobs where task_name = 'run_job' returning args->>'job_id', id")
        asked = [row[0] for row in cursor.fetchall()]
    for job_id in asked:
        run_job(job_id)
