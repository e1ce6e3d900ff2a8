"""Asking control, beside the edge, to do something at once."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import quote

from django.utils.translation import gettext_lazy as _

from carillon.base.errors import CarillonError
from carillon.config import Config

TIMEOUT_S = 3


class ControlSilent(CarillonError):
    """control did not answer: it is being restarted, or down."""

    slug = "control-silent"
    title = _("The call control does not answer; try again in a few seconds.")
    status = 503


def ask_control(config: Config, *path: str, timeout_s: float = TIMEOUT_S) -> int:
    """POST to control's loopback port; its HTTP status. `path` are the parts of the address, any text.

    Raises:
        ControlSilent
    """
    return answer_of_control(config, "POST", *path, timeout_s=timeout_s)[0]


def answer_of_control(config: Config, method: str, *path: str, timeout_s: float = TIMEOUT_S) -> tuple[int, Any]:
    """What control's loopback port answers: HTTP status and JSON.

    Raises:
        ControlSilent
    """
    connection = http.client.HTTPConnection("127.0.0.1", config.ports.control, timeout=timeout_s)
    address = "".join(f"/{quote(part, safe='')}" for part in path)
    try:
        connection.request(method, address, headers={"Authorization": f"Bearer {config.control_token}"})
        answer = connection.getresponse()
        return answer.status, json.load(answer)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ControlSilent from error
    finally:
        connection.close()
