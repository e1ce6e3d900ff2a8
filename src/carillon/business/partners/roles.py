"""What each role may do, as permission patterns "panel.verb"; either part may be "*".

Verbs: view add change delete, and the panel's own (customers.status, sip_endpoints.reveal, live_calls.hang_up).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from carillon.business.partners.choices import Role

PANELS = frozenset(
    {
        "partners",
        "staff",
        "roles",
        "sessions",
        "tokens",
        "blacklists",
        "web_products",
        "customers",
        "users",
        "numbers",
        "sip_endpoints",
        "sip_locations",
    }
    | {
        "price_lists",
        "costs",
        "exchange_rates",
        "taxes",
        "gateways",
        "routes",
        "cdr_providers",
        "cdrs",
        "live_calls",
        "transactions",
        "top_ups",
        "notes",
        "jobs",
    }
    | {
        "bans",
        "alerts",
        "platform_health",
        "audit",
        "quick_start",
        "phone_tests",
        "dashboard",
        "test_call",
        "remaining_time",
    }
    | {"support", "saved_views", "portal_brands"}
    | {"webhooks", "mails", "mail_texts", "mail_identities", "balance_alerts", "alert_choices"}
    | {"scheduled_reports", "messages", "subscribers"}
    | {"plans", "subscriptions", "allowances", "reratings"}
)
ALL = frozenset({"*"})
ASKS = frozenset({"support.view", "support.add", "support.reply"})  # and talks; whoever answers has support.*

PERMISSIONS: dict[str, frozenset[str]] = {
    Role.ADMINISTRATOR: ALL,
    Role.SALES: frozenset(
        {"customers.*", "users.*", "numbers.*", "sip_endpoints.*", "sip_locations.view", "partners.view"}
        | {"quick_start.view", "phone_tests.*", "dashboard.view", "test_call.view", "remaining_time.view"}
        | {"web_products.view", "price_lists.view", "cdrs.view", "live_calls.view", "transactions.view", "top_ups.view"}
        | ASKS
        | {"saved_views.*"}
        | {"messages.*", "subscribers.*"}
        | {"plans.view", "subscriptions.*", "allowances.view"}
        | {"jobs.view"}
    ),
    Role.BILLING: frozenset(
        {"*.view", "price_lists.*", "costs.*", "cdr_providers.*", "transactions.*", "top_ups.*", "balance_alerts.*"}
        | {"exchange_rates.*", "taxes.*"}
        | {"scheduled_reports.*", "plans.*", "subscriptions.*", "reratings.*"}
        | {"customers.change", "customers.status"}
        | ASKS
        | {"saved_views.*"}
    ),
    Role.SUPPORT: frozenset(
        {"*.view", "customers.change", "users.*", "numbers.assign", "sip_endpoints.*", "sip_locations.*"}
        | {"live_calls.*", "blacklists.*", "bans.*", "phone_tests.*", "support.*", "saved_views.*"}
        | {"messages.*", "subscribers.*"}
    ),
    Role.READER: frozenset({"*.view"}),
}

# A customer's own people, by customers.UserRole: what lies outside their customer they can't see in any case.
CUSTOMER_PERMISSIONS: dict[str, frozenset[str]] = {
    "administrator": frozenset(
        {"customers.view", "users.view", "users.add", "users.change", "numbers.view", "sip_endpoints.*"}
        | {"sip_locations.view", "cdrs.view", "live_calls.view", "transactions.view", "tokens.*"}
        | {"subscriptions.view", "allowances.view", "remaining_time.view"}
    ),
    "reception": frozenset({"users.view", "sip_locations.view", "live_calls.view", "cdrs.view"}),
    "user": frozenset(),
}

_PATTERN = re.compile(r"\*|(\*|[a-z_]+)\.(\*|[a-z_]+)", re.ASCII)


def is_pattern(text: str) -> bool:
    """Tell whether `text` is a permission pattern: "*", "customers.*", "*.view" or "customers.view"."""
    return bool(_PATTERN.fullmatch(text))


def covers(owned: Iterable[str], wanted: Iterable[str]) -> bool:
    """Tell whether everything that the patterns `wanted` allow is allowed by `owned`, pattern by pattern."""
    held = [_parts(pattern) for pattern in owned]
    return all(any(_both(pattern, _parts(want)) == _parts(want) for pattern in held) for want in wanted)


def common(ours: Iterable[str], theirs: Iterable[str]) -> frozenset[str]:
    """Return the patterns that allow exactly what both sides allow: a token's scopes cut to its login's role."""
    right = [_parts(pattern) for pattern in theirs]
    found = {_both(_parts(pattern), other) for pattern in ours for other in right}
    return frozenset("*" if parts == ("*", "*") else ".".join(parts) for parts in found if parts)


def _parts(pattern: str) -> tuple[str, str]:
    panel, _, verb = pattern.partition(".")
    return panel, verb or "*"


def _both(one: tuple[str, str], other: tuple[str, str]) -> tuple[str, str] | None:
    parts = []
    for mine, yours in zip(one, other, strict=True):
        if "*" not in (mine, yours) and mine != yours:
            return None
        parts.append(yours if mine == "*" else mine)
    return parts[0], parts[1]
