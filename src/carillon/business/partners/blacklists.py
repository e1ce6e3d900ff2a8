"""Blacklists: numbers, networks and mail domains that a partner and everybody below it has nothing to do with."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from carillon.base.actor import Actor
from carillon.base.changes import action, audited
from carillon.base.errors import InvalidInput
from carillon.base.places import Faults
from carillon.base.rows import check_values, locked, once
from carillon.business.partners import queries
from carillon.business.partners.choices import BlacklistKind
from carillon.business.partners.models import BlacklistEntry

CLASHES = {"blacklist_entry_once_per_partner": ("value", _lazy("This is on the blacklist already."))}
WIDEST_IPV4, WIDEST_IPV6 = 8, 16  # a mistyped block must not shut out the world
MOST_NETWORKS = 200  # the edge compares each request with all of them


@dataclass(frozen=True, slots=True, kw_only=True)
class BlacklistData:
    """What is blocked for a partner (None: the actor's own) and everybody below it; `kind` and `value` stay.

    `value`: a number or the beginning of one with its calling code (`+4490`), an address or block of addresses
    (`203.0.113.0/24`), or a domain of e-mail addresses (`mail.example`, which also means those below it).
    `expires_at`: None holds until it is unblocked.
    """

    kind: BlacklistKind
    value: str
    reason: str
    expires_at: datetime | None = None
    partner_id: int | None = None


@action("blacklists.add")
def block(actor: Actor, data: BlacklistData) -> BlacklistEntry:
    """Put something on a partner's blacklist; the next call, request, sign-in and sign-up meet it.

    Raises:
        InvalidInput: a value is wrong, it is there already, or the partner has too many networks.
    """
    entry = BlacklistEntry(partner=queries.chosen_partner(actor, data.partner_id), kind=data.kind)
    faults = Faults()
    entry.value = _blocked_value(data, faults)
    others = BlacklistEntry.objects.filter(partner_id=entry.partner_id, kind=BlacklistKind.NETWORK)
    is_room = data.kind != BlacklistKind.NETWORK or others.count() < MOST_NETWORKS
    faults.unless(is_room, "value", _("A partner can block at most %(most)s networks.") % {"most": MOST_NETWORKS})
    faults.stop()
    with once(CLASHES), audited(actor, entry, "block", reason=data.reason):
        _fill_entry(entry, data)
        entry.save(force_insert=True)
    return entry


@action("blacklists.change")
def update_blacklist_entry(actor: Actor, entry: BlacklistEntry, data: BlacklistData) -> BlacklistEntry:
    """Change why something is blocked and until when.

    Raises:
        InvalidInput: a value is wrong, or kind, value or partner differ from before.
        NotFound
    """
    entry = locked(BlacklistEntry.objects, actor, entry.pk)
    is_same = (data.kind, data.value, data.partner_id or entry.partner_id) == (
        entry.kind,
        entry.value,
        entry.partner_id,
    )
    if not is_same:
        raise InvalidInput(fields={"value": _("What is blocked can't change: unblock it and block the other.")})
    with audited(actor, entry, "update"):
        _fill_entry(entry, data)
        entry.save()
    return entry


@action("blacklists.delete")
def unblock(actor: Actor, entry: BlacklistEntry) -> None:
    """Take something off the blacklist; its history stays. Raises NotFound."""
    entry = locked(BlacklistEntry.objects, actor, entry.pk)
    with audited(actor, entry, "unblock"):
        entry.delete()


@dataclass(frozen=True, slots=True)
class Blocked:
    """An entry in force that somebody meets; its reason is for the seller's own people."""

    kind: BlacklistKind
    value: str


def blocked_visitor(partner_id: int, *, email: str = "", address: str = "") -> Blocked | None:
    """Return what stops a visitor of a partner's websites from signing up or in; None when nothing does.

    The partner's own entries and those of everybody above it count: the networks that `address` is in, and the mail
    domains that `email` is of. An `address` that is none is in no network. Cost: one query, past row-level security.
    """
    with connection.cursor() as cursor:
        cursor.execute("select * from public.carillon_blocked(%s, %s, %s)", [partner_id, email, address])
        row = cursor.fetchone()
    return None if row is None else Blocked(BlacklistKind(row[0]), str(row[1]))


def _fill_entry(entry: BlacklistEntry, data: BlacklistData) -> None:
    is_later = data.expires_at is None or data.expires_at > timezone.now()
    faults = Faults()
    faults.unless(is_later, "expires_at", _("This lies in the past."))
    faults.stop()
    entry.reason, entry.expires_at = data.reason, data.expires_at
    check_values(entry)


def _blocked_value(data: BlacklistData, faults: Faults) -> str:
    """The value as it is stored and compared: digits with a plus, the network's own address, or a domain."""
    if data.kind == BlacklistKind.MAIL_DOMAIN:
        domain = data.value.strip().rpartition("@")[2].lower().rstrip(".")
        faults.hostname(domain, "value")
        return domain
    if data.kind != BlacklistKind.NETWORK:
        digits = re.sub(r"[\s\-./()]", "", data.value).removeprefix("+")
        is_number = bool(re.fullmatch(r"[1-9][0-9]{0,14}", digits, re.ASCII))
        faults.unless(is_number, "value", _("Give a number or its beginning with the calling code, such as +4490."))
        return f"+{digits}"
    try:
        network = ipaddress.ip_network(data.value.strip(), strict=False)
    except ValueError:
        faults.unless(False, "value", _("Give an address or a block of addresses, such as 203.0.113.0/24."))
        return ""
    widest = WIDEST_IPV4 if network.version == 4 else WIDEST_IPV6
    faults.unless(
        network.prefixlen >= widest, "value", _("A block can be no wider than /%(widest)s.") % {"widest": widest}
    )
    return str(network.network_address) if network.num_addresses == 1 else str(network)
