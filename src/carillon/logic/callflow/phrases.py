"""Words for codes: SIP's reason phrases, for when somebody else's must not be repeated, and causes of forwarding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from carillon.logic.callflow.values import Cause

# RFC 3261, section 21; RFC 8197 (607); RFC 8688 (608)
PHRASES: Final[Mapping[int, str]] = {
    100: "Trying",
    180: "Ringing",
    181: "Call Is Being Forwarded",
    182: "Queued",
    183: "Session Progress",
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    410: "Gone",
    415: "Unsupported Media Type",
    420: "Bad Extension",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    484: "Address Incomplete",
    485: "Ambiguous",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    491: "Request Pending",
    500: "Server Internal Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Server Time-out",
    505: "Version Not Supported",
    600: "Busy Everywhere",
    603: "Decline",
    604: "Does Not Exist Anywhere",
    606: "Not Acceptable",
    607: "Unwanted",
    608: "Rejected",
}

# why a call was forwarded
BECAUSE: Final[Mapping[Cause, str]] = {
    Cause.ALWAYS: "all calls",
    Cause.BUSY: "busy",
    Cause.NO_ANSWER: "no answer",
    Cause.UNREACHABLE: "unreachable",
    Cause.REDIRECTED: "redirected by the phone",
}


def phrase(sip_code: int) -> str:
    """The usual phrase of a status code; "" for a code without one."""
    return PHRASES.get(sip_code, "")
