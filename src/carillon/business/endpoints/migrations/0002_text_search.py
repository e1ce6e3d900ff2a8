"""A trigram index: `public.carillon_search` finds SIP endpoints by any part of username or label."""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex
from django.db import migrations

TRIGRAMS = ["gin_trgm_ops", "gin_trgm_ops"]


class Migration(migrations.Migration):
    dependencies = [("endpoints", "0001_initial"), ("customers", "0002_text_search")]

    operations = [
        migrations.AddIndex(
            "endpoint", GinIndex(fields=["username", "label"], opclasses=TRIGRAMS, name="endpoint_by_text")
        ),
    ]
