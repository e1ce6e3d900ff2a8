"""Files in their person's own manner: what leaves comes back as it was, and what is detected is told."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models import Model
from django.test import Client
from tests.support.cast import EMAILS, Cast
from tests.support.clients import browser, script
from tests.support.jobs import work

from carillon.base.changes import snapshot
from carillon.base.models import Job
from carillon.base.tenancy import tenant
from carillon.business.customers.models import Customer
from carillon.business.partners.models import BlacklistEntry, Login
from carillon.business.partners.queries import system_actor

pytestmark = pytest.mark.django_db(transaction=True)
UNTIL = datetime(2027, 7, 3, 9, 30, tzinfo=UTC)


@pytest.fixture
def spaniard(web: Cast) -> Client:
    """Paul, who writes 1.234,50 and 03.07.2027 and lives in Madrid."""
    with tenant(system_actor()):
        Login.objects.filter(key=f"0:{EMAILS['paul']}").update(
            culture="es-ES", timezone="Europe/Madrid", date_format="dotted", number_format="comma"
        )
    return browser("paul")


def states(model: type[Model]) -> list[dict[str, Any]]:
    with tenant(system_actor()):
        return [snapshot(row) for row in model._default_manager.order_by("pk")]


def sent(paul: Client, panel: str, content: bytes, **told: str) -> Job:
    """Send a file, take the columns as they were guessed, and let it be imported."""
    file = SimpleUploadedFile("rows.csv", content)
    address = paul.post(f"/panels/{panel}/import/", {"file": file}, headers={"hx-request": "true"})["HX-Redirect"]
    job = latest()
    columns = {f"column-{at}": name for at, name in enumerate(job.options["mapping"])}
    asked = {**columns, "is_all_or_nothing": "true", "choice": "import", **told}
    assert paul.post(f"{address}start/", asked).status_code == 302
    work()
    return latest()


def latest() -> Job:
    with tenant(system_actor()):
        return Job.objects.latest("created_at")


def test_what_was_exported_in_a_persons_format_imports_unchanged(web: Cast, spaniard: Client) -> None:
    paul = script(web, "paul")
    paul("patch", f"customers/{web.acme.pk}/", {"max_daily_spend_micro": 1_234_500_000})
    paul.make("blacklists/", {"kind": "called", "value": "+4490", "reason": "Spam", "expires_at": UNTIL.isoformat()})
    for panel, model, key, columns in (
        ("blacklists", BlacklistEntry, "value", "value,kind,reason,expires_at"),
        ("customers", Customer, "name", "name,kind,charging,max_daily_spend,max_channels"),
    ):
        before = states(model)
        content = spaniard.get(f"/panels/{panel}/export/?format=csv&columns={columns}").content
        text = content.decode("utf-8-sig")
        assert ";" in text.splitlines()[0]
        assert ("03.07.2027 11:30:00" if panel == "blacklists" else "1234,50") in text
        job = sent(spaniard, panel, content, key=key)
        assert (job.state, job.wrong, job.changed, job.created) == ("done", 0, 0, 0), (job.detail, job.options)
        assert job.unchanged == len(text.splitlines()) - 1
        assert states(model) == before


def test_a_file_in_another_manner_is_read_as_its_person_says(web: Cast, spaniard: Client) -> None:
    content = "value;kind;reason;expires_at\n+4491;called;x;07/03/2027 09:30\n".encode("utf-16-le")
    job = sent(spaniard, "blacklists", content, dates="month-first", timezone="UTC")
    assert (job.state, job.created) == ("done", 1), job.detail
    assert (job.options["found_encoding"], job.options["found_separator"]) == ("utf-16-le", ";")
    with tenant(system_actor()):
        assert BlacklistEntry.objects.get(value="+4491").expires_at == UNTIL
    plain = script(web, "paul").client  # programs write plainly, unless they say otherwise
    file = SimpleUploadedFile("rows.csv", b"value,kind,reason,expires_at\n+4492,called,x,2027-07-03T09:30:00Z\n")
    assert plain.post("/api/v1/blacklists/import/", {"file": file}).status_code == 202
    file = SimpleUploadedFile("rows.csv", b"value|kind|reason|expires_at\n+4493|called|x|03/07/2027 11:30\n")
    asked = {"file": file, "dates": "day-first", "timezone": "Europe/Madrid"}
    assert plain.post("/api/v1/blacklists/import/", asked).status_code == 202
    assert plain.post("/api/v1/blacklists/import/", {**asked, "dates": "martian"}).status_code == 400
    work()
    with tenant(system_actor()):
        found = BlacklistEntry.objects.filter(value__in=["+4492", "+4493"])
        assert [one.expires_at for one in found] == [UNTIL, UNTIL]


def test_the_page_tells_how_a_file_was_read(web: Cast, spaniard: Client) -> None:
    file = SimpleUploadedFile("rows.csv", "value;kind;reason\n+4491;called;Müller\n".encode("cp1252"))
    address = spaniard.post("/panels/blacklists/import/", {"file": file}, headers={"hx-request": "true"})["HX-Redirect"]
    page = spaniard.get(address).content.decode()
    assert "cp1252" in page and "Punto y coma" in page and "Müller" in page
    assert '<option value="dotted" selected>' in page and '<option value="Europe/Madrid" selected>' in page
    spaniard.post(f"{address}start/", {"choice": "read", "separator": ",", "encoding": ""})
    assert latest().options["headings"] == ["value;kind;reason"]
