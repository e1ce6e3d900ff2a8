from __future__ import annotations

from django.db import migrations, models

EVENTS = [
    ("alert", "Alert"),
    ("invitation", "Invitation"),
    ("password_reset", "New password asked for"),
    ("report", "Scheduled report"),
    ("message_reply", "Answer to a message"),
    ("other", "Other"),
]


class Migration(migrations.Migration):
    dependencies = [
        ("notices", "0007_subscribers"),
    ]

    operations = [
        migrations.AlterField("mail", "event", models.CharField(choices=EVENTS, max_length=16)),
        migrations.AlterField("mailtemplate", "event", models.CharField(choices=EVENTS, max_length=16)),
        migrations.AlterField("mailtext", "event", models.CharField(choices=EVENTS, max_length=16)),
    ]
