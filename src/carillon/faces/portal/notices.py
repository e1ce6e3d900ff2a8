"""Panels of what partners' programs are told: webhooks and the log of what went to them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from carillon.base.actor import Actor
from carillon.business.notices import queries, webhooks
from carillon.business.notices.choices import TEST, DeliveryState, Event
from carillon.business.notices.models import Delivery, Webhook
from carillon.panels.declaration import Column, Detail, Field, Filter, Link, Panel, RowAction

EVENTS = [*Event.choices, (TEST, _("Test"))]
STATES = {
    "working": _("Working"),
    "failing": _("Failing"),
    "disabled": _("Disabled"),
}


def _state(webhook: Webhook) -> str:
    if not webhook.is_enabled:
        return "disabled"
    return "failing" if webhook.failures else "working"


def _last_answer(row: Any) -> str:
    """Status and error of the last try in one text; empty before the first."""
    status = str(row.last_status or "")
    return f"{status}: {row.last_error}" if status and row.last_error else status or row.last_error or ""


def _events(webhook: Webhook) -> list[str]:
    labels = dict(Event.choices)
    return [str(labels.get(event, event)) for event in webhook.events]


WEBHOOKS = Panel(
    slug="webhooks",
    title=_("Webhooks"),
    name=_("webhook"),
    section="settings",
    icon="webhook",
    model=Webhook,
    rows=queries.webhooks_of,
    columns=(
        Column("description", _("Description"), width=150, grow=1),
        Column("url", _("Address"), kind="code", width=230, grow=2),
        Column("events_told", _("Told of"), kind="list", value=_events, width=200, grow=2, in_api=False),
        Column("state", _("State"), kind="status", value=_state, choices=STATES.items(), width=90),
        Column("last_answer", _("Last answer"), value=_last_answer, width=150, in_api=False),
        Column("failing_since", _("Failing since"), kind="datetime", width=140),
    ),
    api=(
        Column("events", _("Events"), kind="list"),
        Column("is_enabled", _("Enabled"), kind="bool"),
        Column("failures", _("Failures in a row"), kind="integer"),
        Column("last_status", _("Status of the last answer"), kind="integer"),
        Column("last_error", _("Error of the last try")),
        Column("secret_shown_at", _("Secret shown"), kind="datetime"),
        Column("partner_id", _("Partner"), kind="integer"),
        Column("created_at", _("Since"), kind="datetime"),
    ),
    filters=(
        Filter("description", _("Description"), lookup="istartswith"),
        Filter("url", _("Address"), lookup="icontains"),
        Filter("is_enabled", _("Enabled"), kind="bool"),
        Filter("partner_id", _("Partner"), kind="integer"),
    ),
    order=("-id",),
    search="description",
    data=webhooks.WebhookData,
    fields=(
        Field(
            "url",
            _("Address"),
            kind="code",
            max_length=500,
            placeholder="https://hooks.example.com/carillon",
            help=_("https, on the public Internet, port 443 or 8443. Redirects are not followed."),
            wide=True,
        ),
        Field("description", _("Description"), max_length=100, help=_("For your own people."), wide=True),
        Field("events", _("Told of"), choices=Event.choices, wide=True),
        Field(
            "partner_id", _("Partner"), lookup="partners", only="create", help=_("Leave empty for your own company.")
        ),
    ),
    create=webhooks.create_webhook,
    update=webhooks.update_webhook,
    remove=webhooks.remove_webhook,
    actions=(
        RowAction(
            "show-secret",
            _("Show secret"),
            webhooks.show_secret,
            icon="key",
            confirm=_("It is shown once. Keep it where your receiver checks signatures with it."),
            applies=lambda row: row.secret_shown_at is None,
            result=lambda secret: {"secret": secret},
            is_secret=True,
        ),
        RowAction(
            "replace-secret",
            _("Replace secret"),
            webhooks.replace_secret,
            icon="refresh",
            confirm=_("The new one is shown once. For a day messages carry signatures by both."),
            result=lambda secret: {"secret": secret},
            is_secret=True,
        ),
        RowAction(
            "test",
            _("Send a test"),
            webhooks.send_test,
            icon="bolt",
            confirm=_("A message of the type webhook.test is sent at once; Deliveries shows the answer."),
            applies=lambda row: row.is_enabled,
            done=_("The test is on its way: Deliveries shows the answer."),
        ),
        RowAction(
            "disable",
            _("Disable"),
            webhooks.disable_webhook,
            icon="player-pause",
            confirm=_("Nothing is sent, and what happens meanwhile is not collected."),
            applies=lambda row: row.is_enabled,
        ),
        RowAction(
            "enable",
            _("Enable"),
            webhooks.enable_webhook,
            icon="player-play",
            applies=lambda row: not row.is_enabled,
        ),
    ),
    links=(Link(_("Deliveries"), "webhook-deliveries", {"webhook_id": "id"}, icon="list"),),
    help=_(
        "Your own programs are told at once of what happens in your own business: messages signed with a secret that"
        " only they and the platform know, tried again for a day, and logged. Sub-partners have their own."
    ),
    empty=_("No webhooks yet. Add one to have a program of yours told, for example, of each call that ends."),
)


def _message(actor: Actor, delivery: Delivery) -> Mapping[str, Any]:
    """The page of one message: what was sent, what came back, and each try."""
    tries = [{**one, "moment": datetime.fromisoformat(one["at"])} for one in reversed(delivery.tries)]
    body = json.dumps(json.loads(delivery.body), indent=2, ensure_ascii=False) if delivery.body else ""
    return {
        "delivery": delivery,
        "event": dict(EVENTS).get(delivery.event, delivery.event),
        "body": body,
        "tries": tries,
    }


DELIVERIES = Panel(
    slug="webhook-deliveries",
    title=_("Webhook log"),
    name=_("delivery"),
    section="settings",
    icon="send",
    model=Delivery,
    rows=queries.deliveries_of,
    columns=(
        Column("created_at", _("When"), kind="datetime", width=140),
        Column("event", _("Event"), kind="choice", choices=EVENTS, width=170, grow=1),
        Column("webhook", _("Webhook"), value=lambda row: str(row.webhook), width=180, grow=1, in_api=False),
        Column("state", _("State"), kind="status", width=90),
        Column("status", _("Answer"), kind="integer", width=70),
        Column("error", _("Error"), width=200, grow=2),
        Column("duration", _("Took, ms"), kind="integer", value="duration_ms", width=80, in_api=False),
        Column("attempts", _("Tries"), kind="integer", width=60),
        Column("due_at", _("Next try"), kind="datetime", value=queries.next_try_of, width=140),
    ),
    api=(
        Column("webhook_id", _("Webhook"), kind="integer"),
        Column("message_id", _("webhook-id")),
        Column("body", _("Body")),
        Column("answer", _("Start of the answer's body")),
        Column("duration_ms", _("Milliseconds"), kind="integer"),
        Column("gives_up_at", _("Tried until"), kind="datetime"),
        Column("partner_id", _("Partner"), kind="integer"),
    ),
    filters=(
        Filter("created_at", _("When"), kind="date", lookup="range"),
        Filter("event", _("Event"), choices=EVENTS),
        Filter("state", _("State"), choices=DeliveryState.choices),
        Filter("webhook_id", _("Webhook"), kind="integer"),
        Filter("partner_id", _("Partner"), kind="integer"),
    ),
    order=("-id",),
    search="event",
    permission="webhooks",
    detail=Detail("portal/notices/delivery.html", _message, _("Message and answer")),
    actions=(
        RowAction(
            "again",
            _("Send again"),
            webhooks.send_again,
            icon="refresh",
            confirm=_("The same bytes with the same id, so that the receiver can tell it is a duplicate."),
            done=_("It is on its way."),
        ),
    ),
    refresh_s=3,
    has_history=False,
    help=_(
        "What was sent to webhooks in the last 30 days: the message, the answer, how long it took and how often it was"
        " tried. Send again what a receiver has lost."
    ),
    empty=_("Nothing has been sent yet. Send a test from the menu of a webhook."),
)

PANELS = (WEBHOOKS, DELIVERIES)
