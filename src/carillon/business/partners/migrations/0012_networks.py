from __future__ import annotations

import django.contrib.postgres.fields
from django.db import migrations, models


def networks() -> django.contrib.postgres.fields.ArrayField:
    return django.contrib.postgres.fields.ArrayField(
        base_field=models.CharField(max_length=43), blank=True, default=list, size=None
    )


class Migration(migrations.Migration):
    dependencies = [
        ("partners", "0011_invitations"),
    ]

    operations = [
        migrations.AddField("apitoken", "networks", networks()),
        migrations.AddField("ownrole", "networks", networks()),
        migrations.AddField("partner", "networks", networks()),
    ]
