"""Mark-up of numbers that none of a partner's lists has; least and highest price of a rule."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("pricing", "0010_several_lists")]

    operations = [
        migrations.RemoveConstraint("markuprule", "markup_rule_once_per_numbers"),
        migrations.AlterField(
            "markuprule",
            "price_list",
            models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="markup_rules",
                to="pricing.pricelist",
            ),
        ),
        migrations.AddField("markuprule", "floor", models.DecimalField(decimal_places=8, default=0, max_digits=14)),
        migrations.AddField(
            "markuprule", "cap", models.DecimalField(blank=True, decimal_places=8, max_digits=14, null=True)
        ),
        migrations.AddConstraint(
            "markuprule",
            models.UniqueConstraint(
                fields=("partner", "price_list", "group", "prefix", "destination"),
                name="markup_once_per_numbers",
                nulls_distinct=False,
            ),
        ),
    ]
