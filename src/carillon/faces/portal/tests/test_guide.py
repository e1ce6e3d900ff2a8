"""The Support Centre: a page about each panel from its declaration, and the manual inside the portal."""

from __future__ import annotations

from html import escape

import pytest
from django.test import Client
from tests.support.cast import EMAILS, PASSWORD, Cast

from carillon.config import CHECKOUT
from carillon.faces.portal.catalogue import entries, pages, panels
from carillon.faces.portal.guide import CHAPTERS, DAILY, chapters

pytestmark = pytest.mark.django_db


@pytest.fixture
def paul(cast: Cast) -> Client:
    client = Client(headers={"host": "portal.localhost"})
    assert client.post("/accounts/login/", {"login": EMAILS["paul"], "password": PASSWORD}).status_code == 302
    return client


def test_every_panel_is_explained_with_its_columns_fields_and_actions(paul: Client) -> None:
    for panel in panels():
        answer = paul.get(f"/help/{panel.slug}/")
        if answer.status_code == 404:  # not a partner's
            assert "partner" not in panel.audiences
            continue
        text = answer.content.decode()
        words = [panel.title, panel.help, *(one.title for one in panel.columns if one.in_grid)]
        words += [one.label for one in panel.fields] + [one.title for one in panel.actions]
        assert [str(word) for word in words if escape(str(word)) not in text] == [], panel.slug


def test_pages_are_explained_too_and_what_one_may_not_see_is_not(paul: Client) -> None:
    for page in pages():
        answer = paul.get(f"/help/{page.slug}/")
        assert (answer.status_code == 200) == ("partner" in page.audiences)
        if answer.status_code == 200:
            assert escape(str(page.help)) in answer.content.decode()
    assert paul.get("/help/no-such-page/").status_code == 404


def test_the_manual_is_read_in_the_portal_with_its_links(paul: Client) -> None:
    index = paul.get("/help/").content.decode()
    for chapter in chapters():
        assert f"/help/manual/{chapter.name}/" in index
        page = paul.get(f"/help/manual/{chapter.name}/").content.decode()
        assert escape(chapter.title) in page
        assert '.md"' not in page and ".md#" not in page
    assert paul.get("/help/manual/nothing/").status_code == 404


def test_chapters_named_for_panels_are_written() -> None:
    written = {path.stem for path in (CHECKOUT / "docs" / "manual").glob("*.md")}
    assert {*CHAPTERS.values(), DAILY} <= written
    assert set(CHAPTERS) <= {one.slug for one in entries()}
