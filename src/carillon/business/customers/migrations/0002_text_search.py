"""Trigram indexes: `public.carillon_search` finds customers and users by any part of name or address."""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.operations import TrigramExtension
from django.db import migrations

TRIGRAMS = ["gin_trgm_ops", "gin_trgm_ops"]


class Migration(migrations.Migration):
    dependencies = [("customers", "0001_initial")]

    operations = [
        TrigramExtension(),  # trusted: the owner of the database may create it
        migrations.AddIndex(
            "customer", GinIndex(fields=["name", "email"], opclasses=TRIGRAMS, name="customer_by_text")
        ),
        migrations.AddIndex("user", GinIndex(fields=["name", "email"], opclasses=TRIGRAMS, name="user_by_text")),
    ]
