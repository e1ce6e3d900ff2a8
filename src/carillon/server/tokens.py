"""`./carillon token --user EMAIL`: an API token for scripts, printed once and alone, ready for `$(...)`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import django

from carillon.server.commands import use_django
from carillon.server.errors import OperatorError
from carillon.server.progress import say


def token(arguments: list[str]) -> int:
    """Create a token that acts in the name of the person with that e-mail address."""
    parser = argparse.ArgumentParser(prog="./carillon token")
    parser.add_argument("--user", required=True, metavar="EMAIL", help="whose name it acts in")
    parser.add_argument("--name", default="command line", help="what it is called in the portal")
    parser.add_argument(
        "--scope", action="append", default=[], help="such as customers.view or rates.*; all by default"
    )
    parser.add_argument("--days", type=int, default=None, help="how long it is valid; for good by default")
    parser.add_argument(
        "--network",
        action="append",
        default=[],
        help="such as 192.0.2.7: where it works; else where its owner signs in",
    )
    options = parser.parse_args(arguments)
    use_django()
    django.setup()
    say(create(options.user, options.name, tuple(options.scope) or ("*",), options.days, tuple(options.network)))
    return 0


def create(email: str, name: str, scopes: Sequence[str], days: int | None, networks: Sequence[str] = ()) -> str:
    """Return the clear text of a new token. Raises OperatorError when there is no such person or it may not."""
    from django.db import OperationalError
    from django.utils import timezone

    from carillon.base.errors import CarillonError
    from carillon.base.tenancy import tenant
    from carillon.business.partners.choices import SecondFactor
    from carillon.business.partners.models import Login
    from carillon.business.partners.queries import signed_in_actor
    from carillon.business.partners.tokens import TokenData, create_token

    expires_at = timezone.now() + timedelta(days=days) if days is not None else None
    try:
        # staff first (realm 0): the same address may belong to customers of several partners
        login = Login.objects.filter(email__iexact=email, is_active=True).order_by("realm").first()
        if login is None:
            raise OperatorError(f"Nobody signs in as {email}.")
        actor = replace(signed_in_actor(login), proven=SecondFactor.PASSKEY.value)  # whoever has the machine is trusted
        if actor.login_id is None:
            raise OperatorError(f"{email} has no place at any partner or customer any more.")
        with tenant(actor):
            data = TokenData(name=name, scopes=tuple(scopes), expires_at=expires_at, networks=tuple(networks))
            return create_token(actor, data)[1]
    except OperationalError as error:
        raise OperatorError(f"The database can't be reached; is Carillon up? ({str(error).splitlines()[0]})") from None
    except CarillonError as error:
        raise OperatorError(f"No token for {email}: {error}") from None
