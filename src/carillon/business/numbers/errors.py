"""What stops a change of the number stock."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from carillon.base.errors import CarillonError, Conflict


class NumberInUse(Conflict):
    """The number serves a customer: it must be released first."""

    slug = "number-in-use"
    title = _("The number is in service: release it first.")


class NumberNotAvailable(Conflict):
    """The number may not be given to anybody now."""

    slug = "number-not-available"
    title = _("The number is in quarantine: make it available first.")


class OnlyChecked(CarillonError):
    """A check was asked for, and nothing is wrong; the detail says what would be added."""

    slug = "only-checked"
    title = _("Nothing was added: this was a check.")
    status = 422
