"""What stops a change of plans and subscriptions."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from carillon.base.errors import Conflict


class NotOnSale(Conflict):
    """Nobody may subscribe to the product, or this customer may not."""

    slug = "not-on-sale"
    title = _("This product is not on sale.")


class ConflictsUnconfirmed(Conflict):
    """The product contradicts another that the customer has; it is taken all the same when that is confirmed."""

    slug = "conflicts-unconfirmed"
    title = _("This product contradicts another that the customer has.")


class MoneyShort(Conflict):
    """A prepaid customer has not enough to spend for what is due at once."""

    slug = "money-short"
    title = _("The customer has not enough money.")
