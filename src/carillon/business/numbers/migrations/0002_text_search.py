"""A trigram index: `public.carillon_search` finds numbers by any part."""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("numbers", "0001_initial"), ("customers", "0002_text_search")]

    operations = [
        migrations.AddIndex("number", GinIndex(fields=["e164"], opclasses=["gin_trgm_ops"], name="number_by_text")),
    ]
