"""Who is named in a note."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("base", "0002_cache_and_customers_history")]

    operations = [
        migrations.CreateModel(
            name="Mention",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("partner_id", models.BigIntegerField()),
                ("login_id", models.BigIntegerField()),
                ("panel", models.CharField(max_length=64)),
                ("object_id", models.CharField(max_length=64)),
                ("object_name", models.CharField(max_length=200)),
                ("at", models.DateTimeField(auto_now_add=True)),
                ("seen_at", models.DateTimeField(null=True)),
                (
                    "note",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="mentions", to="base.note"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["login_id", "-id"], name="mention_by_login")],
                "constraints": [models.UniqueConstraint(fields=("note", "login_id"), name="mentioned_once_per_note")],
            },
        ),
    ]
