"""Who is signed in where: noted, ended, refused, and locks after wrong passwords."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from allauth.core.internal import ratelimit
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from carillon.base.actor import Actor
from carillon.base.changes import action, audited, witnessed
from carillon.base.errors import Conflict
from carillon.base.rows import locked
from carillon.base.tenancy import tenant
from carillon.business.partners import queries
from carillon.business.partners.choices import STAFF_REALM
from carillon.business.partners.models import ApiToken, Login, Membership, SignIn

LIMIT: dict[str, Any] = {
    "app": "allauth.account",
    "action": "login_failed",
    "config": {"login_failed": f"{settings.TRIES}/{settings.LOCKED_S}s/key"},
}
POSTED = HttpRequest()  # limits by key ask nothing of the request but that it is no GET
POSTED.method = "POST"


@dataclass(frozen=True, slots=True)
class Sighting:
    """A request of somebody who is signed in: its session, the address it came from and its User-Agent header."""

    session_key: str
    address: str
    user_agent: str


def note_sign_in(actor: Actor, seen: Sighting) -> None:
    """Remember that `actor` was here just now; part of a request, not an action. Cost: one statement."""
    row = SignIn(
        partner_id=actor.partner_id or 0,
        login_id=actor.login_id or 0,
        customer_id=actor.customer_id,
        session_key=seen.session_key,
        address=seen.address[:45],
        user_agent=seen.user_agent[:300],
        last_seen_at=timezone.now(),
    )
    fields = ["partner", "customer_id", "address", "user_agent", "last_seen_at"]
    SignIn.objects.bulk_create([row], update_conflicts=True, unique_fields=["session_key"], update_fields=fields)


@action("sessions.end")
def end_session(actor: Actor, sign_in: SignIn) -> None:
    """Sign somebody out of one browser; its next request is asked to sign in. Raises NotFound."""
    sign_in = locked(SignIn.objects, actor, sign_in.pk)
    with audited(actor, sign_in, "end"):
        Session.objects.filter(session_key=sign_in.session_key).delete()
        sign_in.delete()


def own_sessions(login_id: int) -> list[SignIn]:
    """Return where a person is signed in, at all their partners, the latest seen first. Cost: about five queries."""
    with tenant(queries.system_actor()) as system:
        return list(queries.sign_ins_of(system).filter(login_id=login_id).order_by("-last_seen_at"))


def end_own_sessions(login_id: int, *, only: int | None = None, keep: str = "") -> int:
    """End one session of a person's own, or all but the one with the key `keep`; how many ended.

    Args:
        only: id of the one to end; None: all.

    Cost: about six queries.
    """
    with tenant(queries.system_actor()):
        found = SignIn.objects.filter(login_id=login_id).exclude(session_key=keep)
        rows = list(found if only is None else found.filter(pk=only))
        _end(rows)
    return len(rows)


def _end(rows: list[SignIn]) -> None:
    Session.objects.filter(session_key__in=[row.session_key for row in rows]).delete()
    SignIn.objects.filter(pk__in=[row.pk for row in rows]).delete()


# ---------------------------------------------------------------- from where


def is_elsewhere(login: Login, address: str) -> bool:
    """Tell whether a member of staff may sign in, but at none of their partners from that address. Cost: one query."""
    found = queries.places(login.pk) if login.realm == STAFF_REALM else ()
    return bool(found) and not any(place.admits(address) for place in found)


def note_refusal(row: Login | ApiToken, address: str, *, request_id: str = "") -> None:
    """Write into the history of a sign-in or token that it came from an address where it does not work.

    Once an hour for each address: programs try again and again. Cost: about six queries.
    """
    if not cache.add(f"refused:{row._meta.label_lower}:{row.pk}:{address}", True, 3600):
        return
    with tenant(queries.system_actor(request_id=request_id)) as system:
        witnessed(system, row, "refuse", reason=f"From {address}, which is in none of the trusted networks.")


# ---------------------------------------------------------------- locks


def _counted(login: Login) -> tuple[str, str]:
    """What allauth counts wrong passwords and wrong codes by."""
    return login.key, f"mfa-auth-user-{login.pk}"


def is_locked(login: Login) -> bool:
    """Tell whether further passwords or codes for the login are refused. Cost: four short queries of the cache."""
    return not all(ratelimit.consume(POSTED, **LIMIT, key=key, dry_run=True) for key in _counted(login))


def lock_login(login: Login) -> None:
    """Remember that an address is locked, for administrators to see. Cost: about six queries."""
    now = timezone.now()
    if login.locked_until is not None and login.locked_until > now:
        return
    with tenant(queries.system_actor()) as system:
        Login.objects.filter(pk=login.pk).update(locked_until=now + timedelta(seconds=settings.LOCKED_S))
        witnessed(system, login, "lock", reason="Too many wrong passwords or codes.")


@action("staff.change")
def unlock_staff(actor: Actor, membership: Membership) -> Membership:
    """Lift a lock after wrong passwords or codes before its time.

    Raises:
        Conflict: the address is not locked.
        NotFound
    """
    membership = locked(Membership.objects, actor, membership.pk)
    login = locked(Login.objects, actor, membership.login_id or 0)
    if login.locked_until is None or login.locked_until <= timezone.now():
        raise Conflict(_("This address is not locked."))
    for key in _counted(login):
        ratelimit.clear(POSTED, **LIMIT, key=key)
    login.locked_until = None
    login.save(update_fields=["locked_until"])
    witnessed(actor, login, "unlock")
    return membership
