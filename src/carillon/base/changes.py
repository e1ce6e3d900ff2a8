"""How a change is made: permission, transaction, audit, scope check, event after commit. Actions use nothing else."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Concatenate, ParamSpec, TypeVar
from uuid import UUID

from django.db import models, transaction

from carillon.base.actor import Actor
from carillon.base.errors import NotFound, NotPermitted
from carillon.base.models import AuditEntry
from carillon.base.tenancy import current_actor, row_owner

P = ParamSpec("P")
R = TypeVar("R")
log = logging.getLogger("carillon.changes")


def action(*permissions: str) -> Callable[[Callable[Concatenate[Actor, P], R]], Callable[Concatenate[Actor, P], R]]:
    """Mark a function as an action: atomic, and refused to actors without the permission ("customers.change").

    Of several permissions one is enough to come in; the function itself checks which one its object needs.

    Raises:
        NotPermitted: the actor lacks the permission.
    """

    def wrap(function: Callable[Concatenate[Actor, P], R]) -> Callable[Concatenate[Actor, P], R]:
        @functools.wraps(function)
        def checked(actor: Actor, /, *args: P.args, **kwargs: P.kwargs) -> R:
            if not any(actor.may(permission) for permission in permissions):
                raise NotPermitted(f"This needs the permission {' or '.join(permissions)}.")
            with transaction.atomic():
                return function(actor, *args, **kwargs)

        checked.permission = permissions[0]  # type: ignore[attr-defined]
        return checked

    return wrap


def snapshot(row: models.Model) -> dict[str, Any]:
    """Return the row's own columns as JSON values, without those named in its `audit_exclude`.

    A model whose rows own lines in another table adds them by `audit_also() -> dict` (a route's gateways).
    """
    hidden: tuple[str, ...] = getattr(row, "audit_exclude", ())
    columns = [field.attname for field in row._meta.concrete_fields if field.attname not in hidden]
    also: dict[str, Any] = row.audit_also() if hasattr(row, "audit_also") else {}
    return {name: _plain(getattr(row, name)) for name in columns} | also


def _plain(value: Any) -> Any:
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, (Decimal, UUID)):
        return str(value)
    if isinstance(value, (bytes, memoryview)):
        return None
    return list(value) if isinstance(value, tuple) else value


@contextmanager
def audited(
    actor: Actor, row: models.Model, verb: str, *, reason: str = "", undoes: int | None = None
) -> Iterator[None]:
    """Record what happens to `row` inside the block as one history entry, "<model>.<verb>".

    Args:
        row: the object being changed, saved or not; the block saves or deletes it.
        verb: what is done, such as "create", "update", "suspend".
        reason: why, in the actor's words.
        undoes: id of the history entry this change takes back.

    Raises:
        NotFound: after the block the row lies outside the actor's scope (everything is rolled back).

    Cost: one insert.
    """
    before = snapshot(row) if row.pk and not row._state.adding else None
    key = row.pk
    yield
    _check_scope(actor, row)
    after = snapshot(row) if row.pk else None
    if before is not None and before == after:
        return
    entry = _entry(actor, row, row.pk or key, verb)
    entry.before, entry.after, entry.reason, entry.undoes = before, after, reason[:500], undoes
    entry.save(force_insert=True)


def witnessed(actor: Actor, row: models.Model, verb: str, *, reason: str = "") -> None:
    """Record an act that history must show although no visible column changes: a secret shown or replaced.

    Cost: one insert.
    """
    _check_scope(actor, row)
    entry = _entry(actor, row, row.pk, verb)
    entry.reason = reason[:500]
    entry.save(force_insert=True)


def _check_scope(actor: Actor, row: models.Model) -> None:
    owner = row_owner(row)
    visible = actor.scope | current_actor().scope
    if owner is not None and owner not in visible:
        raise NotFound(f"The {row._meta.model_name} would leave your part of the tree.")


def _entry(actor: Actor, row: models.Model, key: Any, verb: str) -> AuditEntry:
    owner = row_owner(row)
    done = f"{row._meta.model_name}.{verb}"
    transaction.on_commit(lambda: log.info("%s %s by %s", done, key, actor.name))
    return AuditEntry(
        partner_id=owner if owner is not None else actor.partner_id or 0,
        object_type=row._meta.label_lower,
        object_id=str(key),
        object_name=str(row)[:200],
        action=done,
        actor_login_id=actor.login_id,
        actor_customer_id=actor.customer_id,
        actor_name=actor.name,
        impersonators=list(actor.impersonators),
        request_id=actor.request_id,
    )
