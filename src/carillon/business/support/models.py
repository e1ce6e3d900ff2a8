"""Tickets, what somebody asks those they buy from, and messages, what anybody writes to a web product."""

from __future__ import annotations

from django.db import models

from carillon.base.tenancy import ScopedQuerySet, Tenancy
from carillon.business.brands.models import WebProduct
from carillon.business.customers.models import Customer
from carillon.business.partners.models import Login, Partner
from carillon.business.partners.tenant import TenantModel
from carillon.business.support.choices import MessageSource, MessageStatus, Priority, TicketStatus


class Ticket(TenantModel):
    """A question. `partner` asks and owns the row; `answering_partner` is who it buys from.

    With a `customer` it is that customer who asks, and both partners are the one it buys from.
    """

    tenancy = Tenancy(customer="customer_id", across=("answering_partner", "assigned"))

    answering_partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="+")
    customer = models.ForeignKey(Customer, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    subject = models.CharField(max_length=150)
    status = models.CharField(max_length=8, choices=TicketStatus.choices, default=TicketStatus.OPEN)
    priority = models.CharField(max_length=6, choices=Priority.choices, default=Priority.NORMAL)
    assigned = models.ForeignKey(Login, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    opened_by_login_id = models.BigIntegerField(null=True)
    opened_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField()  # when anything was last said or done

    objects = ScopedQuerySet["Ticket"].as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["answering_partner", "-changed_at"], name="ticket_to_answer"),
            models.Index(fields=["partner", "-changed_at", "-id"], name="ticket_by_partner"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.subject}"


class Post(TenantModel):
    """What either side says to the other. `is_answer`: it was said by those who answer."""

    tenancy = Tenancy(customer="customer_id")
    revoked = ("update", "delete")

    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="posts")
    customer_id = models.BigIntegerField(null=True)
    author_login_id = models.BigIntegerField(null=True)
    author_name = models.CharField(max_length=200)
    is_answer = models.BooleanField()
    text = models.TextField(max_length=10_000)
    at = models.DateTimeField(auto_now_add=True)

    objects = ScopedQuerySet["Post"].as_manager()

    class Meta:
        indexes = [models.Index(fields=["ticket", "id"], name="post_by_ticket")]

    def __str__(self) -> str:
        return self.text[:60]


class InternalNote(TenantModel):
    """What those who answer say among themselves. `partner` is theirs: whoever asks cannot see the row at all."""

    tenancy = Tenancy(across=("ticket",))
    revoked = ("update", "delete")

    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="notes")
    author_login_id = models.BigIntegerField(null=True)
    author_name = models.CharField(max_length=200)
    text = models.TextField(max_length=10_000)
    at = models.DateTimeField(auto_now_add=True)

    objects = ScopedQuerySet["InternalNote"].as_manager()

    class Meta:
        indexes = [models.Index(fields=["ticket", "id"], name="internal_note_by_ticket")]

    def __str__(self) -> str:
        return self.text[:60]


class Attachment(TenantModel):
    """A file that came with a post; small, so it stays in the database and its backup."""

    tenancy = Tenancy(customer="customer_id")
    revoked = ("update", "delete")

    post = models.ForeignKey(Post, on_delete=models.CASCADE, related_name="files")
    customer_id = models.BigIntegerField(null=True)
    name = models.CharField(max_length=120)
    size = models.PositiveIntegerField()
    content = models.BinaryField()

    objects = ScopedQuerySet["Attachment"].as_manager()

    class Meta:
        indexes = [models.Index(fields=["post"], name="attachment_by_post")]

    def __str__(self) -> str:
        return self.name


class Message(TenantModel):
    """What somebody wrote to a web product under “contact us”, or said by telephone; `customer` when we know them."""

    tenancy = Tenancy(across=("assigned",))

    web_product = models.ForeignKey(WebProduct, on_delete=models.PROTECT, related_name="+")
    customer = models.ForeignKey(Customer, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    name = models.CharField(max_length=100)
    email = models.EmailField(default="", blank=True)
    phone = models.CharField(max_length=40, default="", blank=True)
    subject = models.CharField(max_length=150)
    text = models.TextField(max_length=10_000)
    culture = models.CharField(max_length=12, default="en")
    source = models.CharField(max_length=7, choices=MessageSource.choices)
    status = models.CharField(max_length=8, choices=MessageStatus.choices, default=MessageStatus.NEW)
    assigned = models.ForeignKey(Login, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField()  # when anything was last said or done

    objects = ScopedQuerySet["Message"].as_manager()

    class Meta:
        indexes = [models.Index(fields=["partner", "-changed_at", "-id"], name="message_by_partner")]

    def __str__(self) -> str:
        return f"{self.name}: {self.subject}"


class MessageReply(TenantModel):
    """What was answered to a message, by mail."""

    revoked = ("update",)

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="replies")
    author_login_id = models.BigIntegerField(null=True)
    author_name = models.CharField(max_length=200)
    text = models.TextField(max_length=10_000)
    at = models.DateTimeField(auto_now_add=True)

    objects = ScopedQuerySet["MessageReply"].as_manager()

    class Meta:
        indexes = [models.Index(fields=["message", "id"], name="reply_by_message")]

    def __str__(self) -> str:
        return self.text[:60]
