"""Balances that are watched, who wants which alerts, and what alerts are said with."""

from __future__ import annotations

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0006_transfers_by_holder"),
        ("customers", "0008_calls_per_second"),
        ("notices", "0004_reading"),
        ("partners", "0008_sign_ins"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="alert",
            name="values",
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AlterField(
            model_name="alert",
            name="kind",
            field=models.CharField(
                choices=[
                    ("emergency", "Emergency call"),
                    ("offline", "Device offline"),
                    ("back", "Device back"),
                    ("webhook", "Webhook disabled"),
                    ("balance_low", "Balance low"),
                    ("credit_low", "Own credit low"),
                    ("gateway_down", "Gateway down"),
                    ("gateway_up", "Gateway up again"),
                ],
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="webhook",
            name="events",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(
                    choices=[
                        ("customer.created", "Customer created"),
                        ("customer.changed", "Customer changed"),
                        ("customer.suspended", "Customer suspended"),
                        ("customer.blocked", "Customer blocked"),
                        ("customer.activated", "Customer active again"),
                        ("customer.terminated", "Customer terminated"),
                        ("user.created", "User created"),
                        ("user.changed", "User changed"),
                        ("user.removed", "User removed"),
                        ("endpoint.created", "SIP endpoint created"),
                        ("endpoint.changed", "SIP endpoint changed"),
                        ("endpoint.removed", "SIP endpoint removed"),
                        ("endpoint.registered", "SIP endpoint registered"),
                        ("endpoint.lost", "SIP endpoint no longer registered"),
                        ("number.assigned", "Number assigned"),
                        ("number.unassigned", "Number taken back"),
                        ("call.ended", "Call ended, with its CDR"),
                        ("transaction.created", "Top-up or other transaction"),
                        ("price_list.approved", "Price list approved"),
                        ("partner.created", "Sub-partner created"),
                        ("partner.changed", "Sub-partner changed"),
                        ("partner.suspended", "Sub-partner suspended"),
                        ("partner.blocked", "Sub-partner blocked"),
                        ("partner.activated", "Sub-partner active again"),
                        ("partner.terminated", "Sub-partner terminated"),
                        ("ticket.opened", "Ticket opened"),
                        ("ticket.replied", "Ticket replied to"),
                        ("alert.emergency", "Alert: emergency call"),
                        ("alert.offline", "Alert: device offline"),
                        ("alert.back", "Alert: device back"),
                        ("alert.balance_low", "Alert: balance low"),
                        ("alert.credit_low", "Alert: own credit low"),
                        ("alert.gateway_down", "Alert: gateway down"),
                        ("alert.gateway_up", "Alert: gateway up again"),
                    ],
                    max_length=32,
                ),
                size=None,
            ),
        ),
        migrations.CreateModel(
            name="BalanceWatch",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "covers",
                    models.CharField(
                        choices=[
                            ("customers", "Customers"),
                            ("partners", "Sub-partners"),
                            ("own", "Own account with the company above"),
                        ],
                        max_length=9,
                    ),
                ),
                ("currency", models.CharField(max_length=3)),
                ("below_micro", models.BigIntegerField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "buyer_partner",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="partners.partner",
                    ),
                ),
                (
                    "customer",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="customers.customer",
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
                "verbose_name": "balance alert",
            },
        ),
        migrations.CreateModel(
            name="LowBalance",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("since", models.DateTimeField()),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="billing.account"
                    ),
                ),
                (
                    "partner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="partners.partner"
                    ),
                ),
                (
                    "watch",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="low", to="notices.balancewatch"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="AlertChoice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "mailed",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[
                                ("emergency", "Emergency call"),
                                ("offline", "Device offline"),
                                ("back", "Device back"),
                                ("webhook", "Webhook disabled"),
                                ("balance_low", "Balance low"),
                                ("credit_low", "Own credit low"),
                                ("gateway_down", "Gateway down"),
                                ("gateway_up", "Gateway up again"),
                            ],
                            max_length=16,
                        ),
                        blank=True,
                        default=list,
                        size=None,
                    ),
                ),
                (
                    "in_bell",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[
                                ("emergency", "Emergency call"),
                                ("offline", "Device offline"),
                                ("back", "Device back"),
                                ("webhook", "Webhook disabled"),
                                ("balance_low", "Balance low"),
                                ("credit_low", "Own credit low"),
                                ("gateway_down", "Gateway down"),
                                ("gateway_up", "Gateway up again"),
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
                    "login",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
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
                "constraints": [models.UniqueConstraint(fields=("partner", "login"), name="one_alert_choice_each")],
            },
        ),
        migrations.AddConstraint(
            model_name="balancewatch",
            constraint=models.UniqueConstraint(
                fields=("partner", "covers", "customer", "buyer_partner", "currency"),
                name="one_balance_watch_each",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="lowbalance",
            constraint=models.UniqueConstraint(fields=("partner", "account"), name="one_low_balance_each"),
        ),
    ]
