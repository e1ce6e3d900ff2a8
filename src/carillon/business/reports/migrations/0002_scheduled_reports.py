"""Reports that are mailed, and each time that they were."""

from __future__ import annotations

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("partners", "0008_sign_ins"),
        ("reports", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ReportSchedule",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100)),
                ("report", models.CharField(max_length=50)),
                ("query", models.CharField(blank=True, default="", max_length=2000)),
                (
                    "days",
                    models.CharField(
                        choices=[
                            ("as_said", "As the filters say"),
                            ("day", "The day before"),
                            ("week", "The seven days before"),
                            ("month", "The month before"),
                        ],
                        default="as_said",
                        max_length=8,
                    ),
                ),
                ("format", models.CharField(choices=[("xlsx", "XLSX"), ("csv", "CSV")], default="xlsx", max_length=4)),
                (
                    "every",
                    models.CharField(
                        choices=[("day", "Every day"), ("week", "Every week"), ("month", "Every month")],
                        default="day",
                        max_length=5,
                    ),
                ),
                (
                    "weekday",
                    models.CharField(
                        choices=[
                            ("monday", "Monday"),
                            ("tuesday", "Tuesday"),
                            ("wednesday", "Wednesday"),
                            ("thursday", "Thursday"),
                            ("friday", "Friday"),
                            ("saturday", "Saturday"),
                            ("sunday", "Sunday"),
                        ],
                        default="monday",
                        max_length=9,
                    ),
                ),
                ("month_day", models.PositiveSmallIntegerField(default=1)),
                ("at", models.CharField(max_length=5)),
                ("timezone", models.CharField(default="UTC", max_length=64)),
                (
                    "culture",
                    models.CharField(choices=[("en", "English"), ("es", "Spanish")], default="en", max_length=12),
                ),
                (
                    "recipients",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), default=list, size=None
                    ),
                ),
                (
                    "permissions",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=64), blank=True, default=list, size=None
                    ),
                ),
                ("is_enabled", models.BooleanField(default=True)),
                ("next_at", models.DateTimeField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
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
                "verbose_name": "scheduled report",
            },
        ),
        migrations.CreateModel(
            name="ReportRun",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100)),
                ("report", models.CharField(max_length=50)),
                ("due_at", models.DateTimeField()),
                (
                    "state",
                    models.CharField(
                        choices=[("waiting", "Waiting"), ("sent", "Sent"), ("failed", "Failed")],
                        default="waiting",
                        max_length=7,
                    ),
                ),
                ("detail", models.CharField(blank=True, default="", max_length=500)),
                ("row_count", models.PositiveIntegerField(blank=True, null=True)),
                ("file_name", models.CharField(blank=True, default="", max_length=120)),
                ("size", models.PositiveIntegerField(default=0)),
                ("content", models.BinaryField(blank=True, null=True)),
                (
                    "sent_to",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.EmailField(max_length=254), blank=True, default=list, size=None
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "partner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="partners.partner"
                    ),
                ),
                (
                    "schedule",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="runs",
                        to="reports.reportschedule",
                    ),
                ),
            ],
            options={
                "verbose_name": "report sent",
            },
        ),
        migrations.AddIndex(
            model_name="reportschedule",
            index=models.Index(fields=["partner", "-id"], name="schedule_by_partner"),
        ),
        migrations.AddIndex(
            model_name="reportschedule",
            index=models.Index(condition=models.Q(("is_enabled", True)), fields=["next_at"], name="schedule_due"),
        ),
        migrations.AddIndex(
            model_name="reportrun",
            index=models.Index(fields=["partner", "-id"], name="report_run_by_partner"),
        ),
        migrations.AddIndex(
            model_name="reportrun",
            index=models.Index(
                condition=models.Q(("state", "waiting")), fields=["created_at"], name="report_run_waiting"
            ),
        ),
        migrations.AddConstraint(
            model_name="reportrun",
            constraint=models.UniqueConstraint(fields=("schedule", "due_at"), name="report_once_each_time"),
        ),
    ]
