"""Networks that staff and tokens must come from: checked when they are written down, and when somebody comes."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _

from carillon.base.actor import Actor
from carillon.base.places import Faults
from carillon.logic.networks import WIDEST, is_within, written_network

MOST = 50


def trusted_networks(given: Sequence[str], faults: Faults, field: str = "networks") -> list[str]:
    """Return networks in their one spelling, each once; what is none is noted in `faults`."""
    written = [written_network(one) for one in given]
    odd = [one for one, found in zip(given, written, strict=True) if found is None]
    sentence = _(
        "%(networks)s: give addresses or blocks such as 203.0.113.0/24 or 2001:db8::/48, no wider than /%(four)d and"
        " /%(six)d."
    )
    faults.unless(not odd, field, sentence % {"networks": ", ".join(odd), "four": WIDEST[4], "six": WIDEST[6]})
    faults.unless(len(given) <= MOST, field, _("There may be at most %(most)d.") % {"most": MOST})
    return sorted({one for one in written if one is not None})


def keep_a_way_in(actor: Actor, networks: Sequence[str], faults: Faults, field: str = "networks") -> None:
    """Note in `faults` that the actor would shut themselves out; jobs, and whoever acts for others, never do."""
    is_in = not networks or not actor.address or bool(actor.impersonators) or is_within(actor.address, networks)
    sentence = _("Your own address, %(address)s, is in none of these networks: you would lock yourself out.")
    faults.unless(is_in, field, sentence % {"address": actor.address})
