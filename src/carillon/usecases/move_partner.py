"""A partner, with everything below it, buys from somebody else from now on."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection
from django.utils.translation import gettext as _

from carillon.base.actor import Actor
from carillon.base.changes import action, audited
from carillon.base.errors import Conflict, InvalidInput
from carillon.base.rows import locked, named
from carillon.business.billing.actions import open_partner_account
from carillon.business.billing.models import Account
from carillon.business.partners.actions import MAX_DEPTH
from carillon.business.partners.choices import Feature, Limited, Status
from carillon.business.partners.limits import ensure_feature, ensure_room
from carillon.business.partners.models import Partner
from carillon.business.pricing.models import PriceAssignment


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveData:
    """Whom the partner buys from next, and why."""

    parent_id: int
    reason: str = ""


@action("partners.move")
def move_partner(actor: Actor, partner: Partner, data: MoveData) -> Partner:
    """Hang a partner below another one. Its customers, numbers and history go with it; its wholesale prices do not.

    Its calls are refused until the new seller has assigned a price list to it and it has money there. Running calls
    go on as they were decided.

    Raises:
        Conflict: money is left or promised on its account with the present seller, or it is the actor's own company.
        InvalidInput: the new seller lies below the partner itself, sells to it already, or is not in business.
        LimitReached, FeatureWithheld: the new seller may not have partners, or not that many.
        NotFound

    Cost: about ten queries, and one update of the partner's part of the tree.
    """
    partner = locked(Partner.objects, actor, partner.pk)
    if partner.parent_id is None or partner.pk == actor.partner_id:
        raise Conflict(_("Nobody moves their own company."))
    parent = named(Partner.objects, actor, data.parent_id, "parent_id")
    _check_place(partner, parent)
    _check_settled(actor, partner)
    ensure_feature(parent.pk, Feature.SUB_PARTNERS)
    ensure_room(parent.pk, Limited.PARTNERS)
    for bought in PriceAssignment.objects.visible_to(actor).filter(buyer_partner=partner):
        with audited(actor, bought, "remove", reason=data.reason):
            bought.delete()
    with audited(actor, partner, "move", reason=data.reason):
        before = len(partner.path)
        partner.parent = parent
        partner.path = [*parent.path, partner.pk]
        partner.save(update_fields=["parent", "path"])
        _follow(partner, before)
    open_partner_account(actor, partner)
    return partner


def _check_place(partner: Partner, parent: Partner) -> None:
    wrong = ""
    if partner.pk in parent.path:
        wrong = _("A partner can't buy from itself or from somebody below it.")
    elif parent.pk == partner.parent_id:
        wrong = _("It buys from there already.")
    elif parent.status != Status.ACTIVE:
        wrong = _("%(name)s is not active.") % {"name": parent}
    elif len(parent.path) + _depth_below(partner) > MAX_DEPTH:
        wrong = _("The tree is at most %(most)d levels deep.") % {"most": MAX_DEPTH}
    if wrong:
        raise InvalidInput(fields={"parent_id": wrong})


def _depth_below(partner: Partner) -> int:
    """Levels of the partner's part of the tree, itself included."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select max(cardinality(path)) from partners_partner where path @> array[%s]::bigint[]", [partner.pk]
        )
        return int(cursor.fetchone()[0]) - len(partner.path) + 1


def _check_settled(actor: Actor, partner: Partner) -> None:
    """Money stays with whom it was paid to: it is paid out, or spent, before the partner leaves."""
    accounts = Account.objects.visible_to(actor).select_for_update(of=("self",)).filter(buyer_partner=partner)
    for account in accounts.order_by("pk"):
        if account.balance_micro or account.unposted_micro:
            raise Conflict(_("Its account with the present seller is not settled: bring the balance to zero first."))
        if account.reserved_micro:
            raise Conflict(_("Calls are going on, or ended a moment ago. Suspend the partner, and try again shortly."))


def _follow(partner: Partner, before: int) -> None:
    """Everybody below gets the new path; `before` is how long the partner's own was."""
    with connection.cursor() as cursor:
        cursor.execute(
            "update partners_partner set path = %s::bigint[] || path[%s:]"
            " where path @> array[%s]::bigint[] and id <> %s",
            [partner.path, before + 1, partner.pk, partner.pk],
        )
