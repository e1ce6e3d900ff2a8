"""The portal's texts in its languages: found in the sources, kept in `locale/<language>/LC_MESSAGES`.

Babel reads and writes the catalogues, so that no gettext tools are needed; Django turns templates into what is read.
The launcher compiles them by `python -m carillon.base.catalogues`; `./carillon manage texts` takes up new texts.
"""

from __future__ import annotations

import ast
import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages import extract, mofile, pofile
from babel.messages.catalog import Catalog, Message

from carillon.logic import sentences

SOURCES = Path(__file__).parents[1]
LOCALE = SOURCES / "locale"
NAMES = ["_", "_lazy", "now_", "gettext", "gettext_lazy", "gettext_noop"]
KEYWORDS = dict.fromkeys(NAMES) | {"ngettext": (1, 2), "ngettext_lazy": (1, 2)}
LITERAL = r"""u?(?:'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")"""
CALL = re.compile(rf"\b(?:n?gettext|_)\(\s*({LITERAL}(?:,\s*{LITERAL})?)")  # as Django writes what a template asks for
BEGUN = datetime(2026, 11, 26, tzinfo=UTC)
LEFT_OUT = ("tests", "migrations")


def files() -> Iterator[Path]:
    """Yield the sources that hold texts: Python and templates, without tests."""
    for path in sorted(SOURCES.rglob("*")):
        if path.suffix in (".py", ".html", ".txt") and not set(LEFT_OUT) & set(path.relative_to(SOURCES).parts):
            yield path


def found_texts() -> Catalog:
    """Return every text of the sources with the files it is in."""
    catalog = Catalog(project="Carillon", charset="utf-8")
    for path in files():
        source = path.read_text(encoding="utf-8")
        name = str(path.relative_to(SOURCES))
        for texts, comments in _of(path, source):
            catalog.add(texts, locations=[(name, 1)], auto_comments=comments)
    for text in sentences.texts():  # logic knows no languages
        catalog.add(text, locations=[("logic/sentences.py", 1)])
    return catalog


def _of(path: Path, source: str) -> Iterator[tuple[str | tuple[str, ...], list[str]]]:
    if path.suffix == ".py":
        file = io.BytesIO(source.encode())
        for _line, texts, comments, _context in extract.extract(
            "python", file, KEYWORDS, options={"encoding": "utf-8"}
        ):
            yield texts, comments
        return
    from django.utils.translation.template import templatize  # compiling needs no Django

    for call in CALL.finditer(templatize(source)):
        texts = ast.literal_eval(f"({call[1]},)")
        yield texts if len(texts) > 1 else texts[0], []


def catalogue(language: str) -> Catalog:
    """Return what is written down for a language; empty when nothing is."""
    path = _path(language)
    if not path.exists():
        return Catalog(locale=language, project="Carillon", charset="utf-8")
    with path.open("rb") as file:
        return pofile.read_po(file, locale=language)


def take_up(language: str) -> list[Message]:
    """Bring a catalogue up to date with the sources and return what has no translation yet; obsolete texts go."""
    known, found = catalogue(language), found_texts()
    known.update(found, no_fuzzy_matching=True)
    known.obsolete.clear()
    write(language, known)
    return untranslated(known)


def write(language: str, known: Catalog) -> None:
    """Write a catalogue down, the same for the same texts: sorted, without dates and lines."""
    known.fuzzy, known.header_comment, known.msgid_bugs_address = (
        False,
        "# The portal's texts: ./carillon manage texts",
        "",
    )
    known.creation_date = known.revision_date = BEGUN
    path = _path(language)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        pofile.write_po(file, known, width=120, sort_output=True, include_lineno=False)


def untranslated(known: Catalog) -> list[Message]:
    """Return the texts without a translation, or with one that somebody must look at."""
    return [one for one in known if one.id and (one.fuzzy or not one.string or "" in _forms(one))]


def _forms(one: Message) -> tuple[str, ...]:
    return (one.string,) if isinstance(one.string, str) else tuple(one.string or ())


def compile_all() -> None:
    """Write the compiled catalogue of each language beside its source, when that is newer."""
    for path in LOCALE.glob("*/LC_MESSAGES/django.po"):
        compiled = path.with_suffix(".mo")
        if compiled.exists() and compiled.stat().st_mtime >= path.stat().st_mtime:
            continue
        with compiled.open("wb") as file:
            mofile.write_mo(file, catalogue(path.parts[-3]))


def _path(language: str) -> Path:
    return LOCALE / language / "LC_MESSAGES" / "django.po"


if __name__ == "__main__":
    compile_all()
