"""Checks of what partners, web products and customers have in common: countries, currencies, time zones, hostnames."""

from __future__ import annotations

import re
from functools import cache
from zoneinfo import available_timezones

from django.utils.translation import gettext as _

from carillon.base.errors import InvalidInput, Text
from carillon.logic.money import CURRENCIES
from carillon.logic.numbers import plan_of

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOSTNAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*", re.ASCII)
_CULTURE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?", re.ASCII)
_ADDRESS = re.compile(r"[0-9.]+", re.ASCII)


class Faults:
    """Gathers what is wrong with an input, so that a person sees everything at once."""

    def __init__(self) -> None:
        self.fields: dict[str, str] = {}

    def unless(self, is_right: bool, field: str, sentence: Text) -> None:
        """Note `sentence` for `field` unless the value is right; the first fault of a field stays."""
        if not is_right:
            self.fields.setdefault(field, str(sentence))

    def country(self, value: str, field: str = "country") -> None:
        """A country is an ISO 3166-1 code that has a number plan."""
        is_right = value == value.upper() and plan_of(value) is not None
        self.unless(
            is_right,
            field,
            _("%(value)s is no country: give the two letters of ISO 3166, such as GB.") % {"value": repr(value)},
        )

    def currency(self, value: str, field: str = "currency") -> None:
        """A currency is an ISO 4217 code."""
        self.unless(
            value in CURRENCIES,
            field,
            _("%(value)s is no currency: give the three letters of ISO 4217.") % {"value": repr(value)},
        )

    def timezone(self, value: str, field: str = "timezone") -> None:
        """A time zone is a name of the IANA database."""
        self.unless(
            value in _timezones(),
            field,
            _("%(value)s is no time zone: give a name such as Europe/London.") % {"value": repr(value)},
        )

    def culture(self, value: str, field: str = "culture") -> None:
        """A culture is a language with an optional script and country (BCP 47)."""
        self.unless(
            bool(_CULTURE.fullmatch(value)),
            field,
            _("%(value)s is no culture: give one such as en or en-GB.") % {"value": repr(value)},
        )

    def hostname(self, value: str, field: str) -> None:
        """A hostname has labels of letters, digits and hyphens (RFC 1123), at least two of them, and is no address."""
        sentence = _("%(value)s is no hostname: give one such as voice.example.com, without https:// and port.")
        is_right = bool(_HOSTNAME.fullmatch(value)) and "." in value and not _ADDRESS.fullmatch(value)
        self.unless(is_right, field, sentence % {"value": repr(value)})

    def stop(self) -> None:
        """Raise InvalidInput when anything was noted."""
        if self.fields:
            raise InvalidInput(" ".join(self.fields.values()), fields=self.fields)


@cache
def _timezones() -> frozenset[str]:
    return frozenset(available_timezones())
