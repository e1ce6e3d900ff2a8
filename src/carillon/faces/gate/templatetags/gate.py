"""Template tags of the gate's pages."""

from __future__ import annotations

import json
from typing import Any

from allauth.mfa.webauthn.internal.auth import WebAuthn
from django import template
from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpRequest

from carillon.faces.gate.factors import is_of_host

register = template.Library()


@register.filter
def as_json(value: Any) -> str:
    """A value as JSON, for a data attribute."""
    return json.dumps(value, cls=DjangoJSONEncoder)


@register.filter
def works_at(passkey: WebAuthn, request: HttpRequest) -> bool:
    """Whether a passkey was made at the request's hostname: browsers offer it nowhere else."""
    return is_of_host(passkey, request.get_host())
