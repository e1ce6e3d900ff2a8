"""Every text that a person sees is there in every language of the portal, with its placeholders, and is shown."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from html import escape

import pytest
from django.conf import settings
from django.test import Client, override_settings

from carillon.base.catalogues import SOURCES, catalogue, files, found_texts, untranslated
from carillon.base.tenancy import tenant
from carillon.business.partners.models import Login
from carillon.business.partners.queries import system_actor
from carillon.demo.cast.load import load_cast
from carillon.demo.world import CAST, PASSWORD
from carillon.faces.portal.catalogue import entries, panels
from carillon.faces.portal.guide import MANUAL
from carillon.faces.portal.menu import address_of
from tests.support.worlds import remembered

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


MARKS = {"_", "_lazy", "now_", "gettext", "gettext_lazy", "ngettext"}
ROOMS = ("base", "business", "usecases", "panels", "faces", "jobs")
OURS = {
    name for name in dir(builtins) if name.endswith(("Error", "Exception"))
}  # mistakes of ours: no person sees them
OURS |= {
    "DocumentError",
    "CommandError",
    "OperationalError",
    "IntegrityError",
    "DatabaseError",
    "ValidationError",
    "late",
}


def untold(node: ast.AST) -> Iterator[ast.expr]:
    """Yield the sentences below a node that no mark puts into the reader's language."""
    if isinstance(node, ast.Call) and name_of(node) in MARKS:
        return
    if isinstance(node, ast.JoinedStr | ast.Constant):
        if " " in words_of(node).strip():
            yield node
        return
    for child in ast.iter_child_nodes(node):
        yield from untold(child)


def words_of(node: ast.JoinedStr | ast.Constant) -> str:
    """The fixed words of a text; of an f-string those between its values."""
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    return "-".join(one.value for one in parts if isinstance(one, ast.Constant) and isinstance(one.value, str))


def name_of(call: ast.Call) -> str:
    return getattr(call.func, "id", "") or getattr(call.func, "attr", "")


def said_to_people(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield what a file says to people: refusals with their titles and fields, and titles of what REST gives."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and name_of(node.exc) not in OURS:
            yield from (
                one for one in [*node.exc.args, *(word.value for word in node.exc.keywords)] if not is_joined(one)
            )
        elif isinstance(node, ast.Call) and name_of(node) == "unless":
            yield from node.args[2:]
        elif isinstance(node, ast.Assign) and is_sentence(node.value) and ast.unparse(node.targets[0]) != "help":
            yield node.value  # a sentence with a name is told further on; "help" of a command is for the console
        elif isinstance(node, ast.Call) and name_of(node) == "Extra":
            yield from node.args[2:3]
        elif isinstance(node, ast.ClassDef):
            assigned = (one for one in node.body if isinstance(one, ast.Assign | ast.AnnAssign) and one.value)
            titles = (one.value for one in assigned if ast.unparse(one).startswith("title"))
            yield from (one for one in titles if isinstance(one, ast.JoinedStr | ast.Constant))


def is_sentence(node: ast.AST) -> bool:
    """Whether it is a text of several words that ends like a sentence."""
    if not isinstance(node, ast.JoinedStr | ast.Constant):
        return False
    return words_of(node).count(" ") > 2 and words_of(node).endswith(".")


def is_joined(node: ast.AST) -> bool:
    """Whether sentences that are there already are put together."""
    return isinstance(node, ast.Call) and name_of(node) == "join"


def test_what_people_are_told_is_in_their_language() -> None:
    """A refusal is `_("... %(name)s ...") % {...}`: an f-string is told in English whoever reads it."""
    found = []
    for path in (one for one in files() if one.relative_to(SOURCES).parts[0] in ROOMS):
        for said in said_to_people(ast.parse(path.read_text())) if path.suffix == ".py" else ():
            found += [f"{path.relative_to(SOURCES)}:{one.lineno}: {ast.unparse(one)}" for one in untold(said)]
    assert found == []


@pytest.fixture
def in_spanish(db: None) -> Client:
    """The partner's administrator of the demo world, who reads Spanish."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        remembered("demo", load_cast)
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


HEADING = re.compile(r"^#+", re.MULTILINE)
TABLE_LINE = re.compile(r"^\|.*\|$", re.MULTILINE)
ITEM = re.compile(r"^(?:-|\d+\.) ", re.MULTILINE)
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"`([^`\n]+)`")


@pytest.mark.parametrize("language", OTHERS)
def test_the_manual_is_there_in_every_language_and_up_to_date(language: str) -> None:
    """Chapter by chapter with the same headings, tables, lists and program texts, and naming the same things."""
    english = {path.name: path.read_text() for path in MANUAL.glob("*.md")}
    edition = {path.name: path.read_text() for path in (MANUAL / language).glob("*.md")}
    assert edition.keys() == english.keys()
    for name, text in english.items():
        told = edition[name]
        for shape in (HEADING, TABLE_LINE, ITEM):
            assert [len(one) if shape is HEADING else "" for one in shape.findall(text)] == [
                len(one) if shape is HEADING else "" for one in shape.findall(told)
            ], (name, shape.pattern)
        assert named_in(text) == named_in(told), name


def named_in(text: str) -> list[str]:
    """The addresses, settings, fields and files that a chapter names, which are the same in every language."""
    return sorted({one for one in NAMED.findall(FENCED.sub("", text)) if set(one) & set("/_.:")})
