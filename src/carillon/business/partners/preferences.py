"""What a person chooses for their own eyes: language, time zone, how dates and numbers are written, light or dark."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from carillon.base.actor import Actor
from carillon.base.errors import NotPermitted
from carillon.base.places import Faults
from carillon.base.tenancy import enter
from carillon.business.partners.choices import ColourScheme, DateFormat, NumberFormat
from carillon.business.partners.models import Login


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferencesData:
    """How the portal speaks to a person. `culture` is a language it knows."""

    culture: str
    timezone: str
    date_format: DateFormat = DateFormat.ISO
    number_format: NumberFormat = NumberFormat.POINT
    colour_scheme: ColourScheme = ColourScheme.SYSTEM


def preferences_of(actor: Actor) -> PreferencesData:
    """Return what the person has chosen; one query.

    Raises:
        NotPermitted: nobody has signed in.
    """
    login = _login_of(actor)
    return PreferencesData(**{name: getattr(login, name) for name in PreferencesData.__dataclass_fields__})


@transaction.atomic
def set_preferences(actor: Actor, data: PreferencesData) -> None:
    """Change what the person has chosen. It needs no permission and leaves no history: it is nobody else's business.

    Raises:
        NotPermitted: nobody has signed in, or somebody acts for the person.
        InvalidInput: there is no such time zone or language.

    Cost: three short statements and an update.
    """
    if actor.impersonators:
        raise NotPermitted(_("How the portal speaks to a person is theirs to choose."))
    login = _login_of(actor)
    faults = Faults()
    faults.timezone(data.timezone)
    faults.culture(data.culture)
    faults.stop()
    values = asdict(data)
    for name, value in values.items():
        setattr(login, name, value)
    enter(actor, realm=actor.realm)
    login.save(update_fields=list(values))
    enter(actor)


@transaction.atomic
def fold_menu(actor: Actor, opened: list[str]) -> None:
    """Remember which groups of the menu the person has left open. Nobody else's business, like all preferences.

    Raises:
        NotPermitted: nobody has signed in.

    Cost: three short statements and an update.
    """
    login = _login_of(actor)
    login.open_groups = opened
    enter(actor, realm=actor.realm)
    login.save(update_fields=["open_groups"])
    enter(actor)


def _login_of(actor: Actor) -> Login:
    """The person's own login. It may be the record of a partner further up, which only sign-in queries see."""
    enter(actor, realm=actor.realm)
    login = Login.objects.filter(pk=actor.login_id or 0, realm=actor.realm).first()
    enter(actor)
    if login is None:
        raise NotPermitted
    return login
