"""Reports that are mailed: when they are due, once each time, with what their owner may see, to whom works there."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import pytest
from django.core.mail import EmailMessage
from django.utils import timezone
from openpyxl import load_workbook
from pytest_django import Settings
from tests.support.cast import EMAILS, Cast
from tests.support.clients import browser, script

from carillon.base.tenancy import tenant
from carillon.business.notices.mails import send_mail
from carillon.business.notices.models import Mail, MailFile
from carillon.business.partners.actions import StaffData, create_staff
from carillon.business.partners.choices import Role
from carillon.business.partners.models import Login, Membership
from carillon.business.partners.queries import system_actor
from carillon.business.reports.models import ReportRun, ReportSchedule
from carillon.faces.portal import mailing

pytestmark = pytest.mark.django_db(transaction=True)

AsRole = Callable[[str], AbstractContextManager[None]]
Mails = list[EmailMessage]


@pytest.fixture
def outbox(settings: Settings) -> None:
    """Mails are rows, which the worker hands to Django's test mailbox."""
    settings.EMAIL_BACKEND = "carillon.business.notices.mails.Outbox"
    settings.MAIL_TRANSPORT = "django.core.mail.backends.locmem.EmailBackend"


def work(as_role: AsRole) -> None:
    """The worker opens what is due, makes it and sends it."""
    with as_role("worker"):
        mailing.open_due_reports(0)
        with tenant(system_actor()):
            waiting = list(ReportRun.objects.filter(state="waiting").values_list("pk", flat=True))
        for key in waiting:
            for _twice in range(2):
                mailing.send_report(key)
        while send_mail(system_actor()):
            pass


def due() -> None:
    ReportSchedule.objects.update(next_at=timezone.now() - timedelta(minutes=1))


def customers_of(cast: Cast) -> dict[str, Any]:
    """A report of Paul's customers, mailed to himself."""
    return {
        "name": "Customers of ours",
        "report": "customers",
        "query": "columns=name,status",
        "recipients": [cast.staff("paul").login_id],
        "culture": "es",
        "timezone": "Europe/London",
        "at": "7:30",
    }


def test_a_report_that_means_nothing_is_refused(cast: Cast) -> None:
    paul, given = script(cast, "paul"), customers_of(cast)
    wrongs: tuple[dict[str, Any], ...] = (
        {"report": "nothing"},
        {"query": "wrong=1"},
        {"at": "25:00"},
        {"recipients": []},
        {"recipients": [cast.staff("petra").login_id]},
        {"days": "day"},  # customers have no dates
        {"timezone": "Here"},
    )
    for wrong in wrongs:
        assert paul("post", "scheduled-reports/", {**given, **wrong})[0] == 400, wrong
    made = paul.make("scheduled-reports/", given)
    assert (made["at"], made["next_at"][-9:]) == ("07:30", "07:30:00Z")


def test_a_report_is_mailed_once_each_time_with_the_rows_of_its_owner(
    cast: Cast, as_role: AsRole, mailoutbox: Mails, outbox: None
) -> None:
    paul = script(cast, "paul")
    paul.make("scheduled-reports/", customers_of(cast))
    work(as_role)
    assert not Mail.objects.exists()
    due()
    for _again in range(3):
        work(as_role)
    (mail,) = mailoutbox
    assert (mail.subject, mail.to) == ("Customers of ours", [EMAILS["paul"]])
    ((name, content, _kind),) = mail.attachments
    assert isinstance(content, bytes) and str(name).endswith(".xlsx")
    rows = [[cell.value for cell in row] for row in load_workbook(io.BytesIO(content)).active.iter_rows()]
    assert rows[0] == ["Nombre", "Estado"]
    assert sorted(row[0] for row in rows[1:]) == ["Acme Ltd", "Bryggen AS", "Dan"]
    (run,) = paul("get", "report-runs/")[1]["results"]
    assert (run["state"], run["row_count"], run["sent_to"]) == ("sent", 3, [EMAILS["paul"]])
    assert not MailFile.objects.exists()  # with the mail server now, and kept once only
    assert paul("post", f"mails/{Mail.objects.get().pk}/resend/")[0] == 409


def test_a_file_is_fetched_by_who_may_see_it_alone(
    cast: Cast, as_role: AsRole, mailoutbox: Mails, outbox: None
) -> None:
    paul = script(cast, "paul")
    key = paul.make("scheduled-reports/", customers_of(cast))["id"]
    due()
    work(as_role)
    mine = f"report-runs/{ReportRun.objects.get().pk}/"
    content = bytes(ReportRun.objects.get().content or b"")
    assert base64.b64decode(paul("get", f"{mine}file/")[1]["content_base64"]) == content
    assert browser("paul").get(f"/panels/{mine}file/").content == content
    assert browser("paul").get(f"/panels/{mine}").status_code == 200
    assert script(cast, "paul", "scheduled_reports.view")("get", f"{mine}file/")[0] == 404
    for other in ("petra", "stranger"):
        theirs = script(cast, other)
        assert theirs("get", "scheduled-reports/")[1]["results"] == theirs("get", "report-runs/")[1]["results"] == []
        assert theirs("get", f"{mine}file/")[0] == 404
        assert browser(other).get(f"/panels/{mine}file/").status_code == 404
        assert theirs("post", f"scheduled-reports/{key}/send-now/")[0] == 404


def test_it_is_paused_sent_at_once_and_ends_with_its_owners_rights(
    cast: Cast, as_role: AsRole, mailoutbox: Mails, outbox: None
) -> None:
    with tenant(cast.staff("paul")) as boss:
        data = StaffData(email="nia@northwind.test", name="Nia", role=Role.ADMINISTRATOR, password="a long password 1")
        create_staff(boss, data)
    nia = Login.objects.get(email="nia@northwind.test")
    paul, me = script(cast, "paul"), cast.staff("paul").login_id or 0
    given = {"name": "Calls", "report": "cdrs", "days": "week", "format": "csv", "recipients": [me, nia.pk]}
    key = paul.make("scheduled-reports/", given)["id"]
    assert paul("post", f"scheduled-reports/{key}/pause/")[0] == 200
    due()
    work(as_role)
    assert mailoutbox == []
    assert paul("post", f"scheduled-reports/{key}/send-now/")[0] == 200
    work(as_role)
    assert [mail.to for mail in mailoutbox] == [["nia@northwind.test", EMAILS["paul"]]]
    assert paul("post", f"scheduled-reports/{key}/resume/")[0] == 200
    Membership.objects.filter(login_id=nia.pk).delete()
    Membership.objects.filter(login_id=me).update(role=Role.SALES)  # who sees calls, but no costs
    ReportSchedule.objects.update(report="costs", days="as_said")
    due()
    work(as_role)
    run = ReportRun.objects.latest("pk")
    assert (run.state, run.detail) == ("failed", "Its owner may not see this report any more.")
    Membership.objects.filter(login_id=me).delete()
    due()
    work(as_role)
    assert ReportRun.objects.latest("pk").detail == "None of its recipients works here any more."
    assert len(mailoutbox) == 1


def test_the_dashboard_is_a_table_and_a_large_file_is_fetched(
    cast: Cast, as_role: AsRole, mailoutbox: Mails, outbox: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    paul, me = script(cast, "paul"), cast.staff("paul").login_id or 0
    paul.make("scheduled-reports/", {"name": "Figures", "report": "dashboard", "format": "csv", "recipients": [me]})
    assert (
        paul("post", "scheduled-reports/", {"name": "x", "report": "dashboard", "query": "a=1", "recipients": [me]})[0]
        == 400
    )
    monkeypatch.setattr(mailing, "MOST_ATTACHED", 10)
    due()
    work(as_role)
    (mail,) = mailoutbox
    run = ReportRun.objects.get()
    assert mail.attachments == [] and f"/panels/report-runs/{run.pk}/" in str(mail.body)
    assert bytes(run.content or b"").decode("utf-8-sig").splitlines()[0].startswith("Part,Which,Calls,Answered,ASR %")


def test_a_tokens_report_may_no_more_than_the_token(
    cast: Cast, as_role: AsRole, mailoutbox: Mails, outbox: None
) -> None:
    me = cast.staff("paul").login_id or 0
    narrow = script(cast, "paul", "scheduled_reports.*", "customers.view")
    key = narrow.make("scheduled-reports/", {"name": "Ours", "report": "customers", "recipients": [me]})["id"]
    assert narrow("post", "scheduled-reports/", {"name": "x", "report": "cdrs", "recipients": [me]})[0] == 400
    ReportSchedule.objects.filter(pk=key).update(report="cdrs")
    due()
    work(as_role)
    assert (ReportRun.objects.get().state, mailoutbox) == ("failed", [])
