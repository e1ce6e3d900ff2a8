"""What a partner's people and programs are told without having asked."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from carillon.base.tenancy import ScopedQuerySet, Tenancy
from carillon.business.billing.models import Account
from carillon.business.brands.models import WebProduct
from carillon.business.customers.models import Customer, User
from carillon.business.endpoints.models import Endpoint
from carillon.business.notices.choices import (
    AlertKind,
    Covers,
    DeliveryState,
    Event,
    MailEvent,
    MailState,
    SubscriberSource,
    SubscriberState,
)
from carillon.business.partners.models import Login, Partner
from carillon.business.partners.tenant import TenantModel


class Alert(TenantModel):
    """Something that a partner must hear of, told once: here and by mail. Written by the worker alone.

    `since` is when the call or the outage began; with what it is about it makes the alert unique: a call, a SIP
    endpoint, or any other row by `subject` ("webhook 12"). `about` is what has happened in English, `values` what it
    is said with in any language (`notices.sentences`).
    """

    kind = models.CharField(max_length=16, choices=AlertKind.choices)
    customer = models.ForeignKey(Customer, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    user = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    endpoint = models.ForeignKey(Endpoint, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    call_id = models.UUIDField(null=True, blank=True)
    subject = models.CharField(max_length=40, default="", blank=True)
    about = models.CharField(max_length=300)
    values = models.JSONField(default=dict, blank=True)
    address = models.CharField(max_length=300, default="", blank=True)  # where help must come to
    since = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)
    mailed_at = models.DateTimeField(null=True, blank=True)
    mailed_to = ArrayField(models.EmailField(), default=list, blank=True)

    objects = ScopedQuerySet["Alert"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["call_id", "kind"], name="alert_once_per_call"),
            models.UniqueConstraint(fields=["endpoint", "kind", "since"], name="alert_once_per_outage"),
            models.UniqueConstraint(
                fields=["partner", "kind", "subject", "since"],
                condition=~models.Q(subject=""),
                name="alert_once_per_subject",
            ),
        ]
        indexes = [models.Index(fields=["partner", "-id"], name="alert_by_partner")]

    def __str__(self) -> str:
        return self.about


class AlertChoice(TenantModel):
    """Which alerts a person gets by mail and in the bell; who has none gets what their role gets."""

    tenancy = Tenancy(across=("login",))

    login = models.ForeignKey(Login, on_delete=models.CASCADE, related_name="+")
    mailed = ArrayField(models.CharField(max_length=16, choices=AlertKind.choices), default=list, blank=True)
    in_bell = ArrayField(models.CharField(max_length=16, choices=AlertKind.choices), default=list, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedQuerySet["AlertChoice"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["partner", "login"], name="one_alert_choice_each")]

    def __str__(self) -> str:
        return self.login.name


class BalanceWatch(TenantModel):
    """Below what its people want to hear of a balance: of one customer or sub-partner, of all others, or their own.

    What counts is what is left to spend, credit limit included, without what running calls have set aside.
    """

    tenancy = Tenancy(across=("buyer_partner",))

    covers = models.CharField(max_length=9, choices=Covers.choices)
    customer = models.ForeignKey(Customer, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    buyer_partner = models.ForeignKey(Partner, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    currency = models.CharField(max_length=3)
    below_micro = models.BigIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedQuerySet["BalanceWatch"].as_manager()

    class Meta:
        verbose_name = "balance alert"
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "covers", "customer", "buyer_partner", "currency"],
                name="one_balance_watch_each",
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return f"{self.customer or self.buyer_partner or self.get_covers_display()} {self.currency}"


class LowBalance(TenantModel):
    """An account that has fallen below what is watched: told, and not again before it has risen clearly above it.

    Without a `watch` it is the customer itself who was told, by the threshold of its own or of its web product.
    """

    tenancy = Tenancy(across=("account",))

    watch = models.ForeignKey(BalanceWatch, null=True, on_delete=models.CASCADE, related_name="low")
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    since = models.DateTimeField()

    objects = ScopedQuerySet["LowBalance"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "account"], condition=~models.Q(watch=None), name="one_low_balance_each"
            ),
            models.UniqueConstraint(
                fields=["account"], condition=models.Q(watch=None), name="one_own_low_balance_each"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.since}"


class Webhook(TenantModel):
    """An address of a partner's that is told of what happens in its own business, signed by a secret both know.

    `rests_until`: nothing is sent before; who sends sets it as a lease, a failure as a pause. `failing_since`: nothing
    has been accepted since. Both are the worker's and in no history.
    """

    audit_exclude = ("secret", "old_secret", "old_secret_until", "rests_until", "failing_since", "failures")

    url = models.CharField(max_length=500)
    description = models.CharField(max_length=100, default="", blank=True)
    events = ArrayField(models.CharField(max_length=32, choices=Event.choices))
    is_enabled = models.BooleanField(default=True)
    secret = models.TextField()  # encrypted, as SIP secrets are
    secret_shown_at = models.DateTimeField(null=True, blank=True)
    old_secret = models.TextField(default="", blank=True)  # signs too while receivers change over
    old_secret_until = models.DateTimeField(null=True, blank=True)
    rests_until = models.DateTimeField(null=True, blank=True)
    failing_since = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)  # in a row
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedQuerySet["Webhook"].as_manager()

    class Meta:
        indexes = [models.Index(fields=["partner", "-id"], name="webhook_by_partner")]

    def __str__(self) -> str:
        return self.description or self.url


class Delivery(TenantModel):
    """One message to one webhook: written by the database with the change it tells of (sql/10_webhooks.sql), or a test.

    `source` is the row that it is about, of the table that its event stands for; `body` is made of it once, at the
    first try. `tries` are the last ones: [{"at", "status", "error", "duration_ms"}, ...].
    """

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    message = models.UUIDField(unique=True)  # the same at every try, so that a receiver knows a duplicate
    event = models.CharField(max_length=32)
    source = models.BigIntegerField()
    body = models.TextField(default="", blank=True)
    state = models.CharField(max_length=9, choices=DeliveryState.choices, default=DeliveryState.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)  # since it was created or asked for again
    due_at = models.DateTimeField()
    gives_up_at = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True, blank=True)  # of the last try, as are the next three
    error = models.CharField(max_length=300, default="", blank=True)
    answer = models.TextField(default="", blank=True)
    duration_ms = models.PositiveIntegerField(null=True, blank=True)
    tries = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedQuerySet["Delivery"].as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["partner", "-id"], name="delivery_by_partner"),
            models.Index(fields=["webhook", "-id"], name="delivery_by_webhook"),
            models.Index(
                fields=["webhook", "due_at"], name="delivery_due", condition=models.Q(state=DeliveryState.WAITING)
            ),
            models.Index(fields=["created_at"], name="delivery_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.created_at:%Y-%m-%d %H:%M:%S}"

    @property
    def message_id(self) -> str:
        """What the header webhook-id says."""
        return f"msg_{self.message.hex}"


class Mail(TenantModel):
    """A mail that the platform sends: written with the change that it tells of, sent by the worker.

    The body of a mail that lets somebody in (`is_secret`) is encrypted, shown to nobody and gone once it is sent.
    """

    audit_exclude = ("text", "html")

    event = models.CharField(max_length=16, choices=MailEvent.choices)
    culture = models.CharField(max_length=12, default="en")
    sender = models.CharField(max_length=400)
    reply_to = models.CharField(max_length=254, default="", blank=True)
    to = ArrayField(models.EmailField())
    is_blind = models.BooleanField(default=False)  # receivers do not see each other
    subject = models.CharField(max_length=400)
    text = models.TextField(default="", blank=True)
    html = models.TextField(default="", blank=True)
    file_name = models.CharField(max_length=120, default="", blank=True)  # of what goes with it
    is_secret = models.BooleanField(default=False)
    message_id = models.CharField(max_length=100)
    state = models.CharField(max_length=8, choices=MailState.choices, default=MailState.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField()
    gives_up_at = models.DateTimeField()
    error = models.CharField(max_length=300, default="", blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True, blank=True)

    objects = ScopedQuerySet["Mail"].as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["partner", "-id"], name="mail_by_partner"),
            models.Index(fields=["due_at"], name="mail_due", condition=models.Q(state=MailState.WAITING)),
            models.Index(fields=["created_at"], name="mail_by_age"),
        ]

    def __str__(self) -> str:
        return self.subject


class MailFile(TenantModel):
    """The file that goes with a mail; gone once the mail is sent or given up."""

    mail = models.OneToOneField(Mail, on_delete=models.CASCADE, related_name="file")
    content_type = models.CharField(max_length=100)
    content = models.BinaryField()

    objects = ScopedQuerySet["MailFile"].as_manager()

    def __str__(self) -> str:
        return str(self.mail_id)


class MailIdentity(TenantModel):
    """Who a partner's mails come from and how they look; without a web product: all that have none of their own."""

    web_product = models.ForeignKey(WebProduct, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=100)
    address = models.EmailField(default="", blank=True)  # "": the installation's
    reply_to = models.EmailField(default="", blank=True)
    colour = models.CharField(max_length=7, default="#206bc4")
    footer = models.CharField(max_length=500, default="", blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedQuerySet["MailIdentity"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "web_product"], name="one_mail_identity_each", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return self.name


class MailTemplate(TenantModel):
    """A partner's own text of a mail in one language; without a web product: for all that have none of their own."""

    web_product = models.ForeignKey(WebProduct, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    event = models.CharField(max_length=16, choices=MailEvent.choices)
    culture = models.CharField(max_length=12)
    subject = models.CharField(max_length=200)
    text = models.TextField(max_length=10_000)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedQuerySet["MailTemplate"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "web_product", "event", "culture"],
                name="one_mail_template_each",
                nulls_distinct=False,
            )
        ]
        indexes = [models.Index(fields=["partner", "-id"], name="mail_template_by_partner")]

    def __str__(self) -> str:
        return f"{self.get_event_display()} ({self.culture})"


class MailText(models.Model):
    """A mail as a partner or web product writes it: a view of every place, mail and language (sql/20_mail_texts.sql).

    `subject` and `text` are its own, null while they are inherited. `inherited` is what it says without them, as
    somebody above has written it: {"subject", "text", "from"}; null: as the platform came.
    """

    tenancy = Tenancy()
    audit_exclude = ("inherited",)

    id = models.BigIntegerField(primary_key=True)
    partner_id = models.BigIntegerField()
    web_product_id = models.BigIntegerField(null=True)
    owner = models.CharField(max_length=100)
    event = models.CharField(max_length=16, choices=MailEvent.choices)
    culture = models.CharField(max_length=12)
    template_id = models.BigIntegerField(null=True)
    subject = models.CharField(max_length=200, null=True)  # noqa: DJ001 - a view's
    text = models.TextField(max_length=10_000, null=True)  # noqa: DJ001
    inherited = models.JSONField(null=True)

    objects = ScopedQuerySet["MailText"].as_manager()

    class Meta:
        managed = False
        db_table = "notices_mailtext"

    def __str__(self) -> str:
        return f"{self.get_event_display()} ({self.culture})"


class Reading(TenantModel):
    """What a person has read of their notifications at a partner: all up to a moment, and some later ones."""

    login_id = models.BigIntegerField()
    read_until = models.DateTimeField()
    keys = ArrayField(models.CharField(max_length=40), default=list, blank=True)

    objects = ScopedQuerySet["Reading"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["partner", "login_id"], name="one_reading_per_person")]

    def __str__(self) -> str:
        return f"{self.login_id} {self.read_until}"


class Subscriber(TenantModel):
    """Somebody who wants the newsletter of a web product, with what proves it.

    Who signs up by themselves is pending until they follow the link of a mail (double opt-in), which sets
    `confirmed_at`; `consent` says how they agreed, `consent_address` from which address on the Internet.
    """

    web_product = models.ForeignKey(WebProduct, on_delete=models.PROTECT, related_name="+")
    customer = models.ForeignKey(Customer, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    email = models.EmailField()
    name = models.CharField(max_length=100, default="", blank=True)
    culture = models.CharField(max_length=12, default="", blank=True)
    source = models.CharField(max_length=7, choices=SubscriberSource.choices)
    state = models.CharField(max_length=12, choices=SubscriberState.choices, default=SubscriberState.PENDING)
    consent = models.CharField(max_length=300, default="", blank=True)
    consent_at = models.DateTimeField()
    consent_address = models.GenericIPAddressField(null=True, blank=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    unsubscribed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedQuerySet["Subscriber"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["web_product", "email"], name="one_subscriber_each")]
        indexes = [
            models.Index(fields=["partner", "-id"], name="subscriber_by_partner"),
            models.Index(fields=["email", "id"], name="subscriber_by_email"),
        ]

    def __str__(self) -> str:
        return self.email
