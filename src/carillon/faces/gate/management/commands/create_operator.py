"""Begin an installation without the demo: the operator and its first administrator."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from carillon.base.errors import CarillonError
from carillon.base.secrets import make_secret
from carillon.base.tenancy import tenant
from carillon.business.partners.actions import PartnerData, StaffData, create_operator, create_staff
from carillon.business.partners.choices import Role
from carillon.business.partners.queries import system_actor

PASSWORD_LENGTH = 20


class Command(BaseCommand):
    """`manage create_operator --name "Level Platform" --email olga@level.test --country GB --currency EUR`."""

    help = "Creates the operator and its first administrator, once; prints the administrator's first password."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--name", required=True, help="what the operator is called")
        parser.add_argument("--email", required=True, help="who signs in first")
        parser.add_argument("--person", default="", help="that person's name; the e-mail address by default")
        parser.add_argument("--country", required=True, help="two letters, such as GB")
        parser.add_argument("--currency", required=True, help="three letters, such as EUR")
        parser.add_argument("--timezone", default="UTC")
        parser.add_argument("--hostname", default="", help="of the portal; portal.localhost answers in any case")

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        data = PartnerData(
            name=options["name"],
            country=options["country"],
            currency=options["currency"],
            timezone=options["timezone"],
            portal_hostname=options["hostname"],
        )
        password = make_secret(PASSWORD_LENGTH)
        try:
            with tenant(system_actor()) as nobody_yet:
                create_operator(nobody_yet, data)
            with tenant(system_actor()) as system:
                create_staff(system, self._administrator(options, password))
        except CarillonError as error:
            faults = "; ".join(f"{field}: {sentence}" for field, sentence in error.fields.items())
            raise CommandError(faults or error.detail) from None
        self.stdout.write(f"{options['email']} signs in with the password {password} and should change it there.")

    def _administrator(self, options: dict[str, Any], password: str) -> StaffData:
        return StaffData(
            email=options["email"],
            name=options["person"] or options["email"],
            role=Role.ADMINISTRATOR,
            password=password,
            timezone=options["timezone"],
        )
