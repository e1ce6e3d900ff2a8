"""What is recorded beside a row: history with reasons, changes that are taken back, notes that name colleagues."""

from __future__ import annotations

import html
from typing import Any

import pytest
from tests.support.cast import EMAILS, Cast
from tests.support.clients import Script, browser, program, script

from carillon.base.models import AuditEntry, Mention
from carillon.base.tenancy import tenant
from carillon.business.partners.actions import StaffData, create_staff
from carillon.business.partners.choices import Role
from carillon.business.partners.models import Login
from carillon.business.partners.queries import system_actor
from carillon.business.pricing.actions import PriceListData, VersionData, create_price_list, create_version

pytestmark = pytest.mark.django_db(transaction=True)


def history(api: Script, row: str) -> list[dict[str, Any]]:
    status, body = api("get", f"{row}history/")
    assert status == 200
    found: list[dict[str, Any]] = body["results"]
    return found


def test_history_tells_fields_actor_and_reason(web: Cast) -> None:
    paul, bob = script(web, "paul"), f"users/{web.bob.pk}/"
    assert paul("patch", f"{bob}?reason=new+passport", {"name": "Robert", "extension": "109"})[0] == 200
    newest = history(paul, bob)[0]
    assert (newest["action"], newest["reason"], newest["is_undoable"]) == ("update", "new passport", True)
    assert newest["actor"].startswith(EMAILS["paul"])
    changes = {one["field"]: (one["before"], one["after"]) for one in newest["changes"]}
    assert changes == {"name": ("Bob", "Robert"), "extension": ("102", "109")}


def test_a_change_is_taken_back_through_the_same_action(web: Cast) -> None:
    paul, bob = script(web, "paul"), f"users/{web.bob.pk}/"
    paul("patch", bob, {"name": "Robert"})
    entry = history(paul, bob)[0]["id"]
    status, row = paul("post", f"{bob}history/{entry}/undo/?reason=wrong+Bob")
    assert (status, row["name"]) == (200, "Bob")
    back, forth, *_rest = history(paul, bob)
    assert (back["undoes"], back["reason"], back["action"]) == (entry, "wrong Bob", "update")
    assert (forth["undone_by"], forth["is_undoable"]) == (back["id"], False)
    assert paul("post", f"{bob}history/{entry}/undo/")[0] == 409
    assert paul("post", f"{bob}history/{back['id']}/undo/")[1]["name"] == "Robert"


def test_what_was_changed_since_is_not_taken_back(web: Cast) -> None:
    paul, bob = script(web, "paul"), f"users/{web.bob.pk}/"
    paul("patch", bob, {"name": "Robert"})
    entry = history(paul, bob)[0]["id"]
    paul("patch", bob, {"name": "Bobby"})
    assert not next(one for one in history(paul, bob) if one["id"] == entry)["is_undoable"]
    assert paul("post", f"{bob}history/{entry}/undo/")[0] == 409
    assert paul("get", bob)[1]["name"] == "Bobby"
    paul("patch", bob, {"email": "bob@acme.test"})
    newest = history(paul, bob)[1]["id"]  # another field has changed since: no matter
    assert paul("post", f"{bob}history/{newest}/undo/")[1]["name"] == "Robert"


def test_taking_back_obeys_what_holds_now(web: Cast) -> None:
    paul, bob, alice = script(web, "paul"), f"users/{web.bob.pk}/", f"users/{web.alice.pk}/"
    paul("patch", bob, {"extension": "109"})
    entry = history(paul, bob)[0]["id"]
    paul("patch", alice, {"extension": "102"})
    status, problem = paul("post", f"{bob}history/{entry}/undo/")
    assert (status, set(problem["fields"])) == (400, {"extension"})
    reader = Script(program(web.staff("paul"), "users.view"))
    assert reader("post", f"{bob}history/{entry}/undo/")[0] == 403
    assert script(web, "stranger")("post", f"{bob}history/{entry}/undo/")[0] == 404
    assert paul("post", f"{alice}history/{entry}/undo/")[0] == 404


def test_other_verbs_are_not_taken_back(web: Cast) -> None:
    paul, acme = script(web, "paul"), f"customers/{web.acme.pk}/"
    paul("post", f"{acme}status/", {"status": "suspended", "reason": "unpaid"})
    newest = history(paul, acme)[0]
    assert (newest["action"], newest["is_undoable"]) == ("suspended", False)
    assert paul("post", f"{acme}history/{newest['id']}/undo/")[0] == 409


def test_the_portal_asks_and_takes_back(web: Cast) -> None:
    paul, bob = browser("paul"), f"/panels/users/{web.bob.pk}/"
    script(web, "olga")("patch", f"users/{web.bob.pk}/", {"name": "Robert"})
    with tenant(system_actor()):
        entry = AuditEntry.objects.latest("id").pk
    assert f"{bob}undo/{entry}/" in paul.get(f"{bob}history/").content.decode()
    question = paul.get(f"{bob}undo/{entry}/").content.decode()
    assert "Robert" in question and "Bob" in question and EMAILS["olga"] in question
    assert paul.post(f"{bob}undo/{entry}/", {"_reason": "no"}).status_code == 204
    shown = paul.get(f"{bob}history/").content.decode()
    assert "takes back an earlier change" in shown and f"{bob}undo/{entry}/" not in shown
    assert paul.post(f"{bob}undo/{entry}/").status_code == 422


def test_some_actions_want_a_reason(web: Cast) -> None:
    with tenant(web.staff("paul")) as actor:
        found = create_price_list(actor, PriceListData(name="Retail", currency="EUR"))
        version = create_version(actor, VersionData(price_list_id=found.pk))
    paul, row = script(web, "paul"), f"price-list-versions/{version.pk}/"
    status, problem = paul("post", f"{row}withdraw/", {})
    assert (status, set(problem["fields"])) == (400, {"reason"})
    page = browser("paul").post(f"/panels/{row}do/withdraw/", {})
    assert page.status_code == 422 and "Say why" in page.content.decode()
    assert paul("post", f"{row}withdraw/?reason=wrong+carrier", {})[1]["state"] == "withdrawn"
    assert history(paul, row)[0]["reason"] == "wrong carrier"
    assert paul("patch", f"users/{web.bob.pk}/?reason={'x' * 501}", {"name": "R"})[0] == 400


def test_notes_name_colleagues(web: Cast) -> None:
    with tenant(system_actor()) as actor:
        for name, email in (("Nora Nilsen", "nora@northwind.test"), ("Nora Nilsen", "nora2@northwind.test")):
            data = StaffData(
                email=email, name=name, role=Role.SALES, password="correct horse", partner_id=web.northwind.pk
            )
            create_staff(actor, data)
        one = StaffData(
            email="ole@northwind.test",
            name="Ole",
            role=Role.SALES,
            password="correct horse",
            partner_id=web.northwind.pk,
        )
        create_staff(actor, one)
    paul = script(web, "paul")
    text = "@Ole, ask @nora2@northwind.test but neither @Nora Nilsen nor @olga@level.test; x@ole"
    status, note = paul("post", f"customers/{web.acme.pk}/notes/", {"text": text})
    assert (status, note["text"]) == (201, text)
    with tenant(web.staff("paul")) as actor:
        found = [(one.panel, one.object_id, one.object_name, one.login_id) for one in Mention.objects.order_by("id")]
        ole, nora = (login_of(email) for email in ("ole@northwind.test", "nora2@northwind.test"))
    place = ("customers", str(web.acme.pk), "Acme Ltd")
    assert sorted(found) == sorted([(*place, ole), (*place, nora)])
    assert paul("get", f"customers/{web.acme.pk}/notes/")[1]["results"][0]["text"] == text
    shown = browser("paul").get(f"/panels/customers/{web.acme.pk}/notes/").content.decode()
    shown = html.unescape(shown)
    assert '"email": "nora2@northwind.test"' in shown and '"email": "olga@level.test"' not in shown


def login_of(email: str) -> int:
    return Login.objects.get(key=f"0:{email}").pk


@pytest.mark.parametrize("text", ["", "   ", "x" * 4001, 7, None, ["x"], "\ud800"])
def test_notes_that_are_none(web: Cast, text: object) -> None:
    assert script(web, "paul")("post", f"customers/{web.acme.pk}/notes/", {"text": text})[0] == 400


def test_customers_people_write_no_notes_and_see_their_own_changes_only(web: Cast) -> None:
    alice = Script(program(web.user(web.alice), host="northwind.localhost"))
    bob = f"users/{web.bob.pk}/"
    script(web, "paul")("patch", bob, {"name": "Robert"})
    assert history(alice, bob) == []
    assert alice("post", f"{bob}notes/", {"text": "hello"})[0] == 403
    assert alice("get", f"{bob}notes/")[1] == {"results": []}
    assert alice("patch", bob, {"extension": "109"})[0] == 200
    (own,) = history(alice, bob)
    assert own["is_undoable"]
    assert alice("post", f"{bob}history/{own['id']}/undo/")[1]["extension"] == "102"
