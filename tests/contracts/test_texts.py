"""Every text that a person sees is there in every language of the portal, with its placeholders, and is shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

import pytest
from django.conf import settings
from django.test import Client, override_settings

from carillon.base.catalogues import catalogue, found_texts, untranslated
from carillon.base.tenancy import tenant
from carillon.business.partners.models import Login
from carillon.business.partners.queries import system_actor
from carillon.demo.cast.load import load_cast
from carillon.demo.world import CAST, PASSWORD
from carillon.faces.portal.catalogue import entries, panels
from carillon.faces.portal.shell import address_of

OTHERS = [language for language, _name in settings.LANGUAGES if language != settings.LANGUAGE_CODE]
PLACEHOLDER = re.compile(r"%\([a-z_]+\)[sd]|%[sd]|\{[a-z_]+\}")
TELLING = 16  # shorter texts are words that other languages have too


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_is_translated(language: str) -> None:
    """`./carillon manage texts` takes up what is missing; write the translation into the catalogue."""
    known = catalogue(language)
    missing = [one.id for one in found_texts() if one.id and one.id not in known]
    assert missing + [one.id for one in untranslated(known)] == []


@pytest.mark.parametrize("language", OTHERS)
def test_translations_keep_their_placeholders(language: str) -> None:
    odd = []
    for one in catalogue(language):
        for text, translated in zip(forms(one.id), forms(one.string), strict=True):
            if one.id and sorted(PLACEHOLDER.findall(text)) != sorted(PLACEHOLDER.findall(translated)):
                odd.append(text)
    assert odd == []


def forms(text: str | tuple[str, ...] | list[str] | None) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text or ())


@pytest.fixture
def in_spanish(db: None) -> Client:
    """The partner's administrator of the demo world, who reads Spanish."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        load_cast()
        email = CAST.sellers[1].staff.email
        with tenant(system_actor()):
            Login.objects.filter(email=email).update(culture="es")
        client = Client(headers={"host": "portal.localhost"})
        assert client.post("/accounts/login/", {"login": email, "password": PASSWORD}).status_code == 302
        return client


def pages() -> Iterator[str]:
    for one in entries():
        if "partner" in one.audiences:
            yield address_of(one)
            yield f"/help/{one.slug}/"
    for panel in panels():
        if panel.create and "partner" in panel.audiences:
            yield f"/panels/{panel.slug}/add/"
    yield from ("/help/", "/preferences/", "/accounts/password/change/")


def test_pages_are_in_spanish_throughout(in_spanish: Client) -> None:
    """A text that is translated too early, when the process starts, would still be English here."""
    english = {
        escape(one.id)
        for one in catalogue("es")
        if isinstance(one.id, str)
        and len(one.id) >= TELLING
        and one.id != one.string
        and not PLACEHOLDER.search(one.id)
    }
    found: dict[str, list[str]] = {}
    for address in pages():
        answer = in_spanish.get(address)
        assert answer.status_code == 200, address
        text = answer.content.decode()
        shown = [one for one in english if one in text]
        if shown:
            found[address] = shown
    assert found == {}
