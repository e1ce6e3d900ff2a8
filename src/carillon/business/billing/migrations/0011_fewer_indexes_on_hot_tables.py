"""Holds and waiting charges are written with each call: they keep the indexes by which somebody reads them.

No index of holds has what changes in one, and their pages keep room: an extension, and the end, write a new row beside
the old one and no index entry.
"""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


def _reference(related_name: str, to: str) -> models.ForeignKey:
    return models.ForeignKey(
        db_constraint=False,
        db_index=False,
        on_delete=django.db.models.deletion.PROTECT,
        related_name=related_name,
        to=to,
    )


class Migration(migrations.Migration):
    dependencies = [("billing", "0010_bundles_of_holds"), ("partners", "0003_blacklist")]

    operations = [
        migrations.RemoveIndex("hold", "hold_open"),
        migrations.AlterField("hold", "partner", _reference("+", "partners.partner")),
        migrations.AlterField("hold", "account", _reference("holds", "billing.account")),
        migrations.AlterField("unpostedcharge", "partner", _reference("+", "partners.partner")),
        migrations.AlterField("unpostedcharge", "account", _reference("+", "billing.account")),
        migrations.RunSQL(
            [
                "alter table billing_hold set (fillfactor = 80)",
                # whose partner a hold is, is taken from its account: a check of that locks the account's row once more
                "alter table billing_hold drop constraint if exists billing_hold_account_id_same_partner",
            ],
            migrations.RunSQL.noop,
        ),
    ]
