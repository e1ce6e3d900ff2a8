"""Mails: a row each, in the words and the name of whoever they come from, sent once through a real mail server."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from django.core.cache import cache
from django.core.mail import send_mail as send_by_django
from django.test import Client
from django.utils import timezone
from pytest_django import Settings
from tests.support.cast import Cast
from tests.support.clients import browser, script

from carillon.base.tenancy import tenant
from carillon.business.notices.actions import raise_alert
from carillon.business.notices.choices import AlertKind
from carillon.business.notices.letters import CULTURES, LETTERS
from carillon.business.notices.mails import forget_old_mails, send_mail
from carillon.business.notices.models import Alert, Mail, MailText
from carillon.business.partners.queries import system_actor
from carillon.jobs.tasks import mail_alert
from carillon.logic.letters import fault_of

pytestmark = pytest.mark.django_db(transaction=True)

AsRole = Callable[[str], AbstractContextManager[None]]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
    return port


@dataclass
class MailServer:
    """What a mail server was given; `replies` come one after the other, then it takes everything."""

    mails: list[tuple[list[str], EmailMessage]] = field(default_factory=list)
    replies: list[str] = field(default_factory=list)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.replies:
            return self.replies.pop(0)
        assert isinstance(envelope.content, bytes)
        self.mails.append((envelope.rcpt_tos, BytesParser(policy=default).parsebytes(envelope.content)))
        return "250 OK"


@pytest.fixture
def server(settings: Settings) -> Iterator[MailServer]:
    """A mail server on loopback, which the worker uses."""
    found, port = MailServer(), free_port()
    controller = Controller(found, hostname="127.0.0.1", port=port)
    controller.start()
    settings.EMAIL_BACKEND = "carillon.business.notices.mails.Outbox"
    settings.MAIL_TRANSPORT = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_USE_TLS = "127.0.0.1", port, False
    settings.DEFAULT_FROM_EMAIL = "noc@level.example"
    yield found
    controller.stop()


@pytest.fixture
def sent(as_role: AsRole) -> Callable[[], None]:
    """The worker sends what is due, until nothing is."""

    def work() -> None:
        with as_role("worker"):
            actor = system_actor()
            while send_mail(actor):
                pass

    return work


def alerted(cast: Cast, as_role: AsRole) -> Alert:
    """An alert of Acme's, with its mail written by the worker."""
    now = timezone.now()
    told = Alert(
        partner=cast.northwind, kind=AlertKind.OFFLINE, customer=cast.acme, about="Alice's phone is away.", since=now
    )
    with as_role("worker"):
        with tenant(system_actor()):
            assert raise_alert(told)
            waiting = Alert.objects.get().pk
        mail_alert(waiting)
    return Alert.objects.get()


def text_id(event: str, culture: str, *, partner: int, product: int | None = None) -> int:
    return MailText.objects.get(event=event, culture=culture, partner_id=partner, web_product_id=product).pk


def asked_for_password(host: str, email: str) -> None:
    cache.clear()  # of how often somebody has asked
    answer = Client(headers={"host": host}).post("/accounts/password/reset/", {"email": email})
    assert answer.status_code == 302


# ---------------------------------------------------------------- the way of a mail


def test_an_alert_is_a_row_then_a_mail_in_text_and_html(
    cast: Cast, server: MailServer, sent: Callable[[], None], as_role: AsRole
) -> None:
    told = alerted(cast, as_role)
    (row,) = script(cast, "paul")("get", "mails/")[1]["results"]
    assert (row["state"], row["event"], row["to"]) == ("waiting", "alert", ["paul@northwind.test"])
    assert "Alice's phone is away." in row["body"]
    sent()
    sent()
    ((recipients, mail),) = server.mails
    assert recipients == ["paul@northwind.test"]
    assert (mail["From"], mail["To"]) == ("Northwind Telecom <noc@level.example>", None)
    assert mail["Subject"] == "Device offline: Acme Ltd"
    assert mail["Message-ID"] == f"<alert-{told.pk}@carillon>"
    leaves = [part for part in mail.walk() if not part.is_multipart()]
    parts = {part.get_content_type(): part.get_content().replace("\r\n", "\n") for part in leaves}
    assert parts["text/plain"].startswith("Alice's phone is away.\n\nAt ")
    assert "Alice&#x27;s phone is away.</p>" in parts["text/html"]
    kept = Mail.objects.get()
    assert (kept.state, kept.attempts, kept.sent_at is not None) == ("sent", 1, True)


def test_a_password_mail_bears_the_websites_name_and_is_kept_from_everybody(
    cast: Cast, server: MailServer, sent: Callable[[], None]
) -> None:
    asked_for_password("northwind.localhost", "alice@acme.test")
    mail = Mail.objects.get()
    assert (mail.event, mail.is_secret, mail.partner_id) == ("password_reset", True, cast.northwind.pk)
    assert "reset/key" not in mail.text + mail.html
    (row,) = script(cast, "paul")("get", "mails/")[1]["results"]
    assert row["body"] == ""
    page = browser("paul").get(f"/panels/mails/{mail.pk}/").content.decode()
    assert "reset/key" not in page
    sent()
    ((recipients, message),) = server.mails
    assert (recipients, message["From"]) == (["alice@acme.test"], "Northwind Business <noreply@northwind.localhost>")
    body = message.get_body(("plain",))
    assert body is not None
    link = re.search(r"http://northwind\.localhost(/accounts/password/reset/key/\S+)", body.get_content())
    assert link
    assert Client(headers={"host": "northwind.localhost"}).get(link[1]).status_code == 302
    kept = Mail.objects.get()
    assert (kept.state, kept.text, kept.html) == ("sent", "", "")
    assert script(cast, "paul")("post", f"mails/{kept.pk}/resend/")[0] == 409


def test_a_mail_server_that_is_busy_is_asked_again_and_one_that_refuses_is_not(
    cast: Cast, server: MailServer, sent: Callable[[], None], as_role: AsRole
) -> None:
    server.replies = ["451 Try again", "550 No such person"]
    alerted(cast, as_role)
    sent()
    mail = Mail.objects.get()
    assert (mail.state, mail.error) == ("waiting", "The mail server said 451 Try again")
    assert timedelta(seconds=5) < mail.due_at - timezone.now() <= timedelta(seconds=10)
    Mail.objects.update(due_at=timezone.now())
    sent()
    mail.refresh_from_db()
    assert (mail.state, mail.attempts) == ("failed", 2)
    assert "550 No such person" in mail.error
    paul = script(cast, "paul")
    assert paul("post", f"mails/{mail.pk}/resend/")[0] == 200
    sent()
    mail.refresh_from_db()
    assert (mail.state, mail.error, len(server.mails)) == ("sent", "", 1)


def test_no_mail_server_there_means_later(
    cast: Cast, sent: Callable[[], None], settings: Settings, as_role: AsRole
) -> None:
    settings.EMAIL_BACKEND = "carillon.business.notices.mails.Outbox"
    settings.MAIL_TRANSPORT = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()
    alerted(cast, as_role)
    sent()
    mail = Mail.objects.get()
    assert mail.state == "waiting"
    assert mail.error.startswith("The mail server can't be reached: ")


def test_a_mail_of_a_change_that_is_taken_back_was_never_written(cast: Cast, server: MailServer) -> None:
    with pytest.raises(ZeroDivisionError), tenant(cast.staff("paul")):
        send_by_django("Hello", "there", None, ["bob@acme.test"])
        raise ZeroDivisionError
    assert not Mail.objects.exists()


def test_a_mail_that_nobody_has_introduced_is_sent_and_its_body_kept_from_all(
    cast: Cast, server: MailServer, sent: Callable[[], None]
) -> None:
    with tenant(cast.staff("paul")):
        send_by_django("Hello", "the code is 1234", None, ["bob@acme.test"])
    mail = Mail.objects.get()
    assert (mail.event, mail.is_secret, "1234" in mail.text) == ("other", True, False)
    sent()
    assert "1234" in str(server.mails[0][1].get_content())


def test_the_log_is_the_partners_own_and_kept_for_ninety_days(cast: Cast, server: MailServer, as_role: AsRole) -> None:
    alerted(cast, as_role)
    mail = Mail.objects.get()
    for name in ("petra", "stranger"):
        other = script(cast, name)
        assert other("get", "mails/")[1]["results"] == []
        assert other("get", f"mails/{mail.pk}/")[0] == other("post", f"mails/{mail.pk}/resend/")[0] == 404
    Mail.objects.update(created_at=timezone.now() - timedelta(days=91))
    with as_role("worker"), tenant(system_actor()) as actor:
        assert forget_old_mails(actor, limit=10) == 1
    assert not Mail.objects.exists()


# ---------------------------------------------------------------- words


def test_words_are_the_web_products_else_the_partners_else_the_platforms(
    cast: Cast, server: MailServer, sent: Callable[[], None]
) -> None:
    paul = script(cast, "paul")
    own = text_id("password_reset", "en", partner=cast.northwind.pk)
    brand = text_id("password_reset", "en", partner=cast.northwind.pk, product=cast.business.pk)

    def subject() -> str:
        Mail.objects.all().delete()
        asked_for_password("northwind.localhost", "alice@acme.test")
        return Mail.objects.get().subject

    assert subject() == "New password for Northwind Business"
    ours = {"subject": "Of ours: {{ site }}", "text": "Dear {{ name }}, go to {{ link }}"}
    assert paul("patch", f"mail-texts/{own}/", ours)[0] == 200
    assert paul("get", f"mail-texts/{brand}/")[1]["subject"] == "Of ours: {{ site }}"
    assert subject() == "Of ours: Northwind Business"
    assert paul("patch", f"mail-texts/{brand}/", {**ours, "subject": "Brand"})[0] == 200
    assert subject() == "Brand"
    for mail_id, wanted in ((brand, "Of ours: Northwind Business"), (own, "New password for Northwind Business")):
        assert paul("post", f"mail-texts/{mail_id}/reset/")[0] == 200
        assert subject() == wanted
    assert paul("post", f"mail-texts/{own}/reset/")[0] == 409
    history = browser("paul").get(f"/panels/mail-texts/{own}/history/").content.decode()
    assert "Of ours: {{ site }}" in history


def test_words_pass_down_the_tree_and_nobody_sees_whose_they_are_beyond_the_company_above(
    cast: Cast, server: MailServer, as_role: AsRole
) -> None:
    ids = {
        name: text_id("password_reset", "en", partner=partner, product=product)
        for name, partner, product in (
            ("olga", cast.operator.pk, None),
            ("paul", cast.northwind.pk, None),
            ("petra", cast.fjord.pk, None),
            ("brand", cast.fjord.pk, cast.fjord_voice.pk),
        )
    }
    with as_role("web"):
        olga, paul, petra = (script(cast, name) for name in ("olga", "paul", "petra"))

        def brands() -> tuple[str, str]:
            row = petra("get", f"mail-texts/{ids['brand']}/")[1]
            return row["subject"], row["source"]

        def words(whose: str) -> dict[str, str]:
            return {"subject": f"Of {whose}", "text": "Go to {{ link }}"}

        assert brands() == ("New password for {{ site }}", "built_in")
        assert olga("patch", f"mail-texts/{ids['olga']}/", words("olga"))[0] == 200
        assert brands() == ("Of olga", "operator")
        assert paul("patch", f"mail-texts/{ids['paul']}/", words("paul"))[0] == 200
        assert brands() == ("Of paul", "seller")
        assert petra("patch", f"mail-texts/{ids['petra']}/", words("petra"))[0] == 200
        assert brands() == ("Of petra", "partner")
        assert petra("patch", f"mail-texts/{ids['brand']}/", words("brand"))[0] == 200
        assert brands() == ("Of brand", "own")
        assert petra("post", f"mail-texts/{ids['brand']}/inherited/")[1]["Subject"] == "Of petra"
        for key in ("brand", "petra"):
            assert petra("post", f"mail-texts/{ids[key]}/reset/")[0] == 200
        assert brands() == ("Of paul", "seller")
        stranger = script(cast, "stranger")("get", "mail-texts/?limit=200")[1]["results"]
        ours = {row["subject"] for row in stranger if (row["event"], row["culture"]) == ("password_reset", "en")}
        assert ours == {"Of olga"}
        assert "Northwind" not in str(petra("get", f"mail-texts/{ids['petra']}/")[1])


def test_a_mail_is_written_in_the_inherited_words(cast: Cast, server: MailServer) -> None:
    mail_id = text_id("password_reset", "en", partner=cast.operator.pk)
    words = {"subject": "Platform: {{ site }}", "text": "{{ link }}"}
    assert script(cast, "olga")("patch", f"mail-texts/{mail_id}/", words)[0] == 200
    asked_for_password("northwind.localhost", "alice@acme.test")
    assert Mail.objects.get().subject == "Platform: Northwind Business"


WRONG = (
    *(
        "{{ password }}",
        "{% load x %}",
        "{{ name|safe }}",
        "{{ name.delete }}",
        "{{ settings.SECRET_KEY }}",
        "{{",
        "}} x",
    ),
    *("{{ __class__ }}", "{{ link() }}", "{{ NAME }}"),
)


def test_only_known_values_may_stand_in_a_text_and_nothing_is_ever_run(cast: Cast) -> None:
    paul = script(cast, "paul")
    mail_id = text_id("password_reset", "en", partner=cast.northwind.pk)
    for wrong in WRONG:
        status, answer = paul("patch", f"mail-texts/{mail_id}/", {"text": wrong})
        assert (status, list(answer["fields"])) == (400, ["text"]), wrong
    fine = "<script>{{ name }}</script> { 50% } {{ link }}"
    assert paul("patch", f"mail-texts/{mail_id}/", {"text": fine})[0] == 200
    _, shown = paul("post", f"mail-texts/{mail_id}/preview/")
    assert shown["Text"].startswith("<script>Alice</script> { 50% } https://")


def test_values_are_text_whatever_they_say(cast: Cast, server: MailServer, sent: Callable[[], None]) -> None:
    script(cast, "paul")("patch", f"users/{cast.alice.pk}/", {"name": "{{ link }} <img src=x>"})
    assert cast.alice.login is not None
    cast.alice.login.name = "{{ link }} <img src=x>"
    cast.alice.login.save()
    asked_for_password("northwind.localhost", "alice@acme.test")
    sent()
    html = server.mails[0][1].get_body(("html",))
    assert html is not None
    assert "Hello {{ link }} &lt;img src=x&gt;," in html.get_content()


def test_staff_write_for_their_own_part_of_the_tree_alone(cast: Cast) -> None:
    mail_id = text_id("alert", "en", partner=cast.northwind.pk)
    for name in ("petra", "stranger"):
        assert script(cast, name)("patch", f"mail-texts/{mail_id}/", {"subject": "x", "text": "y"})[0] == 404
    rows = script(cast, "petra")("get", "mail-texts/?limit=200")[1]["results"]
    assert {row["partner_id"] for row in rows} == {cast.fjord.pk}
    assert len(rows) == 2 * len(LETTERS) * len(CULTURES)  # Fjord itself and its web product


def test_every_letter_is_in_the_list_and_right_in_every_language(db: None, cast: Cast) -> None:
    mine = MailText.objects.filter(partner_id=cast.fjord.pk, web_product_id=None)
    assert {(row.event, row.culture) for row in mine} == {(event, one) for event in LETTERS for one in CULTURES}
    for event, one in LETTERS.items():
        assert set(one.texts) == set(CULTURES), event
        for texts in one.texts.values():
            assert [fault for text in texts if (fault := fault_of(text, one.titles()))] == []


# ---------------------------------------------------------------- senders


def test_a_sender_gives_mails_its_name_address_and_look(
    cast: Cast, server: MailServer, sent: Callable[[], None]
) -> None:
    given: dict[str, Any] = {
        "name": "Hello from Northwind",
        "address": "hello@northwind.localhost",
        "reply_to": "help@northwind.test",
        "colour": "#ab1234",
        "footer": "Northwind Ltd, London",
        "web_product_id": cast.business.pk,
    }
    paul = script(cast, "paul")
    paul.make("mail-identities/", given)
    assert paul("post", "mail-identities/", given)[0] == 400
    asked_for_password("northwind.localhost", "alice@acme.test")
    asked_for_password("portal.localhost", "paul@northwind.test")
    sent()
    by = {recipients[0]: mail for recipients, mail in server.mails}
    mail = by["alice@acme.test"]
    assert (mail["From"], mail["Reply-To"]) == (
        "Hello from Northwind <hello@northwind.localhost>",
        "help@northwind.test",
    )
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content().rstrip().endswith("-- \r\nNorthwind Ltd, London")
    assert "#ab1234" in html.get_content()
    assert by["paul@northwind.test"]["From"] == "Level Platform <noreply@portal.localhost>"


def test_nobody_writes_from_a_domain_of_somebody_else(cast: Cast) -> None:
    paul = script(cast, "paul")
    for wrong in ("ceo@bank.example", "x@localhost", "x@level.test", "x@fjord.test"):
        status, answer = paul("post", "mail-identities/", {"name": "X", "address": wrong})
        assert (status, list(answer["fields"])) == (400, ["address"]), wrong
    assert paul("post", "mail-identities/", {"name": "a\r\nBcc: b@c.test"})[0] == 400
    assert paul("post", "mail-identities/", {"name": "X", "colour": "red;x"})[0] == 400
    foreign = {"name": "X", "web_product_id": cast.elsewhere_voice.pk}
    assert paul("post", "mail-identities/", foreign)[0] == 400
