"""Add a person to a partner's staff and write to them: their way in is a link, never a password that others know."""

from __future__ import annotations

from django.conf import settings

from carillon.base.actor import Actor
from carillon.base.changes import action
from carillon.base.tenancy import tenant
from carillon.business.notices.choices import MailEvent
from carillon.business.notices.mails import Occasion, letter, moment
from carillon.business.partners.actions import StaffData, create_staff
from carillon.business.partners.choices import OWN_HOSTNAME
from carillon.business.partners.invitations import issue_invitation
from carillon.business.partners.models import Membership, Partner
from carillon.business.partners.queries import system_actor


@action("staff.add")
def add_staff(actor: Actor, data: StaffData) -> Membership:
    """Make a person staff of a partner; who has no sign-in that the actor sees is invited by mail.

    Raises:
        InvalidInput: a value is wrong, or the person works there already or is invited.
        NotPermitted: the role may do more than the actor.
    """
    membership = create_staff(actor, data)
    if membership.login_id is None:
        _invite(actor, membership)
    return membership


@action("staff.change")
def invite_again(actor: Actor, membership: Membership) -> Membership:
    """Write once more to a person who has not come yet; the link of the first mail is worth nothing any more.

    Raises:
        Conflict: the person has come, or the last mail is not a minute old.
        NotPermitted: the role may do more than the actor.
        NotFound
    """
    _invite(actor, membership)
    return membership


def _invite(actor: Actor, membership: Membership) -> None:
    clear, until = issue_invitation(actor, membership)
    membership.invited_until = until
    with tenant(system_actor()) as system:
        partner = Partner.objects.visible_to(system).get(pk=membership.partner_id)
        hostname = portal_of(system, partner)
        values = {
            "name": membership.invited_name,
            "partner": partner.name,
            "by": actor.name,
            "link": f"{settings.WEB_ADDRESS.format(hostname)}/accounts/invitation/{clear}/",
            "until": moment(until),
        }
        occasion = Occasion(
            event=MailEvent.INVITATION, partner=partner, values=values, culture=partner.culture, hostname=hostname
        )
        letter(system, occasion, [membership.invited_email]).send()


def portal_of(system: Actor, partner: Partner) -> str:
    """Return the hostname at which a partner's staff sign in: its own, or that of the nearest above; one query."""
    above = Partner.objects.visible_to(system).filter(pk__in=partner.path, portal_hostname__isnull=False)
    found = dict(above.values_list("pk", "portal_hostname"))
    return next((found[one] or "" for one in reversed(partner.path) if one in found), OWN_HOSTNAME)
