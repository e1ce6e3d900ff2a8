"""Hours are found by partner and hour: an index of partners alone is written with each call and read by nobody."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("reports", "0002_scheduled_reports"), ("partners", "0003_blacklist")]

    operations = [
        migrations.AlterField(
            "callhour",
            "partner",
            models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="partners.partner",
            ),
        ),
    ]
