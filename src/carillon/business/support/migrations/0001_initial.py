"""Tickets."""

from __future__ import annotations

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

PARTNER = {"on_delete": django.db.models.deletion.PROTECT, "related_name": "+", "to": "partners.partner"}
KEY = ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"))


class Migration(migrations.Migration):
    initial = True

    dependencies = [("customers", "0008_calls_per_second"), ("partners", "0003_blacklist")]

    operations = [
        migrations.CreateModel(
            name="Ticket",
            fields=[
                KEY,
                ("subject", models.CharField(max_length=150)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("open", "Open"),
                            ("answered", "Answered"),
                            ("waiting", "Waiting for a reply"),
                            ("closed", "Closed"),
                        ],
                        default="open",
                        max_length=8,
                    ),
                ),
                (
                    "priority",
                    models.CharField(
                        choices=[("low", "Low"), ("normal", "Normal"), ("high", "High"), ("urgent", "Urgent")],
                        default="normal",
                        max_length=6,
                    ),
                ),
                ("opened_by_login_id", models.BigIntegerField(null=True)),
                ("opened_by", models.CharField(max_length=200)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("changed_at", models.DateTimeField()),
                ("answering_partner", models.ForeignKey(**PARTNER)),
                (
                    "assigned",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "customer",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="customers.customer",
                    ),
                ),
                ("partner", models.ForeignKey(**PARTNER)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["answering_partner", "-changed_at"], name="ticket_to_answer"),
                    models.Index(fields=["partner", "-changed_at", "-id"], name="ticket_by_partner"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Post",
            fields=[
                KEY,
                ("customer_id", models.BigIntegerField(null=True)),
                ("author_login_id", models.BigIntegerField(null=True)),
                ("author_name", models.CharField(max_length=200)),
                ("is_answer", models.BooleanField()),
                ("text", models.TextField(max_length=10000)),
                ("at", models.DateTimeField(auto_now_add=True)),
                ("partner", models.ForeignKey(**PARTNER)),
                (
                    "ticket",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="posts", to="support.ticket"
                    ),
                ),
            ],
            options={"indexes": [models.Index(fields=["ticket", "id"], name="post_by_ticket")]},
        ),
        migrations.CreateModel(
            name="InternalNote",
            fields=[
                KEY,
                ("author_login_id", models.BigIntegerField(null=True)),
                ("author_name", models.CharField(max_length=200)),
                ("text", models.TextField(max_length=10000)),
                ("at", models.DateTimeField(auto_now_add=True)),
                ("partner", models.ForeignKey(**PARTNER)),
                (
                    "ticket",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="notes", to="support.ticket"
                    ),
                ),
            ],
            options={"indexes": [models.Index(fields=["ticket", "id"], name="internal_note_by_ticket")]},
        ),
        migrations.CreateModel(
            name="Attachment",
            fields=[
                KEY,
                ("customer_id", models.BigIntegerField(null=True)),
                ("name", models.CharField(max_length=120)),
                ("size", models.PositiveIntegerField()),
                ("content", models.BinaryField()),
                ("partner", models.ForeignKey(**PARTNER)),
                (
                    "post",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="files", to="support.post"
                    ),
                ),
            ],
            options={"indexes": [models.Index(fields=["post"], name="attachment_by_post")]},
        ),
    ]
