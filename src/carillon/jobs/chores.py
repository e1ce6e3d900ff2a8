"""What the worker does again and again, and how it stops.

Nothing is kept in memory: whatever is killed here is found again in the database by the next worker, and several
workers share the work by passing over what another has locked.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.db import InterfaceError, OperationalError, connection
from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector

from carillon.base.actor import Actor
from carillon.base.tenancy import tenant
from carillon.business.calls.actions import forget_old_traces
from carillon.business.endpoints.actions import note_reachability
from carillon.business.notices.actions import note_emergency_calls, note_outages
from carillon.business.notices.deliveries import deliver, forget_old_deliveries
from carillon.business.notices.mails import forget_old_mails, send_mail
from carillon.business.partners.queries import system_actor
from carillon.business.reports.actions import fold_hours
from carillon.usecases.post_charges import post_charges
from carillon.usecases.settle_calls import settle_due_calls
from carillon.usecases.sweep_calls import sweep_calls
from carillon.usecases.sweep_windows import sweep_windows
from carillon.usecases.tell_of_gateways import tell_of_gateways

log = logging.getLogger("carillon.jobs")
BATCH = 100
CHARGES = 2000
PARTS = 5000
AFTER_ERROR_S = 1.0
PATIENCE_S = 5.0  # with what is in hand when told to stop; a message cut off there is sent again
ERRANDS_AT_ONCE = 3  # receivers that may hang at the same time before others wait for them
SCOPE_KEPT_S = 1.0  # how long a new partner's calls may wait to be seen


@dataclass(slots=True)
class Chore:
    """Something done again and again. `run` returns whether there is more to do at once, kept in `has_more`."""

    name: str
    every_s: float
    run: Callable[[Actor], bool]
    due: float = 0.0
    has_more: bool = False


def settle(actor: Actor) -> bool:
    """Rate a batch of finished calls."""
    with tenant(actor):
        return settle_due_calls(actor, limit=BATCH) == BATCH


def sweep(actor: Actor) -> bool:
    """End a batch of calls whose end went missing, and take back what controls that are gone were granted."""
    with tenant(actor):
        sweep_windows(actor)
    with tenant(actor):
        return sweep_calls(actor, limit=BATCH) == BATCH


def post(actor: Actor) -> bool:
    """Post a batch of waiting charges."""
    with tenant(actor):
        return post_charges(actor, limit=CHARGES) == CHARGES


def miss(actor: Actor) -> bool:
    """Note which devices are no longer registered."""
    with tenant(actor):
        note_reachability(actor)
    return False


def alert(actor: Actor) -> bool:
    """Tell partners of emergency calls, and of devices and gateways that went away or are back."""
    with tenant(actor):
        note_emergency_calls(actor)
        note_outages(actor)
        tell_of_gateways(actor)
    return False


def fold(actor: Actor) -> bool:
    """Add what was settled to the sums of its hour."""
    with tenant(actor):
        return fold_hours(actor, limit=PARTS) == PARTS


def forget(actor: Actor) -> bool:
    """Forget a batch of SIP traces, of webhooks' log and of mails that are old enough."""
    with tenant(actor):
        lines = forget_old_deliveries(actor, limit=CHARGES)
    with tenant(actor):
        mails = forget_old_mails(actor, limit=CHARGES)
    with tenant(actor):
        return forget_old_traces(actor, limit=BATCH) == BATCH or CHARGES in (lines, mails)


def chores() -> list[Chore]:
    """What the worker does beside queued jobs, with its rhythm."""
    return [
        Chore("settle", 0.2, settle),
        Chore("post", 5.0, post),
        Chore("sweep", 5.0, sweep),
        Chore("miss", 15.0, miss),
        Chore("alert", 2.0, alert),
        Chore("fold", 10.0, fold),
        Chore("forget", 600.0, forget),
    ]


def errands() -> list[Chore]:
    """What waits for other people's servers: done in threads of its own, so that no chore waits for them."""
    return [Chore("mail", 0.5, send_mail), Chore("deliver", 0.5, deliver)]


def work(stopping: threading.Event, todo: list[Chore], turn: threading.Lock | None = None) -> None:
    """Do the chores until `stopping` is set. After an error a chore rests for a second; the others go on.

    Threads that share chores share `turn` too: one of them looks whether there is something to do, and when there is
    more of it, or it takes long, the others join in.
    """
    turn, actor, known_until = turn or threading.Lock(), None, 0.0
    while not stopping.is_set():
        now = time.monotonic()
        chore = _begun(todo, turn, now)
        if chore is None:
            stopping.wait(max(0.0, min(chore.due for chore in todo) - now))
            continue
        try:
            if actor is None or known_until < now:
                actor, known_until = system_actor(), now + SCOPE_KEPT_S
            chore.has_more = chore.run(actor)
            chore.due = now if chore.has_more else now + chore.every_s
        except (OperationalError, InterfaceError) as error:
            log.error("The chores wait for the database: %s", str(error).strip() or type(error).__name__)
            connection.close()
            actor = None
            for waiting in todo:
                waiting.due = max(waiting.due, now + AFTER_ERROR_S)
        except Exception:
            log.exception("%s failed", chore.name)
            chore.has_more, chore.due = False, now + AFTER_ERROR_S


def _begun(todo: list[Chore], turn: threading.Lock, now: float) -> Chore | None:
    """The chore that has waited longest, which others leave alone for its rhythm unless there is more of it."""
    with turn:
        chore = min(todo, key=lambda chore: chore.due)
        if chore.due > now:
            return None
        chore.due = now if chore.has_more else now + chore.every_s
        return chore


def queue(stopping: threading.Event) -> None:
    """Run queued jobs until `stopping` is set, coming back when the database does."""
    while not stopping.is_set():
        try:
            asyncio.run(_queue(stopping))
        except Exception as error:  # the driver's own errors, of several kinds
            log.error("Queued jobs wait for the database: %s", str(error).strip() or type(error).__name__)
            stopping.wait(AFTER_ERROR_S)


async def _queue(stopping: threading.Event) -> None:
    connector = app.connector
    assert isinstance(connector, DjangoConnector)  # noqa: S101 - settings install it
    worker_app = app.with_connector(connector.get_worker_connector())
    async with worker_app.open_async():
        running = asyncio.create_task(
            worker_app.run_worker_async(install_signal_handlers=False, listen_notify=True, concurrency=2)
        )
        while not stopping.is_set() and not running.done():
            await asyncio.wait([running], timeout=0.5)
        if running.done():
            running.result()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def run() -> int:
    """Work until SIGTERM or SIGINT; what is in hand is finished first."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    others = [threading.Thread(target=queue, args=(stopping,), name="queue", daemon=True)]
    errand = (stopping, errands(), threading.Lock())
    others += [
        threading.Thread(target=work, args=errand, name=f"errands-{number}", daemon=True)
        for number in range(ERRANDS_AT_ONCE)
    ]
    for thread in others:
        thread.start()
    log.info("worker is ready")
    work(stopping, chores())
    patience = time.monotonic() + PATIENCE_S
    for thread in others:
        thread.join(timeout=max(0.0, patience - time.monotonic()))
    connection.close()
    return 0
