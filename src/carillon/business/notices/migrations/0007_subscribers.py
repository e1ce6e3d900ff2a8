"""Who wants newsletters, with what proves it."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("brands", "0003_themes"),
        ("customers", "0008_calls_per_second"),
        ("notices", "0006_files_of_mails"),
        ("partners", "0008_sign_ins"),
    ]

    operations = [
        migrations.AlterField(
            model_name="mail",
            name="event",
            field=models.CharField(
                choices=[
                    ("alert", "Alert"),
                    ("password_reset", "New password asked for"),
                    ("report", "Scheduled report"),
                    ("message_reply", "Answer to a message"),
                    ("other", "Other"),
                ],
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="mailtemplate",
            name="event",
            field=models.CharField(
                choices=[
                    ("alert", "Alert"),
                    ("password_reset", "New password asked for"),
                    ("report", "Scheduled report"),
                    ("message_reply", "Answer to a message"),
                    ("other", "Other"),
                ],
                max_length=16,
            ),
        ),
        migrations.CreateModel(
            name="Subscriber",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("email", models.EmailField(max_length=254)),
                ("name", models.CharField(blank=True, default="", max_length=100)),
                ("culture", models.CharField(blank=True, default="", max_length=12)),
                ("source", models.CharField(choices=[("website", "Web site"), ("staff", "Staff")], max_length=7)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "Not confirmed"),
                            ("confirmed", "Subscribed"),
                            ("unsubscribed", "Unsubscribed"),
                        ],
                        default="pending",
                        max_length=12,
                    ),
                ),
                ("consent", models.CharField(blank=True, default="", max_length=300)),
                ("consent_at", models.DateTimeField()),
                ("consent_address", models.GenericIPAddressField(blank=True, null=True)),
                ("confirmed_at", models.DateTimeField(blank=True, null=True)),
                ("unsubscribed_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "customer",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="customers.customer",
                    ),
                ),
                (
                    "partner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="partners.partner"
                    ),
                ),
                (
                    "web_product",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="brands.webproduct"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["partner", "-id"], name="subscriber_by_partner"),
                    models.Index(fields=["email", "id"], name="subscriber_by_email"),
                ],
                "constraints": [models.UniqueConstraint(fields=("web_product", "email"), name="one_subscriber_each")],
            },
        ),
    ]
