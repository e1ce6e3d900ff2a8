"""Which groups of the menu a person has left open."""

from __future__ import annotations

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("partners", "0009_mail_domains")]

    operations = [
        migrations.AddField(
            "login",
            "open_groups",
            django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=20), blank=True, null=True, size=None
            ),
        )
    ]
