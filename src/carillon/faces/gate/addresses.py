"""Where a request comes from: one answer for limits, sessions and trusted networks."""

from __future__ import annotations

from allauth.account.adapter import get_adapter
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest


def address_of(request: HttpRequest) -> str:
    """Return the client's address, which the proxies vouch for if there are any; "" when nobody tells it."""
    try:
        return get_adapter().get_client_ip(request) or ""
    except PermissionDenied:
        return ""
