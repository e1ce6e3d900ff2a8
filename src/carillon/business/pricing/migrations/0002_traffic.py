"""A buyer has a list for the calls it places, and may have others for those it receives."""

from __future__ import annotations

from django.db import migrations, models

BUYER = ["partner", "web_product", "customer", "buyer_partner"]


class Migration(migrations.Migration):
    dependencies = [("pricing", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="priceassignment",
            name="traffic",
            field=models.CharField(
                choices=[
                    ("calls", "Calls placed and forwarded"),
                    ("received", "Calls received"),
                    ("toll_free", "Calls received on toll-free numbers"),
                ],
                default="calls",
                max_length=9,
            ),
        ),
        migrations.RemoveConstraint("priceassignment", "one_list_per_buyer"),
        migrations.AddConstraint(
            "priceassignment",
            models.UniqueConstraint(fields=[*BUYER, "traffic"], name="one_list_per_buyer", nulls_distinct=False),
        ),
    ]
