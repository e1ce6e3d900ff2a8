"""A holder's movements of money are added up from the newest on."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0005_fewer_keys_on_hot_tables"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="transfer",
            index=models.Index(
                fields=["customer", "-id"], include=["amount_micro", "currency"], name="transfer_of_customer"
            ),
        ),
        migrations.AddIndex(
            model_name="transfer",
            index=models.Index(
                fields=["buyer_partner", "-id"], include=["amount_micro", "currency"], name="transfer_of_buyer"
            ),
        ),
    ]
