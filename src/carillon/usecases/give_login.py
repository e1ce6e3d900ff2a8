"""Let a customer's user sign in on the brand's website: the login is the partner's, the user the customer's."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from carillon.base.actor import Actor
from carillon.base.changes import action
from carillon.base.errors import InvalidInput
from carillon.business.customers.actions import connect_login
from carillon.business.customers.models import User
from carillon.business.partners.actions import create_login, login_key
from carillon.business.partners.models import Login


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginData:
    """E-mail address (empty: the user's) and first password; without one they choose it by "forgotten password"."""

    email: str = ""
    password: str = ""


@action("users.sign_in")
def give_login(actor: Actor, user: User, data: LoginData) -> User:
    """Connect the user to the login of that address in their partner's realm, making it when there is none.

    One login may be several users, at several customers of one partner; an existing one keeps its password.

    Raises:
        InvalidInput: the address or password are not valid.
        NotFound
    """
    email = data.email or user.email
    if not email:
        raise InvalidInput(fields={"email": _("Give the e-mail address to sign in with.")})
    login = Login.objects.visible_to(actor).filter(key=login_key(user.partner_id, email)).first()
    if login is None:
        login = create_login(actor, user.partner, user.partner_id, email, user.name, data.password)
    return connect_login(actor, user, login)
