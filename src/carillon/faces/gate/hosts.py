"""Whose website a hostname is, remembered for a few seconds so that most requests ask nobody."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from carillon.business.partners.choices import OWN_HOSTNAME
from carillon.business.partners.queries import Host
from carillon.business.partners.queries import host as find_host

KNOWN_S = 20.0  # how long a closed web product may still answer
UNKNOWN_S = 2.0  # how long a new one may still be unknown
MAX_REMEMBERED = 4096  # strangers may send any Host header


def local_hosts(is_debug: bool) -> dict[str, Host]:
    """Return the hostnames of the portal that need no row: they resolve to this machine only."""
    portal = Host(realm=0, partner_id=None, web_product_id=None, name="Carillon")
    names = (OWN_HOSTNAME, "localhost", "127.0.0.1") if is_debug else (OWN_HOSTNAME,)
    return dict.fromkeys(names, portal)


@dataclass(frozen=True, slots=True)
class _Answer:
    host: Host | None
    until_s: float


class HostBook:
    """Looks hostnames up and remembers the answers; one per process, safe among threads (only whole items are set)."""

    def __init__(self, is_debug: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._local = local_hosts(is_debug)
        self._answers: dict[str, _Answer] = {}
        self._clock = clock

    def find(self, name: str) -> Host | None:
        """Return whose website `name` (lower case, without port) is; at most one query."""
        now = self._clock()
        answer = self._answers.get(name)
        if answer is None or answer.until_s < now:
            answer = self._ask(name, now)
        return answer.host

    def _ask(self, name: str, now: float) -> _Answer:
        host = find_host(name) or self._local.get(name)
        answer = _Answer(host, now + (KNOWN_S if host else UNKNOWN_S))
        if len(self._answers) >= MAX_REMEMBERED:
            self._answers.clear()
        self._answers[name] = answer
        return answer
