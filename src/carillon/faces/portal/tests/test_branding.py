"""The portal in a partner's own name: at its hostname, for its staff and sub-partners, in mails."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.mail import EmailMessage
from django.test import Client
from PIL import Image
from tests.support.cast import Cast
from tests.support.clients import browser, program

from carillon.base.tenancy import tenant
from carillon.business.brands.models import PortalBrand
from carillon.business.partners.choices import Feature
from carillon.business.partners.models import Partner
from carillon.business.partners.queries import system_actor

pytestmark = pytest.mark.django_db(transaction=True)

HOST, FORM = "desk.northwind.example", "/portal-brands/form/"


def png(width: int = 64, height: int = 64, colour: str = "#123456") -> SimpleUploadedFile:
    kept = BytesIO()
    Image.new("RGB", (width, height), colour).save(kept, "PNG")
    return SimpleUploadedFile("picture.png", kept.getvalue(), "image/png")


def fields(**more: Any) -> dict[str, Any]:
    return {"name": "Northwind <Desk>", "hostname": HOST, "accent": "#FFD700"} | more


def the_brand() -> PortalBrand:
    with tenant(system_actor()):
        return PortalBrand.objects.select_related("partner").get()


def at(path: str, host: str = HOST) -> Any:
    return Client(headers={"host": host}).get(path)


def test_a_partner_meets_its_own_face_and_so_do_those_below_it(web: Cast) -> None:
    paul = browser("paul")
    assert b"data-wizard" in paul.get(FORM).content
    answer = paul.post(FORM, fields(light=png(200, 50), dark=png(200, 50, "#ffffff"), icon=png()))
    brand = the_brand()
    assert (answer.status_code, answer["Location"]) == (302, f"{FORM}{brand.pk}/?saved")
    assert brand.partner.portal_hostname == HOST and brand.accent == "#ffd700"

    page = at("/accounts/login/").content.decode()
    assert "Northwind &lt;Desk&gt;" in page and "Carillon" not in page and "?accent=%23ffd700" in page
    addresses = {part.partition('"')[0] for part in page.split('"/brand/')[1:]}
    assert len(addresses) == 3
    for address in addresses:
        picture = at(f"/brand/{address}")
        assert picture["Content-Type"] == "image/png" and picture.content.startswith(b"\x89PNG")
        assert (
            picture["X-Content-Type-Options"] == "nosniff"
            and "default-src 'self'" in picture["Content-Security-Policy"]
        )
        assert picture["Cross-Origin-Resource-Policy"] == "same-origin" and "immutable" in picture["Cache-Control"]
        assert at(f"/brand/{address}", "portal.localhost").status_code == 404  # that is the operator's
    for name in ("paul", "petra"):
        page = browser(name).get("/pages/quick-start/").content.decode()
        assert "Northwind &lt;Desk&gt;" in page and "/theme.css?portal&amp;accent=%23ffd700" in page
    for name in ("olga", "stranger"):
        assert "Northwind" not in browser(name).get("/accounts/sessions/").content.decode()
    sheet = at("/theme.css?portal&accent=%23ffd700").content.decode()
    assert "--on-fill: #000000" in sheet and "data-bs-theme" in sheet


def test_mails_to_its_staff_bear_its_name_and_colour(web: Cast, mailoutbox: list[EmailMessage]) -> None:
    browser("paul").post(FORM, fields())
    asking = Client(headers={"host": HOST})
    assert asking.post("/accounts/password/reset/", {"email": "petra@fjord.test"}).status_code == 302
    (mail,) = mailoutbox
    drawn = mail.alternatives[0][0]  # type: ignore[attr-defined]
    assert mail.from_email == f'"Northwind <Desk>" <noreply@{HOST}>'
    assert "background:#ffd700;color:#000000" in drawn and "Northwind &lt;Desk&gt;" in drawn


def test_a_sub_partner_with_its_own_keeps_it_and_can_give_it_up(web: Cast) -> None:
    browser("paul").post(FORM, fields())
    petra = browser("petra")
    assert petra.post(FORM, {"name": "Fjord", "hostname": "desk.fjord.example", "accent": "#00aa88"}).status_code == 302
    assert "Fjord" in at("/accounts/login/", "desk.fjord.example").content.decode()
    script = program(web.staff("petra"))
    key = script.get("/api/v1/portal-brands/").json()["results"][0]["id"]
    assert script.delete(f"/api/v1/portal-brands/{key}/").status_code == 204
    assert "Northwind &lt;Desk&gt;" in at("/accounts/login/", "desk.fjord.example").content.decode()


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"accent": "red"}, "This is no colour"),
        ({"name": "Two\nlines"}, ""),
        ({"hostname": "northwind.localhost"}, "in use already"),  # a web product of its own
        ({"hostname": "portal.localhost"}, "in use already"),  # the platform's
        ({"hostname": "https://x.example"}, "no hostname"),
        ({"light": SimpleUploadedFile("l.svg", b"<svg><script/></svg>")}, "SVG can hold scripts"),
        ({"icon": png(64, 32)}, "as wide as high"),
        ({"partner_id": "999999999"}, ""),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_kept(web: Cast, more: dict[str, Any], sentence: str) -> None:
    answer = browser("paul").post(FORM, fields(**more))
    assert answer.status_code == 422 and sentence in answer.content.decode()
    with tenant(system_actor()):
        assert not PortalBrand.objects.exists()
        assert not Partner.objects.filter(portal_hostname=HOST).exists()


def test_nobody_takes_anothers_hostname_or_one_that_was_not_agreed(web: Cast) -> None:
    browser("paul").post(FORM, fields())
    stranger = browser("stranger")
    assert b"in use already" in stranger.post(FORM, fields(name="Mine")).content
    with tenant(system_actor()):
        Partner.objects.filter(pk=web.fjord.pk).update(withheld=[Feature.PORTAL_HOSTNAME])
    petra = browser("petra")
    assert petra.post(FORM, {"name": "Fjord", "hostname": "own.fjord.example"}).status_code in (403, 422)
    assert petra.post(FORM, {"name": "Fjord", "hostname": ""}).status_code == 302
    key = the_brand_of(web.northwind.pk)
    for client in (stranger, petra):
        for address in (f"{FORM}{key}/", f"/portal-brands/preview/{key}/"):
            assert client.get(address).status_code == 404
        assert client.post(f"{FORM}{key}/", fields(name="Mine")).status_code == 404


def the_brand_of(partner_id: int) -> int:
    with tenant(system_actor()):
        return PortalBrand.objects.get(partner_id=partner_id).pk


def test_the_same_by_rest(web: Cast) -> None:
    script = program(web.staff("paul"))
    given = {"name": "Desk", "hostname": HOST, "accent": "#123456"}
    made = script.post("/api/v1/portal-brands/", given, content_type="application/json")
    assert made.status_code == 201, made.content
    address = f"/api/v1/portal-brands/{made.json()['id']}/"
    answer = script.post(f"{address}picture/", {"place": "icon", "picture": png()})
    assert answer.status_code == 200, answer.content
    row = script.get(address).json()
    assert (row["hostname"], row["pictures"]) == (HOST, ["icon"])
    assert script.post(f"{address}picture/", {"place": "icon", "picture": png(9, 5)}).status_code == 400
    script.post(f"{address}remove-picture/", {"place": "icon"}, content_type="application/json")
    assert script.get(address).json()["pictures"] == []


def test_the_preview_shows_what_is_typed_in_a_frame_of_ours(web: Cast) -> None:
    paul = browser("paul")
    paul.post(FORM, fields(light=png()))
    key = the_brand().pk
    for view, sheet in (("", "scheme=dark"), ("portal", "?portal&amp;accent=%23123456")):
        answer = paul.get(f"/portal-brands/preview/{key}/?name=<b>New&accent=%23123456&scheme=dark&view={view}")
        text = answer.content.decode()
        assert "&lt;b&gt;New" in text and "data:image/png;base64," in text and sheet in text
        assert "frame-ancestors 'self'" in answer["Content-Security-Policy"]
    assert "data:image" not in paul.get(f"/portal-brands/preview/{key}/?removes_light=true").content.decode()
