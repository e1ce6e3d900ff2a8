"""What stops a change of gateways and routes."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from carillon.base.errors import Conflict


class GatewayInUse(Conflict):
    """Routes send calls to the gateway."""

    slug = "gateway-in-use"
    title = _("Routes send calls to this gateway: take it out of them first.")
