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
# What people dial before a number to hide theirs for one call, or to show it: 3GPP TS 22.030 (#31#, *31#), North
# America (*67, *82), and what a country has beside them.
_HIDE, _SHOW = ("#31#", "*67"), ("*31#", "*82")
_HIDE_IN, _SHOW_IN = {"GB": ("141",)}, {"GB": ("1470",)}
_PRIVATE = frozenset({"id", "user", "header", "full"})  # RFC 3323, 4.2 and RFC 3325, 9.3


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


def asks_privacy(request: CallRequest) -> bool:
    """Whether the caller asked by Privacy for its number to be withheld (RFC 3323)."""
    asked = {item.strip() for item in request.privacy.lower().replace(",", ";").split(";")}
    return bool(asked & _PRIVATE)


def withheld_by_prefix(dialled: str, country: str) -> tuple[str, bool | None]:
    """What is left of a dialled number, and whether a prefix hides (True) or shows (False) the caller; None: neither.

    A prefix that is no service code by its form (GB: 141) counts only before a number that begins with 0 or +.
    """
    for prefixes, is_hidden in ((_HIDE, True), (_SHOW, False)):
        for prefix in prefixes:
            if dialled.startswith(prefix) and len(dialled) > len(prefix):
                return dialled.removeprefix(prefix), is_hidden
    for table, is_hidden in ((_HIDE_IN, True), (_SHOW_IN, False)):
        for prefix in table.get(country.upper(), ()):
            if dialled.startswith((prefix + "0", prefix + "+")):
                return dialled.removeprefix(prefix), is_hidden
    return dialled, None


def emergency_caller(
    request: CallRequest, endpoint: Endpoint, user: User | None, customer: Customer
) -> tuple[str, str]:
    """The number shown to emergency services, and a sentence why: the one that stands for where the caller is.

    The user's, else the customer's, and only one of the customer's own numbers; without one, as for any other call.
    """
    for number, whose in ((user.emergency_number if user else "", "user"), (customer.emergency_number, "customer")):
        if number and number in customer.caller_ids:
            return number, f"Caller ID {number}: the {whose}'s for emergency calls."
    return caller_id(request, endpoint, user, customer)


def _asks_for_number(request: CallRequest, endpoint: Endpoint) -> bool:
    return request.from_user not in ("", endpoint.username, ANONYMOUS)


def network_caller(request: CallRequest, gateway: Gateway) -> tuple[str, str]:
    """The caller of a call from a carrier, and a sentence why: asserted identity first (RFC 3325), then From.

    "anonymous" when the caller asked for privacy (RFC 3323); E.164 when it can be read as such in the gateway's
    country, else as sent.
    """
    if asks_privacy(request):
        return ANONYMOUS, "The caller withheld the number."
    sent = request.asserted_identity or request.from_user
    found = normalise(sent, gateway.country)
    if found.kind is DialledKind.E164:
        return found.number, f"Caller {found.number} by {'asserted identity' if request.asserted_identity else 'From'}."
    digits = normalise(f"+{sent}", "") if sent.isascii() and sent.isdigit() else found
    if digits.kind is DialledKind.E164:
        return digits.number, f"Caller {digits.number}, sent without +."
    return (sent or ANONYMOUS)[:40], "The caller's number is shown as the carrier sent it."
