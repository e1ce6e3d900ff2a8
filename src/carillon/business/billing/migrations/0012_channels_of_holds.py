"""A call that is over gives its channel back before it is rated, when rating has to wait."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("billing", "0011_fewer_indexes_on_hot_tables")]

    operations = [migrations.AddField("hold", "has_channel", models.BooleanField(db_default=True, default=True))]
