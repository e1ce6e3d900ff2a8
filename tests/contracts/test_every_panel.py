"""Inherited by every panel: who gets in, whose rows they meet, what strangers get, how many queries a grid costs.

Addresses are enumerated from the URL resolver: one that is not classified here fails.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from carillon.base.tenancy import realm_scope, tenant
from carillon.business.calls.models import Call, Cdr
from carillon.business.partners.models import Login, Partner
from carillon.business.partners.queries import signed_in_actor, system_actor
from carillon.business.partners.tokens import TokenData, create_token
from carillon.demo.cast.load import load_cast
from carillon.demo.world import CAST, PASSWORD
from carillon.faces.api.urls import urlpatterns as api_patterns
from carillon.faces.portal.catalogue import pages, panels
from carillon.faces.portal.urls import urlpatterns as portal_patterns
from carillon.panels.bulk import MOST_CHOSEN
from carillon.panels.cells import initial_values
from carillon.panels.changes import panel_inputs
from carillon.panels.columns import offered_columns
from carillon.panels.export import FORMATS
from carillon.panels.importing import importable
from tests.support.worlds import remembered

pytestmark = pytest.mark.django_db(transaction=True)

STAFF = {seller.name: seller.staff.email for seller in CAST.sellers}
OPERATOR, NORTHWIND, FJORD, HARBOUR = STAFF
SEES = {OPERATOR: set(STAFF), NORTHWIND: {NORTHWIND, FJORD}, FJORD: {FJORD}, HARBOUR: {HARBOUR}}
MOST_QUERIES = 12  # of a grid's rows, with the request's own: session, login, scope, begin and end

# portal addresses: the page of everybody, the pages of a panel, the pages of a row
COMMON = {"home", "customer-filter", "page", "preferences", "search", "attachment", "help", "chapter", "about"}
COMMON |= {"menu", "notifications", "notifications-read", "shortcuts", "job-start", "job-progress", "job-errors"}
COMMON |= {"report-file"}
# tested in faces/portal/tests: test_wizard.py, test_branding.py
OF_BRANDS = {"theme", "wizard", "preview", "colours", "picture", "brand-form", "brand-preview"}
OWN = {"notifications", "preferences", "search", "attachment"}  # of the person at work, in REST
OF_PANEL = {"panel", "rows", "totals", "export", "count", "bulk", "lookup", "add", "import"}
OF_ROW = {"detail", "edit", "remove", "notes", "history", "undo", "do", "go"}


@pytest.fixture
def world(as_role: Callable[[str], AbstractContextManager[None]]) -> Iterator[dict[str, int]]:
    """The demo world with a call and a CDR of each partner, seen through the web role; partner ids by name."""
    cache.clear()
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        remembered("demo", load_cast)
        with tenant(system_actor()):
            ids = dict(Partner.objects.values_list("name", "pk"))
            for partner_id in ids.values():
                add_call(partner_id)
        with as_role("web"):
            yield ids


def add_call(partner_id: int) -> None:
    now = timezone.now()
    common = {"direction": "outbound", "caller": "+442079460001", "callee": "+33199000001", "started_at": now}
    Call.objects.create(
        id=uuid4(),
        partner_id=partner_id,
        edge="e",
        sip_call_id="c",
        state="answered",
        due_at=now,
        decision={},
        **common,
    )
    Cdr.objects.create(
        partner_id=partner_id, call_id=uuid4(), chain="originating", tier=0, tab="dialled", started_on=now.date(),
        ended_at=now + timedelta(seconds=60), duration_ms=60_000, billed_s=60, outcome="answered", currency="GBP",
        amount_micro=10_000, explanation={}, **common,
    )  # fmt: skip


def browser(partner: str) -> Client:
    client = Client(headers={"host": "portal.localhost"})
    answer = client.post("/accounts/login/", {"login": STAFF[partner], "password": PASSWORD})
    assert answer.status_code == 302
    return client


def rows_of(client: Client, slug: str) -> list[dict[str, Any]]:
    answer = client.get(f"/panels/{slug}/rows/?size=200", headers={"accept": "application/json"})
    assert answer.status_code == 200, (slug, answer.content[:300])
    rows: list[dict[str, Any]] = answer.json()["rows"]
    return rows


def test_every_address_is_classified() -> None:
    assert {pattern.name for pattern in portal_patterns} == COMMON | OF_BRANDS | OF_PANEL | OF_ROW
    names = {pattern.name for pattern in api_patterns if pattern.name not in {"schema", "nothing", *OWN}}
    resources = {panel.rest_name for panel in panels() if panel.rest_name} | {page.slug for page in pages()}
    assert {name for name in names if not any(name.startswith(f"{one}-") for one in resources)} == set()


def test_promised_resources_are_there() -> None:
    promised = (
        "partners web-products customers users sip-endpoints sip-locations numbers price-lists rates costs gateways "
        "routes live-calls cdrs transactions top-ups"
    )
    assert set(promised.split()) <= {panel.rest_name for panel in panels()}


@pytest.mark.parametrize("partner", STAFF)
def test_grids_show_rows_of_ones_own_part_of_the_tree(world: dict[str, int], partner: str) -> None:
    client = browser(partner)
    everybody = browser(OPERATOR)
    allowed = {world[name] for name in SEES[partner]}
    for panel in panels():
        mine = {row["_id"] for row in rows_of(client, panel.slug)}
        keys = [panel.model._meta.pk.to_python(row["_id"]) for row in rows_of(everybody, panel.slug)]
        with realm_scope(0):
            actor = signed_in_actor(Login.objects.get(key=f"0:{STAFF[OPERATOR]}"))
        with tenant(actor):
            owners = dict(owned(panel, keys))
        foreign = {key for key, (owner, others) in owners.items() if not {owner, *others} & allowed}
        assert not mine & foreign, panel.slug
        own = {key for key, (owner, _others) in owners.items() if owner in allowed}
        assert own <= mine, panel.slug


def owned(panel: Any, keys: list[Any]) -> Iterator[tuple[str, tuple[int, list[int]]]]:
    """Each row's id with the partner that owns it and those that may see it too."""
    tenancy = panel.model.tenancy
    for row in panel.model.objects.filter(pk__in=keys):
        yield str(row.pk), (getattr(row, tenancy.partner), [getattr(row, column) for column in tenancy.also])


def test_who_is_not_signed_in_is_asked_to(world: dict[str, int]) -> None:
    client = Client(headers={"host": "portal.localhost"})
    for panel in panels():
        for path in ("", "rows/", "export/", "lookup/", "add/", "1/", "1/edit/", "1/remove/", "1/notes/", "1/history/"):
            answer = client.get(f"/panels/{panel.slug}/{path}")
            assert answer.status_code == 302, path
            assert answer["Location"].startswith("/accounts/login/")
        assert client.get(f"/api/v1/{panel.rest_name or panel.slug}/").status_code in (401, 404)


@pytest.mark.parametrize("partner", [OPERATOR, NORTHWIND])
def test_pages_open_and_grids_keep_their_budget(world: dict[str, int], partner: str) -> None:
    client = browser(partner)
    too_many = ",".join(str(key) for key in range(MOST_CHOSEN + 1))
    for panel in panels():
        assert client.get(f"/panels/{panel.slug}/").status_code == 200, panel.slug
        with CaptureQueriesContext(connection) as queries:
            rows_of(client, panel.slug)
        assert len(queries) <= MOST_QUERIES, (panel.slug, len(queries))
        assert client.get(f"/panels/{panel.slug}/totals/").status_code == 200, panel.slug
        assert client.get(f"/panels/{panel.slug}/count/").status_code == 200, panel.slug
        for kind in FORMATS:
            assert client.get(f"/panels/{panel.slug}/export/?format={kind}").status_code == 200, panel.slug
        assert client.get(f"/panels/{panel.slug}/lookup/?q=a").status_code == 200, panel.slug
        assert set(panel.together) <= {one.name for one in panel_inputs(panel) if one.field.only == ""}, panel.slug
        for one in client.get(f"/panels/{panel.slug}/").context["config"]["bulks"]:
            address = f"/panels/{panel.slug}/bulk/{one['name']}/"
            assert client.get(f"{address}?count=2").status_code == 200, address
            assert client.post(address, {"_rows": too_many}).status_code == 422, address
        if panel.create:
            assert client.get(f"/panels/{panel.slug}/add/").status_code == 200, panel.slug


def test_every_column_that_may_be_chosen_costs_no_query_a_row(world: dict[str, int]) -> None:
    client = browser(OPERATOR)
    for panel in panels():
        with CaptureQueriesContext(connection) as queries:
            answer = client.get(f"/panels/{panel.slug}/export/?columns={','.join(offered_columns(panel))}")
        assert answer.status_code == 200, panel.slug
        assert len(queries) <= MOST_QUERIES, (panel.slug, len(queries))


TRIED = {
    "text": ("x", "%00"), "integer": ("1", "x", "9" * 30), "uuid": ("x", "%00"), "bool": ("true", "x"),
    "date": ("2026-01-01", "x", "9" * 30),
}  # fmt: skip


def test_every_order_filter_and_tab_works(world: dict[str, int]) -> None:
    client = browser(NORTHWIND)
    for panel in panels():
        for order in (mark + name.removeprefix("-") for name in panel.order for mark in ("", "-")):
            first = client.get(f"/panels/{panel.slug}/rows/?size=25&order={order}")
            assert first.status_code == 200, (panel.slug, order)
        for tab in panel.tabs:
            assert client.get(f"/panels/{panel.slug}/rows/?tab={tab.name}").status_code == 200, panel.slug
        for one in panel.filters:
            for value in TRIED[one.kind]:
                answer = client.get(
                    f"/panels/{panel.slug}/rows/?{one.name}={value}", headers={"accept": "application/json"}
                )
                assert answer.status_code in (200, 400), (panel.slug, one.name, value)


FORGED = {"bool": ("maybe", "null"), "integer": ("1.5", "9" * 30), "uuid": ("1",), "date": ("2026-02-30",)}


def test_forged_filters_orders_and_tabs_show_nothing(world: dict[str, int]) -> None:
    """What is not understood is refused: rows cut by nothing would be more than were asked for."""
    client = browser(NORTHWIND)
    for panel in panels():
        tries = [("order", "partner__name"), ("order", "-secret"), ("tab", "x")]
        for one in panel.filters:
            ends = [f"{one.name}_from"] if one.lookup == "range" else [one.name]
            tries += [(end, value) for end in ends for value in FORGED.get(one.kind, ())]
        for name, value in tries:
            answer = client.get(f"/panels/{panel.slug}/rows/", {name: value}, headers={"accept": "application/json"})
            assert answer.status_code == 400, (panel.slug, name, value, answer.status_code)


@pytest.mark.parametrize("partner", [NORTHWIND, HARBOUR])
def test_rest_gives_the_same_rows(world: dict[str, int], partner: str) -> None:
    with realm_scope(0):
        actor = signed_in_actor(Login.objects.get(key=f"0:{STAFF[partner]}"))
    with tenant(actor):
        clear = create_token(actor, TokenData(name="script", scopes=("*",)))[1]
    script = Client(headers={"host": "portal.localhost", "authorization": f"Bearer {clear}"})
    client = browser(partner)
    for panel in (panel for panel in panels() if panel.rest_name):
        mine = {row["_id"] for row in rows_of(client, panel.slug)}
        found = script.get(f"/api/v1/{panel.rest_name}/?limit=200")
        assert {str(row["id"]) for row in found.json()["results"]} == mine, panel.slug
        file = script.get(f"/api/v1/{panel.rest_name}/export/")
        assert len(list(csv.reader(io.StringIO(file.content.decode("utf-8-sig"))))) == len(mine) + 1, panel.slug
        for key in list(mine)[:1]:
            assert script.get(f"/api/v1/{panel.rest_name}/{key}/").status_code == 200
        assert script.get(f"/api/v1/{panel.rest_name}/totals/").json()["count"] == len(mine), panel.slug


NASTY: tuple[Any, ...] = (
    *("x" * 5000, "nul\x00", "\ud800", "'; drop table x; --", "\u202e٣", "-1", "NaN", "9999-12-31T23:59:59+14:00"),
    *("127.0.0.1/33", "ÄÖ@ü..b", None, True, -1, 2**31, 2**63, 1e308, [], ["x", "x"], [2**63], {"a": 1}),
)


def test_no_value_whatever_breaks_a_resource(world: dict[str, int]) -> None:
    """Each input of each resource takes each nasty value; whatever is not refused must be a change that was made."""
    with realm_scope(0):
        actor = signed_in_actor(Login.objects.get(key=f"0:{STAFF[OPERATOR]}"))
    with tenant(actor):
        clear = create_token(actor, TokenData(name="script", scopes=("*",)))[1]
    script = Client(
        headers={"host": "portal.localhost", "authorization": f"Bearer {clear}"}, raise_request_exception=False
    )
    broken: list[str] = []
    for panel in (panel for panel in panels() if panel.rest_name and panel.data):
        base = f"/api/v1/{panel.rest_name}/"
        results = script.get(base).json()["results"]
        values = example(panel, actor, results[0]["id"]) if results else {}
        for one in panel_inputs(panel):
            for value in NASTY:
                tries = [("post", base, {**values, one.name: value})] if panel.create else []
                if panel.update and results:
                    tries.append(("patch", f"{base}{results[0]['id']}/", {one.name: value}))
                for verb, path, body in tries:
                    answer = getattr(script, verb)(path, json.dumps(body), content_type="application/json")
                    if answer.status_code >= 500:
                        broken.append(f"{verb} {path} {one.name}={value!r:.40}: {answer.status_code}")
    assert broken == []


def example(panel: Any, actor: Any, key: Any) -> dict[str, Any]:
    """A body that would create a row like that one, as JSON."""
    with tenant(actor):
        values = initial_values(panel, panel.rows(actor).get(pk=key))
    names = {one.name for one in panel_inputs(panel)}
    return {name: json.loads(json.dumps(value, default=str)) for name, value in values.items() if name in names}


def script_of(partner: str) -> Client:
    """A program that may whatever the partner's administrator may."""
    with realm_scope(0):
        actor = signed_in_actor(Login.objects.get(key=f"0:{STAFF[partner]}"))
    with tenant(actor):
        clear = create_token(actor, TokenData(name="script", scopes=("*",)))[1]
    return Client(headers={"host": "portal.localhost", "authorization": f"Bearer {clear}"})


def test_rows_have_versions_history_and_notes(world: dict[str, int]) -> None:
    """A change that names a version that is no more is refused; the form carries what it was opened with."""
    script, client = script_of(NORTHWIND), browser(NORTHWIND)
    for panel in (panel for panel in panels() if panel.rest_name):
        results = script.get(f"/api/v1/{panel.rest_name}/").json()["results"]
        if not results:
            continue
        item = f"/api/v1/{panel.rest_name}/{results[0]['id']}/"
        assert script.get(item)["ETag"], item
        if panel.has_history:
            assert isinstance(script.get(f"{item}history/").json()["results"], list), item
            assert isinstance(script.get(f"{item}notes/").json()["results"], list), item
        if panel.update:
            stale = script.patch(item, "{}", content_type="application/json", headers={"if-match": '"stale"'})
            assert stale.status_code == 412, item
            form = client.get(f"/panels/{panel.slug}/{results[0]['id']}/edit/").content.decode()
            assert 'name="_opened"' in form and 'name="_reason"' in form, panel.slug


def test_a_changed_text_is_taken_back(world: dict[str, int]) -> None:
    script = script_of(OPERATOR)
    seen = []
    for panel in (panel for panel in panels() if panel.rest_name and panel.update and panel.has_history):
        own = {column.attname for column in panel.model._meta.concrete_fields} & {"name", "note", "label"}
        names = own & {one.name for one in panel_inputs(panel) if one.field.only != "create"}
        results = script.get(f"/api/v1/{panel.rest_name}/").json()["results"]
        for row in results[:1] if names else ():
            item, name = f"/api/v1/{panel.rest_name}/{row['id']}/", min(names)
            changed = script.patch(item, json.dumps({name: "Changed here"}), content_type="application/json")
            if changed.status_code == 409:  # an approved version, and its rates, never change
                continue
            assert changed.status_code == 200, (item, changed.content)
            entry = script.get(f"{item}history/").json()["results"][0]
            assert entry["is_undoable"], (item, entry)
            back = script.post(f"{item}history/{entry['id']}/undo/")
            assert back.status_code == 200, (item, back.content)
            assert back.json().get(name) == row.get(name), item
            seen.append(panel.slug)
    assert {"customers", "users", "web-products", "gateways"} <= set(seen)


def test_rows_may_come_from_a_file(world: dict[str, int]) -> None:
    """Where rows may be added, a file is taken in by its columns; what fills nothing is refused."""
    script, client, seen = script_of(NORTHWIND), browser(NORTHWIND), 0
    for panel in (panel for panel in panels() if panel.create and panel.imports):
        titles = [one.name for one in importable(panel)]
        dialog = client.get(f"/panels/{panel.slug}/import/")
        assert dialog.status_code == 200 and b'type="file"' in dialog.content, panel.slug
        if panel.rest_name:
            for content, status in ((f"{','.join(titles)}\n{'x,' * len(titles)}", 202), ("nothing,known\n1,2\n", 400)):
                file = SimpleUploadedFile("rows.csv", content.encode())
                answer = script.post(f"/api/v1/{panel.rest_name}/import/", {"file": file, "is_rehearsal": "true"})
                assert answer.status_code == status, (panel.slug, answer.content)
            seen += 1
    assert seen > 10
