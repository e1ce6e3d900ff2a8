"""When what was not taken is sent again: messages to webhooks, mails."""

from __future__ import annotations

from datetime import datetime, timedelta

FIRST_DELAY = timedelta(seconds=10)
LONGEST_DELAY = timedelta(hours=4)
LONGEST_REST = timedelta(minutes=5)


def next_try(attempts: int, now: datetime, gives_up_at: datetime) -> datetime | None:
    """Return when a message that has failed `attempts` times is tried again; None: never, its day is over.

    10, 30, 90 seconds and so on, never more than four hours apart; the last try is at the end of the day.
    """
    if now >= gives_up_at:
        return None
    delay: timedelta = min(FIRST_DELAY * int(3 ** min(attempts - 1, 10)), LONGEST_DELAY)
    return min(now + delay, gives_up_at)


def rest(failures: int) -> timedelta:
    """Return how long a receiver that has failed `failures` times in a row is left alone: 2 s, 4 s ... five minutes."""
    return min(timedelta(seconds=int(2 ** min(failures, 10))), LONGEST_REST)
