"""Plans, add-ons, subscriptions and allowances."""

from __future__ import annotations

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.expressions
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("customers", "0009_by_name_in_tree"),
        ("partners", "0013_token_factor"),
        ("pricing", "0006_who_asked"),
    ]

    operations = [
        migrations.CreateModel(
            name="Product",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100)),
                (
                    "kind",
                    models.CharField(choices=[("plan", "Plan"), ("add_on", "Add-on")], default="plan", max_length=6),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[("draft", "Draft"), ("on_sale", "On sale"), ("withdrawn", "Withdrawn")],
                        default="draft",
                        max_length=9,
                    ),
                ),
                ("currency", models.CharField(max_length=3)),
                ("description", models.CharField(blank=True, default="", max_length=500)),
                (
                    "web_product_ids",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), blank=True, default=list, size=None
                    ),
                ),
                (
                    "period",
                    models.CharField(choices=[("month", "Month"), ("year", "Year")], default="month", max_length=5),
                ),
                ("billing_day", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("precedence", models.PositiveSmallIntegerField(default=100)),
                ("trial_days", models.PositiveSmallIntegerField(default=0)),
                ("trial_goes_on", models.BooleanField(default=False)),
                ("trial_max_channels", models.PositiveIntegerField(blank=True, null=True)),
                ("trial_max_call_s", models.PositiveIntegerField(blank=True, null=True)),
                ("trial_max_spend_micro", models.BigIntegerField(blank=True, null=True)),
                (
                    "trial_allowed_classes",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[
                                ("premium", "Premium rate"),
                                ("satellite", "Satellite"),
                                ("shared_cost", "Shared cost"),
                                ("international", "International networks"),
                                ("personal", "Personal numbers"),
                            ],
                            max_length=16,
                        ),
                        blank=True,
                        default=list,
                        size=None,
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "partner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="partners.partner"
                    ),
                ),
                (
                    "price_list",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="pricing.pricelist",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Package",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100)),
                (
                    "unit",
                    models.CharField(
                        choices=[("second", "Call time"), ("message", "Messages")], default="second", max_length=7
                    ),
                ),
                ("included", models.PositiveIntegerField()),
                ("initial_s", models.PositiveIntegerField(default=60)),
                ("increment_s", models.PositiveIntegerField(default=60)),
                ("covers_fee", models.BooleanField(default=True)),
                ("is_per_user", models.BooleanField(default=False)),
                ("is_prorated", models.BooleanField(default=True)),
                ("rollover_periods", models.PositiveSmallIntegerField(default=0)),
                ("blocks", models.BooleanField(default=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "partner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="partners.partner"
                    ),
                ),
                (
                    "product",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="packages", to="catalogue.product"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Fee",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100)),
                (
                    "per",
                    models.CharField(
                        choices=[
                            ("account", "Subscription"),
                            ("user", "User"),
                            ("number", "Number"),
                            ("device", "Device"),
                        ],
                        default="account",
                        max_length=7,
                    ),
                ),
                (
                    "interval",
                    models.CharField(
                        choices=[("once", "Once"), ("month", "Every month"), ("year", "Every year")],
                        default="month",
                        max_length=5,
                    ),
                ),
                ("amount_micro", models.BigIntegerField()),
                ("is_prorated", models.BooleanField(default=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "partner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="partners.partner"
                    ),
                ),
                (
                    "product",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="fees", to="catalogue.product"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Subscription",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100)),
                ("kind", models.CharField(choices=[("plan", "Plan"), ("add_on", "Add-on")], max_length=6)),
                ("currency", models.CharField(max_length=3)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("trial", "Trial"),
                            ("active", "Active"),
                            ("unpaid", "Unpaid"),
                            ("cancelled", "Cancelled, until its period ends"),
                            ("ended", "Ended"),
                        ],
                        max_length=9,
                    ),
                ),
                ("starts_on", models.DateField()),
                ("anchor_on", models.DateField()),
                ("anchor_day", models.PositiveSmallIntegerField()),
                ("period_on", models.DateField()),
                ("period_until", models.DateField()),
                ("is_paid", models.BooleanField(default=False)),
                ("due_at", models.DateTimeField(null=True)),
                ("trial_until", models.DateTimeField(null=True)),
                ("unpaid_since", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "conflicts",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=300), blank=True, default=list, size=None
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "customer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="subscriptions",
                        to="customers.customer",
                    ),
                ),
                (
                    "next_product",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="catalogue.product",
                    ),
                ),
                (
                    "partner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="partners.partner"
                    ),
                ),
                (
                    "product",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="subscriptions",
                        to="catalogue.product",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="subscriptions",
                        to="customers.user",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="FeeCharge",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("fee_id", models.BigIntegerField()),
                ("fee_name", models.CharField(max_length=100)),
                (
                    "interval",
                    models.CharField(
                        choices=[("once", "Once"), ("month", "Every month"), ("year", "Every year")], max_length=5
                    ),
                ),
                ("is_prorated", models.BooleanField()),
                ("key", models.CharField(max_length=120, unique=True)),
                ("quantity", models.PositiveIntegerField()),
                ("unit_micro", models.BigIntegerField()),
                ("amount_micro", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("interval_on", models.DateField()),
                ("interval_until", models.DateField()),
                ("since", models.DateField()),
                ("until", models.DateField()),
                ("at", models.DateTimeField(auto_now_add=True)),
                (
                    "customer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="customers.customer"
                    ),
                ),
                (
                    "partner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="partners.partner"
                    ),
                ),
                (
                    "subscription",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="charges", to="catalogue.subscription"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Allowance",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100)),
                ("unit", models.CharField(choices=[("second", "Call time"), ("message", "Messages")], max_length=7)),
                ("granted", models.BigIntegerField()),
                ("used", models.BigIntegerField(default=0)),
                ("reserved", models.BigIntegerField(default=0)),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("initial_s", models.PositiveIntegerField(default=60)),
                ("increment_s", models.PositiveIntegerField(default=60)),
                ("covers_fee", models.BooleanField(default=True)),
                ("blocks", models.BooleanField(default=False)),
                ("period_on", models.DateField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "customer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="allowances", to="customers.customer"
                    ),
                ),
                (
                    "partner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="partners.partner"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="allowances",
                        to="customers.user",
                    ),
                ),
                (
                    "package",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="catalogue.package",
                    ),
                ),
                (
                    "subscription",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="allowances",
                        to="catalogue.subscription",
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="product",
            index=models.Index(fields=["partner", "name", "id"], name="product_by_name"),
        ),
        migrations.AddConstraint(
            model_name="product",
            constraint=models.UniqueConstraint(fields=("partner", "name"), name="product_name_once_per_partner"),
        ),
        migrations.AddIndex(
            model_name="package",
            index=models.Index(fields=["partner", "name", "id"], name="package_by_name"),
        ),
        migrations.AddConstraint(
            model_name="package",
            constraint=models.UniqueConstraint(fields=("product", "name"), name="package_name_once_per_product"),
        ),
        migrations.AddIndex(
            model_name="fee",
            index=models.Index(fields=["partner", "name", "id"], name="fee_by_name"),
        ),
        migrations.AddConstraint(
            model_name="fee",
            constraint=models.UniqueConstraint(fields=("product", "name"), name="fee_name_once_per_product"),
        ),
        migrations.AddIndex(
            model_name="subscription",
            index=models.Index(fields=["partner", "-id"], name="subscription_newest"),
        ),
        migrations.AddIndex(
            model_name="subscription",
            index=models.Index(fields=["customer", "-id"], name="subscription_of_customer"),
        ),
        migrations.AddIndex(
            model_name="subscription",
            index=models.Index(
                condition=models.Q(("due_at__isnull", False)), fields=["due_at"], name="subscription_due"
            ),
        ),
        migrations.AddConstraint(
            model_name="subscription",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind", "plan"), models.Q(("state", "ended"), _negated=True)),
                fields=("customer", "user"),
                name="one_plan_at_a_time",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="subscription",
            constraint=models.CheckConstraint(
                condition=models.Q(("period_on__lt", models.F("period_until"))), name="period_is_no_shorter_than_a_day"
            ),
        ),
        migrations.AddIndex(
            model_name="feecharge",
            index=models.Index(fields=["partner", "-id"], name="fee_charge_newest"),
        ),
        migrations.AddIndex(
            model_name="feecharge",
            index=models.Index(fields=["subscription", "-id"], name="fee_charge_of_subscription"),
        ),
        migrations.AddIndex(
            model_name="allowance",
            index=models.Index(fields=["customer", "ends_at", "id"], name="allowance_by_expiry"),
        ),
        migrations.AddIndex(
            model_name="allowance",
            index=models.Index(fields=["partner", "-id"], name="allowance_newest"),
        ),
        migrations.AddConstraint(
            model_name="allowance",
            constraint=models.UniqueConstraint(
                fields=("subscription", "package", "user", "period_on"),
                name="allowance_once_per_period",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="allowance",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("used__gte", 0),
                    ("reserved__gte", 0),
                    (
                        "granted__gte",
                        django.db.models.expressions.CombinedExpression(models.F("used"), "+", models.F("reserved")),
                    ),
                ),
                name="allowance_is_never_overdrawn",
            ),
        ),
    ]
