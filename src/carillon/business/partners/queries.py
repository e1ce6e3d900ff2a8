"""Who an actor is, and what of the partner tree it sees."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from django.contrib.sessions.models import Session
from django.db import connection
from django.db.models import Count, Exists, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from carillon.base.actor import Actor, nobody
from carillon.base.rows import named
from carillon.base.tenancy import ScopedQuerySet
from carillon.business.partners.choices import OWN_HOSTNAME, STAFF_REALM, SecondFactor
from carillon.business.partners.errors import NoMembership, TokenElsewhere, TokenStopped
from carillon.business.partners.models import ApiToken, BlacklistEntry, Login, Membership, OwnRole, Partner, SignIn
from carillon.business.partners.roles import ALL, CUSTOMER_PERMISSIONS, PERMISSIONS, common
from carillon.logic.networks import is_within

TRACE_DAYS = 30  # unless a partner or somebody above it says otherwise
TOKEN_MARK = "crl_"  # noqa: S105 - lets secret scanners and people recognise our tokens


@dataclass(frozen=True, slots=True)
class Place:
    """Where a login is staff, and what it may do there; `scope` is the partner and everything below it.

    `networks`: the lists of the partner and of the role, those that there are; one must come from a network of each.
    """

    partner_id: int
    partner_name: str
    permissions: frozenset[str]
    is_operator: bool
    scope: frozenset[int]
    second_factor: SecondFactor
    networks: tuple[tuple[str, ...], ...]

    def admits(self, address: str) -> bool:
        """Tell whether the person may work here from that address."""
        return all(is_within(address, wanted) for wanted in self.networks)


@dataclass(frozen=True, slots=True)
class Host:
    """Whose website a hostname is. `realm` is whose logins sign in there; a portal has no web product.

    `name` is what the site calls itself. Only the portal at `portal.localhost` may belong to no partner.
    """

    realm: int
    partner_id: int | None
    web_product_id: int | None
    name: str


def subtree(partner_id: int) -> frozenset[int]:
    """Return the ids of a partner and everything below it; one query past row-level security."""
    with connection.cursor() as cursor:
        cursor.execute("select public.carillon_subtree(%s)", [partner_id])
        return frozenset(cursor.fetchone()[0])


def places(login_id: int) -> tuple[Place, ...]:
    """Return where a login is staff, the oldest first; one query past row-level security."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select partner_id, partner_name, role, own_permissions, is_operator, scope, second_factors,"
            " partner_networks, role_networks"
            " from public.carillon_memberships(%s)",
            [login_id],
        )
        return tuple(
            Place(
                partner_id,
                name,
                PERMISSIONS[role] if own is None else frozenset(own),
                is_operator,
                frozenset(scope),
                strictest(asked),
                tuple(tuple(one) for one in wanted if one),
            )
            for partner_id, name, role, own, is_operator, scope, asked, *wanted in cursor.fetchall()
        )


def strictest(asked: Iterable[str]) -> SecondFactor:
    """Return what asks for most of what a role and its partner ask for."""
    order = list(SecondFactor)
    return max((SecondFactor(one) for one in asked), key=order.index, default=SecondFactor.OPTIONAL)


def is_short_of(asked: str, shown: str) -> bool:
    """Tell whether a role asks for more than what has been shown."""
    return strictest([asked or SecondFactor.OPTIONAL, shown or SecondFactor.OPTIONAL]) != (
        shown or SecondFactor.OPTIONAL
    )


def host(name: str) -> Host | None:
    """Return whose website `name` (without port) is, None when it is nobody's; one query past row-level security."""
    with connection.cursor() as cursor:
        cursor.execute("select realm, partner_id, web_product_id, name from public.carillon_host(%s)", [name])
        row = cursor.fetchone()
    return Host(*row) if row else None


def is_hostname_taken(name: str) -> bool:
    """Tell whether anybody on the platform uses a hostname, without telling who; one query.

    The portal's own is the operator's to take, whether it has or not.
    """
    if name.strip().lower() == OWN_HOSTNAME:
        return True
    with connection.cursor() as cursor:
        cursor.execute("select public.carillon_hostname_taken(%s)", [name])
        return bool(cursor.fetchone()[0])


def trace_days_of(actor: Actor) -> dict[int, int]:
    """Return for each partner the actor sees for how many days SIP messages of its calls are kept; one query.

    A partner that does not say takes after whoever it buys from; the default is for whoever nobody above has said it.
    """
    rows = list(Partner.objects.visible_to(actor).values_list("pk", "path", "trace_days"))
    said = {partner_id: days for partner_id, _, days in rows}
    return {
        partner_id: next((said[above] for above in reversed(path) if said.get(above)), None) or TRACE_DAYS
        for partner_id, path, _ in rows
    }


def staff_actor(
    login_id: int,
    name: str,
    *,
    partner_id: int | None = None,
    request_id: str = "",
    impersonators: tuple[str, ...] = (),
    address: str | None = None,
) -> Actor:
    """Return the actor that a member of staff is.

    Args:
        login_id: who has signed in.
        name: the person's e-mail address, for history.
        partner_id: at which of their partners they work now; None or no longer theirs: the first.
        request_id: of the request, for history.
        impersonators: who acts through this person, outermost first.
        address: where the person comes from; None: it does not matter.

    Raises:
        NoMembership: the login is inactive, or staff nowhere, or nowhere where it may come from that address.

    Cost: one query.
    """
    found = [place for place in places(login_id) if address is None or place.admits(address)]
    if not found:
        raise NoMembership
    place = next((place for place in found if place.partner_id == partner_id), found[0])
    actor = _working_at(place, login_id, name)
    return replace(actor, impersonators=impersonators, address=address or "", request_id=request_id)


def _working_at(place: Place, login_id: int, name: str) -> Actor:
    return Actor(
        name=name,
        login_id=login_id,
        realm=STAFF_REALM,
        partner_id=place.partner_id,
        scope=place.scope,
        permissions=place.permissions,
        is_operator=place.is_operator,
        second_factor=place.second_factor.value,
    )


def token_digest(clear: str) -> str:
    """Return what is kept of a token. Its 256 random bits need no slow hash."""
    return hashlib.sha256(clear.encode()).hexdigest()


def token_actor(clear: str, *, request_id: str = "", address: str | None = None) -> Actor | None:
    """Return the actor of a bearer token: its login, cut to the token's scopes and its partner or customer.

    None when the token is unknown, revoked or expired, or its login has lost its place. A token works in its own
    networks, if it has any, else where its owner may sign in from. Cost: one or two queries.

    Raises:
        TokenElsewhere: it does not work from that address.
        TokenStopped: its owner's role asks for a second factor now that had not been shown when it was made.
    """
    if not clear.startswith(TOKEN_MARK):
        return None
    with connection.cursor() as cursor:
        cursor.execute(
            "select token_id, token_name, partner_id, login_id, login_email, realm, scopes, customer_id, networks,"
            " second_factor from public.carillon_token(%s)",
            [token_digest(clear)],
        )
        row = cursor.fetchone()
    if row is None:
        return None
    token = _Token(*row)
    actor = _staff_of_token(token, address) if token.customer_id is None else _customer_of_token(token)
    if actor is None:
        return None
    if token.networks and address is not None and not is_within(address, token.networks):
        raise TokenElsewhere(token.id, address)
    permissions = common(token.scopes, actor.permissions)
    return replace(actor, permissions=permissions, address=address or "", request_id=request_id)


@dataclass(frozen=True, slots=True)
class _Token:
    """What `carillon_token` tells of a token."""

    id: int
    name: str
    partner_id: int
    login_id: int
    email: str
    realm: int
    scopes: list[str]
    customer_id: int | None
    networks: list[str]
    second_factor: str

    @property
    def called(self) -> str:
        """How history calls whoever uses it."""
        return f"{self.email} ({self.name})"


def _staff_of_token(token: _Token, address: str | None) -> Actor | None:
    """Its owner at the partner where it was made: a role at another one is not this token's."""
    place = next((place for place in places(token.login_id) if place.partner_id == token.partner_id), None)
    if place is None:
        return None
    if not token.networks and address is not None and not place.admits(address):
        raise TokenElsewhere(token.id, address)
    if is_short_of(place.second_factor, token.second_factor):
        raise TokenStopped
    return replace(_working_at(place, token.login_id, token.called), proven=token.second_factor)


def _customer_of_token(token: _Token) -> Actor | None:
    role = customer_role(token.login_id, token.customer_id)
    if role is None or token.customer_id is None:
        return None
    return customer_actor(token.login_id, token.called, token.realm, token.customer_id, role)


@dataclass(frozen=True, slots=True)
class CustomerRole:
    """A login's place at a customer."""

    user_id: int
    customer_id: int
    partner_id: int
    customer_name: str
    role: str


def customer_roles(login_id: int) -> tuple[CustomerRole, ...]:
    """Return the users that a login is, the oldest first; one query past row-level security."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select user_id, customer_id, partner_id, customer_name, role from public.carillon_users(%s)", [login_id]
        )
        return tuple(CustomerRole(*row) for row in cursor.fetchall())


def customer_role(login_id: int, customer_id: int | None = None) -> CustomerRole | None:
    """Return the login's place at that customer, or at its first one; one query."""
    found = customer_roles(login_id)
    return next((role for role in found if customer_id in (None, role.customer_id)), None)


def customer_actor(
    login_id: int, name: str, realm: int, customer_id: int, role: CustomerRole, *, request_id: str = ""
) -> Actor:
    """Return the actor that a customer's user is: sees that customer only, within its partner."""
    return Actor(
        name=name,
        login_id=login_id,
        realm=realm,
        partner_id=role.partner_id,
        scope=frozenset({role.partner_id}),
        permissions=CUSTOMER_PERMISSIONS[role.role],
        customer_id=customer_id,
        user_id=role.user_id,
        request_id=request_id,
    )


def system_actor(*, request_id: str = "") -> Actor:
    """Return the platform itself, for jobs and the demo: sees every partner, may everything. Cost: two queries.

    Before the operator exists it sees nothing; `create_operator` needs nothing else.
    """
    with connection.cursor() as cursor:
        cursor.execute("select public.carillon_operator()")
        operator_id = cursor.fetchone()[0]
    scope = subtree(operator_id) if operator_id else frozenset[int]()
    return Actor(
        name="system", partner_id=operator_id, scope=scope, permissions=ALL, is_operator=True, request_id=request_id
    )


def signed_in_actor(
    login: Login,
    *,
    chosen_id: int | None = None,
    request_id: str = "",
    impersonators: tuple[str, ...] = (),
    address: str | None = None,
) -> Actor:
    """Return the actor of a login that has signed in; nobody when it has lost its place.

    Args:
        login: of any realm.
        chosen_id: the partner (staff) or customer it works at; None: its first.
        address: where the person comes from; None: it does not matter.

    Cost: one query, for a customer's user at most two.
    """
    if login.realm == STAFF_REALM:
        try:
            return staff_actor(
                login.pk,
                login.email,
                partner_id=chosen_id,
                request_id=request_id,
                impersonators=impersonators,
                address=address,
            )
        except NoMembership:
            return nobody()
    role = customer_role(login.pk, chosen_id) or customer_role(login.pk)
    if role is None or role.partner_id != login.realm:
        return nobody()
    return customer_actor(login.pk, login.email, login.realm, role.customer_id, role, request_id=request_id)


def partners_of(actor: Actor) -> QuerySet[Partner]:
    """Return the partners the actor sees, with their parents."""
    return Partner.objects.visible_to(actor).select_related("parent")


def chosen_partner(actor: Actor, partner_id: int | None, field: str = "partner_id") -> Partner:
    """Return the partner that input `field` names, the actor's own when it names none.

    Raises:
        InvalidInput: the actor sees no such partner.

    Cost: one query.
    """
    wanted = actor.partner_id if partner_id is None else partner_id
    chosen: Partner = named(Partner.objects, actor, wanted or 0, field)
    return chosen


def staff_of(actor: Actor) -> QuerySet[Membership]:
    """Return the memberships the actor sees, with name and address; people hired further up stay unseen.

    Logins that are another partner's record are not seen either: who came by invitation is called as it was invited.
    """
    rows = Membership.objects.visible_to(actor).select_related("partner", "login", "own_role")
    email = Coalesce("login__email", "invited_email")
    return rows.annotate(person=Coalesce("login__name", "invited_name"), email=email).exclude(email="")


@dataclass(frozen=True, slots=True)
class Colleague:
    """Somebody who works where the actor works."""

    login_id: int
    name: str
    email: str


def colleagues_of(actor: Actor) -> list[Colleague]:
    """Return the staff of the actor's own partner, by name; none for a customer's user. Cost: one query."""
    if actor.customer_id is not None:
        return []
    own = staff_of(actor).filter(partner_id=actor.partner_id or 0, login__is_active=True)
    rows = own.order_by("login__name", "login_id").values_list("login_id", "login__name", "login__email")
    return [Colleague(*row) for row in rows]


def roles_of(actor: Actor) -> QuerySet[OwnRole]:
    """Return the roles that partners have defined, as far as the actor sees them, with how many people have each."""
    return OwnRole.objects.visible_to(actor).select_related("partner").annotate(people=Count("memberships"))


def _email() -> Coalesce:
    """The address of a row's login; the invited one when it is another partner's record; "": hired further up."""
    login = Login.objects.filter(pk=OuterRef("login"))
    invited = Membership.objects.filter(login=OuterRef("login"), partner=OuterRef("partner"))
    return Coalesce(Subquery(login.values("email")[:1]), Subquery(invited.values("invited_email")[:1]), Value(""))


def sign_ins_of(actor: Actor) -> QuerySet[SignIn]:
    """Return who is signed in at the partners that the actor sees, whose session has not ended; one query."""
    open_sessions = Session.objects.filter(session_key=OuterRef("session_key"), expire_date__gt=timezone.now())
    rows = SignIn.objects.visible_to(actor).select_related("partner").filter(Exists(open_sessions))
    return rows.annotate(email=_email()).exclude(email="")


def tokens_of(actor: Actor) -> ScopedQuerySet[ApiToken]:
    """Return the API tokens the actor sees; those of its customer when it is a customer's user.

    `asked` is what the owner's role asks for, beside what the partner does.
    """
    own = Membership.objects.filter(login=OuterRef("login"), partner=OuterRef("partner"))
    asked = Subquery(own.values("own_role__second_factor")[:1])
    rows: ScopedQuerySet[Any] = ApiToken.objects.visible_to(actor).annotate(owner=_email(), asked=asked)
    return rows.select_related("partner").exclude(owner="")


def blacklist_of(actor: Actor) -> QuerySet[BlacklistEntry]:
    """Return the blacklist entries of the partners that the actor sees; what their sellers block they do not see."""
    return BlacklistEntry.objects.visible_to(actor).select_related("partner")
