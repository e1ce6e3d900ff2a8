"""Every reason for not putting a call through: slug, SIP code, reason text.

The reason goes out on the wire in the status line, so it is short ASCII and says nothing about other parties' business.
Codes follow RFC 3261, section 21, and RFC 8197 where it fits a phone's behaviour: 503 makes devices try elsewhere, so
it is kept for faults of the platform.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from carillon.logic.callflow.values import Decision, Refusal
from carillon.logic.copies import replace

_TABLE = (
    # who calls
    ("unknown-source", 403, "Unknown source address"),
    ("unknown-endpoint", 403, "Unknown SIP account"),
    ("unknown-customer", 403, "Account not found"),
    ("endpoint-disabled", 403, "This device is disabled"),
    ("customer-suspended", 403, "Account suspended"),
    ("customer-blocked", 403, "Account blocked"),
    ("customer-terminated", 403, "Account closed"),
    ("partner-suspended", 403, "Service suspended"),
    # what is dialled
    ("unknown-domain", 404, "Unknown domain"),
    ("invalid-number", 484, "Number cannot be understood"),
    ("unknown-extension", 404, "Extension does not exist"),
    ("number-unassigned", 404, "Number not assigned"),
    ("callee-not-in-service", 404, "Number not in service"),
    ("callee-cannot-pay", 480, "Cannot be reached now"),
    ("no-device", 480, "No device to ring"),
    ("not-forwarded", 480, "Cannot be reached now"),
    ("forwarding-loop", 482, "Forwarded in a circle"),
    ("called-blacklisted", 403, "Calls to this number are not possible"),
    ("caller-blacklisted", 603, "Decline"),
    ("source-blacklisted", 403, "Source address is blocked"),
    # routing and price
    ("no-route", 404, "No route to this number"),
    ("route-blocked", 403, "Calls to this number are blocked"),
    ("destination-barred", 403, "Calls to this kind of number are barred"),
    ("no-gateway", 503, "No carrier available"),
    ("gateways-full", 503, "All lines to carriers in use"),
    ("no-price", 403, "No price for this number"),
    ("price-below-cost", 503, "No carrier at this price"),
    ("no-exchange-rate", 403, "No exchange rate for this call"),
    # money and limits, answered by callfeed.open_call
    ("credit-exhausted", 402, "Not enough credit"),
    ("bundle-used-up", 402, "Included minutes used up"),
    ("partner-credit-exhausted", 503, "Service provider out of credit"),
    ("daily-limit-reached", 402, "Daily spending limit reached"),
    ("channels-exhausted", 486, "All lines in use"),
    ("too-many-calls", 480, "Too many calls per second"),  # a 503 would make a PBX give the whole trunk up
    # the platform itself
    ("no-decision", 503, "Service unavailable"),
)

REFUSALS: Final[Mapping[str, Refusal]] = {slug: Refusal(slug, code, reason) for slug, code, reason in _TABLE}


def refuse(decision: Decision, slug: str, *notes: str) -> Decision:
    """The decision turned into a refusal: no targets, no holds, chains kept so that the parties get their CDR.

    Also for what the database answers after deciding (`credit-exhausted`). Raises KeyError for an unknown slug.
    """
    refusal = REFUSALS[slug]
    said = (*decision.notes, *notes, f"Refused with {refusal.sip_code}: {refusal.reason}.")
    return replace(decision, refusal=refusal, targets=(), holds=(), notes=said)
