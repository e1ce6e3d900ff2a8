"""History, notes and idempotency: what every context needs beside its own tables."""

from __future__ import annotations

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models

from carillon.base.choices import JobState
from carillon.base.tenancy import ScopedQuerySet, Tenancy


class AuditEntry(models.Model):
    """One change ever made to an object. Names are kept as text because the objects may be gone.

    A customer's users see what they themselves have done, never what staff did.
    """

    tenancy = Tenancy(customer="actor_customer_id")

    partner_id = models.BigIntegerField()
    at = models.DateTimeField(auto_now_add=True)
    object_type = models.CharField(max_length=64)  # "customers.customer"
    object_id = models.CharField(max_length=64)
    object_name = models.CharField(max_length=200)
    action = models.CharField(max_length=64)  # "customer.suspend"
    actor_login_id = models.BigIntegerField(null=True)
    actor_customer_id = models.BigIntegerField(null=True)
    actor_name = models.CharField(max_length=200)
    impersonators = ArrayField(models.CharField(max_length=200), default=list)
    request_id = models.CharField(max_length=64, default="")
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    reason = models.CharField(max_length=500, default="")
    undoes = models.BigIntegerField(null=True)

    objects = ScopedQuerySet["AuditEntry"].as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["object_type", "object_id", "-id"], name="audit_by_object"),
            models.Index(fields=["partner_id", "-id"], name="audit_by_partner"),
            models.Index(fields=["request_id"], name="audit_by_request"),
            models.Index(fields=["undoes"], condition=models.Q(undoes__isnull=False), name="audit_by_undone"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.object_name}"


class Note(models.Model):
    """What a person wrote beside an object."""

    tenancy = Tenancy()

    partner_id = models.BigIntegerField()
    at = models.DateTimeField(auto_now_add=True)
    object_type = models.CharField(max_length=64)
    object_id = models.CharField(max_length=64)
    author_login_id = models.BigIntegerField(null=True)
    author_name = models.CharField(max_length=200)
    text = models.TextField(max_length=4000)

    objects = ScopedQuerySet["Note"].as_manager()

    class Meta:
        indexes = [models.Index(fields=["object_type", "object_id", "-id"], name="note_by_object")]

    def __str__(self) -> str:
        return self.text[:60]


class Mention(models.Model):
    """A colleague whom a note names: what their notifications are made of. `panel` and `object_id` lead to the row."""

    tenancy = Tenancy(across=("note",))

    partner_id = models.BigIntegerField()  # where author and colleague work
    note = models.ForeignKey(Note, on_delete=models.CASCADE, related_name="mentions")
    login_id = models.BigIntegerField()  # who is named
    panel = models.CharField(max_length=64)
    object_id = models.CharField(max_length=64)
    object_name = models.CharField(max_length=200)
    at = models.DateTimeField(auto_now_add=True)
    seen_at = models.DateTimeField(null=True)

    objects = ScopedQuerySet["Mention"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["note", "login_id"], name="mentioned_once_per_note")]
        indexes = [models.Index(fields=["login_id", "-id"], name="mention_by_login")]

    def __str__(self) -> str:
        return self.object_name


OF_ROWS = ("bulk", "undo")  # kinds of jobs


class Job(models.Model):
    """Work in the background that a person started: a file that is imported, many rows that are changed.

    Who may see it is its person's business. `kind` says which function runs it, `panel` and `object_id` what it is for,
    `options` how; the file (of "bulk": the rows that were chosen) is in its parts. `done` counts lines of `total`, of
    which so many were `created`, `changed`, `unchanged` or are `wrong`. What it changes has `request_id` in history.
    """

    tenancy = Tenancy()

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    partner_id = models.BigIntegerField()
    login_id = models.BigIntegerField()
    actor_name = models.CharField(max_length=200)
    impersonators = ArrayField(models.CharField(max_length=200), default=list)
    permissions = ArrayField(models.CharField(max_length=64), default=list)
    kind = models.CharField(max_length=16)
    panel = models.CharField(max_length=64)
    object_id = models.CharField(max_length=64, default="")
    name = models.CharField(max_length=200)
    digest = models.CharField(max_length=64)
    options = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=JobState.choices, default=JobState.DRAFT)
    is_rehearsal = models.BooleanField(default=False)
    is_cancel_wanted = models.BooleanField(default=False)
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    created = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    wrong = models.PositiveIntegerField(default=0)
    detail = models.CharField(max_length=500, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    objects = ScopedQuerySet["Job"].as_manager()

    class Meta:
        indexes = [models.Index(fields=["partner_id", "login_id", "-created_at"], name="job_by_login")]

    def __str__(self) -> str:
        return self.name

    @property
    def request_id(self) -> str:
        """What its changes are called by in history."""
        return f"job:{self.pk}"

    @property
    def is_of_rows(self) -> bool:
        """Whether it is about rows that are there, not about lines of a file."""
        return self.kind in OF_ROWS


class JobPart(models.Model):
    """A piece of a job's file ("file") or of the list of what is wrong with it ("errors", CSV), in order."""

    tenancy = Tenancy(through=("job_id", "base_job"))

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="parts")
    kind = models.CharField(max_length=6)
    number = models.PositiveIntegerField()
    content = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["job", "kind", "number"], name="job_part_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.number}"


class IdempotencyKey(models.Model):
    """The answer to a request that must not happen twice, kept by the key its sender chose."""

    tenancy = Tenancy(customer="customer_id")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    partner_id = models.BigIntegerField()
    customer_id = models.BigIntegerField(null=True)
    key = models.CharField(max_length=100)
    request_hash = models.CharField(max_length=64)
    response = models.JSONField()
    status = models.IntegerField()
    at = models.DateTimeField(auto_now_add=True)

    objects = ScopedQuerySet["IdempotencyKey"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["partner_id", "key"], name="one_answer_per_key")]

    def __str__(self) -> str:
        return self.key
