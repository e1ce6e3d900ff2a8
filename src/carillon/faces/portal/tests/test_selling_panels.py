"""Numbers, prices, costs, endpoints, gateways and routes over REST and in the portal, as the web role."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from psycopg import Connection
from tests.support.cast import EMAILS, Cast
from tests.support.clients import Script, browser, program, script

from carillon.base.models import AuditEntry, IdempotencyKey
from carillon.base.tenancy import tenant
from carillon.business.endpoints.models import Endpoint
from carillon.business.partners.queries import system_actor

pytestmark = pytest.mark.django_db(transaction=True)

RATES = b"prefix,destination,rate\n44,United Kingdom,0.02\n447,UK mobile,0.08\n"
SLUGS: tuple[str, ...] = (
    "numbers",
    "price-lists",
    "price-list-versions",
    "rates",
    "price-assignments",
    "costs",
    "cost-versions",
)
SLUGS += ("cost-rates", "sip-endpoints", "sip-locations", "gateways", "routes")


def list_with_rates(paul: Script, lists: str = "price-lists", versions: str = "price-list-versions") -> dict[str, Any]:
    """A list with a draft that holds RATES; returns the draft."""
    price_list = paul.make(f"{lists}/", {"name": "Business", "currency": "EUR"})
    draft = paul.make(f"{versions}/", {"price_list_id": price_list["id"]})
    status, report = paul.upload(f"{versions}/{draft['id']}/import/", RATES)
    assert (status, report["rates"]) == (200, "2"), report
    return draft


def stocked(paul: Script, cast: Cast) -> dict[str, int]:
    """One of everything; returns ids by REST name."""
    draft = list_with_rates(paul)
    costs = list_with_rates(paul, "costs", "cost-versions")
    assert paul("post", f"price-list-versions/{draft['id']}/approve/", {})[0] == 200
    assigned = paul.make(
        "price-assignments/", {"price_list_id": draft["price_list_id"], "web_product_id": cast.business.pk}
    )
    gateway = paul.make(
        "gateways/",
        {"name": "A", "host": "192.0.2.10", "cost_list_id": costs["price_list_id"], "auth_username": "nw"}
        | {"auth_password": "s3cr3t-of-carrier", "source_addresses": ["192.0.2.0/24"]},
    )
    route = paul.make("routes/", {"name": "World", "gateway_ids": [gateway["id"]], "strategy": "least_cost"})
    number = paul.make("numbers/", {"e164": "+442079460100", "area": "London", "count": 3})
    assign = {"customer_id": cast.acme.pk, "user_id": cast.alice.pk, "is_default_caller_id": True}
    assert paul("post", f"numbers/{number['id']}/assign/", assign)[0] == 200
    endpoint = paul.make(
        "sip-endpoints/", {"customer_id": cast.acme.pk, "user_id": cast.alice.pk, "caller_id_id": number["id"]}
    )
    return {
        "numbers": number["id"],
        "price-lists": draft["price_list_id"],
        "price-list-versions": draft["id"],
        "price-assignments": assigned["id"],
        "costs": costs["price_list_id"],
        "cost-versions": costs["id"],
        "gateways": gateway["id"],
        "routes": route["id"],
        "sip-endpoints": endpoint["id"],
    }


def test_provider_is_set_up_by_script(web: Cast) -> None:
    paul = script(web, "paul")
    made = stocked(paul, web)
    found = {slug: paul("get", f"{slug}/{row_id}/")[1] for slug, row_id in made.items()}
    assert found["price-lists"]["version_in_force"] == 1
    assert found["price-list-versions"]["state"] == "approved"
    assert found["routes"]["gateway_ids"] == [made["gateways"]]
    assert found["numbers"]["customer"] == "Acme Ltd"
    assert found["sip-endpoints"]["address_of_record"].endswith("@northwind.test")
    rates = paul("get", f"rates/?price_list_id={made['price-lists']}&number=%2B447911123456&order=prefix")[1]["results"]
    assert [rate["prefix"] for rate in rates] == ["44", "447"]
    status, account = paul("post", f"sip-endpoints/{made['sip-endpoints']}/reveal/", {})
    assert (status, account["domain"], len(account["secret"])) == (200, "northwind.test", 24)


def test_secrets_are_in_no_answer_no_export_and_no_history(web: Cast) -> None:
    paul = script(web, "paul")
    made = stocked(paul, web)
    account = paul("post", f"sip-endpoints/{made['sip-endpoints']}/reveal/", {})[1]
    paul.client.post(f"/api/v1/sip-endpoints/{made['sip-endpoints']}/reveal/", headers={"idempotency-key": "1"})
    with tenant(system_actor()):
        endpoint = Endpoint.objects.get(pk=made["sip-endpoints"])
        told = json.dumps(list(AuditEntry.objects.values("before", "after", "reason", "action")))
        told += json.dumps(list(IdempotencyKey.objects.values("response")))
    hidden = [account["secret"], endpoint.secret, endpoint.ha1_md5, endpoint.ha1_sha256, "s3cr3t-of-carrier"]
    seen = told + json.dumps([paul("get", f"{slug}/")[1] for slug in SLUGS])
    client = browser("paul")
    for slug, row_id in made.items():
        for path in ("", "rows/", "export/", f"{row_id}/history/", f"{row_id}/edit/"):
            seen += client.get(f"/panels/{slug}/{path}").content.decode(errors="replace")
    assert "reveal_secret" in told
    assert "kept nowhere" in told
    assert [value for value in hidden if value in seen] == []


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        (b"prefix,rate\n44,0.02\nabc,0.1\n49,-1\n44,0.03\n", ["3:prefix", "4:per_minute", "5:prefix"]),
        (b"prefix,rate,increment\n44,2000,1\n45,0.1,0\n", ["2:per_minute", "3:increment_s"]),
        ("prefix,name,rate\n44,Curaçao,0.1".encode("windows-1252"), ["file"]),
        (b"PK\x03\x04", ["file"]),
        (b"", ["file"]),
        (b"hello", ["file"]),
    ],
)
def test_bad_file_is_refused_line_by_line(web: Cast, content: bytes, fields: list[str]) -> None:
    paul = script(web, "paul")
    draft = list_with_rates(paul)
    status, problem = paul.upload(f"price-list-versions/{draft['id']}/import/", content)
    assert (status, sorted(problem["fields"])) == (400, fields)
    assert len(paul("get", f"rates/?version_id={draft['id']}")[1]["results"]) == 2


def test_import_dialog_shows_lines_and_columns(web: Cast) -> None:
    draft = list_with_rates(script(web, "paul"))
    client = browser("paul")
    path = f"/panels/price-list-versions/{draft['id']}/do/import/"
    assert b'type="file"' in client.get(path).content
    answer = client.post(path, {"file": SimpleUploadedFile("r.csv", b"prefix,rate\nabc,0.1\n")})
    assert answer.status_code == 422
    assert "“abc” is not a prefix" in answer.content.decode()
    answer = client.post(path, {"file": SimpleUploadedFile("r.csv", b"prefix,rate\n33,0.1\n"), "is_merge": "true"})
    assert answer.status_code == 200


@pytest.mark.parametrize("name", ["olga", "paul", "petra"])
def test_every_grid_and_dialog_opens(web: Cast, name: str) -> None:
    made = stocked(script(web, "paul"), web)
    client = browser(name)
    for slug in SLUGS:
        assert client.get(f"/panels/{slug}/").status_code == 200, slug
        with CaptureQueriesContext(connection) as queries:
            assert client.get(f"/panels/{slug}/rows/").status_code == 200, slug
        assert len(queries) <= 20, [query["sql"][:90] for query in queries]
        if slug not in ("sip-locations",):
            assert client.get(f"/panels/{slug}/add/").status_code == 200, slug
    wanted = 404 if name == "petra" else 200
    for slug, row_id in made.items():
        if slug != "price-assignments":
            assert client.get(f"/panels/{slug}/{row_id}/edit/").status_code == wanted, slug
        assert client.get(f"/panels/{slug}/{row_id}/history/").status_code == wanted, slug


def test_every_row_action_opens_its_dialog(web: Cast) -> None:
    made = stocked(script(web, "paul"), web)
    client = browser("paul")
    for slug, name in (
        ("numbers", "assign"),
        ("numbers", "release"),
        ("price-lists", "new-version"),
        ("price-lists", "assign"),
        ("costs", "new-version"),
        ("cost-versions", "import"),
        ("cost-versions", "approve"),
        ("sip-endpoints", "reveal"),
        ("sip-endpoints", "regenerate"),
        ("gateways", "disable"),
        ("routes", "disable"),
    ):
        assert client.get(f"/panels/{slug}/{made[slug]}/do/{name}/").status_code == 200, (slug, name)


def test_secret_is_shown_on_demand_and_history_tells(web: Cast) -> None:
    made = stocked(script(web, "paul"), web)
    client = browser("paul")
    answer = client.post(f"/panels/sip-endpoints/{made['sip-endpoints']}/do/reveal/")
    assert answer.status_code == 200
    assert "northwind.test" in answer.content.decode()
    history = client.get(f"/panels/sip-endpoints/{made['sip-endpoints']}/history/").content.decode()
    assert EMAILS["paul"] in history


def test_route_form_keeps_the_order_of_gateways(web: Cast) -> None:
    paul = script(web, "paul")
    ids = [paul.make("gateways/", {"name": name, "host": "192.0.2.10"})["id"] for name in ("A", "B", "C")]
    client = browser("paul")
    form = {"name": "World", "strategy": "static", "priority": "100", "gateway_ids": [str(ids[2]), "", str(ids[0])]}
    assert client.post("/panels/routes/add/", form).status_code == 204
    route = paul("get", "routes/")[1]["results"][0]
    assert route["gateway_ids"] == [ids[2], ids[0]]
    form["gateway_ids"] = [str(ids[1]), str(ids[2])]
    assert client.post(f"/panels/routes/{route['id']}/edit/", form).status_code == 204
    assert paul("get", f"routes/{route['id']}/")[1]["gateway_ids"] == [ids[1], ids[2]]


@pytest.mark.parametrize("name", ["petra", "stranger"])
def test_foreign_rows_are_not_found(web: Cast, name: str) -> None:
    made = stocked(script(web, "paul"), web)
    other = script(web, name)
    for slug, row_id in made.items():
        assert other("get", f"{slug}/{row_id}/")[0] == 404, slug
        assert other("get", f"{slug}/")[1]["results"] == [], slug
        assert other("patch", f"{slug}/{row_id}/", {})[0] in (404, 405), slug
        assert other("delete", f"{slug}/{row_id}/")[0] in (404, 405), slug
    for path, body, field in (
        ("sip-endpoints/", {"customer_id": web.acme.pk}, "customer_id"),
        ("routes/", {"name": "Theirs", "gateway_ids": [made["gateways"]]}, "gateway_ids"),
        ("gateways/", {"name": "B", "host": "192.0.2.1", "cost_list_id": made["costs"]}, "cost_list_id"),
        ("price-list-versions/", {"price_list_id": made["price-lists"]}, "price_list_id"),
        ("price-assignments/", {"price_list_id": made["price-lists"]}, "price_list_id"),
        ("numbers/", {"e164": "+442079460199", "partner_id": web.northwind.pk}, "partner_id"),
    ):
        status, problem = other("post", path, body)
        assert (status, field in problem["fields"]) == (400, True), (path, problem)


def test_customers_program_sees_its_own_devices_and_numbers(web: Cast) -> None:
    made = stocked(script(web, "paul"), web)
    for user, count in ((web.alice, 1), (web.stranger, 0)):
        host = "northwind.localhost" if count else "elsewhere.localhost"
        own = Script(program(web.user(user), host=host))
        for slug in ("sip-endpoints", "numbers"):
            status, page = own("get", f"{slug}/")
            assert (status, len(page["results"])) == (200, count), slug
        assert own("get", "sip-locations/")[0] == 200
        revealed = own("post", f"sip-endpoints/{made['sip-endpoints']}/reveal/", {})
        assert revealed[0] == (200 if count else 404)
        for slug in ("gateways", "routes", "price-lists", "costs", "rates", "cost-rates"):
            assert own("get", f"{slug}/")[0] in (403, 404), slug


def test_registrations_are_seen_by_their_own(
    web: Cast, role_connection: Callable[[str], Connection[tuple[Any, ...]]]
) -> None:
    paul = script(web, "paul")
    endpoint = paul.make("sip-endpoints/", {"customer_id": web.acme.pk, "username": "alice"})
    role_connection("edge").execute(
        "insert into edge.location (ruid, username, domain, contact, received, user_agent, socket, expires,"
        " last_modified)"
        " values ('a', 'alice', 'northwind.test', 'sip:alice@192.0.2.7:5062;transport=tcp', 'sip:198.51.100.3:40000',"
        " 'A phone', 'tcp:127.0.0.1:5060', now() at time zone 'UTC' + interval '1 hour', now() at time zone 'UTC'),"
        " ('b', 'alice', 'northwind.test', 'sip:gone@192.0.2.8', '', 'Gone', 'udp:127.0.0.1:5060',"
        " now() at time zone 'UTC' - interval '1 second', now() at time zone 'UTC')"
    )
    rows = paul("get", f"sip-locations/?endpoint_id={endpoint['id']}")[1]["results"]
    assert [(row["address_of_record"], row["transport"], row["user_agent"]) for row in rows] == [
        ("alice@northwind.test", "tcp", "A phone")
    ]
    assert b"A phone" in browser("paul").get("/panels/sip-locations/rows/").content
    drop = f"sip-locations/{rows[0]['id']}/drop/"
    assert [script(web, name)("post", drop, {})[0] for name in ("paul", "stranger")] == [503, 404]  # no control here
    for name, count in (("olga", 1), ("petra", 0), ("stranger", 0)):
        assert len(script(web, name)("get", "sip-locations/")[1]["results"]) == count, name


def test_token_for_sales_prices_reaches_no_costs(web: Cast) -> None:
    made = stocked(script(web, "paul"), web)
    seller = script(web, "paul", "price_lists.*")
    assert seller("get", f"rates/?version_id={made['price-list-versions']}")[1]["results"] != []
    for path in ("costs/", "cost-versions/", "cost-rates/", f"costs/{made['costs']}/"):
        assert seller("get", path)[0] in (403, 404), path
    body = {"version_id": made["cost-versions"], "prefix": "1", "name": "US", "per_minute": "0.1"}
    assert seller("post", "rates/", body)[0] == 400
    buyer = script(web, "paul", "costs.*")
    assert buyer("post", "cost-rates/", body)[0] == 201
    assert buyer("get", "rates/")[0] in (403, 404)
