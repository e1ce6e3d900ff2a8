"""Who of a partner's people gets which alerts, by mail and in the bell: each for themselves, some for others too."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from carillon.base.actor import Actor
from carillon.base.changes import action, audited
from carillon.base.errors import InvalidInput, NotPermitted
from carillon.base.rows import locked, once
from carillon.business.notices.choices import AlertKind
from carillon.business.notices.models import AlertChoice
from carillon.business.notices.queries import those_who_see_alerts
from carillon.business.partners.models import Membership

OWN = "alert_choices.view"  # what one gets oneself
OTHERS = "staff.change"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertChoiceData:
    """Which alerts somebody of the actor's partner gets. `login_id` (None: the actor) stays once created."""

    mailed: tuple[AlertKind, ...] = ()
    in_bell: tuple[AlertKind, ...] = ()
    login_id: int | None = None


@action(OWN)
def choose_alerts(actor: Actor, data: AlertChoiceData) -> AlertChoice:
    """Say which alerts a person gets, instead of what their role gets.

    Raises:
        InvalidInput: the person does not work here, may not see alerts, or has chosen already; or nothing is chosen.
        NotPermitted: for somebody else, without the permission to change staff.
    """
    login_id = data.login_id or actor.login_id or 0
    _check_whose(actor, login_id)
    staff = Membership.objects.visible_to(actor).filter(partner_id=actor.partner_id or 0, login_id=login_id)
    if not staff.filter(those_who_see_alerts()).exists():
        raise InvalidInput(fields={"login_id": _("Nobody who works here and may see alerts.")})
    choice = AlertChoice(partner_id=actor.partner_id or 0, login_id=login_id)
    twice = {"one_alert_choice_each": ("login_id", "This person has chosen already: change that.")}
    with once(twice), audited(actor, choice, "create"):
        _fill(choice, data)
        choice.save(force_insert=True)
    return choice


@action(OWN)
def change_alert_choice(actor: Actor, choice: AlertChoice, data: AlertChoiceData) -> AlertChoice:
    """Say anew which alerts a person gets. Raises InvalidInput, NotPermitted, NotFound."""
    choice = locked(AlertChoice.objects, actor, choice.pk)
    _check_whose(actor, choice.login_id)
    with audited(actor, choice, "update"):
        _fill(choice, data)
        choice.save(update_fields=["mailed", "in_bell"])
    return choice


@action(OWN)
def forget_alert_choice(actor: Actor, choice: AlertChoice) -> None:
    """Let a person get what their role gets. Raises NotPermitted, NotFound."""
    choice = locked(AlertChoice.objects, actor, choice.pk)
    _check_whose(actor, choice.login_id)
    with audited(actor, choice, "remove"):
        choice.delete()


def _check_whose(actor: Actor, login_id: int) -> None:
    if login_id != actor.login_id and not actor.may(OTHERS):
        raise NotPermitted(_("You may choose for yourself; for others it needs the permission to change staff."))


def _fill(choice: AlertChoice, data: AlertChoiceData) -> None:
    if not data.mailed and not data.in_bell:
        raise InvalidInput(
            fields={"mailed": _("Choose at least one; who has chosen nothing gets the alerts of their role.")}
        )
    choice.mailed, choice.in_bell = _kinds(data.mailed), _kinds(data.in_bell)


def _kinds(chosen: tuple[AlertKind, ...]) -> list[str]:
    return [kind for kind in AlertKind if kind in chosen]
