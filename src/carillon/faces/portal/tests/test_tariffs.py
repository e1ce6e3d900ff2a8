"""Tariffs as people write and move them: rows in the form, files out and in again, the picture of a week."""

from __future__ import annotations

import pytest
from tests.support.cast import Cast
from tests.support.clients import browser, script

from carillon.base.tenancy import tenant
from carillon.business.partners.queries import system_actor
from carillon.business.pricing.models import DestinationGroup, Holiday, Rate
from carillon.faces.portal.pricing_windows import join_steps, join_windows, split_steps, split_windows

pytestmark = pytest.mark.django_db(transaction=True)

WINDOWS = "Night=0+0.005 1/1 300:0.004/60; Weekend=0.1+0.01 60/60"
STEPS = "600:0.01/1 1200:0.005/60"
THREE = (
    {"name": "Night", "begins": "19:00", "ends": "07:00", "position": 5},
    {"name": "Weekend", "weekdays": ["sat", "sun"], "position": 1},
    {"name": "Holiday", "dates": ["12-25"]},
)


def test_rows_of_the_editor_say_what_the_text_says() -> None:
    assert join_steps(split_steps(STEPS)) == STEPS
    assert join_windows(split_windows(WINDOWS)) == WINDOWS
    assert split_windows(WINDOWS)[1] == ("Night", "300", "", "0.004", "", "60")
    assert join_windows([("Night", "300", "", "0.004", "", "60")]) == "Night=? 300:0.004/60"
    assert split_steps("nonsense") == split_windows("nonsense") == []


def test_a_tariff_is_written_shown_sent_out_and_taken_in_again(web: Cast) -> None:
    paul, page = script(web, "paul"), browser("paul")
    held = paul.make("price-lists/", {"name": "Retail", "currency": "EUR", "timezone": "Europe/London"})
    draft = paul.make("price-list-versions/", {"price_list_id": held["id"]})
    for window in THREE:
        paul.make("price-windows/", {"version_id": draft["id"], **window})
    sent = {
        "version_id": draft["id"], "prefix": "44", "name": "UK", "per_minute": "0.02", "connection_fee": "0",
        "initial_s": "60", "increment_s": "1", "grace_s": "3", "minimum": "0.01", "maximum": "2.5",
        "steps.from_s": ["600", "1200", ""], "steps.per_minute": ["0.01", "0.005", ""],
        "steps.increment_s": ["1", "60", ""],
        "windows.window": ["Night", "Night", "Weekend", ""], "windows.from_s": ["", "300", "", ""],
        "windows.connection_fee": ["", "", "0.1", ""], "windows.per_minute": ["0.005", "0.004", "0.01", ""],
        "windows.initial_s": ["1", "", "60", ""], "windows.increment_s": ["1", "60", "60", ""],
    }  # fmt: skip
    wrong = page.post("/panels/rates/add/", sent | {"windows.window": ["Noon", "Noon", "Weekend", ""]})
    assert "There is no window “Noon”; this version has: Weekend, Night, Holiday." in wrong.content.decode()
    assert 'name="windows.window" value="Noon"' in wrong.content.decode()
    assert page.post("/panels/rates/add/", sent).status_code in (200, 204)
    (rate,) = paul("get", f"rates/?version_id={draft['id']}")[1]["results"]
    assert (rate["steps"], rate["windows"], rate["grace_s"]) == (STEPS, WINDOWS, 3)
    assert 'name="windows.from_s" value="300"' in page.get(f"/panels/rates/{rate['id']}/edit/").content.decode()
    shown = page.get(f"/panels/price-list-versions/{draft['id']}/").content.decode()
    assert 'title="Monday 20:00: Night"' in shown and 'title="Saturday 20:00: Weekend"' in shown
    for kind in ("csv", "xlsx"):
        address = f"/panels/rates/export/?version_id={draft['id']}&format={kind}&columns="
        columns = "prefix,name,per_minute,connection_fee,intervals,grace_s,minimum,maximum,steps,windows"
        assert columns in shown
        file = page.get(address + columns).content
        copy = paul.make("price-list-versions/", {"price_list_id": held["id"]})
        status, told = paul.upload(f"price-list-versions/{copy['id']}/import/", file)
        assert (status, told) == (200, {"rates": "1", "encoding": "utf-8" if kind == "csv" else "xlsx"})
        with tenant(system_actor()):
            names = ("prefix", "name", "per_minute", "initial_s", "increment_s", "grace_s", "minimum", "maximum")
            both = Rate.objects.filter(version__price_list=held["id"]).values_list(*names, "steps", "windows")
            assert len(set(both)) == 1
            Rate.objects.filter(version=copy["id"]).delete()


def test_holidays_and_prefixes_come_from_files(web: Cast) -> None:
    paul = script(web, "paul")
    calendar = paul.make("holiday-calendars/", {"name": "England", "country": "GB"})
    paul.make("holidays/", {"calendar_id": calendar["id"], "date": "12-25", "name": "Christmas"})
    group = paul.make("destination-groups/", {"name": "Mobile", "prefixes": "447"})
    for file, count in ((b"447\n4477\n", 2), (b"prefix,name\n346,Spain\n", 3)):
        status, told = paul.upload(f"destination-groups/{group['id']}/prefixes/", file)
        assert (status, told) == (200, {"Prefixes": str(count)})
    assert paul.upload(f"destination-groups/{group['id']}/prefixes/", b"a,b\n1,2\n")[0] == 400
    assert paul("get", f"destination-groups/{group['id']}/members/")[1] == ["346", "447", "4477"]
    assert paul("get", "destination-groups/?number=%2B346123")[1]["results"][0]["name"] == "Mobile"
    with tenant(system_actor()):
        assert DestinationGroup.objects.get(pk=group["id"]).prefix_count == 3
        assert Holiday.objects.filter(calendar=calendar["id"]).count() == 1
