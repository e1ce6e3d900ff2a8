"""Suppliers, costs and fees, porting, quarantine that ends, and who had which number."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

CURRENCIES = """
update numbers_number n set currency = p.currency from partners_partner p where p.id = n.partner_id and n.currency = ''
"""
# those who serve somebody have done so since they were assigned
TENURES = """
insert into numbers_tenure (partner_id, e164, customer_id, user_id, since)
select partner_id, e164, customer_id, user_id, coalesce(assigned_at, now()) from numbers_number where customer_id is not null
"""


class Migration(migrations.Migration):
    dependencies = [
        ("customers", "0008_calls_per_second"),
        ("numbers", "0002_text_search"),
        ("partners", "0004_own_roles"),
    ]

    operations = [
        migrations.CreateModel(
            name="Tenure",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("e164", models.CharField(max_length=16)),
                ("since", models.DateTimeField()),
                ("until", models.DateTimeField(null=True)),
            ],
        ),
        migrations.AddField(
            model_name="number",
            name="currency",
            field=models.CharField(blank=True, default="", max_length=3),
        ),
        migrations.AddField(
            model_name="number",
            name="monthly_cost_micro",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="number",
            name="monthly_fee_micro",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="number",
            name="quarantine_until",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="number",
            name="setup_cost_micro",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="number",
            name="setup_fee_micro",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="number",
            name="supplier",
            field=models.CharField(blank=True, default="", max_length=100),
        ),
        migrations.AlterField(
            model_name="number",
            name="state",
            field=models.CharField(
                choices=[
                    ("available", "Available"),
                    ("reserved", "Reserved"),
                    ("in_service", "In service"),
                    ("porting_in", "Porting in"),
                    ("porting_out", "Porting out"),
                    ("quarantine", "Quarantine"),
                ],
                default="available",
                max_length=12,
            ),
        ),
        migrations.AddIndex(
            model_name="number",
            index=models.Index(
                condition=models.Q(("state", "quarantine")), fields=["quarantine_until"], name="number_quarantined"
            ),
        ),
        migrations.AddField(
            model_name="tenure",
            name="customer",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="customers.customer"
            ),
        ),
        migrations.AddField(
            model_name="tenure",
            name="partner",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="partners.partner"
            ),
        ),
        migrations.AddField(
            model_name="tenure",
            name="user",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="customers.user"
            ),
        ),
        migrations.AddIndex(
            model_name="tenure",
            index=models.Index(fields=["e164", "-since"], name="tenure_by_number"),
        ),
        migrations.AddIndex(
            model_name="tenure",
            index=models.Index(fields=["partner", "-since", "-id"], name="tenure_newest"),
        ),
        migrations.AddConstraint(
            model_name="tenure",
            constraint=models.UniqueConstraint(
                condition=models.Q(("until", None)), fields=("e164",), name="one_tenure_at_a_time"
            ),
        ),
        migrations.RunSQL(CURRENCIES, migrations.RunSQL.noop),
        migrations.RunSQL(TENURES, migrations.RunSQL.noop),
    ]
