"""Golden bills: each file of this folder to the micro-unit, as the rating has it and as the CDRs say it.

The examples of the manual's chapter on rating are bills too, in every language of the manual.
"""

from __future__ import annotations

import re

import pytest
import yaml

from carillon.faces.portal.guide import MANUAL
from tests.support.bills import Bill, agree, bills, cdrs_agree, read_bill, settled

BLOCK = re.compile(r"^```yaml\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PAGES = {language: (MANUAL / language / "rating.md").read_text() for language in ("", "es")}


def examples() -> list[Bill]:
    blocks = BLOCK.findall(PAGES[""])
    return [read_bill(f"example {place}", yaml.safe_load(block)) for place, block in enumerate(blocks, 1)]


@pytest.mark.parametrize("bill", [*bills(), *examples()], ids=lambda bill: bill.name)
def test_bill(bill: Bill) -> None:
    for call in bill.calls:
        agree(bill, call)


@pytest.mark.parametrize("bill", bills(), ids=lambda bill: bill.name)
def test_cdrs_of_bill(bill: Bill) -> None:
    for call in bill.calls:
        cdrs_agree(bill, call, [cdr for cdr in settled(bill, call) if cdr.account_id is not None])


def test_the_manual_has_the_same_examples_in_every_language() -> None:
    assert len(BLOCK.findall(PAGES[""])) >= 14
    assert {language: BLOCK.findall(page) for language, page in PAGES.items()} == dict.fromkeys(
        PAGES, BLOCK.findall(PAGES[""])
    )
