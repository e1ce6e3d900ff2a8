"""A POST to an address that a partner chose: only to hosts of the public Internet, and never for long.

The name is looked up once, all its addresses are checked, and the connection is made to a checked one: whoever changes
the answer between a check and the connection (DNS rebinding) gains nothing. No redirect is followed and no proxy used.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import httpcore
from django.utils.translation import gettext as _

from carillon.logic.webhooks import is_public

LONGEST_S = 10.0
KEPT_BYTES = 2048  # of an answer's body
Lookup = Callable[[str, int], list[str]]


class Refused(Exception):
    """The address leads somewhere we do not call."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a request: a status and the start of the body, or an error as a sentence. Times in milliseconds."""

    status: int | None
    body: str
    error: str
    duration_ms: int

    @property
    def is_success(self) -> bool:
        """Whether the receiver has taken the message: any 2xx."""
        return self.status is not None and 200 <= self.status < 300


def looked_up(host: str, port: int) -> list[str]:
    """Return the addresses of a host name, in the order in which to try them. Raises OSError when there is none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[4][0]) for address in found))


class _Stream(httpcore.NetworkStream):
    """A connection whose every step must be over by the deadline, so that no drip of bytes can hold us."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: float) -> None:
        self._inner, self._deadline = inner, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _left(self._deadline, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _left(self._deadline, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _left(self._deadline, httpcore.ConnectTimeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, left), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Guard(httpcore.NetworkBackend):
    """Makes connections to checked addresses alone."""

    def __init__(self, deadline: float, lookup: Lookup, allows: Callable[[str], bool]) -> None:
        self._deadline, self._lookup, self._allows = deadline, lookup, allows

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = self._lookup(host, port)
        for address in addresses:
            if not self._allows(address):
                # to which address is our network's own affair
                raise Refused(_("%(host)s leads to no address of the public Internet.") % {"host": host})
        failed: Exception = httpcore.ConnectError(f"{host} has no address.")
        for address in addresses:
            try:
                left = _left(self._deadline, httpcore.ConnectTimeout)
                return _Stream(httpcore.SyncBackend().connect_tcp(address, port, left), self._deadline)
            except httpcore.ConnectError as error:
                failed = error
        raise failed


def _left(deadline: float, late: type[Exception]) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise late("out of time")
    return left


def is_loopback(address: str) -> bool:
    """Tell whether an address is this machine's own."""
    return ipaddress.ip_address(address).is_loopback


def post(
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    with_loopback: bool = False,
    longest_s: float = LONGEST_S,
    lookup: Lookup = looked_up,
) -> Answer:
    """Send `body` to `url` and return what came of it; never raises for what a receiver or the network does.

    Args:
        with_loopback: also to this machine, which only developers and tests allow.
        longest_s: seconds for everything after the name is looked up.
        lookup: host name and port -> addresses.
    """
    started = time.monotonic()
    guard = _Guard(started + longest_s, lookup, lambda one: is_public(one) or (with_loopback and is_loopback(one)))
    status, start, error = None, b"", ""
    try:
        with (
            httpcore.ConnectionPool(ssl_context=ssl.create_default_context(), network_backend=guard) as pool,
            pool.stream("POST", url, headers=list(headers.items()), content=body) as response,
        ):
            status = response.status
            for chunk in response.iter_stream():
                start = (start + chunk)[:KEPT_BYTES]
                if len(start) == KEPT_BYTES:
                    break  # the rest is not read: the connection is closed
    except (Refused, httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, OSError) as caught:
        error = _sentence(caught, longest_s)
    if status is not None and 300 <= status < 400:
        error = _("It answered with a redirect, which is not followed.")
    text = start.decode("utf-8", "replace").replace("\x00", "\ufffd")
    return Answer(status, text, error, int((time.monotonic() - started) * 1000))


def _sentence(error: Exception, longest_s: float) -> str:
    if isinstance(error, httpcore.TimeoutException):
        return _("It did not answer within %(seconds)s seconds.") % {"seconds": f"{longest_s:g}"}
    if isinstance(error, socket.gaierror):
        return _("Its name can't be found.")
    if isinstance(error, Refused):
        return str(error)
    return (_("The connection failed: %(why)s.") % {"why": str(error) or type(error).__name__})[:300]
