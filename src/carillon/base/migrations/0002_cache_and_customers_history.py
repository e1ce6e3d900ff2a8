"""The cache table that settings.CACHES names (rate limits of sign-in), and history written by customers' users."""

from __future__ import annotations

from django.db import migrations, models

CREATE_CACHE = """
create table base_cache (
    cache_key varchar(255) not null primary key,
    value text not null,
    expires timestamp with time zone not null
);
create index base_cache_expires on base_cache (expires);
"""


class Migration(migrations.Migration):
    dependencies = [("base", "0001_initial")]

    operations = [
        migrations.RunSQL(CREATE_CACHE, "drop table base_cache"),
        migrations.AddField("auditentry", "actor_customer_id", models.BigIntegerField(null=True)),
        migrations.AddField("idempotencykey", "customer_id", models.BigIntegerField(null=True)),
    ]
