"""Texts of mails with places to fill in: what a partner may write is text and names of values, never code.

A text is plain: paragraphs with blank lines between them and `{{ name }}` where a value comes. A line whose values are
all empty is left out. The HTML part is made of the same text, so that nobody's markup is ever sent.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass

from carillon.logic.contrast import shades_of

PLACE = re.compile(r"\{\{\s*([a-z_]+)\s*\}\}", re.ASCII)
BRACES = re.compile(r"\{\{|\}\}|\{%|%\}")
LINK = re.compile(r"https?://[^\s<>\"']*[^\s<>\"'.,;:!?)]")
COLOUR = re.compile(r"#[0-9a-f]{6}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Look:
    """How the HTML part looks: the name on top, a colour ("#rrggbb"), a text at the bottom."""

    name: str
    colour: str
    footer: str = ""


def places_in(text: str) -> frozenset[str]:
    """Return the names of the values that a text wants."""
    return frozenset(PLACE.findall(text))


def fault_of(text: str, known: Mapping[str, str]) -> str | None:
    """Return what is wrong with a text as a sentence, None when nothing is: every place must be a known one."""
    unknown = sorted(places_in(text) - set(known))
    if unknown:
        names = ", ".join(f"{{{{ {name} }}}}" for name in known)
        return f"There is no {{{{ {unknown[0]} }}}} here. Possible are {names}."
    if BRACES.search(PLACE.sub("", text)):
        return "Braces stand for a value only, such as {{ name }}: names are small letters and underscores."
    return None


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return the text with its values; what a value says is text, whatever it looks like."""
    kept = []
    for line in text.replace("\r\n", "\n").split("\n"):
        names = places_in(line)
        if names and not any(values.get(name) for name in names):
            continue
        kept.append(PLACE.sub(lambda place: values.get(place[1], ""), line))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()


def html_of(text: str, look: Look) -> str:
    """Return a filled text as HTML that mail programs show alike: inline styles, nothing loaded from outside."""
    paragraphs = "".join(_paragraph(part, look.colour) for part in text.split("\n\n") if part.strip())
    footer = f'<p style="{SMALL}">{_lines(look.footer)}</p>' if look.footer else ""
    return FRAME.format(
        name=html.escape(look.name), colour=look.colour, paragraphs=paragraphs, footer=footer, body=BODY, card=CARD
    )


def _paragraph(text: str, colour: str) -> str:
    link = LINK.fullmatch(text.strip())
    if link is None:
        return f'<p style="margin:0 0 14px">{_lines(text)}</p>'
    address = html.escape(link[0])
    ink = shades_of(colour).on_fill
    button = (
        f"display:inline-block;padding:9px 18px;border-radius:5px;background:{colour};color:{ink};text-decoration:none"
    )
    return (
        f'<p style="margin:0 0 6px"><a href="{address}" style="{button}">{html.escape(_host(link[0]))}</a></p>'
        f'<p style="margin:0 0 14px;font-size:12px;color:#6b7785;word-break:break-all">{address}</p>'
    )


def _host(address: str) -> str:
    return address.split("/")[2]


def _lines(text: str) -> str:
    """Escaped, with line breaks and with addresses as links."""
    parts, end = [], 0
    for link in LINK.finditer(text):
        address = html.escape(link[0])
        parts += [html.escape(text[end : link.start()]), f'<a href="{address}">{address}</a>']
        end = link.end()
    return "".join([*parts, html.escape(text[end:])]).replace("\n", "<br>")


BODY = "margin:0;padding:24px 12px;background:#f3f5f7;font-family:-apple-system,Segoe UI,Roboto,Arial,sans-serif"
CARD = "max-width:560px;margin:0 auto;background:#fff;border:1px solid #dfe4ea;border-radius:8px;overflow:hidden"
SMALL = "margin:0;padding:14px 24px;border-top:1px solid #eef1f4;font-size:12px;color:#6b7785"
FRAME = (
    '<!doctype html><html><head><meta charset="utf-8"></head><body style="{body}"><div style="{card}">'
    '<div style="padding:14px 24px;border-top:4px solid {colour};font-size:16px;font-weight:600;color:#1f2a37">'
    "{name}</div>"
    '<div style="padding:6px 24px 10px;font-size:14px;line-height:1.5;color:#1f2a37">{paragraphs}</div>{footer}</div>'
    "</body></html>"
)
