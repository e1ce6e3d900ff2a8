"""The mails that the platform sends: what each is for, which values it has, and its text in each language.

These texts are everybody's until a partner writes its own, or one for a web product (`MailTemplate`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from carillon.business.notices.choices import MailEvent


@dataclass(frozen=True, slots=True)
class Place:
    """A value that a text may hold: what it is, and an example for the preview."""

    title: Any
    example: str


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail. `texts`: culture -> (subject, text). `is_secret`: its body lets somebody in and is not kept once sent."""

    places: Mapping[str, Place]
    texts: Mapping[str, tuple[str, str]]
    is_secret: bool = False

    def titles(self) -> dict[str, str]:
        """Return the names of the values with what they are."""
        return {name: str(place.title) for name, place in self.places.items()}

    def examples(self) -> dict[str, str]:
        """Return example values."""
        return {name: place.example for name, place in self.places.items()}


CULTURES = ("en", "es")
LETTERS: dict[str, Letter] = {
    MailEvent.ALERT: Letter(
        places={
            "what": Place(_("What it is"), "Emergency call"),
            "whom": Place(_("Customer or partner"), "Acme Ltd"),
            "about": Place(_("What has happened"), "Alice of Acme Ltd called 999, shown as +442079460001."),
            "address": Place(_("Where help must come to"), "1 High Street, London"),
            "when": Place(_("When, with time zone"), "2026-11-26 08:00:00 UTC"),
        },
        texts={
            "en": (
                "{{ what }}: {{ whom }}",
                "{{ about }}\n\nWhere help must come to: {{ address }}\n\nAt {{ when }}.",
            ),
            "es": (
                "{{ what }}: {{ whom }}",
                "{{ about }}\n\nDónde hace falta la ayuda: {{ address }}\n\nA las {{ when }}.",
            ),
        },
    ),
    MailEvent.INVITATION: Letter(
        places={
            "name": Place(_("The person's name"), "Alice"),
            "partner": Place(_("The company that invites"), "Northwind Telecom"),
            "by": Place(_("Who invites"), "paul@northwind.example"),
            "link": Place(_("Address of the page"), "https://portal.example.com/accounts/invitation/c0ffee/"),
            "until": Place(_("Until when the link works"), "2026-12-03 08:00:00 UTC"),
        },
        texts={
            "en": (
                "You are invited to {{ partner }}",
                "Hello {{ name }},\n\n{{ by }} has invited you to work for {{ partner }} in its portal. Come in here:"
                "\n\n{{ link }}\n\nThe link works once, until {{ until }}. If you did not expect it, do nothing.",
            ),
            "es": (
                "Invitación de {{ partner }}",
                "Hola, {{ name }}:\n\n{{ by }} le ha invitado a trabajar para {{ partner }} en su portal. Entre aquí:"
                "\n\n{{ link }}\n\nEl enlace sirve una sola vez, hasta {{ until }}. Si no lo esperaba, no haga nada.",
            ),
        },
        is_secret=True,
    ),
    MailEvent.PASSWORD_RESET: Letter(
        places={
            "name": Place(_("The person's name"), "Alice"),
            "site": Place(_("Name of the website"), "Northwind Business"),
            "link": Place(_("Address of the page"), "https://voice.example.com/accounts/password/reset/key/1-c0ffee/"),
        },
        texts={
            "en": (
                "New password for {{ site }}",
                "Hello {{ name }},\n\nsomebody, probably you, asked for a new password at {{ site }}. Choose it here:"
                "\n\n{{ link }}\n\nThe link works once, for an hour. If it was not you, do nothing: your password"
                " stays as it is.",
            ),
            "es": (
                "Nueva contraseña para {{ site }}",
                "Hola, {{ name }}:\n\nAlguien, probablemente usted, ha pedido una contraseña nueva en {{ site }}."
                " Elíjala aquí:\n\n{{ link }}\n\nEl enlace sirve una sola vez, durante una hora. Si no ha sido usted,"
                " no haga nada: su contraseña sigue siendo la misma.",
            ),
        },
        is_secret=True,
    ),
    MailEvent.REPORT: Letter(
        places={
            "report": Place(_("Its name"), "Calls of yesterday"),
            "days": Place(_("Its days"), "2026-11-25"),
            "rows": Place(_("How many rows"), "1,234"),
            "file": Place(_("The attached file"), "cdrs-2026-11-26.xlsx"),
            "kept": Place(_("For how many days it is kept"), ""),
            "link": Place(_("Where to fetch it"), ""),
            "owner": Place(_("Whose report it is"), "Paul"),
        },
        texts={
            "en": (
                "{{ report }} {{ days }}",
                "{{ report }} {{ days }}: {{ rows }} rows.\n\nThe file is attached: {{ file }}\n\nThe file is too"
                " large for a mail. It is kept for {{ kept }} days:\n\n{{ link }}\n\n{{ owner }} has scheduled this"
                " report for you.",
            ),
            "es": (
                "{{ report }} {{ days }}",
                "{{ report }} {{ days }}: {{ rows }} filas.\n\nEl archivo va adjunto: {{ file }}\n\nEl archivo es"
                " demasiado grande para un correo. Se guarda {{ kept }} días:\n\n{{ link }}\n\n{{ owner }} ha"
                " programado este informe"
                " para usted.",
            ),
        },
    ),
    MailEvent.MESSAGE_REPLY: Letter(
        places={
            "name": Place(_("The person's name"), "Carla"),
            "site": Place(_("Name of the website"), "Northwind Business"),
            "subject": Place(_("Subject of the message"), "Ten phones"),
            "answer": Place(_("The answer"), "Nothing until May."),
            "message": Place(_("What the person wrote"), "What do ten phones cost?"),
        },
        texts={
            "en": (
                "Re: {{ subject }}",
                "Hello {{ name }},\n\n{{ answer }}\n\n{{ site }}\n\nYou wrote:\n{{ message }}",
            ),
            "es": (
                "Re: {{ subject }}",
                "Hola, {{ name }}:\n\n{{ answer }}\n\n{{ site }}\n\nUsted escribió:\n{{ message }}",
            ),
        },
    ),
    MailEvent.BALANCE_LOW: Letter(
        places={
            "name": Place(_("The customer's name"), "Acme Ltd"),
            "site": Place(_("Name of the website"), "Northwind Business"),
            "left": Place(_("What is left to spend"), "4.00 GBP"),
            "below": Place(_("The amount below which it is told"), "5.00 GBP"),
        },
        texts={
            "en": (
                "{{ left }} left at {{ site }}",
                "Hello {{ name }},\n\nyou have {{ left }} left to spend at {{ site }}, less than {{ below }}. When"
                " nothing is left, calls end and new ones are refused. A payment counts at once, for calls in progress"
                " too.\n\n{{ site }}",
            ),
            "es": (
                "Le quedan {{ left }} en {{ site }}",
                "Hola, {{ name }}:\n\nLe quedan {{ left }} por gastar en {{ site }}, menos de {{ below }}. Cuando no"
                " quede nada, las llamadas se cortan y las nuevas se rechazan. Un pago cuenta en seguida, también para"
                " las llamadas en curso.\n\n{{ site }}",
            ),
        },
    ),
    MailEvent.PRICES: Letter(
        places={
            "name": Place(_("The customer's name"), "Acme Ltd"),
            "site": Place(_("Name of the website"), "Northwind Business"),
            "when": Place(_("From when the prices hold"), "2027-01-01 00:00 UTC"),
            "dearer": Place(_("How many destinations cost more"), "12"),
            "cheaper": Place(_("How many cost less"), "40"),
            "new": Place(_("How many are new"), "3"),
            "gone": Place(_("How many are no longer served"), "0"),
            "changes": Place(_("The largest changes"), "+44 United Kingdom: 0.0100 > 0.0120 GBP"),
        },
        texts={
            "en": (
                "New prices at {{ site }} from {{ when }}",
                "Hello {{ name }},\n\nfrom {{ when }} on {{ site }} has new prices: {{ dearer }} destinations cost"
                " more, {{ cheaper }} less, {{ new }} are new and {{ gone }} are no longer served.\n\n{{ changes }}\n\n"
                "{{ site }}",
            ),
            "es": (
                "Precios nuevos en {{ site }} desde {{ when }}",
                "Hola, {{ name }}:\n\nDesde {{ when }}, {{ site }} tiene precios nuevos: {{ dearer }} destinos cuestan"
                " más, {{ cheaper }} menos, {{ new }} son nuevos y {{ gone }} dejan de atenderse.\n\n{{ changes }}\n\n"
                "{{ site }}",
            ),
        },
    ),
    MailEvent.PRICES_STAY: Letter(
        places={
            "name": Place(_("The customer's name"), "Acme Ltd"),
            "site": Place(_("Name of the website"), "Northwind Business"),
            "when": Place(_("From when the prices hold"), "2027-01-01 00:00 UTC"),
        },
        texts={
            "en": (
                "Prices at {{ site }} stay as they are",
                "Hello {{ name }},\n\nthe new prices that {{ site }} has announced for {{ when }} do not come: all"
                " prices stay as they are.\n\n{{ site }}",
            ),
            "es": (
                "Los precios de {{ site }} siguen como están",
                "Hola, {{ name }}:\n\nLos precios nuevos que {{ site }} había anunciado para {{ when }} no llegan:"
                " todos los precios siguen como están.\n\n{{ site }}",
            ),
        },
    ),
}


def culture_for(asked: str) -> str:
    """Return the language of ours that comes nearest to a culture: es-MX is written in es, nb in en."""
    language = asked.partition("-")[0]
    return language if language in CULTURES else CULTURES[0]
