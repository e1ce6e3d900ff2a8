"""Words of notices."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class AlertKind(models.TextChoices):
    """What a partner's people must hear of at once."""

    EMERGENCY = "emergency", _("Emergency call")
    OFFLINE = "offline", _("Device offline")
    BACK = "back", _("Device back")
    WEBHOOK = "webhook", _("Webhook disabled")
    BALANCE_LOW = "balance_low", _("Balance low")
    CREDIT_LOW = "credit_low", _("Own credit low")
    GATEWAY_DOWN = "gateway_down", _("Gateway down")
    GATEWAY_UP = "gateway_up", _("Gateway up again")
    PRICES = "prices", _("New purchase prices")
    PRICES_STAY = "prices_stay", _("Purchase prices stay")


class Covers(models.TextChoices):
    """Whose balance is watched."""

    CUSTOMERS = "customers", _("Customers")
    PARTNERS = "partners", _("Sub-partners")
    OWN = "own", _("Own account with the company above")


class Event(models.TextChoices):
    """What a webhook may be told of. The names are those that `carillon_tell_webhooks` (sql/10_webhooks.sql) gives."""

    CUSTOMER_CREATED = "customer.created", _("Customer created")
    CUSTOMER_CHANGED = "customer.changed", _("Customer changed")
    CUSTOMER_SUSPENDED = "customer.suspended", _("Customer suspended")
    CUSTOMER_BLOCKED = "customer.blocked", _("Customer blocked")
    CUSTOMER_ACTIVATED = "customer.activated", _("Customer active again")
    CUSTOMER_BALANCE_LOW = "customer.balance_low", _("Customer told of a low balance")
    CUSTOMER_TERMINATED = "customer.terminated", _("Customer terminated")
    USER_CREATED = "user.created", _("User created")
    USER_CHANGED = "user.changed", _("User changed")
    USER_REMOVED = "user.removed", _("User removed")
    ENDPOINT_CREATED = "endpoint.created", _("SIP endpoint created")
    ENDPOINT_CHANGED = "endpoint.changed", _("SIP endpoint changed")
    ENDPOINT_REMOVED = "endpoint.removed", _("SIP endpoint removed")
    ENDPOINT_REGISTERED = "endpoint.registered", _("SIP endpoint registered")
    ENDPOINT_LOST = "endpoint.lost", _("SIP endpoint no longer registered")
    NUMBER_ASSIGNED = "number.assigned", _("Number assigned")
    NUMBER_UNASSIGNED = "number.unassigned", _("Number taken back")
    CALL_ENDED = "call.ended", _("Call ended, with its CDR")
    TRANSACTION_CREATED = "transaction.created", _("Top-up or other transaction")
    PRICE_LIST_APPROVED = "price_list.approved", _("Price list approved")
    PARTNER_CREATED = "partner.created", _("Sub-partner created")
    PARTNER_CHANGED = "partner.changed", _("Sub-partner changed")
    PARTNER_SUSPENDED = "partner.suspended", _("Sub-partner suspended")
    PARTNER_BLOCKED = "partner.blocked", _("Sub-partner blocked")
    PARTNER_ACTIVATED = "partner.activated", _("Sub-partner active again")
    PARTNER_TERMINATED = "partner.terminated", _("Sub-partner terminated")
    TICKET_OPENED = "ticket.opened", _("Ticket opened")
    TICKET_REPLIED = "ticket.replied", _("Ticket replied to")
    ALERT_EMERGENCY = "alert.emergency", _("Alert: emergency call")
    ALERT_OFFLINE = "alert.offline", _("Alert: device offline")
    ALERT_BACK = "alert.back", _("Alert: device back")
    ALERT_BALANCE_LOW = "alert.balance_low", _("Alert: balance low")
    ALERT_CREDIT_LOW = "alert.credit_low", _("Alert: own credit low")
    ALERT_GATEWAY_DOWN = "alert.gateway_down", _("Alert: gateway down")
    ALERT_GATEWAY_UP = "alert.gateway_up", _("Alert: gateway up again")
    ALERT_PRICES = "alert.prices", _("Alert: new purchase prices")
    ALERT_PRICES_STAY = "alert.prices_stay", _("Alert: purchase prices stay")


TEST = "webhook.test"  # sent on demand, whatever a webhook has chosen


class DeliveryState(models.TextChoices):
    """How far a message to a webhook has come."""

    WAITING = "waiting", _("Waiting")
    DELIVERED = "delivered", _("Delivered")
    FAILED = "failed", _("Given up")


class MailEvent(models.TextChoices):
    """Why the platform writes a mail; `letters` has their texts."""

    ALERT = "alert", _("Alert")
    INVITATION = "invitation", _("Invitation")
    PASSWORD_RESET = "password_reset", _("New password asked for")
    REPORT = "report", _("Scheduled report")
    MESSAGE_REPLY = "message_reply", _("Answer to a message")
    BALANCE_LOW = "balance_low", _("Low balance of a customer")
    PRICES = "prices", _("New prices")
    PRICES_STAY = "prices_stay", _("New prices taken back")
    OTHER = "other", _("Other")


class WordsFrom(models.TextChoices):
    """Whose words a mail has, from the nearest to the farthest."""

    OWN = "own", _("Own words")
    PARTNER = "partner", _("Your company")
    SELLER = "seller", _("The company above")
    OPERATOR = "operator", _("The platform's operator")
    BUILT_IN = "built_in", _("As it came")


class MailState(models.TextChoices):
    """How far a mail has come."""

    WAITING = "waiting", _("Waiting")
    SENT = "sent", _("Sent")
    FAILED = "failed", _("Failed")


class SubscriberState(models.TextChoices):
    """Whether somebody is written to."""

    PENDING = "pending", _("Not confirmed")
    CONFIRMED = "confirmed", _("Subscribed")
    UNSUBSCRIBED = "unsubscribed", _("Unsubscribed")


class SubscriberSource(models.TextChoices):
    """Who put somebody on the list."""

    WEBSITE = "website", _("Web site")
    STAFF = "staff", _("Staff")
