"""The Web Products wizard, its preview, and the pages of the website that it makes."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image
from tests.support.cast import Cast
from tests.support.clients import browser

from carillon.base.tenancy import tenant
from carillon.business.brands.models import Logo, WebProduct
from carillon.business.partners.queries import system_actor
from carillon.business.pricing.actions import PriceListData, create_price_list
from carillon.usecases.open_web_product import assignment_of

pytestmark = pytest.mark.django_db(transaction=True)


def png(width: int = 20) -> bytes:
    kept = BytesIO()
    Image.new("RGBA", (width, 20), "#0b5cad").save(kept, "PNG", optimize=True)
    return kept.getvalue()


PNG = png()
SITE = "voice.example.com"


def fields(cast: Cast, **more: Any) -> dict[str, Any]:
    values = {
        "name": "Voice", "kind": "business", "hostname": SITE, "sip_domain": "sip.example.com", "country": "GB",
        "currencies": cast.northwind.currency, "cultures": "en", "accent": "#FFD700", "headline": "Talk <more>",
        "tagline": "For less", "mail_name": "Voice Ltd", "imprint": "Voice Ltd, London", "terms": "", "privacy": "",
    }  # fmt: skip
    return values | more


def the_product() -> WebProduct:
    with tenant(system_actor()):
        return WebProduct.objects.get(hostname=SITE)


def site(path: str) -> Any:
    return Client(headers={"host": SITE}).get(path)


def test_a_web_product_is_set_up_and_its_website_looks_like_that(web: Cast) -> None:
    with tenant(system_actor()) as system:
        data = PriceListData(name="Retail", currency=web.northwind.currency, partner_id=web.northwind.pk)
        retail = create_price_list(system, data).pk
    paul = browser("paul")
    assert b"data-wizard" in paul.get("/web-products/wizard/").content
    logo = SimpleUploadedFile("logo.png", PNG, "image/png")
    answer = paul.post("/web-products/wizard/", fields(web, price_list_id=retail, logo=logo))
    product = the_product()
    assert (answer.status_code, answer["Location"]) == (302, f"/web-products/wizard/{product.pk}/?saved")
    with tenant(system_actor()):
        held = assignment_of(product)
        assert held is not None and held.price_list_id == retail
    front = site("/")
    text = front.content.decode()
    assert "Talk &lt;more&gt;" in text and "For less" in text and "/theme.css?accent=%23ffd700" in text
    assert "/legal/imprint/" in text and "/legal/terms/" not in text and 'class="logo"' in text
    assert "'unsafe-inline'" not in front["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in front["Content-Security-Policy"]
    picture = site("/logo")
    assert picture.content.startswith(b"\x89PNG") and picture["Content-Type"] == "image/png"
    assert b"Voice Ltd, London" in site("/legal/imprint/").content
    assert site("/legal/terms/").status_code == 404 and site("/legal/name/").status_code == 404
    assert "Talk" not in site("/accounts/login/").content.decode()
    assert b"/theme.css?accent" in site("/accounts/login/").content
    sheet = site("/theme.css?accent=%23ffd700").content.decode()
    assert "--fill: #ffd700; --on-fill: #000000;" in sheet and "prefers-color-scheme: dark" in sheet


def test_it_is_changed_by_the_wizard_and_loses_its_logo_and_list(web: Cast) -> None:
    paul = browser("paul")
    logo = SimpleUploadedFile("logo.png", PNG, "image/png")
    paul.post("/web-products/wizard/", fields(web, logo=logo))
    product = the_product()
    address = f"/web-products/wizard/{product.pk}/"
    assert b"Talk &lt;more&gt;" in paul.get(address).content
    answer = paul.post(address, fields(web, headline="Other", removes_logo="true"))
    assert answer.status_code == 302
    assert the_product().headline == "Other"
    with tenant(system_actor()):
        assert not Logo.objects.exists()
    assert site("/logo").status_code == 404


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"accent": "red"}, "This is no colour"),
        ({"accent": "#fff;}"}, "This is no colour"),
        ({"hostname": "northwind.localhost"}, "in use already"),
        ({"mail_name": "A\nBcc: x@y.example"}, ""),
        ({"logo": SimpleUploadedFile("l.svg", b"<svg><script/></svg>")}, "PNG, JPEG, GIF or WebP"),
        ({"logo": SimpleUploadedFile("l.png", PNG + b"\0" * 300_000)}, "at most 256 KB"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_kept(web: Cast, more: dict[str, Any], sentence: str) -> None:
    answer = browser("paul").post("/web-products/wizard/", fields(web, **more))
    assert answer.status_code == 422 and sentence in answer.content.decode()
    with tenant(system_actor()):
        assert not WebProduct.objects.filter(hostname=SITE).exists()


def test_the_preview_shows_what_is_typed_in_a_frame_of_ours(web: Cast) -> None:
    paul = browser("paul")
    paul.post("/web-products/wizard/", fields(web, logo=SimpleUploadedFile("logo.png", PNG)))
    key = the_product().pk
    answer = paul.get(f"/web-products/preview/{key}/?headline=<b>New&accent=%23123456&scheme=dark&imprint=1")
    text = answer.content.decode()
    assert "&lt;b&gt;New" in text and "data:image/png;base64," in text and "Imprint" in text
    assert "accent=%23123456&amp;scheme=dark" in text
    assert "frame-ancestors 'self'" in answer["Content-Security-Policy"]
    assert answer["X-Frame-Options"] == "SAMEORIGIN"
    assert "prefers-color-scheme" not in paul.get("/theme.css?accent=%23123456&scheme=dark").content.decode()
    assert b"2.6 : 1" not in paul.get("/web-products/colours/?accent=%23ffd700").content
    assert b"no colour" in paul.get("/web-products/colours/?accent=x").content


@pytest.mark.parametrize("name", ["petra", "stranger"])
def test_other_partners_do_not_meet_it(web: Cast, name: str) -> None:
    browser("paul").post("/web-products/wizard/", fields(web))
    key, other = the_product().pk, browser(name)
    for address in (f"/web-products/wizard/{key}/", f"/web-products/preview/{key}/"):
        assert other.get(address).status_code == 404
    assert other.post(f"/web-products/wizard/{key}/", fields(web, headline="Mine")).status_code == 404
    assert the_product().headline == "Talk <more>"
