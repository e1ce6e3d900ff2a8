"""How a change is made: permission, transaction, audit, scope check, event after commit. Actions use nothing else."""

from __future__ import annotations

import functools
import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Concatenate, ParamSpec, TypeVar
from uuid import UUID

from django.db import models, transaction
from django.utils.translation import gettext as _

from carillon.base.actor import Actor
from carillon.base.errors import ChangedMeanwhile, NotFound, NotPermitted
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
                raise NotPermitted(
                    _("This needs the permission %(permissions)s.") % {"permissions": " or ".join(permissions)}
                )
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
    return {name: plain_value(getattr(row, name)) for name in columns} | also


def version_of(values: Mapping[str, Any]) -> str:
    """Return what tells one state of a row from any other: a digest of its `snapshot`."""
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What stands around a change, whatever action makes it.

    `reason`: why, in the actor's words, where the action has none of its own. `about`: the row that the rest is about:
    the `version` that the actor has looked at ("": whichever) and the id of the history entry that is taken back. One
    that is not saved yet stands for the new row of its kind.
    """

    reason: str = ""
    about: models.Model | None = None
    version: str = ""
    undoes: int | None = None

    def concern(self, row: models.Model) -> bool:
        """Tell whether `row` is what they are about."""
        if self.about is None or type(row) is not type(self.about):
            return False
        is_new = self.about._state.adding
        return row._state.adding == is_new and (is_new or row.pk == self.about.pk)


PLAIN = Circumstances()
_circumstances: ContextVar[Circumstances] = ContextVar("carillon_circumstances", default=PLAIN)


@contextmanager
def under(circumstances: Circumstances) -> Iterator[None]:
    """Let the actions called inside be recorded, and refused, under these circumstances."""
    token = _circumstances.set(circumstances)
    try:
        yield
    finally:
        _circumstances.reset(token)


def plain_value(value: Any) -> Any:
    """Return a column's value as JSON has it; what is bytes has none."""
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
        reason: why, in the actor's words; "": the one that was given with the request.
        undoes: id of the history entry this change takes back.

    Raises:
        ChangedMeanwhile: the row is not as the actor has seen it (`under`); nothing inside the block has happened.
        NotFound: after the block the row lies outside the actor's scope (everything is rolled back).

    Cost: one insert.
    """
    given = _circumstances.get()
    before = snapshot(row) if row.pk and not row._state.adding else None
    key = row.pk
    if given.concern(row):
        undoes = undoes or given.undoes
    if before is not None and given.concern(row):
        if given.version not in ("", version_of(before)):
            raise ChangedMeanwhile
        _circumstances.set(replace(given, version=""))  # a second entry of the same change finds what the first did
    yield
    _check_scope(actor, row)
    after = snapshot(row) if row.pk else None
    if before is not None and before == after:
        return
    entry = _entry(actor, row, row.pk or key, verb)
    entry.before, entry.after, entry.undoes = before, after, undoes
    entry.reason = (reason or given.reason)[:500]
    entry.save(force_insert=True)


def witnessed(actor: Actor, row: models.Model, verb: str, *, reason: str = "") -> None:
    """Record an act that history must show although no visible column changes: a secret shown or replaced.

    Cost: one insert.
    """
    _check_scope(actor, row)
    entry = _entry(actor, row, row.pk, verb)
    entry.reason = (reason or _circumstances.get().reason)[:500]
    entry.save(force_insert=True)


def _check_scope(actor: Actor, row: models.Model) -> None:
    owner = row_owner(row)
    visible = actor.scope | current_actor().scope
    if owner is not None and owner not in visible:
        raise NotFound(
            _("The %(model_name)s would leave your part of the tree.") % {"model_name": row._meta.model_name}
        )


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
