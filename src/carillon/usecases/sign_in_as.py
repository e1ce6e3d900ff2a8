"""Sign in as somebody else: for an hour a person of the staff sees and does what that person sees and may do.

As a customer's user, or as a member of a sub-partner's staff: only ever down the tree.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import asdict, dataclass, replace
from typing import TypeVar

from django.core.cache import cache
from django.utils.translation import gettext as _

from carillon.base.actor import Actor
from carillon.base.changes import action, witnessed
from carillon.base.errors import Conflict, InvalidInput, NotFound, NotPermitted
from carillon.business.customers.choices import UserRole
from carillon.business.customers.models import Customer, User
from carillon.business.partners.actions import permissions_of
from carillon.business.partners.choices import Role
from carillon.business.partners.models import Login, Membership, Partner
from carillon.business.partners.ownroles import may_give
from carillon.business.partners.queries import signed_in_actor, token_digest

TICKET_S = 60  # from the click to the other website
LASTS_S = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInAsData:
    """Why; kept in history."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOver:
    """What the website needs to know of who comes, and as whom.

    `place_id`: the customer, or the partner of staff. `hostname`: of the website, "" for the one where the person is.
    `chain`: the names of the people acting, outermost first. `session_key` and `back`: the portal session that this one
    ends with, and the address of that portal. `networks`: where whoever acts must come from (`partners.queries.Place`).
    """

    login_id: int
    realm: int
    place_id: int
    hostname: str
    by_login_id: int
    chain: tuple[str, ...]
    until_s: float
    session_key: str = ""
    back: str = ""
    networks: tuple[tuple[str, ...], ...] = ()


@action("partners.sign_in_as")
def sign_in_as_partner(actor: Actor, partner: Partner, data: SignInAsData) -> str:
    """Prepare to act as the first administrator of a partner below; like `sign_in_as_staff`."""
    row = _admitted(actor, Partner, partner.pk, data)
    able = Membership.objects.visible_to(actor).filter(partner_id=row.pk, role=Role.ADMINISTRATOR, own_role=None)
    member = able.filter(login__is_active=True).order_by("pk").first()
    if member is None and row.pk != actor.partner_id:
        raise Conflict(_("This partner has no administrator of its own who can sign in."))
    return _staff_ticket(actor, row, member, data)


@action("staff.sign_in_as")
def sign_in_as_staff(actor: Actor, membership: Membership, data: SignInAsData) -> str:
    """Prepare to act as a member of a sub-partner's staff and return a ticket, good once and for a minute.

    Raises:
        NotPermitted: the actor is a customer's user, or no person, or may do less than the member of staff.
        InvalidInput: the reason is missing.
        Conflict: it is staff of the actor's own partner, or could not sign in at present.
        NotFound
    """
    row = _admitted(actor, Membership, membership.pk, data)
    return _staff_ticket(actor, row.partner, row, data)


def _staff_ticket(actor: Actor, partner: Partner, member: Membership | None, data: SignInAsData) -> str:
    if member is None or partner.pk == actor.partner_id:
        raise Conflict(_("Only staff of partners below yours: ask your colleagues themselves."))
    may_give(actor, permissions_of(member.role, member.own_role))
    login = Login.objects.visible_to(actor).filter(pk=member.login_id or 0).first()  # never another partner's person
    if login is None or signed_in_actor(login, chosen_id=partner.pk).partner_id != partner.pk:
        raise Conflict(_("This person cannot sign in at present, so nobody can as this person."))
    witnessed(actor, member, "sign_in_as", reason=data.reason)
    return _issue(actor, login, partner.pk, partner.portal_hostname or "")


@action("users.sign_in_as")
def sign_in_as_user(actor: Actor, user: User, data: SignInAsData) -> str:
    """Prepare to act as a customer's user and return a ticket, good once and for a minute.

    Raises:
        NotPermitted: the actor is a customer's user, or no person.
        InvalidInput: the reason is missing.
        Conflict: the user has no sign-in, or could not sign in at present.
        NotFound
    """
    return _ticket(actor, user, data)


@action("customers.sign_in_as")
def sign_in_as_customer(actor: Actor, customer: Customer, data: SignInAsData) -> str:
    """Prepare to act as a customer's first administrator; like `sign_in_as_user`."""
    able = User.objects.visible_to(actor).filter(customer=customer, is_enabled=True, login__isnull=False)
    user = able.filter(role=UserRole.ADMINISTRATOR).order_by("pk").first()
    if user is None:
        raise Conflict(_("This customer has no administrator who can sign in: give one of its users a sign-in first."))
    return _ticket(actor, user, data)


M = TypeVar("M", Partner, Membership, User)


def _admitted(actor: Actor, model: type[M], key: int, data: SignInAsData) -> M:
    """The row as the actor sees it, when the actor is a person of some staff and says why."""
    if actor.login_id is None or actor.customer_id is not None:
        raise NotPermitted(_("Only staff act in somebody else's name."))
    if not data.reason.strip():
        raise InvalidInput(fields={"reason": _("Say why: it is kept in history.")})
    row: M | None = model.objects.visible_to(actor).filter(pk=key).first()
    if row is None:
        raise NotFound
    return row


def _ticket(actor: Actor, user: User, data: SignInAsData) -> str:
    found = _admitted(actor, User, user.pk, data)
    if found.login is None:
        raise Conflict(_("This user has no sign-in yet: give one first."))
    if signed_in_actor(found.login, chosen_id=found.customer_id).customer_id != found.customer_id:
        raise Conflict(_("This user cannot sign in at present, so nobody can as this user."))
    witnessed(actor, found, "sign_in_as", reason=data.reason)
    return _issue(actor, found.login, found.customer_id, found.customer.web_product.hostname)


def _issue(actor: Actor, login: Login, place_id: int, hostname: str) -> str:
    over = HandOver(
        login_id=login.pk,
        realm=login.realm,
        place_id=place_id,
        hostname=hostname,
        by_login_id=actor.login_id or 0,
        chain=(*actor.impersonators, actor.name),
        until_s=time.time() + LASTS_S,
    )
    ticket = secrets.token_urlsafe(32)
    _keep(ticket, over)
    return ticket


@dataclass(frozen=True, slots=True)
class Origin:
    """The portal session from which somebody acts for others, its address, and where they must come from."""

    session_key: str
    back: str
    networks: tuple[tuple[str, ...], ...]


def bind(ticket: str, login_id: int, origin: Origin) -> HandOver | None:
    """Tie a ticket to the portal session of the person who asked for it; None: it is not theirs, or over.

    Cost: a few short queries of the cache.
    """
    over = take(ticket)
    if over is None or over.by_login_id != login_id or over.session_key:
        return None
    bound = replace(over, **asdict(origin))
    _keep(ticket, bound)
    return bound


def take(ticket: str) -> HandOver | None:
    """Return what a ticket stands for and make it worthless; None: unknown, used or too old."""
    kept = cache.get(_key(ticket))
    if kept is None or not cache.delete(_key(ticket)):  # of two at once one gets it
        return None
    return HandOver(**kept)


def _keep(ticket: str, over: HandOver) -> None:
    cache.set(_key(ticket), asdict(over), TICKET_S)


def _key(ticket: str) -> str:
    return f"sign-in-as:{token_digest(ticket)}"
