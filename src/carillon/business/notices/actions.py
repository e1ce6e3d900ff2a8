"""Alerts: found by the worker in what is recorded, so that nothing they do can hold up a call; told exactly once.

An alert is a row that can be there only once, and its mail is a job that is queued with the row. The mail is marked as
sent in the transaction that sends it, under the row's lock.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from django.db.models import DateTimeField, DurationField, Exists, ExpressionWrapper, F, OuterRef, Q
from django.db.models.functions import Now
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from procrastinate.contrib.django import app

from carillon.base.actor import Actor
from carillon.base.changes import action
from carillon.business.calls.models import Call
from carillon.business.customers.models import Customer, User
from carillon.business.endpoints.models import Endpoint
from carillon.business.notices.choices import AlertKind, MailEvent
from carillon.business.notices.letters import CULTURES
from carillon.business.notices.mails import Occasion, letter, moment
from carillon.business.notices.models import Alert
from carillon.business.notices.queries import told_of
from carillon.business.notices.sentences import alert_text, english
from carillon.business.routing.models import Gateway

log = logging.getLogger("carillon.notices")
LOOKED_BACK = timedelta(days=1)  # a call that control wrote down late is found as well
BATCH = 100


@action("alerts.note")
def note_emergency_calls(actor: Actor) -> int:
    """Raise an alert for each emergency call, whatever came of it; return how many.

    Cost: three queries, and three per alert.
    """
    told = Alert.objects.filter(kind=AlertKind.EMERGENCY, call_id=OuterRef("pk"))
    calls = Call.objects.visible_to(actor).filter(direction="emergency", started_at__gt=Now() - LOOKED_BACK)
    found = list(calls.filter(~Exists(told), customer_id__isnull=False).order_by("started_at")[:BATCH])
    customers = Customer.objects.in_bulk([call.customer_id for call in found])
    users = User.objects.in_bulk([call.decision["user_id"] for call in found if call.decision.get("user_id")])
    alerts = []
    for call in found:
        customer, user = customers[call.customer_id], users.get(call.decision.get("user_id"))
        values = {"user": user.name if user else "", "customer": customer.name}
        alerts.append(
            Alert(
                partner_id=customer.partner_id,
                kind=AlertKind.EMERGENCY,
                customer=customer,
                user=user,
                call_id=call.pk,
                values=values | {"dialled": call.callee, "shown": call.caller},
                address=(user.emergency_address if user else "") or customer.emergency_address,
                since=call.started_at,
            )
        )
    return _raise(alerts)


@action("alerts.note")
def note_outages(actor: Actor) -> int:
    """Raise an alert for each watched device that is offline too long or back again; return how many.

    Two queries, and two per alert.
    """
    patience = ExpressionWrapper(F("offline_alert_minutes") * timedelta(minutes=1), output_field=DurationField())
    watched = Endpoint.objects.visible_to(actor).filter(is_enabled=True, offline_alert_minutes__isnull=False)
    since = F("reachability__offline_since")
    due = ExpressionWrapper(since + patience, output_field=DateTimeField())
    told = Alert.objects.filter(kind=AlertKind.OFFLINE, endpoint=OuterRef("pk"), since=OuterRef("since"))
    lost = watched.annotate(since=since, due=due).filter(~Exists(told), due__lte=Now()).select_related("customer")
    alerts = [_outage(AlertKind.OFFLINE, endpoint, endpoint.since) for endpoint in lost[:BATCH]]
    answered = Alert.objects.filter(kind=AlertKind.BACK, endpoint=OuterRef("endpoint"), since=OuterRef("since"))
    is_back = Q(endpoint__reachability__offline_since=None) | Q(endpoint__reachability__offline_since__gt=F("since"))
    outages = Alert.objects.visible_to(actor).filter(is_back, kind=AlertKind.OFFLINE, endpoint__isnull=False)
    over = outages.filter(~Exists(answered)).select_related("endpoint__customer")
    alerts += [_outage(AlertKind.BACK, alert.endpoint, alert.since) for alert in over[:BATCH] if alert.endpoint]
    return _raise(alerts)


def _outage(kind: AlertKind, endpoint: Endpoint, since: datetime) -> Alert:
    name = f"{endpoint.label} ({endpoint.username})" if endpoint.label else endpoint.username
    return Alert(
        partner_id=endpoint.partner_id,
        kind=kind,
        customer=endpoint.customer,
        user_id=endpoint.user_id,
        endpoint=endpoint,
        values={"device": name, "customer": endpoint.customer.name, "since": f"{since:%Y-%m-%d %H:%M}"},
        since=since,
    )


def _raise(alerts: Iterable[Alert]) -> int:
    """Write the alerts with the jobs that mail them; return how many are new."""
    return sum(raise_alert(alert) for alert in alerts)


def raise_alert(alert: Alert) -> bool:
    """Write an alert with the job that mails it, and tell whether it is new; another worker's stays as it is."""
    if alert.values:
        alert.about = english(alert.kind, alert.values)
    identity = ("kind", "since", "call_id", "endpoint", "subject", "partner_id")
    where = {name: getattr(alert, name) for name in identity}
    values = {name: getattr(alert, name) for name in ("customer", "user", "about", "values", "address")}
    written, is_new = Alert.objects.get_or_create(**where, defaults=values)
    if is_new:
        app.configure_task("mail_alert", queueing_lock=f"mail_alert:{written.pk}").defer(alert_id=written.pk)
    return is_new


@action("alerts.note")
def tell_of_gateway(actor: Actor, gateway: Gateway, *, is_up: bool, since: datetime) -> bool:
    """Tell a gateway's owner that it does not answer or answers again: bell, mail and webhooks; whether that is new.

    Say it as often as you like: an outage and its end are told once each.

    Args:
        since: when the outage began, the same moment for its end: it is what makes the outage one.

    Cost: one query, of a new outage four.
    """
    values = {"gateway": gateway.name, "since": f"{since:%Y-%m-%d %H:%M}"}
    return raise_alert(
        Alert(
            partner_id=gateway.partner_id,
            kind=AlertKind.GATEWAY_UP if is_up else AlertKind.GATEWAY_DOWN,
            subject=f"gateway {gateway.pk}",
            values=values,
            since=since,
        )
    )


def tell_of_prices(partner_id: int, version_id: int, values: Mapping[str, str], *, is_coming: bool) -> bool:
    """Tell a sub-partner that a list by which it pays changes, or that it does not after all: bell, mail and webhooks.

    Args:
        values: list, seller and when; of what is coming how many prices are dearer, cheaper, new and gone, and changes.

    Cost: four queries.
    """
    return raise_alert(
        Alert(
            partner_id=partner_id,
            kind=AlertKind.PRICES if is_coming else AlertKind.PRICES_STAY,
            subject=f"version {version_id}",
            values=dict(values),
            since=timezone.now(),
        )
    )


@action("alerts.mail")
def mail_alert(actor: Actor, alert_id: int) -> bool:
    """Mail an alert to its partner's people, in their languages; return whether that was done now.

    Raises what the mail server raises.
    """
    rows = Alert.objects.visible_to(actor).select_for_update(of=("self",)).filter(pk=alert_id, mailed_at=None)
    alert = rows.first()
    if alert is None:
        return False
    told = told_of(actor, alert.partner_id, alert.kind)
    if not told:
        log.warning("Alert %s concerns nobody: its partner has nobody who wants alerts of its kind.", alert_id)
        return False
    for culture, addresses in told.items():
        with translation.override(culture):
            mail = letter(actor, _occasion(alert, culture), addresses, is_blind=True)
        written = "" if culture == CULTURES[0] else f"-{culture}"
        mail.extra_headers["Message-ID"] = f"<alert-{alert.pk}{written}@carillon>"  # sent twice, it is the same mail
        mail.send()
    alert.mailed_at, alert.mailed_to = timezone.now(), sorted(itertools.chain(*told.values()))
    alert.save(update_fields=["mailed_at", "mailed_to"])
    return True


def _occasion(alert: Alert, culture: str) -> Occasion:
    """The mail of an alert, in the active language."""
    is_emergency = alert.kind == AlertKind.EMERGENCY
    about = alert_text(alert)
    values = {
        "what": str(alert.get_kind_display()),
        "whom": str(alert.values.get("whom") or alert.customer or alert.partner),
        "about": f"{about}\n\n{alert.values['changes']}" if alert.values.get("changes") else about,
        "address": (alert.address or str(_("not known"))) if is_emergency else "",
        "when": moment(alert.since),
    }
    product = alert.customer.web_product_id if alert.customer else None
    return Occasion(
        event=MailEvent.ALERT, partner=alert.partner, values=values, culture=culture, web_product_id=product
    )
