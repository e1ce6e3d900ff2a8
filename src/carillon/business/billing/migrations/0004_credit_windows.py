"""Credit windows of the tiers above a call's customer; their unposted charges are counted on the account like customers'."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

COUNT_UNPOSTED = """
update public.billing_account a set unposted_micro = u.total
from (select account_id, sum(amount_micro) as total from public.billing_unpostedcharge group by 1) u
where u.account_id = a.id and a.kind = 'partner';
"""

COUNT_CALLS = """
update public.billing_account a set open_calls = h.total
from (select account_id, count(*) as total from public.billing_hold where state = 'open' group by 1) h
where h.account_id = a.id;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0003_holds_per_chain"), ("partners", "0001_initial")]

    operations = [
        migrations.AddField(model_name="hold", name="upper", field=models.JSONField(default=list)),
        migrations.CreateModel(
            name="CreditWindow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("edge", models.CharField(max_length=64)),
                ("granted_micro", models.BigIntegerField(default=0)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="windows", to="billing.account"
                    ),
                ),
                (
                    "partner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="partners.partner"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("account", "edge"), name="one_window_each"),
                    models.CheckConstraint(condition=models.Q(("granted_micro__gte", 0)), name="granted_not_negative"),
                ],
            },
        ),
        migrations.CreateModel(
            name="EdgeLease",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("edge", models.CharField(max_length=64)),
                ("lease", models.UUIDField(null=True)),
                ("expires_at", models.DateTimeField()),
            ],
            options={"constraints": [models.UniqueConstraint(fields=("edge",), name="one_lease_each")]},
        ),
        migrations.AddField(model_name="account", name="open_calls", field=models.PositiveIntegerField(default=0)),
        migrations.RunSQL(COUNT_UNPOSTED, migrations.RunSQL.noop),
        migrations.RunSQL(COUNT_CALLS, migrations.RunSQL.noop),
    ]
