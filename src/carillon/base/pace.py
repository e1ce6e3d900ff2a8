"""How often somebody may ask: look-ups that cost others something, or tell what an intruder would collect."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.cache import cache
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from carillon.base.actor import Actor
from carillon.base.errors import CarillonError

MINUTE_S = 60


class AskedTooOften(CarillonError):
    """More of one look-up in a minute than anybody needs (RFC 6585, 4)."""

    slug = "asked-too-often"
    title = _lazy("You ask too often: wait a minute.")
    status = 429


@contextmanager
def paced(actor: Actor, what: str, *, per_minute: int) -> Iterator[None]:
    """Count one more look-up of whoever is at work, each person or program for itself; three queries of the cache.

    It is counted when it has been answered, so that two at once do not wait for each other; they may count as one: this
    is against floods, not a ledger.

    Raises:
        AskedTooOften: there were `per_minute` in this minute of the clock.
    """
    minute = int(timezone.now().timestamp()) // MINUTE_S
    key = f"pace:{what}:{actor.partner_id}:{actor.customer_id}:{actor.login_id}:{minute}"
    if cache.get(key, 0) >= per_minute:
        raise AskedTooOften(_("At most %(most)s a minute.") % {"most": per_minute})
    yield
    if not cache.add(key, 1, 2 * MINUTE_S):
        cache.incr(key)
