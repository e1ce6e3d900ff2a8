"""Texts of mails: values are text, places are checked, HTML is ours alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from carillon.logic.letters import Look, fault_of, filled, html_of, places_in

LOOK = Look("Acme & Sons", "#206bc4", "London\nhttps://acme.test/")
KNOWN = {"name": "Name", "link": "Address"}


def test_places_are_filled_and_lines_without_values_left_out() -> None:
    text = "Hello {{ name }},\n\nHelp comes to: {{ link }}\n\nBye"
    assert filled(text, {"name": "Bob", "link": ""}) == "Hello Bob,\n\nBye"
    assert places_in(text) == {"name", "link"}


def test_what_is_no_known_place_is_told() -> None:
    assert fault_of("{{ name }} {{link}} { 5 }", KNOWN) is None
    assert fault_of("{{ password }}", KNOWN) == "There is no {{ password }} here. Possible are {{ name }}, {{ link }}."
    for wrong in ("{{ name|upper }}", "{% if x %}", "{{ name", "{{ Name }}", "{{ name.x }}"):
        assert (fault_of(wrong, KNOWN) or "").startswith("Braces stand for a value only")


@given(st.text(max_size=60))
def test_no_value_is_read_as_a_place_or_as_markup(value: str) -> None:
    assert filled("[{{ name }}]", {"name": value}) in (f"[{value}]".strip(), "")
    shown = html_of(f"a {value}", Look("x", "#000000"))
    assert "<script" not in shown.lower()
    assert shown.count("<body") == 1


def test_a_paragraph_that_is_a_link_becomes_a_button() -> None:
    shown = html_of('Go:\n\nhttps://acme.test/a?b=1&c="x\n\nor https://b.test/.', LOOK)
    assert '<a href="https://b.test/">' in shown
    assert ">acme.test</a>" not in shown  # a quotation mark ends an address: that paragraph is not one
    assert ">acme.test</a>" in html_of("https://acme.test/key?a=1&b=2", LOOK)
    assert 'href="https://acme.test/key?a=1&amp;b=2"' in html_of("https://acme.test/key?a=1&b=2", LOOK)
    assert "Acme &amp; Sons" in shown
