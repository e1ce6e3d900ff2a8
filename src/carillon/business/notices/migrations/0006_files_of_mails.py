"""Files that go with mails."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("notices", "0005_watched_balances"),
        ("partners", "0008_sign_ins"),
    ]

    operations = [
        migrations.AddField(
            model_name="mail",
            name="file_name",
            field=models.CharField(blank=True, default="", max_length=120),
        ),
        migrations.AlterField(
            model_name="mail",
            name="event",
            field=models.CharField(
                choices=[
                    ("alert", "Alert"),
                    ("password_reset", "New password asked for"),
                    ("report", "Scheduled report"),
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
                    ("other", "Other"),
                ],
                max_length=16,
            ),
        ),
        migrations.CreateModel(
            name="MailFile",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("content_type", models.CharField(max_length=100)),
                ("content", models.BinaryField()),
                (
                    "mail",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="file", to="notices.mail"
                    ),
                ),
                (
                    "partner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="partners.partner"
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
    ]
