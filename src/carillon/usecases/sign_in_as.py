"""Sign in as a customer's user: a person of the staff sees and does for an hour what that user sees and may do."""

from __future__ import annotations

import secrets
import time
from dataclasses import asdict, dataclass, replace

from django.core.cache import cache
from django.utils.translation import gettext as _

from carillon.base.actor import Actor
from carillon.base.changes import action, witnessed
from carillon.base.errors import Conflict, InvalidInput, NotFound, NotPermitted
from carillon.business.customers.choices import UserRole
from carillon.business.customers.models import Customer, User
from carillon.business.partners.queries import signed_in_actor, token_digest

TICKET_S = 60  # from the click to the other website
LASTS_S = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInAsData:
    """Why; kept in the user's history."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOver:
    """What the website of the web product needs to know of who comes, and as whom.

    `chain`: the names of the people acting, outermost first. `session_key` and `back`: the portal session that this one
    ends with, and the address of that portal.
    """

    login_id: int
    realm: int
    customer_id: int
    hostname: str
    by_login_id: int
    chain: tuple[str, ...]
    until_s: float
    session_key: str = ""
    back: str = ""


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


def _ticket(actor: Actor, user: User, data: SignInAsData) -> str:
    if actor.login_id is None or actor.customer_id is not None:
        raise NotPermitted(_("Only staff act in a customer's name."))
    if not data.reason.strip():
        raise InvalidInput(fields={"reason": _("Say why: it is kept in history.")})
    found = User.objects.visible_to(actor).select_related("login", "customer__web_product").filter(pk=user.pk).first()
    if found is None:
        raise NotFound
    if found.login is None:
        raise Conflict(_("This user has no sign-in yet: give one first."))
    if signed_in_actor(found.login, chosen_id=found.customer_id).customer_id != found.customer_id:
        raise Conflict(_("This user cannot sign in at present, so nobody can as this user."))
    over = HandOver(
        login_id=found.login.pk,
        realm=found.partner_id,
        customer_id=found.customer_id,
        hostname=found.customer.web_product.hostname,
        by_login_id=actor.login_id,
        chain=(*actor.impersonators, actor.name),
        until_s=time.time() + LASTS_S,
    )
    witnessed(actor, found, "sign_in_as", reason=data.reason)
    ticket = secrets.token_urlsafe(32)
    _keep(ticket, over)
    return ticket


def bind(ticket: str, login_id: int | None, session_key: str, back: str) -> HandOver | None:
    """Tie a ticket to the portal session of the person who asked for it; None: it is not theirs, or over.

    Cost: a few short queries of the cache.
    """
    over = take(ticket)
    if over is None or over.by_login_id != login_id or over.session_key:
        return None
    bound = replace(over, session_key=session_key, back=back)
    _keep(ticket, bound)
    return bound


def take(ticket: str) -> HandOver | None:
    """Return what a ticket stands for and make it worthless; None: unknown, used or too old."""
    kept = cache.get(_key(ticket))
    if kept is None or not cache.delete(_key(ticket)):  # of two at once one gets it
        return None
    return HandOver(**{**kept, "chain": tuple(kept["chain"])})


def _keep(ticket: str, over: HandOver) -> None:
    cache.set(_key(ticket), asdict(over), TICKET_S)


def _key(ticket: str) -> str:
    return f"sign-in-as:{token_digest(ticket)}"
