from __future__ import annotations

import pytest

from carillon.logic.networks import is_within, written_network


@pytest.mark.parametrize(
    ("given", "written"),
    [
        (" 203.0.113.7 ", "203.0.113.7"),
        ("203.0.113.7/24", "203.0.113.0/24"),
        ("2001:DB8:0::1/48", "2001:db8::/48"),
        ("2001:db8::1/128", "2001:db8::1"),
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("0.0.0.0/0", None),
        ("10.0.0.0/7", None),
        ("2000::/3", None),
        ("office", None),
        ("203.0.113.0/33", None),
        ("", None),
    ],
)
def test_networks_have_one_spelling_and_are_never_the_whole_internet(given: str, written: str | None) -> None:
    assert written_network(given) == written


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("203.0.113.255", True),
        ("203.0.114.0", False),
        ("::ffff:203.0.113.9", True),
        ("2001:db8::99", True),
        ("2001:db9::99", False),
        ("unknown", False),
        ("", False),
    ],
)
def test_an_address_is_in_one_of_several_networks(address: str, inside: bool) -> None:
    assert is_within(address, ["203.0.113.0/24", "2001:db8::/32"]) is inside
