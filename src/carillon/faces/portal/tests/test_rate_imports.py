"""Rate files that are too large to wait for: a job fills the draft, all or none, and can be stopped."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections
from tests.support.cast import Cast
from tests.support.clients import Script, browser, script
from tests.support.jobs import work

from carillon.base.jobs import Progress, Stopped
from carillon.base.models import Job
from carillon.base.tenancy import tenant
from carillon.business.partners.queries import system_actor
from carillon.business.pricing.actions import PriceListData, VersionData, create_price_list, create_version
from carillon.business.pricing.models import PriceListVersion, Rate
from carillon.faces.portal.pricing_dialogs import AT_ONCE_BYTES
from carillon.faces.portal.rate_imports import run_rates

pytestmark = pytest.mark.django_db(transaction=True)

LINES = 45_000
RATES = "prefix,name,rate\n" + "".join(f"44{number},United Kingdom {number},0.0125\n" for number in range(LINES))


@pytest.fixture
def version(web: Cast) -> Iterator[PriceListVersion]:
    """A draft of Paul's with one rate."""
    assert len(RATES) > AT_ONCE_BYTES
    with tenant(web.staff("paul")) as actor:
        found = create_price_list(actor, PriceListData(name="Retail", currency="EUR"))
        draft = create_version(actor, VersionData(price_list_id=found.pk))
    paul = script(web, "paul")
    assert paul.upload(f"price-list-versions/{draft.pk}/import/", b"prefix,rate\n1,1\n")[1]["rates"] == "1"
    yield draft


def sent(api: Script, version: PriceListVersion, content: str = RATES) -> dict[str, Any]:
    """Send a file and have the worker take it; the job as it ended."""
    status, told = api.upload(f"price-list-versions/{version.pk}/import/", content.encode())
    assert (status, told["state"]) == (200, "waiting")
    work()
    found: dict[str, Any] = api("get", f"jobs/{told['job']}/")[1]
    return found


def rates(version: PriceListVersion) -> tuple[int, int]:
    """How many the draft has, and says it has."""
    with tenant(system_actor()):
        return Rate.objects.filter(version=version).count(), PriceListVersion.objects.get(pk=version.pk).rate_count


def test_a_large_file_fills_the_draft(web: Cast, version: PriceListVersion) -> None:
    job = sent(script(web, "paul"), version)
    assert (job["state"], job["created"], job["done"], job["total"]) == ("done", LINES, LINES, LINES)
    assert rates(version) == (LINES, LINES)


def test_one_wrong_line_and_nothing_is_imported(web: Cast, version: PriceListVersion) -> None:
    paul = script(web, "paul")
    job = sent(paul, version, RATES + "44,Twice,0.1\n44,Twice,0.2\n0x,Nowhere,0.1\n")
    assert (job["state"], job["created"], job["wrong"]) == ("failed", 0, 2)
    assert rates(version) == (1, 1)
    wrong = paul("get", f"jobs/{job['id']}/errors/")[1]
    assert [(one["line"], one["column"]) for one in wrong] == [(LINES + 3, "prefix"), (LINES + 4, "prefix")]
    assert "is on line" in wrong[0]["text"]


def test_it_is_stopped_in_the_middle_and_nothing_stays(web: Cast, version: PriceListVersion) -> None:
    paul = script(web, "paul")
    _status, told = paul.upload(f"price-list-versions/{version.pk}/import/", RATES.encode())
    with tenant(system_actor()):
        Job.objects.filter(pk=told["job"]).update(state="running")
        job = Job.objects.get(pk=told["job"])
    with Progress(job) as progress:
        seen = []

        def beat(done: int, counts: dict[str, int] | None = None, *, is_now: bool = False) -> None:
            seen.append(done)
            if len(seen) == 2:  # the person presses the button after 40,000 lines
                with ThreadPoolExecutor(1) as elsewhere:
                    assert elsewhere.submit(cancelled, paul, job).result() == 200
            Progress.beat(progress, done, is_now=True)

        progress.beat = beat  # type: ignore[method-assign,assignment]
        with pytest.raises(Stopped):
            run_rates(web.staff("paul"), job, progress)
    assert seen[:2] == [20_000, 40_000]
    assert paul("get", f"jobs/{job.pk}/")[1]["done"] == 40_000
    assert rates(version) == (1, 1)


def cancelled(api: Script, job: Job) -> int:
    """Cancel it by a connection of its own, as another process does."""
    try:
        return api("post", f"jobs/{job.pk}/cancel/", {})[0]
    finally:
        connections.close_all()


def test_an_approved_version_is_not_filled_any_more(web: Cast, version: PriceListVersion) -> None:
    paul = script(web, "paul")
    _status, told = paul.upload(f"price-list-versions/{version.pk}/import/", RATES.encode())
    with tenant(system_actor()):
        PriceListVersion.objects.filter(pk=version.pk).update(state="approved")
    work()
    assert paul("get", f"jobs/{told['job']}/")[1]["state"] == "failed"
    assert rates(version) == (1, 1)


def test_the_portal_leads_to_the_job(web: Cast, version: PriceListVersion) -> None:
    paul = browser("paul")
    file = SimpleUploadedFile("rates.csv", RATES.encode())
    answer = paul.post(f"/panels/price-list-versions/{version.pk}/do/import/", {"file": file, "encoding": ""})
    page = paul.get(answer["HX-Redirect"])
    assert page.status_code == 200 and b"job-progress" in page.content
    work()
    assert b"What happened" in paul.get(answer["HX-Redirect"]).content
