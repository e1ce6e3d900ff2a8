"""How the platform is: its processes, the work that waits, the database, the disk. For the operator alone."""

from __future__ import annotations

import contextlib
import http.client
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from xmlrpc.client import Error as RpcError
from xmlrpc.client import ServerProxy

from django.conf import settings
from django.db import connection
from django.utils import timezone
from supervisor.xmlrpc import SupervisorTransport

from carillon.base.actor import Actor
from carillon.base.errors import NotPermitted
from carillon.business.billing.models import UnpostedCharge
from carillon.business.calls.choices import CallState
from carillon.business.calls.models import Call
from carillon.business.routing.queries import GatewayPresence, presences_of
from carillon.config import Config
from carillon.usecases.ask_control import ControlSilent, answer_of_control

TIMEOUT_S = 1
PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class ProcessHealth:
    """One process of this machine. `state` is supervisord's, in lower case ("running", "fatal", ...)."""

    name: str
    state: str
    pid: int | None
    uptime_s: int
    memory_bytes: int  # its own, with those of its children


@dataclass(frozen=True, slots=True)
class Backlog:
    """Work that waits: how much, and for how long the oldest of it (0: nothing waits)."""

    name: str
    waiting: int
    oldest_s: int


@dataclass(frozen=True, slots=True)
class PlatformHealth:
    """Everything at one moment; sizes in bytes. `edge`: control's own answer, empty when it is silent."""

    processes: tuple[ProcessHealth, ...]
    backlogs: tuple[Backlog, ...]
    edge: Mapping[str, Any]
    gateways: tuple[GatewayPresence, ...]
    registrations: int
    failed_jobs: int
    database_bytes: int
    connections: int
    max_connections: int
    disk_free_bytes: int
    disk_total_bytes: int


def observe_platform(actor: Actor) -> PlatformHealth:
    """Return how the platform is now, seen from the machine that answers.

    Raises:
        NotPermitted: the actor does not work for the operator, or may not see this.

    Cost: eight small queries, one question to supervisord and one to control (a second at most each).
    """
    if not (actor.is_operator and actor.may("platform_health.view")):
        raise NotPermitted
    config: Config = settings.CONFIG
    disk = shutil.disk_usage(config.home)
    registrations, failed, size, used, most = _counts()
    return PlatformHealth(
        processes=_processes(config),
        backlogs=_backlogs(actor),
        edge=_edge(config),
        gateways=tuple(presences_of(actor)),
        registrations=registrations,
        failed_jobs=failed,
        database_bytes=size,
        connections=used,
        max_connections=most,
        disk_free_bytes=disk.free,
        disk_total_bytes=disk.total,
    )


def _processes(config: Config) -> tuple[ProcessHealth, ...]:
    transport = SupervisorTransport(serverurl=f"unix://{config.runtime / 'supervisor.sock'}")
    found: list[Any] = []
    with contextlib.suppress(OSError, RpcError, http.client.HTTPException):
        answer: Any = ServerProxy("http://localhost", transport=transport).supervisor.getAllProcessInfo()
        found = answer
    transport.close()
    children = _children()
    return tuple(
        ProcessHealth(
            name=one["name"],
            state=one["statename"].lower(),
            pid=one["pid"] or None,
            uptime_s=max(0, one["now"] - one["start"]) if one["pid"] else 0,
            memory_bytes=_memory(one["pid"], children) if one["pid"] else 0,
        )
        for one in found
    )


def _children() -> dict[int, list[int]]:
    """The processes of this machine by parent."""
    found: dict[int, list[int]] = {}
    for status in PROC.glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, IndexError, ValueError):
            fields = status.read_text().rpartition(")")[2].split()
            found.setdefault(int(fields[1]), []).append(int(status.parent.name))
    return found


def _memory(pid: int, children: Mapping[int, list[int]]) -> int:
    """Bytes of a process and everything below it, without what they share (PostgreSQL's buffers, Kamailio's pool)."""
    own = 0
    with contextlib.suppress(OSError):
        for line in (PROC / str(pid) / "status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                own = int(line.split()[1]) * 1024
    return own + sum(_memory(child, children) for child in children.get(pid, ()))


def _edge(config: Config) -> Mapping[str, Any]:
    try:
        health: Mapping[str, Any] = answer_of_control(config, "GET", "health", timeout_s=TIMEOUT_S)[1]
        return health
    except ControlSilent:
        return {}


def _backlogs(actor: Actor) -> tuple[Backlog, ...]:
    ended = Call.objects.visible_to(actor).filter(state=CallState.ENDED).order_by("ended_at")
    charges = UnpostedCharge.objects.visible_to(actor).order_by("minute")
    with connection.cursor() as cursor:
        cursor.execute(
            "select count(*), min(coalesce(scheduled_at, now())) from procrastinate_jobs"
            " where status = 'todo' and (scheduled_at is null or scheduled_at <= now())"
        )
        jobs, since = cursor.fetchone()
    return (
        Backlog("calls_to_rate", ended.count(), _age_s(ended.values_list("ended_at", flat=True).first())),
        Backlog("charges_to_post", charges.count(), _age_s(charges.values_list("minute", flat=True).first())),
        Backlog("jobs", jobs, _age_s(since)),
    )


def _age_s(since: datetime | None) -> int:
    return 0 if since is None else max(0, round((timezone.now() - since).total_seconds()))


def _counts() -> tuple[int, int, int, int, int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "select (select count(*) from endpoints_location),"
            " (select count(*) from procrastinate_jobs where status = 'failed'),"
            " pg_database_size(current_database()), (select count(*) from pg_stat_activity),"
            " current_setting('max_connections')::int"
        )
        found: tuple[int, int, int, int, int] = cursor.fetchone()
    return found
