from __future__ import annotations

from carillon.base.errors import Conflict


class EndpointState(Conflict):
    """The endpoint is in that state already."""

    slug = "endpoint-state"
    title = "The SIP endpoint is in that state already."
