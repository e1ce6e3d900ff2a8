"""Which number the called party sees."""

from __future__ import annotations

from carillon.logic.callflow.feed import (
    Customer,
    Endpoint,
    Gateway,
    User,
)
from carillon.logic.callflow.values import CallRequest
from carillon.logic.numbers import DialledKind, normalise

ANONYMOUS = "anonymous"


def caller_id(request: CallRequest, endpoint: Endpoint, user: User | None, customer: Customer) -> tuple[str, str]:
    """The E.164 number a customer's device may show, and a sentence why.

    A device may ask, by its From user, for one of the customer's own or verified numbers. Otherwise its From is
    ignored: the device's number, the user's, the customer's default, in this order; "" when there is none.
    """
    asked = normalise(request.from_user, customer.country)
    if asked.kind is DialledKind.E164 and asked.number in customer.caller_ids:
        return asked.number, f"Caller ID {asked.number}: asked for by the device, one of {customer.name}'s numbers."
    ignored = f" From “{request.from_user[:40]}” is not theirs to show." if _asks_for_number(request, endpoint) else ""
    for number, whose in (
        (endpoint.caller_id, "the device's"),
        (user.caller_id if user else "", "the user's"),
        (customer.default_caller_id, f"the default of {customer.name}"),
    ):
        if number:
            return number, f"Caller ID {number}: {whose}.{ignored}"
    return "", f"Caller ID withheld: {customer.name} has no number to show.{ignored}"


def _asks_for_number(request: CallRequest, endpoint: Endpoint) -> bool:
    return request.from_user not in ("", endpoint.username, ANONYMOUS)


def network_caller(request: CallRequest, gateway: Gateway) -> tuple[str, str]:
    """The caller of a call from a carrier, and a sentence why: asserted identity first (RFC 3325), then From.

    "anonymous" when the caller asked for privacy (RFC 3323); E.164 when it can be read as such in the gateway's
    country, else as sent.
    """
    if set(request.privacy.lower().replace(",", ";").split(";")) & {"id", "user", "full"}:
        return ANONYMOUS, "The caller withheld the number."
    sent = request.asserted_identity or request.from_user
    found = normalise(sent, gateway.country)
    if found.kind is DialledKind.E164:
        return found.number, f"Caller {found.number} by {'asserted identity' if request.asserted_identity else 'From'}."
    digits = normalise(f"+{sent}", "") if sent.isascii() and sent.isdigit() else found
    if digits.kind is DialledKind.E164:
        return digits.number, f"Caller {digits.number}, sent without +."
    return (sent or ANONYMOUS)[:40], "The caller's number is shown as the carrier sent it."
