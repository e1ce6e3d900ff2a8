"""The two walls between tenants: scoped querysets and PostgreSQL row-level security.

Each model with tenant data carries `tenancy = Tenancy(...)`, which says which columns own a row. `visible_to` reads
it for the first wall, `carillon.base.policies` for the second. The scope of the second wall travels in
transaction-local settings (`carillon.scope`, `carillon.customer`, `carillon.realm`): missing or empty means no rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Self, TypeVar

from django.db import connection, models, transaction

from carillon.base.actor import Actor, nobody

M = TypeVar("M", bound=models.Model)


@dataclass(frozen=True, slots=True)
class Tenancy:
    """Which columns own a row.

    `partner`: column with the owning partner's id. `also`: further columns with partner ids that may see (not change)
    the row, such as the buyer of a wholesale account. `customer`: column with the owning customer's id; None: customers
    never see these rows. `realm`: column by which a sign-in query (no scope yet) may find the row. `check`: column that
    a new row is checked by when the owner cannot be in scope yet (a new partner is checked by its parent).
    `across`: foreign keys that may point into another tenant; all others are composite.
    `proven`: those without a key in the database: the one statement that writes rows takes their owner from the row
    they point to, which is never removed, so that a check would only cost.
    `through`: (column, table): a row is seen when the row it hangs on in that table is (a call's trace); it has no
    owner columns of its own and `visible_to` does not apply: reach it from its parent.
    """

    partner: str = "partner_id"
    also: tuple[str, ...] = ()
    customer: str | None = None
    realm: str | None = None
    check: str | None = None
    across: tuple[str, ...] = ()
    proven: tuple[str, ...] = ()
    through: tuple[str, str] | None = None


class ScopedQuerySet(models.QuerySet[M]):
    """A queryset whose reads begin with `visible_to`."""

    def visible_to(self, actor: Actor) -> Self:
        """Return the rows that `actor` may see; one query, filtered on indexed owner columns."""
        tenancy: Tenancy = self.model.tenancy  # type: ignore[attr-defined]
        owners = models.Q(**{f"{tenancy.partner}__in": actor.scope})
        for column in tenancy.also:
            owners |= models.Q(**{f"{column}__in": actor.scope})
        rows = self.filter(owners)
        if actor.customer_id is None:
            return rows
        if tenancy.customer is None:
            return rows.none()
        return rows.filter(**{tenancy.customer: actor.customer_id})


_current: ContextVar[Actor | None] = ContextVar("carillon_actor", default=None)


def current_actor() -> Actor:
    """Return the actor of the open tenant block, or nobody."""
    return _current.get() or nobody()


def _settings_of(actor: Actor) -> tuple[str, str]:
    scope = ",".join(str(partner_id) for partner_id in sorted(actor.scope))
    return scope, "" if actor.customer_id is None else str(actor.customer_id)


def _apply(scope: str, customer: str, realm: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "select set_config('carillon.scope', %s, true), set_config('carillon.customer', %s, true),"
            " set_config('carillon.realm', %s, true)",
            [scope, customer, realm],
        )


def _read() -> tuple[str, str, str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "select current_setting('carillon.scope', true), current_setting('carillon.customer', true),"
            " current_setting('carillon.realm', true)"
        )
        scope, customer, realm = cursor.fetchone()
    return scope or "", customer or "", realm or ""


@contextmanager
def tenant(actor: Actor) -> Iterator[Actor]:
    """Open a transaction in which the database shows `actor`'s rows only; restore the outer scope on exit.

    Args:
        actor: whose rows are visible inside.

    Cost: one short statement, three inside another transaction. After an error inside, the settings went with the
    rolled-back savepoint; at the end of the outermost one they go by themselves.
    """
    token = _current.set(actor)
    is_inside = connection.in_atomic_block
    try:
        with transaction.atomic():
            outer = _read() if is_inside else None
            _apply(*_settings_of(actor), "")
            yield actor
            if outer is not None:
                _apply(*outer)
    finally:
        _current.reset(token)


@contextmanager
def realm_scope(realm: int) -> Iterator[None]:
    """Open a transaction for a request whose actor is not known yet: only logins of `realm` can be found."""
    token = _current.set(None)
    try:
        with transaction.atomic():
            _apply("", "", str(realm))
            yield
    finally:
        _current.reset(token)


def enter(actor: Actor, *, realm: int | None = None) -> None:
    """Give the open transaction `actor`'s scope: the request's actor has become known, or has created a partner.

    Args:
        actor: whose rows become visible.
        realm: logins of this realm stay visible too, for pages that sign in or change passwords; None: no longer.
    """
    _apply(*_settings_of(actor), "" if realm is None else str(realm))
    _current.set(actor)


def after_commit(work: Callable[[], None]) -> None:
    """Do `work` once the transaction has been committed, in a transaction of its own with the present scope.

    The request's transaction is over by then and so are its settings: plain `on_commit` work would see no rows.
    """
    actor = current_actor()

    def inside() -> None:
        with tenant(actor):
            work()

    transaction.on_commit(inside)


def row_owner(row: models.Model) -> int | None:
    """Return the id of the partner that owns `row`, or None when the model is not a tenant's."""
    tenancy: Tenancy | None = getattr(row, "tenancy", None)
    owner: int | None = getattr(row, tenancy.partner) if tenancy and not tenancy.through else None
    return owner
