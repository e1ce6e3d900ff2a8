"""What a webhook message says: `{"type", "timestamp", "data"}`, made of the row that its event stands for.

Names and units are those of the REST API: money in micro-units, moments in UTC, durations in milliseconds.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

from carillon.base.actor import Actor
from carillon.base.models import AuditEntry
from carillon.business.billing.models import Transfer
from carillon.business.calls.models import Cdr
from carillon.business.endpoints.models import Endpoint
from carillon.business.notices.choices import TEST, Event
from carillon.business.notices.models import Alert, Delivery

CDR_FIELDS = (
    "id call_id customer_id customer_name user_id user_name direction tab caller callee destination started_at"
    " answered_at ended_at duration_ms billed_s outcome sip_code sip_reason currency amount_micro"
)
TRANSFER_FIELDS = "id kind reference customer_id buyer_partner_id currency amount_micro actor_name at"
ALERT_FIELDS = "id kind about values subject address customer_id user_id endpoint_id call_id since"
ENDPOINT_FIELDS = "id username label customer_id user_id is_enabled"


def body_of(actor: Actor, delivery: Delivery) -> str | None:
    """Return a message's body as JSON; None when what it tells of is there no more. Cost: one query."""
    data = _data(actor, delivery)
    if data is None:
        return None
    message = {"type": delivery.event, "timestamp": delivery.created_at, "data": data}
    return json.dumps(message, cls=DjangoJSONEncoder, separators=(",", ":"), ensure_ascii=False)


def _data(actor: Actor, delivery: Delivery) -> dict[str, Any] | None:
    if delivery.event == TEST:
        return {"webhook_id": delivery.webhook_id, "text": "This is a test."}
    if delivery.event.startswith("alert."):
        return _columns(Alert.objects.visible_to(actor).filter(pk=delivery.source).first(), ALERT_FIELDS)
    return READERS.get(delivery.event, _change)(actor, delivery.source)


def _columns(row: Any, names: str) -> dict[str, Any] | None:
    return None if row is None else {name: getattr(row, name) for name in names.split()}


def _cdr(actor: Actor, key: int) -> dict[str, Any] | None:
    return _columns(Cdr.objects.visible_to(actor).filter(pk=key).first(), CDR_FIELDS)


def _transfer(actor: Actor, key: int) -> dict[str, Any] | None:
    return _columns(Transfer.objects.visible_to(actor).filter(pk=key).first(), TRANSFER_FIELDS)


def _endpoint(actor: Actor, key: int) -> dict[str, Any] | None:
    return _columns(Endpoint.objects.visible_to(actor).filter(pk=key).first(), ENDPOINT_FIELDS)


def _change(actor: Actor, key: int) -> dict[str, Any] | None:
    """A change as history has it: the object as it was then, and which of its columns are new."""
    entry = AuditEntry.objects.visible_to(actor).filter(pk=key).first()
    if entry is None:
        return None
    before, after = entry.before or {}, entry.after or {}
    return {
        "id": int(entry.object_id) if entry.object_id.isdigit() else entry.object_id,
        "name": entry.object_name,
        "by": entry.actor_name,
        "reason": entry.reason,
        "changed": sorted(name for name in {**before, **after} if before.get(name) != after.get(name)),
        "object": after or before,
    }


READERS: dict[str, Callable[[Actor, int], dict[str, Any] | None]] = {
    Event.CALL_ENDED: _cdr,
    Event.TRANSACTION_CREATED: _transfer,
    Event.ENDPOINT_REGISTERED: _endpoint,
    Event.ENDPOINT_LOST: _endpoint,
}
