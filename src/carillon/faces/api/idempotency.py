"""`Idempotency-Key`: a POST that arrives twice is done once, and the second one gets the first one's answer."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from carillon.base.actor import Actor
from carillon.base.errors import CarillonError, InvalidInput, NotPermitted
from carillon.base.models import IdempotencyKey

MAX_LENGTH = 70
Answer = tuple[int, dict[str, Any]]


class KeyReused(CarillonError):
    """The key of an earlier, different request."""

    slug = "idempotency-key-reused"
    title = _lazy("This Idempotency-Key belongs to a different request.")
    status = 422


NOT_KEPT = {"detail": "This was done before, under the same Idempotency-Key. What it showed is kept nowhere."}


def once(actor: Actor, key: str, request: bytes, do: Callable[[], Answer], *, is_secret: bool = False) -> Answer:
    """Return what `do` answers, or what it answered when it was done under `key` before.

    Args:
        key: the sender's; "" means every request counts.
        request: what identifies the request (method, path, body).
        is_secret: the answer may not be kept; a repeated request is told so.

    Raises:
        KeyReused: the key came with another request before.
        Whatever `do` raises: then the key stays free.

    Cost: one insert and one update. A second sender waits at the unique index until the first has committed.
    """
    if not key:
        return do()
    if len(key) > MAX_LENGTH or not key.isprintable() or not key.isascii():
        raise InvalidInput(
            _("An Idempotency-Key has at most %(most)s printable ASCII characters.") % {"most": MAX_LENGTH}
        )
    if actor.partner_id is None:
        raise NotPermitted
    key = f"{actor.customer_id or ''}:{key}"  # customers of one partner choose keys without knowing of each other
    digest = hashlib.sha256(request).hexdigest()
    with transaction.atomic():
        try:
            with transaction.atomic():
                kept = IdempotencyKey.objects.create(
                    partner_id=actor.partner_id,
                    customer_id=actor.customer_id,
                    key=key,
                    request_hash=digest,
                    response={},
                    status=0,
                )
        except IntegrityError:
            return _earlier(actor, key, digest)
        status, body = do()
        IdempotencyKey.objects.filter(pk=kept.pk).update(response=NOT_KEPT if is_secret else body, status=status)
    return status, body


def _earlier(actor: Actor, key: str, digest: str) -> Answer:
    kept = IdempotencyKey.objects.visible_to(actor).get(partner_id=actor.partner_id or 0, key=key)
    if kept.request_hash != digest:
        raise KeyReused
    return kept.status, kept.response
