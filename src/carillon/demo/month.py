"""`./carillon demo month`: a month of business in the demo world, so that every panel has something to show.

Some thousand calls of the last thirty days, decided by control and rated by the worker's own code; customers with names
that are long or written from right to left; one that owes; views, messages to programs, a carrier's CDR file.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

import django


def main(arguments: list[str]) -> int:
    """Make what is missing and say how much. 0: done; 2: the system does not run."""
    argparse.ArgumentParser(prog="./carillon demo month", description=__doc__).parse_args(arguments)
    django.setup()
    from carillon.usecases.ask_control import ControlSilent

    began = time.monotonic()
    try:
        made = load_month()
    except ControlSilent as error:
        sys.stderr.write(f"carillon: {error.detail} Start the system with ./carillon up\n")
        return 2
    told = ", ".join(f"{count} {what}" for what, count in made.items() if count) or "Nothing was missing"
    sys.stdout.write(f"{told}; {time.monotonic() - began:.0f} s.\n")
    return 0


def load_month() -> Counter[str]:
    """Make what is missing of a month; returns how many of what. Raises ControlSilent."""
    from django.utils import timezone

    from carillon.base.tenancy import tenant
    from carillon.business.partners.models import Partner
    from carillon.business.partners.queries import system_actor
    from carillon.demo import shelf
    from carillon.demo.cast.load import actor_of
    from carillon.demo.cast.plans import load_plans, subscribe_acme
    from carillon.demo.pastcalls import load_past_calls
    from carillon.demo.world import CAST, NORTHWIND, OPERATOR

    made: Counter[str] = Counter()
    now, system = timezone.now(), system_actor()
    northwind, operator = actor_of(NORTHWIND), actor_of(OPERATOR)
    with tenant(northwind):
        shelf.load_odd_people(northwind, made)
    with tenant(northwind):
        shelf.listen_no_more(northwind)
    made["calls"] = load_past_calls(system, now)
    with tenant(system):
        names = dict(Partner.objects.visible_to(system).values_list("pk", "name"))
    with tenant(northwind):
        shelf.listen(northwind)
    if made["calls"]:
        shelf.pay(lambda partner_id: actor_of(names[partner_id]), system, made)
    with tenant(northwind):
        load_plans(northwind, made)  # a world from before there were plans has none
        subscribe_acme(northwind, made)
    for seller in CAST.sellers:
        with tenant(actor_of(seller.name)) as actor:
            shelf.load_views(actor, made)
    with tenant(operator):
        shelf.load_reconciliation(operator, now, made)
    return made
