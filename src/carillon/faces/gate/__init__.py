"""The gate: which hostname is whose, who has signed in, and the transaction a request runs in."""

from __future__ import annotations

from carillon.faces.gate.middleware import actor, headers, host

__all__ = ["actor", "headers", "host"]
