"""Asking control, beside the edge, to do something at once."""

from __future__ import annotations

import http.client
from urllib.parse import quote

from carillon.base.errors import CarillonError
from carillon.config import Config

TIMEOUT_S = 3


class ControlSilent(CarillonError):
    """control did not answer: it is being restarted, or down."""

    slug = "control-silent"
    title = "The call control does not answer; try again in a few seconds."
    status = 503


def ask_control(config: Config, *path: str, timeout_s: float = TIMEOUT_S) -> int:
    """POST to control's loopback port; its HTTP status. `path` are the parts of the address, any text.

    Raises:
        ControlSilent
    """
    connection = http.client.HTTPConnection("127.0.0.1", config.ports.control, timeout=timeout_s)
    address = "".join(f"/{quote(part, safe='')}" for part in path)
    try:
        connection.request("POST", address, headers={"Authorization": f"Bearer {config.control_token}"})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        raise ControlSilent from error
    finally:
        connection.close()
