"""Every operation of the OpenAPI description with what programs and attackers send: a problem, never an error of ours.

The description says which addresses, parameters and bodies there are, so a new resource is walked without being named.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from tests.support.cast import Cast
from tests.support.market import make_market

from carillon.base.models import AuditEntry
from carillon.base.tenancy import realm_scope, tenant
from carillon.business.partners.queries import system_actor
from carillon.business.partners.tokens import TokenData, create_token
from carillon.faces.portal.catalogue import panels
from carillon.panels.cells import initial_values
from carillon.panels.changes import panel_inputs

pytestmark = pytest.mark.django_db(transaction=True)

JSON = "application/json"
PROBLEM = "application/problem+json"
IDS = ("9223372036854775808", "9" * 60, "%00", "%ff", "1.5", "%D9%A1", "00000000-0000-0000-0000-000000000000")
VALUES = ("%00", "%ff", "9223372036854775808", "1e400", "NaN", "0001-01-01", "9999-12-31", "%25%5C")
REFUSED = ("order=secret", "order=id__x", "limit=0", "limit=1e9", "cursor=x", "cursor=%00", "cursor=WyJpZCJd:1:x",
           "name__contains=x", "partner__name=x", "password=x", "%00=1")  # fmt: skip
BOUNDARY = "multipart/form-data; boundary=b"
BODIES: tuple[tuple[Any, str], ...] = (
    ("{", JSON), ("[]", JSON), ("null", JSON), ("[" * 100_000, JSON), ('{"a":' * 50_000, JSON), (b"\x00", JSON),
    ('{"name": NaN}', JSON), (f'{{"name": {"9" * 5000}}}', JSON), ('{"name": 1e999}', JSON), ('{"\\u0000": 1}', JSON),
    (b'{"name": "\xff\xfe"}', JSON), ('{"id": 1, "partner": 1}', JSON), ('{"": 1}', f"{JSON}; charset=nonsense"),
    ("x", "text/plain"), ("a=1", "application/x-www-form-urlencoded"), ("x", "multipart/form-data"),
    ("a=%C3", "application/x-www-form-urlencoded; charset=utf-16"),
)  # fmt: skip
KEYS = ("x" * 71, "\u00e9", "\x07")
# Resources that take every such body; the others, read by the same few views, take each a fifth, in turn.
WHOLE = ("customers", "support", "price-list-versions", "preferences", "notifications")
FORMS = (
    '--b\r\nContent-Disposition: form-data; name="name"\r\n\r\n\x00\r\n--b--\r\n',
    '--b\r\nContent-Disposition: form-data; name="file"; filename="x\x00.csv"\r\n\r\n\x00\xff\r\n--b--\r\n',
)


@pytest.fixture
def web(cast: Cast, as_role: Callable[[str], AbstractContextManager[None]]) -> Iterator[Cast]:
    """The cast with a market, Django's own pooled connection signed in as the web role."""
    cache.clear()
    make_market(cast)
    with as_role("web"):
        yield cast


def script(cast: Cast, name: str, host: str = "portal.localhost") -> Client:
    with realm_scope(0):
        actor = cast.staff(name)
    with tenant(actor):
        clear = create_token(actor, TokenData(name="script", scopes=("*",)))[1]
    return Client(headers={"host": host, "authorization": f"Bearer {clear}"}, raise_request_exception=False)


def operations(client: Client) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every (method, path, description); paths still have their {id}."""
    paths = client.get("/api/v1/schema/?format=json").json()["paths"]
    assert len(paths) > 60
    for path, methods in paths.items():
        for method, operation in methods.items():
            yield method, path, operation


class Faults:
    """Collects what was answered wrongly, to see all of it at once."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def check(self, what: str, answer: Any) -> None:
        is_problem = answer.status_code < 400 or answer["Content-Type"] == PROBLEM
        if answer.status_code >= 500 or not is_problem:
            self.found.append(f"{answer.status_code} {answer['Content-Type']} {what:.150}")


def own_ids(client: Client, path: str) -> str:
    """The path with the id of a row that is there."""
    if "{id}" not in path:
        return path
    rows = client.get(f"{path.partition('{id}')[0]}?limit=1").json().get("results")  # files have no list
    return path.replace("{id}", str(rows[0]["id"]) if rows else "1").replace("{entry}", "1")


def changes() -> int:
    with tenant(system_actor()):
        return AuditEntry.objects.count()


def test_ids_and_parameters_of_every_resource(web: Cast) -> None:
    client, faults = script(web, "paul"), Faults()
    for method, path, operation in operations(client):
        if method != "get" or path.endswith("schema/"):
            continue
        if "{id}" in path:
            assert {client.get(path.replace("{id}", wrong)).status_code for wrong in IDS} == {404}, path
            faults.check(path, client.get(path.replace("{id}", "%00")))
            continue
        for text in REFUSED:
            answer = client.get(f"{path}?{text}")
            faults.check(f"{path}?{text}", answer)
            assert answer.status_code in (400, 404) or text == "password=x", (path, text)  # 404: not for partners
        is_list = not path.endswith(("/totals/", "/export/"))  # which take the same parameters in the same way
        declared = [one["name"] for one in operation.get("parameters", []) if one["in"] == "query"]
        for place, name in enumerate(declared):
            for value in VALUES if is_list else (VALUES[place % len(VALUES)],):
                faults.check(f"{path}?{name}={value}", client.get(f"{path}?{name}={value}&limit=1"))
    assert faults.found == []


def test_bodies_that_are_not_what_was_asked_for_change_nothing(web: Cast) -> None:
    client, faults = script(web, "paul"), Faults()
    before = changes()
    changing = [one for one in operations(client) if one[0] in ("post", "patch")]
    for place, (method, path, operation) in enumerate(changing):
        address = own_ids(client, path)
        bodies = BODIES + tuple((form, BOUNDARY) for form in FORMS if operation.get("requestBody"))
        is_whole = path.split("/")[3] in WHOLE
        for body, kind in bodies if is_whole else bodies[place % 5 :: 5]:
            answer = client.generic(method, address, body, content_type=kind)
            faults.check(f"{method} {path} {kind} {body!r}", answer)
            assert answer.status_code >= 400 or method == "patch", (path, body)
        for key in KEYS if is_whole else (KEYS[place % len(KEYS)],):
            answer = client.generic(method, address, "[]", content_type=JSON, headers={"idempotency-key": key})
            faults.check(f"{method} {path} key {key!r}", answer)
    assert faults.found == []
    assert changes() == before


@pytest.mark.parametrize("size", [1, 6])
def test_bodies_too_large_are_refused(web: Cast, size: int) -> None:
    client, faults = script(web, "paul"), Faults()
    text = "x" * size * 1_000_000
    for body, kind in (
        (json.dumps({"name": text}), JSON),
        (
            f'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\n{text}\r\n--b--\r\n',
            BOUNDARY,
        ),
    ):
        answer = client.generic("post", "/api/v1/customers/", body, content_type=kind)
        faults.check(kind, answer)
        assert answer.status_code in (400, 413)
    assert faults.found == []


def test_too_many_fields_or_files_are_refused(web: Cast) -> None:
    client, faults = script(web, "paul"), Faults()
    part = '--b\r\nContent-Disposition: form-data; name="n{0}"{1}\r\n\r\nx\r\n'
    for count, extra in ((1200, ""), (200, '; filename="a"')):
        body = "".join(part.format(number, extra) for number in range(count)) + "--b--\r\n"
        answer = client.generic("post", "/api/v1/customers/", body, content_type="multipart/form-data; boundary=b")
        faults.check(extra, answer)
        assert answer.status_code == 400
    assert faults.found == []


def test_problems_are_json_whatever_was_accepted(web: Cast) -> None:
    client = script(web, "paul")
    for path, method, status in (
        ("schema/?format=yaml", "post", 405), ("schema/?format=odd", "get", 404), ("customers/", "put", 405),
        ("customers/?format=odd", "get", 404), ("nothing/", "delete", 404),
    ):  # fmt: skip
        answer = client.generic(method, f"/api/v1/{path}")
        assert (answer.status_code, answer["Content-Type"]) == (status, PROBLEM), path
        problem = json.loads(answer.content)
        assert problem["status"] == status
        assert "{" not in problem["title"] + problem["detail"]
    for accept in ("text/html", "application/xml", "nonsense"):
        answer = client.get("/api/v1/customers/", headers={"accept": accept})
        assert (answer.status_code, answer["Content-Type"]) == (406, PROBLEM)


# What no request may say of a row: who owns it, what it is worth, who is what.
ASSIGNED = {
    "id": 1, "pk": 1, "partner": 1, "actor_id": 1, "is_operator": True, "is_superuser": True, "balance_micro": 10**9,
    "created_at": "2026-01-01T00:00:00Z", "path": [1], "tenancy": "x", "__class__": "x",
    "constructor": {"prototype": 1},
}  # fmt: skip


def test_what_an_address_does_not_know_is_refused_by_its_name(web: Cast) -> None:
    """Parameters and fields, whatever the method: whoever sends one believes that it does something."""
    client, faults, named, refused = script(web, "paul"), Faults(), 0, 0
    before = changes()
    for method, path, operation in operations(client):
        address = own_ids(client, path)
        answer = client.generic(method, f"{address}?nothing=1", "{}", content_type=JSON)
        faults.check(f"{method} {path}", answer)
        told = json.loads(answer.content)
        is_refused = told.get("fields") == {"nothing": "There is no such parameter."}
        assert is_refused or told["status"] == 404, (method, path, told)  # of jobs there is none to ask about
        refused += is_refused
        kinds = operation.get("requestBody", {}).get("content", {})
        if method == "get" or method == "delete":
            continue
        data = ASSIGNED if JSON in kinds or not kinds else {name: str(value) for name, value in ASSIGNED.items()}
        sent = {"content_type": JSON} if JSON in kinds or not kinds else {}
        answer = getattr(client, method)(address, data, **sent)
        faults.check(f"{method} {path} assigns", answer)
        assert answer.status_code in (400, 403, 404, 409), (method, path, answer.content)
        if answer.status_code == 400 and kinds:
            assert set(ASSIGNED) <= set(answer.json()["fields"]), (method, path, answer.content)
            named += 1
    assert faults.found == []
    assert named > 80 and refused > 300
    assert changes() == before


def test_rows_of_two_tenants_are_never_joined(web: Cast) -> None:
    """The operator sees everybody: a row of one partner that points to another's is refused before the commit."""
    olga, faults = script(web, "olga"), Faults()
    for panel in (panel for panel in panels() if panel.rest_name and panel.data):
        item = f"/api/v1/{panel.rest_name}/"
        with tenant(system_actor()) as actor:
            rows = list(panel.rows(actor)[:1])
            samples = [json.loads(json.dumps(dict(initial_values(panel, row)), default=str)) for row in rows]
        inputs = panel_inputs(panel)
        names = {one.name for one in inputs}
        for row, sample in zip(rows, samples, strict=True):
            base = {name: value for name, value in sample.items() if name in names}
            for one in inputs:
                if not (one.field.lookup or one.name == "gateway_ids"):
                    continue
                found = olga.get(f"/api/v1/{one.field.lookup or 'gateways'}/?limit=200").json()["results"]
                for key in [entry["id"] for entry in found][::-2][:3]:
                    value = [key] if one.many else key
                    tries = [("post", item, {**base, one.name: value})] if panel.create else []
                    tries += [("patch", f"{item}{row.pk}/", {one.name: value})] if panel.update else []
                    for method, path, body in tries:
                        answer = olga.generic(method, path, json.dumps(body), content_type=JSON)
                        faults.check(f"{method} {path} {one.name}={value} {answer.content!r:.90}", answer)
    assert faults.found == []


def test_idempotency_key_belongs_to_one_person_and_one_file(web: Cast) -> None:
    paul, olga = script(web, "paul"), script(web, "olga")
    other = script(web, "paul")
    body = {"name": "Keyed", "web_product_id": web.business.pk}

    def post(client: Client, given: dict[str, Any]) -> Any:
        return client.post("/api/v1/customers/", given, content_type=JSON, headers={"idempotency-key": "k"})

    first = post(paul, body)
    assert first.status_code == 201
    assert post(other, body).json() == first.json()  # the same person with another token
    assert post(paul, {**body, "name": "Else"}).status_code == 422
    assert post(olga, body).json().get("id") != first.json()["id"]

    def upload(text: bytes) -> Any:
        path = own_ids(paul, "/api/v1/price-list-versions/{id}/import/")
        return paul.post(path, {"file": SimpleUploadedFile("r.csv", text)}, headers={"idempotency-key": "f"})

    good = b"prefix,name,rate\n44,UK,0.01\n"
    once = upload(good)
    if once.status_code == 200:
        assert upload(good).status_code == 200
        assert upload(good.replace(b"0.01", b"0.02")).status_code == 422


def test_description_names_the_website_and_is_closed_to_its_visitors(web: Cast) -> None:
    portal = Client(headers={"host": "portal.localhost"}).get("/api/v1/schema/?format=json")
    assert portal.json()["info"]["title"] == "Level Platform API"
    brand = Client(headers={"host": "northwind.localhost"}).get("/api/v1/schema/")
    assert (brand.status_code, brand["Content-Type"]) == (401, PROBLEM)
