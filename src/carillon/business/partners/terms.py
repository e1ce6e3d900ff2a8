"""Changes to what a partner was granted by whoever sells to it."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from carillon.base.actor import Actor
from carillon.base.changes import action, audited
from carillon.base.errors import Conflict
from carillon.base.places import Faults
from carillon.base.rows import locked
from carillon.business.partners.choices import Feature
from carillon.business.partners.models import Partner


@dataclass(frozen=True, slots=True, kw_only=True)
class TermsData:
    """What a partner may do, and how many it may have with everything below it; None: as many as it likes."""

    features: tuple[Feature, ...] = tuple(Feature)
    max_partners: int | None = None
    max_web_products: int | None = None
    max_customers: int | None = None
    max_users: int | None = None
    max_endpoints: int | None = None
    reason: str = ""


LIMITS = ("max_partners", "max_web_products", "max_customers", "max_users", "max_endpoints")


@action("partners.terms")
def set_partner_terms(actor: Actor, partner: Partner, data: TermsData) -> Partner:
    """Grant features and set limits; what there is already stays, and nothing is added beyond a limit.

    Raises:
        Conflict: it is the actor's own partner, or the operator: their terms are nobody's to set.
        InvalidInput: a limit is negative.
        NotFound
    """
    partner = locked(Partner.objects, actor, partner.pk)
    if partner.pk == actor.partner_id or partner.parent_id is None:
        raise Conflict(_("Nobody sets the terms of their own company."))
    faults = Faults()
    for name in LIMITS:
        most = getattr(data, name)
        faults.unless(most is None or most >= 0, name, _("This can't be negative."))
    faults.stop()
    with audited(actor, partner, "terms", reason=data.reason):
        partner.withheld = sorted(feature.value for feature in set(Feature) - set(data.features))
        for name in LIMITS:
            setattr(partner, name, getattr(data, name))
        partner.save(update_fields=["withheld", *LIMITS])
    return partner
