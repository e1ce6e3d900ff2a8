"""Words of the ledger."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class AccountKind(models.TextChoices):
    """Whose money an account counts, in the books of its partner."""

    CUSTOMER = "customer", _("Customer")
    PARTNER = "partner", _("Sub-partner")
    REVENUE = "revenue", _("Call revenue")
    FEES = "fees", _("Fee revenue")
    COST = "cost", _("Carrier cost")
    PAYABLE = "payable", _("Payable to carriers")
    CASH = "cash", _("Payments received")


class TransferKind(models.TextChoices):
    """Why money moved."""

    TOP_UP = "top_up", _("Top-up")
    CALLS = "calls", _("Calls")
    FEES = "fees", _("Fees")
    ADJUSTMENT = "adjustment", _("Adjustment")
    REVERSAL = "reversal", _("Reversal")


class HoldState(models.TextChoices):
    """What became of money set aside for a call."""

    OPEN = "open", _("Open")
    SETTLED = "settled", _("Settled")
    RELEASED = "released", _("Released")


class ReratingState(models.TextChoices):
    """How far a re-rating is."""

    WAITING = "waiting", _("Being worked out")
    READY = "ready", _("To be confirmed")
    APPLYING = "applying", _("Being applied")
    APPLIED = "applied", _("Applied")
    FAILED = "failed", _("Failed")


class ReratedState(models.TextChoices):
    """What became of one charge in a re-rating."""

    DIFFERENT = "different", _("Different")
    APPLIED = "applied", _("Applied")
    CHANGED = "changed", _("Changed meanwhile")
    INVOICED = "invoiced", _("On an invoice")
