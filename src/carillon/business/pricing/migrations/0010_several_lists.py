"""Several lists per buyer: with weight and the time in which they are active."""

from __future__ import annotations

from django.db import migrations, models

TRAFFIC = [
    ("calls", "Calls placed and forwarded"),
    ("received", "Calls received"),
    ("toll_free", "Calls received on toll-free numbers"),
    ("onnet", "Calls that stay on the platform"),
    ("messages", "Messages"),
]


class Migration(migrations.Migration):
    dependencies = [("pricing", "0009_exchange_rates")]

    operations = [
        migrations.RemoveConstraint("priceassignment", "one_list_per_buyer"),
        migrations.AddField("priceassignment", "weight", models.PositiveSmallIntegerField(default=0)),
        migrations.AddField("priceassignment", "active_from", models.DateTimeField(blank=True, null=True)),
        migrations.AddField("priceassignment", "active_until", models.DateTimeField(blank=True, null=True)),
        migrations.AddField("priceassignment", "allows_loss", models.BooleanField(default=False)),
        migrations.AlterField(
            "priceassignment", "traffic", models.CharField(choices=TRAFFIC, default="calls", max_length=9)
        ),
        migrations.AddConstraint(
            "priceassignment",
            models.UniqueConstraint(
                fields=("partner", "web_product", "customer", "buyer_partner", "traffic", "price_list"),
                name="list_once_per_buyer",
                nulls_distinct=False,
            ),
        ),
    ]
