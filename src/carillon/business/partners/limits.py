"""What a seller grants to a partner below it: features, and how many objects of each kind in its part of the tree.

A limit counts a partner with everything below it, so a seller's own limits bind its sub-partners too. Past row-level
security, because a partner doesn't see who sells to it: only yes or no comes back.
"""

from __future__ import annotations

from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from carillon.base.errors import Conflict, NotPermitted
from carillon.business.partners.choices import Feature, Limited


class LimitReached(Conflict):
    """The partner, or one that it buys from, has as many of these as were agreed."""

    slug = "limit-reached"
    title = _lazy("The agreed number is reached.")


class FeatureWithheld(NotPermitted):
    """Whoever sells to the partner has not granted this."""

    slug = "feature-withheld"
    title = _lazy("This is not part of what was agreed with the company that you buy from.")


def ensure_room(partner_id: int, kind: Limited, more: int = 1) -> None:
    """Check that the partner may have `more` objects of a kind; who creates at the same time waits until commit.

    Raises:
        LimitReached

    Cost: one query; where a limit is set it counts at most that many rows.
    """
    with connection.cursor() as cursor:
        cursor.execute("select public.carillon_has_room(%s, %s, %s)", [partner_id, kind.value, more])
        if not cursor.fetchone()[0]:
            what = Limited(kind).label
            raise LimitReached(
                _("No more of these are agreed with the company that you buy from: %(what)s.") % {"what": what}
            )


def ensure_feature(partner_id: int, feature: Feature) -> None:
    """Check that the partner, and everybody above it, was granted a feature.

    Raises:
        FeatureWithheld

    Cost: one query.
    """
    with connection.cursor() as cursor:
        cursor.execute("select public.carillon_has_feature(%s, %s)", [partner_id, feature.value])
        if not cursor.fetchone()[0]:
            raise FeatureWithheld(
                _("This was not agreed with the company that you buy from: %(what)s.") % {"what": feature.label}
            )
