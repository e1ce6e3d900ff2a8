"""Invitations of staff: a link that works once and for a week; what is kept of it tells nobody what it was."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from carillon.base.actor import Actor
from carillon.base.changes import action, audited
from carillon.base.errors import Conflict, NotFound
from carillon.base.rows import locked
from carillon.base.tenancy import tenant
from carillon.business.partners import queries
from carillon.business.partners.actions import create_login, login_key, permissions_of
from carillon.business.partners.choices import STAFF_REALM, Status
from carillon.business.partners.models import Login, Membership
from carillon.business.partners.ownroles import may_give

LASTS = timedelta(days=7)
PAUSE = timedelta(minutes=1)  # between two mails to the same person


@dataclass(frozen=True, slots=True)
class Invitation:
    """What the page behind the link shows. `has_login`: the person signs in by that address already."""

    partner_name: str
    email: str
    name: str
    has_login: bool


@action("staff.add", "staff.change")
def issue_invitation(actor: Actor, membership: Membership) -> tuple[str, datetime]:
    """Make the link's secret of a person who has not come yet; an earlier one is worth nothing. How long it works.

    Raises:
        Conflict: the person has come, or the last invitation is not a minute old.
        NotPermitted: the role may do more than the actor.
        NotFound
    """
    membership = locked(Membership.objects, actor, membership.pk)
    if membership.login_id is not None:
        raise Conflict(_("This person has accepted already."))
    may_give(actor, permissions_of(membership.role, membership.own_role))
    until = timezone.now() + LASTS
    if membership.invited_until is not None and membership.invited_until > until - PAUSE:
        raise Conflict(_("An invitation has just been sent. Wait a minute before you send another."))
    clear = secrets.token_urlsafe(32)
    with audited(actor, membership, "send_invitation"):
        membership.invitation, membership.invited_until = queries.token_digest(clear), until
        membership.save(update_fields=["invitation", "invited_until"])
    return clear, until


def invitation_of(clear: str) -> Invitation | None:
    """Return what a link stands for; None: never issued, used, withdrawn, replaced or over. Cost: about six queries."""
    with tenant(queries.system_actor()) as system:
        membership = _open(system, clear)
        if membership is None:
            return None
        has_login = _login_of(membership) is not None
        return Invitation(membership.partner.name, membership.invited_email, membership.invited_name, has_login)


def accept_invitation(clear: str, password: str, *, request_id: str = "") -> tuple[Login, bool]:
    """Let the person in; the link is used up. Return their login, and whether it was made now, with `password`.

    Who signs in by that address already keeps their password and has one more place to work at.

    Raises:
        NotFound: never issued, used, withdrawn, replaced or over.
        InvalidInput: the password is too weak.

    Cost: about fifteen queries and one hash.
    """
    with tenant(queries.system_actor(request_id=request_id)) as system:
        membership = _open(system, clear)
        if membership is None:
            raise NotFound
        partner, email = membership.partner, membership.invited_email
        person = replace(system, name=email)
        login, is_new = _login_of(membership), False
        if login is None:
            login, is_new = create_login(person, partner, STAFF_REALM, email, membership.invited_name, password), True
            login.culture, login.timezone = partner.culture, partner.timezone
            login.save(update_fields=["culture", "timezone"])
        _join(replace(person, login_id=login.pk), membership, login)
    return login, is_new


def _join(person: Actor, membership: Membership, login: Login) -> None:
    if Membership.objects.filter(partner_id=membership.partner_id, login=login).exists():  # hired meanwhile
        with audited(person, membership, "accept"):
            membership.delete()
        return
    with audited(person, membership, "accept"):
        membership.login, membership.invitation, membership.invited_until = login, None, None
        membership.save(update_fields=["login", "invitation", "invited_until"])


def _open(system: Actor, clear: str) -> Membership | None:
    """The membership that a link stands for, locked."""
    digest = queries.token_digest(clear)
    rows = Membership.objects.visible_to(system).select_related("partner").select_for_update(of=("self",))
    found = rows.filter(invitation=digest, invited_until__gt=timezone.now(), login=None).first()
    return found if found and found.partner.status in (Status.ACTIVE, Status.SUSPENDED) else None


def _login_of(membership: Membership) -> Login | None:
    return Login.objects.filter(key=login_key(STAFF_REALM, membership.invited_email)).first()
