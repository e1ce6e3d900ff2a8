"""Every address of the portal and of REST, asked about objects of Northwind by people to whom they do not exist.

Addresses come from the URL configuration, inputs and filters from the panels: what is added is walked without being
named, with the rows that tests/support/estate.py gives Northwind. Nothing of them may be in any answer, and nothing
that belongs to anybody else may have changed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, override_settings
from django.urls import URLPattern

from carillon.base.actor import Actor, nobody
from carillon.base.models import AuditEntry
from carillon.base.tenancy import realm_scope, tenant
from carillon.business.customers.models import User
from carillon.business.partners.actions import StaffData, create_staff
from carillon.business.partners.models import Login, Partner
from carillon.business.partners.ownroles import OwnRoleData, create_role
from carillon.business.partners.queries import signed_in_actor, system_actor
from carillon.business.support.models import Attachment
from carillon.demo.cast.load import actor_of
from carillon.demo.world import NORTHWIND, PASSWORD
from carillon.faces.api.bulk import bulk_actions
from carillon.faces.api.urls import urlpatterns as api_patterns
from carillon.faces.portal.catalogue import pages, panels
from carillon.faces.portal.urls import urlpatterns as portal_patterns
from carillon.panels.changes import action_inputs, page_inputs, panel_inputs
from carillon.panels.declaration import Panel
from carillon.panels.filtering import filter_class
from carillon.panels.importing import importable, may_import
from tests.support.clients import program
from tests.support.estate import UNHEARD_OF, make_estate, register
from tests.support.others import digests_of, lookups
from tests.support.worlds import remembered

pytestmark = pytest.mark.django_db(transaction=True)

JSON = "application/json"
# What only Northwind and the operator have heard of; those who attack are told their own and what they have sent.
MARKS = (
    "Corner Shop",
    "shop.example",
    "people.example",
    "2079460110",
    "2079460201",
    "Calls to France fail",
    UNHEARD_OF,
)
SELLERS_STAFF = "paul@northwind"  # whom a sub-partner reads in the history of what he has done for it
NORA = "nora@northwind.example"  # works at Northwind, in a role that may nothing
OF_HER_OWN = ("partners.ApiToken", "partners.SignIn", "partners.Login")  # where is written when she was last there
NOT_THERE = (403, 404, 405)
MOST_PANELS = 40  # of those with a row of Northwind's; whoever adds a panel adds one to tests/support/estate.py
REFUSED = (400, *NOT_THERE)
# Addresses of the portal with ids of something that is no panel's row: name -> what it takes
BESIDE = {
    "wizard": "web-products",
    "preview": "web-products",
    "job-start": "jobs",
    "job-progress": "jobs",
    "job-errors": "jobs",
    "brand-preview": "portal-brands", "brand-form": "portal-brands",
}  # fmt: skip


@dataclass
class Attacker:
    """Who asks, with what they can ask with, and ids of what is not there for them, by panel."""

    name: str
    actor: Actor
    program: Client
    browser: Client | None
    foreign: dict[str, list[str]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    asked: int = 0

    def check(self, what: str, answer: Any, *, expected: tuple[int, ...] = NOT_THERE) -> Any:
        """Note an answer of another status, or one with anything of Northwind's in it."""
        self.asked += 1
        content = answer.getvalue() if answer.streaming else answer.content
        if answer.status_code not in expected:
            self.faults.append(f"{answer.status_code} {what}")
        marks = MARKS if self.name == "a sub-partner" else (*MARKS, SELLERS_STAFF)
        self.faults += [f"{what} shows {mark}" for mark in marks if mark.encode() in content]
        return answer

    def ask(self, client: Client, method: str, path: str, body: Any = None) -> Any:
        """Send JSON."""
        sent = {} if method == "get" else {"data": json.dumps(body or {}), "content_type": JSON}
        return getattr(client, method)(path, headers={"accept": JSON}, **sent)


@pytest.fixture
def world(as_role: Callable[[str], AbstractContextManager[None]]) -> Iterator[dict[str, int]]:
    """The estate, seen through the web role; partner ids by name."""
    cache.clear()
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        remembered("estate", make_estate)
        register()
        with tenant(system_actor()):
            ids = dict(Partner.objects.values_list("name", "pk"))
        with as_role("web"):
            yield ids


def staff(email: str) -> Actor:
    with realm_scope(0):
        return signed_in_actor(Login.objects.get(key=f"0:{email}"))


def browser(email: str) -> Client:
    client = Client(headers={"host": "portal.localhost"}, raise_request_exception=False)
    assert client.post("/accounts/login/", {"login": email, "password": PASSWORD}).status_code == 302
    return client


def nora() -> Actor:
    boss = actor_of(NORTHWIND)
    with tenant(boss):
        role = create_role(boss, OwnRoleData(name="Nothing", permissions=()))
        create_staff(boss, StaffData(email=NORA, name="Nora", own_role_id=role.pk, password=PASSWORD))
    return staff(NORA)


def attacker(name: str) -> Attacker:
    """One of those who attack."""
    if name == "a customer of Northwind's":
        with tenant(system_actor()):
            login = User.objects.get(name="Carla").login
            assert login is not None
            carla = signed_in_actor(login)
        return Attacker(name, carla, program(carla, host="northwind.localhost"), None)
    if name == "nobody":
        client = Client(headers={"host": "portal.localhost"})
        return Attacker(name, nobody(), client, client)
    emails = {"the stranger": "staff@harbour.example", "a sub-partner": "petra@fjord.example", "nobody's role": NORA}
    if name == "nobody's role":  # tokens are among what she may not have
        actor, client = nora(), browser(NORA)
        return Attacker(name, actor, client, client)
    actor = staff(emails[name])
    return Attacker(name, actor, program(actor), browser(emails[name]))


def find_foreign(one: Attacker) -> None:
    """Ids of Northwind's rows that the attacker does not see, some of each panel."""
    paul = actor_of(NORTHWIND)
    for panel in panels():
        with tenant(one.actor):
            mine = (
                {str(key) for key in panel.rows(one.actor).values_list("pk", flat=True)}
                if panel.may(one.actor, "view")
                else set()
            )
        with tenant(paul):
            theirs = [str(key) for key in panel.rows(paul).order_by("pk").values_list("pk", flat=True)]
        one.foreign[panel.slug] = [key for key in theirs if key not in mine][-1:]


def entry_of(panel: Panel, key: str) -> int:
    """A change in the history of that row, if there is one."""
    with tenant(system_actor()):
        told = AuditEntry.objects.filter(object_type=panel.model._meta.label_lower, object_id=key)
        return told.values_list("pk", flat=True).first() or 1


@pytest.mark.parametrize(
    "name", ["the stranger", "a sub-partner", "a customer of Northwind's", "nobody's role", "nobody"]
)
def test_what_belongs_to_others_is_not_there_and_stays_as_it_is(world: dict[str, int], name: str) -> None:
    one = attacker(name)
    find_foreign(one)
    assert sum(map(bool, one.foreign.values())) >= MOST_PANELS
    for client in filter(None, (one.program, one.browser)):
        client.get("/api/v1/preferences/")  # a first visit is written down
    own = {partner for partner, key in world.items() if key == one.actor.partner_id} - {NORTHWIND}
    others = [key for partner, key in world.items() if partner not in own]
    before = digests_of(others)
    walk_api(one)
    if one.browser:
        walk_portal(one, one.browser)
    after = digests_of(others)
    changed = {label for label in before if before[label] != after[label]}
    assert one.faults == []
    assert changed - set(OF_HER_OWN if name == "nobody's role" else ()) == set()
    assert one.asked > 150


# ---------------------------------------------------------------- REST


def walk_api(one: Attacker) -> None:
    is_known = one.actor.login_id is not None
    expected = NOT_THERE if is_known else (401,)
    by_name = {panel.rest_name: panel for panel in panels() if panel.rest_name}
    for pattern in api_patterns:
        for method, path in api_requests(one, pattern, by_name):
            one.check(f"{method} {path}", one.ask(one.program, method, path), expected=expected)
    if is_known:
        bulk(one)
        references(one)
        for path in listings(one, "/api/v1/", lambda panel: f"{panel.rest_name}/", lambda page: f"{page.slug}/"):
            one.check(path, one.ask(one.program, "get", path), expected=(200, *REFUSED))
        imports(one)


def api_requests(one: Attacker, pattern: URLPattern, by_name: dict[str, Panel]) -> Iterator[tuple[str, str]]:
    """Every method of an address with ids in it, for ids of Northwind's."""
    route = str(pattern.pattern)
    if ":id>" not in route:
        return
    actions = getattr(pattern.callback, "actions", None) or {"get": "get"}
    if pattern.name == "attachment":
        keys, entry = attachments(), 0
    else:
        panel = by_name[route.partition("/")[0]]
        keys, entry = one.foreign[panel.slug], 0
    for key in keys:
        if "<int:entry>" in route:
            entry = entry_of(panel, key)
        path = route.replace("<int:id>", key).replace("<uuid:id>", key).replace("<int:entry>", str(entry))
        assert "<" not in path, f"{route}: say what it takes"
        for method in tuple(actions):
            if method != "head":
                yield method, f"/api/v1/{path}"


def attachments() -> list[str]:
    with tenant(system_actor()):
        return [str(key) for key in Attachment.objects.values_list("pk", flat=True)]


def bulk(one: Attacker) -> None:
    """Many rows at once: each is told as one that is not there."""
    for panel in (panel for panel in panels() if panel.rest_name and one.foreign[panel.slug]):
        for action in bulk_actions(panel):
            body = {"action": action, "ids": one.foreign[panel.slug], "reason": "x"}
            answer = one.ask(one.program, "post", f"/api/v1/{panel.rest_name}/bulk/", body)
            one.check(f"bulk {panel.slug} {action}", answer, expected=(200, *REFUSED))
            if answer.status_code == 200 and answer.json()["done"]:
                one.faults.append(f"bulk {panel.slug} {action}: {answer.content!r}")


def references(one: Attacker) -> None:
    """Whatever names a row by id gets the id of a row that is not there."""
    for method, path, name, slug in lookups():
        own = one.ask(one.program, "get", f"{path.partition('{id}')[0]}?limit=1")
        rows = own.json().get("results") if own.status_code == 200 and "{id}" in path else None
        address = path.replace("{id}", str(rows[0]["id"])) if rows else path
        if "{id}" in address:
            continue
        for key in one.foreign[slug]:
            value: Any = int(key) if key.isdigit() else key
            answer = one.ask(one.program, method, address, {name: [value] if name.endswith("_ids") else value})
            one.check(f"{method} {address} {name}={value}", answer, expected=(*REFUSED, 409))


def listings(
    one: Attacker, base: str, of_panel: Callable[[Panel], str], of_page: Callable[[Any], str]
) -> Iterator[str]:
    """Addresses of lists, sums and files that ask for rows of somebody's, and pages that ask about somebody."""
    everybody = {panel.slug: panel for panel in panels()}
    for panel in everybody.values():
        if base == "/api/v1/" and not panel.rest_name:
            continue
        names = {name for name in filter_class(panel).base_filters if name.endswith("_id")}
        names |= {"customer_id"} if panel.customer_field else set()
        for name in sorted(names):
            about = next((slug for slug in named_by(name) if slug in everybody), "customers")
            for key in one.foreign[about][:1]:
                for kind in ("", "totals/", "export/"):
                    yield f"{base}{of_panel(panel)}{kind}?{urlencode({name: key})}"
    for page in pages():
        for each in page_inputs(page):
            if each.field.lookup and one.foreign[each.field.lookup]:
                yield f"{base}{of_page(page)}?{urlencode({each.name: one.foreign[each.field.lookup][0]})}"


def named_by(name: str) -> list[str]:
    """The panels that a filter's name may mean."""
    stem = name.removesuffix("_id").replace("_", "-")
    return [f"{stem}s", f"sip-{stem}s", {"partner": "partners", "version": "price-list-versions"}.get(stem, "")]


def imports(one: Attacker) -> None:
    """Files that name rows by id, as a key and as something to point to: no line of them is taken."""
    for panel in (panel for panel in panels() if panel.rest_name and may_import(panel, one.actor)):
        pointing = [each for each in importable(panel) if each.field.lookup and one.foreign[each.field.lookup]]
        lines = [["id", *(each.name for each in pointing)]]
        lines += [[key, *(one.foreign[each.field.lookup][0] for each in pointing)] for key in one.foreign[panel.slug]]
        file = SimpleUploadedFile("rows.csv", "\n".join(",".join(line) for line in lines).encode())
        data = {"file": file, "key": "id", "mapping": json.dumps({name: name for name in lines[0]})}
        answer = one.program.post(f"/api/v1/{panel.rest_name}/import/", data)
        one.check(f"import {panel.slug}", answer, expected=(202, *REFUSED))


# ---------------------------------------------------------------- the portal


def walk_portal(one: Attacker, client: Client) -> None:
    is_known = one.actor.login_id is not None
    expected = (*NOT_THERE, 422) if is_known else (302, 401, 405)
    for pattern in portal_patterns:
        for path in portal_paths(one, pattern):
            for method in ("get", "post"):
                answer = getattr(client, method)(path, headers={"accept": JSON})
                one.check(f"{method} {path}", answer, expected=expected)
    if not is_known:
        return
    for panel in panels():
        for action in ("edit", "remove", *(each.name for each in panel.actions)):
            path = f"/panels/{panel.slug}/bulk/{action}/"
            answer = client.post(path, {"_row": one.foreign[panel.slug], "_reason": "x"}, headers={"accept": JSON})
            one.check(f"post {path}", answer, expected=(200, *REFUSED, 422))
            if answer.status_code == 200 and not all(row["error"] for row in answer.json()["results"]):
                one.faults.append(f"{path} did something: {answer.content!r:.200}")
    for path in listings(one, "/", lambda panel: f"panels/{panel.slug}/rows/", lambda page: f"pages/{page.slug}/"):
        if path.endswith("/") or ("/rows/totals/" not in path and "/rows/export/" not in path):
            one.check(path, client.get(path, headers={"accept": JSON}), expected=(200, *REFUSED))
    beside_rows(one, client)


def portal_paths(one: Attacker, pattern: URLPattern) -> Iterator[str]:
    """Every address with a row's id, and each of a panel's actions, links and changes."""
    route = str(pattern.pattern)
    if ":key>" not in route:
        return
    if pattern.name == "attachment":
        yield from (f"/attachments/{key}/" for key in attachments())
    elif "<slug:slug>" not in route:
        for key in one.foreign[BESIDE.get(str(pattern.name), route.split("/")[1])]:
            yield "/" + route.replace("<int:key>", key).replace("<uuid:key>", key)
    else:
        for panel in panels():
            ways = {
                "<slug:name>": [action.name for action in panel.actions],
                "<slug:target>": [link.panel for link in panel.links],
            }
            for key in one.foreign[panel.slug][:1]:
                path = "/" + route.replace("<slug:slug>", panel.slug).replace("<str:key>", key)
                path = path.replace("<int:entry>", str(entry_of(panel, key)) if "entry" in path else "")
                way = next((mark for mark in ways if mark in path), "")
                yield from (path.replace(way, name) for name in ways[way]) if way else (path,)


def beside_rows(one: Attacker, client: Client) -> None:
    """The customer filter on top, saved views, what forms begin with, searches."""
    customer, view = one.foreign["customers"][0], one.foreign["saved-views"][0]
    answer = client.post("/customer-filter/", {"customer": customer}, headers={"accept": JSON})
    one.check("customer filter", answer)
    one.check("saved view", client.get(f"/panels/customers/?view={view}"), expected=(200, *NOT_THERE))
    for panel in panels():
        named = [each for each in panel_inputs(panel) if each.field.lookup and one.foreign[each.field.lookup]]
        given = {each.name: one.foreign[each.field.lookup][0] for each in named}
        if panel.create and given:
            add = client.get(f"/panels/{panel.slug}/add/?{urlencode(given)}", headers={"accept": JSON})
            one.check(f"add {panel.slug} with {given}", add, expected=(200, *NOT_THERE))
        found = client.get(f"/panels/{panel.slug}/lookup/?q=o", headers={"accept": JSON})
        one.check(f"look up {panel.slug}", found, expected=(200, *NOT_THERE))
    for text in ("Corner", "Unheard", "2079460110", "estate"):
        one.check(f"search {text}", client.get("/search/", {"q": text}), expected=(200, *NOT_THERE))


# ---------------------------------------------------------------- what could be forgotten


def test_every_input_that_names_an_object_is_looked_up() -> None:
    """An id that is not resolved in what the actor sees would be anybody's."""
    asked = [(panel.slug, each) for panel in panels() for each in panel_inputs(panel)]
    asked += [
        (f"{panel.slug} {one.name}", each) for panel in panels() for one in panel.actions for each in action_inputs(one)
    ]
    asked += [(page.slug, each) for page in pages() for each in page_inputs(page)]
    named = [one for one in asked if one[1].type is not bool and one[1].name.endswith(("_id", "_ids"))]
    loose = [f"{where}: {each.name}" for where, each in named if not (each.field.lookup or each.field.choices)]
    assert loose == []
